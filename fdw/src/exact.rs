//! Exact answers: all rows are measured, in steps between which a query can be cancelled.

use crate::failure::{Failure, Result};
use crate::shards::Shard;
use hither_core::{IndexFilter, Key, Metric, Neighbor, RowId, Searcher};

/// Rows that are measured at a time: a fraction of a millisecond.
const STEP: usize = 4096;

/// What is wanted of an exact scan.
#[derive(Clone, Copy)]
pub struct Nearest<'w> {
    pub query: &'w [f32],
    pub metric: Metric,
    /// At most so many, else all.
    pub k: Option<usize>,
    /// Only rows that are no farther.
    pub bound: Option<f32>,
}

/// What an exact scan found.
pub struct Found {
    /// Nearest first, ties by key.
    pub rows: Vec<Neighbor>,
    /// Whether there is nothing beyond them.
    pub complete: bool,
    pub compared: u64,
}

/// The nearest rows of a shard, of those that pass the filter.
pub fn nearest(
    shard: &Shard,
    filter: Option<&IndexFilter<'_>>,
    wanted: Nearest<'_>,
    searcher: &mut Searcher,
) -> Result<Found> {
    let index = shard.file.index();
    let about = |error| Failure::from_search(error, &shard.path);
    let matching = filter.map(|filter| index.matching(filter)).transpose().map_err(about)?;
    let mut rows: Box<dyn Iterator<Item = RowId>> = match matching {
        Some(matching) => Box::new(matching.into_iter()),
        None => Box::new(index.rows()),
    };
    let mut found = Found { rows: Vec::new(), complete: true, compared: 0 };
    let (mut step, mut distances, mut bound) = (Vec::new(), Vec::new(), wanted.bound);
    loop {
        step.clear();
        step.extend(rows.by_ref().take(STEP));
        if step.is_empty() {
            break;
        }
        pgrx::check_for_interrupts!();
        index
            .distances(wanted.query, wanted.metric, &step, searcher, &mut distances)
            .map_err(about)?;
        found.compared += step.len() as u64;
        for (&row, &distance) in step.iter().zip(&distances) {
            // Postgres puts NaN last, whatever its sign.
            let distance = if distance.is_nan() { f32::NAN } else { distance };
            if bound.is_none_or(|bound| distance.total_cmp(&bound).is_le() || distance.is_nan()) {
                found.rows.push(Neighbor { row, distance });
            } else if bound != wanted.bound {
                found.complete = false;
            }
        }
        if let Some(k) = wanted.k
            && found.rows.len() >= 2 * k + STEP
        {
            found.rows.select_nth_unstable_by(k - 1, |a, b| a.distance.total_cmp(&b.distance));
            let last = found.rows[k - 1].distance;
            found.rows.retain(|row| row.distance.total_cmp(&last).is_le());
            found.complete = false;
            bound = Some(last);
        }
    }
    sort(shard, &mut found.rows)?;
    if let Some(k) = wanted.k.filter(|k| *k < found.rows.len()) {
        found.rows.truncate(k);
        found.complete = false;
    }
    Ok(found)
}

/// By distance, ties by key.
fn sort(shard: &Shard, rows: &mut [Neighbor]) -> Result<()> {
    rows.sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance));
    for tied in rows.chunk_by_mut(|a, b| a.distance.total_cmp(&b.distance).is_eq()) {
        if tied.len() < 2 {
            continue;
        }
        let key = |row: &Neighbor| Ok((key(shard, *row)?, *row));
        let mut keyed: Vec<(Key, Neighbor)> = tied.iter().map(key).collect::<Result<_>>()?;
        keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        tied.iter_mut().zip(keyed).for_each(|(place, (_, row))| *place = row);
    }
    Ok(())
}

/// The key of a row that was found.
pub fn key(shard: &Shard, found: Neighbor) -> Result<Key> {
    let key = shard.file.index().key(found.row);
    Ok(key.map_err(|error| Failure::from(error).about(&shard.path))?.to_owned())
}

/// How far our distances may go where Postgres's are within `radius`: both sum in single precision,
/// each in its own order. None for a radius of NaN, which every distance is within.
pub fn bound(metric: Metric, radius: f64, query: &[f32]) -> Option<f32> {
    // Twice the worst case of a sum of so many rounded terms.
    let slack = (query.len() as f64 + 16.0) * f64::from(f32::EPSILON);
    let length = query.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    let bound = match metric {
        Metric::L2 | Metric::L1 => radius + radius.abs() * slack + 1e-15,
        Metric::Cosine => radius + 2.0 * slack,
        // Rows are of unit length where this is asked.
        Metric::InnerProduct => radius + 2.0 * slack * (1.0 + length),
    };
    (!bound.is_nan()).then(|| (bound as f32).next_up())
}
