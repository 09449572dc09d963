//! Exact answers: all rows are measured.

use crate::failure::{Failure, Result};
use crate::pass::{STEP, matching, measure};
use crate::rounding::Rounding;
use crate::shards::Shard;
use hither_core::{IndexFilter, Key, Metric, Neighbor, Searcher};

/// What is wanted of an exact scan.
#[derive(Clone, Copy)]
pub struct Nearest<'w> {
    pub query: &'w [f32],
    pub metric: Metric,
    /// About so many, else all.
    pub k: Option<usize>,
    /// Only rows that are no farther.
    pub bound: Option<f32>,
    /// With the `k` nearest come those that Postgres may find as near. Where it is not known how
    /// far its distances are from ours, all come, and none is measured: they are infinitely near.
    pub rounding: Option<Rounding>,
}

/// What an exact scan found.
pub struct Found {
    /// Nearest first, ties by key.
    pub rows: Vec<Neighbor>,
    /// All rows up to this distance are among them; none if all are that there are.
    pub until: Option<f32>,
    pub compared: u64,
}

/// The nearest rows of a shard, of those that pass the filter.
pub fn nearest(
    shard: &Shard,
    filter: Option<&IndexFilter<'_>>,
    wanted: Nearest<'_>,
    searcher: &mut Searcher,
) -> Result<Found> {
    let mut found = Found { rows: Vec::new(), until: None, compared: 0 };
    let Some(rounding) = wanted.rounding else {
        pgrx::check_for_interrupts!();
        let rows = matching(shard, filter)?;
        found.rows.extend(rows.map(|row| Neighbor { row, distance: f32::NEG_INFINITY }));
        return Ok(found);
    };
    let mut bound = wanted.bound;
    measure(shard, filter, wanted.query, wanted.metric, searcher, |some, distances| {
        found.compared += some.len() as u64;
        for (&row, &distance) in some.iter().zip(distances) {
            // Postgres puts NaN last, whatever its sign.
            let distance = if distance.is_nan() { f32::NAN } else { distance };
            if bound.is_none_or(|bound| distance.total_cmp(&bound).is_le() || distance.is_nan()) {
                found.rows.push(Neighbor { row, distance });
            }
        }
        if let Some(k) = wanted.k
            && found.rows.len() >= 2 * k + STEP
        {
            found.cut(k, rounding);
            bound = found.until.or(bound);
        }
    })?;
    if let Some(k) = wanted.k.filter(|k| *k < found.rows.len()) {
        found.cut(k, rounding);
    }
    sort(shard, &mut found.rows)?;
    Ok(found)
}

impl Found {
    /// Leaves the `k` nearest, of more, and those that may be as near.
    fn cut(&mut self, k: usize, rounding: Rounding) {
        self.rows.select_nth_unstable_by(k - 1, |a, b| a.distance.total_cmp(&b.distance));
        let last = self.rows[k - 1].distance;
        if last.is_nan() {
            return;
        }
        let until = rounding.beside(last);
        let before = self.rows.len();
        self.rows.retain(|row| row.distance <= until);
        if self.rows.len() < before {
            self.until = Some(until);
        }
    }
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
