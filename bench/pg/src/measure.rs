//! Medians over rounds, and the latency at a given recall.

use crate::data::{Data, Result, Rows};
use crate::server::{Server, Side};
use postgres::Statement;

/// The measurement of one side at one setting.
#[derive(Clone, Debug)]
pub struct Point {
    pub ef_search: usize,
    pub recall: f64,
    /// The median of the rounds' median times.
    pub micros: f64,
    /// The fewest rows that any query got.
    pub fewest: usize,
}

/// The median.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A statement to be measured alternately with others, and the settings for it.
pub struct Candidate {
    pub before: String,
    pub statement: Statement,
    pub rows: Rows,
}

/// Measures candidates alternately, every second round in reverse order.
pub fn alternate(
    server: &mut Server,
    data: &Data,
    candidates: &[Candidate],
    rounds: usize,
) -> Result<Vec<Point>> {
    let mut times = vec![Vec::new(); candidates.len()];
    let mut points = Vec::new();
    for candidate in candidates {
        // Not timed: warms caches, fixes the plan, and measures the recall.
        server.client.batch_execute(&candidate.before)?;
        let pass = server.pass(&candidate.statement, data, data.query_count())?;
        points.push(Point {
            ef_search: 0,
            recall: data.recall(&pass.found, candidate.rows),
            micros: 0.0,
            fewest: pass.found.iter().map(Vec::len).min().unwrap_or(0),
        });
    }
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for number in order {
            let candidate = &candidates[number];
            server.client.batch_execute(&candidate.before)?;
            let pass = server.pass(&candidate.statement, data, data.query_count().min(200))?;
            times[number].push(median(pass.times));
        }
    }
    for (point, times) in points.iter_mut().zip(times) {
        point.micros = median(times);
    }
    Ok(points)
}

/// Measures both sides, each on its table, at every setting.
pub fn sweep(
    server: &mut Server,
    data: &Data,
    sides: [(Side, &str); 2],
    grid: &[usize],
    rounds: usize,
) -> Result<[Vec<Point>; 2]> {
    let mut candidates = Vec::new();
    for &ef in grid {
        for (side, table) in sides {
            let statement = server.prepare(table, Rows::All)?;
            candidates.push(Candidate { before: side.ef_search(ef), statement, rows: Rows::All });
        }
    }
    let points = alternate(server, data, &candidates, rounds)?;
    let mut sides = [Vec::new(), Vec::new()];
    for (number, point) in points.into_iter().enumerate() {
        sides[number % 2].push(Point { ef_search: grid[number / 2], ..point });
    }
    Ok(sides)
}

/// Microseconds at a given recall: their logarithm is interpolated over recall between two settings. For a
/// curve that begins above that recall, those of its first setting; for one that ends below, `None`.
pub fn at_recall(curve: &[Point], target: f64) -> Option<f64> {
    let at = curve.iter().position(|point| point.recall >= target)?;
    let high = &curve[at];
    let Some(low) = at.checked_sub(1).map(|before| &curve[before]) else {
        return Some(high.micros);
    };
    let share = (target - low.recall) / (high.recall - low.recall);
    Some((low.micros.ln() + share * (high.micros.ln() - low.micros.ln())).exp())
}
