//! A pass over the rows of a file, in steps between which a query can be cancelled.

use crate::failure::{Failure, Result};
use crate::shards::Shard;
use hither_core::{IndexFilter, Metric, RowId, Searcher};

/// Rows that are measured at a time: a fraction of a millisecond.
pub const STEP: usize = 4096;

/// The rows of a shard that pass the filter.
pub fn matching<'s>(
    shard: &'s Shard,
    filter: Option<&IndexFilter<'_>>,
) -> Result<Box<dyn Iterator<Item = RowId> + 's>> {
    let index = shard.file.index();
    let Some(filter) = filter else { return Ok(Box::new(index.rows())) };
    let rows = index.matching(filter);
    Ok(Box::new(rows.map_err(|error| Failure::from(error).about(&shard.path))?.into_iter()))
}

/// Measures the rows of a shard that pass the filter, and gives them on, some at a time.
pub fn measure(
    shard: &Shard,
    filter: Option<&IndexFilter<'_>>,
    query: &[f32],
    metric: Metric,
    searcher: &mut Searcher,
    mut step: impl FnMut(&[RowId], &[f32]),
) -> Result<()> {
    let index = shard.file.index();
    let about = |error| Failure::from_search(error, &shard.path);
    let mut rows = matching(shard, filter)?;
    let (mut some, mut distances) = (Vec::new(), Vec::new());
    loop {
        some.clear();
        some.extend(rows.by_ref().take(STEP));
        if some.is_empty() {
            return Ok(());
        }
        pgrx::check_for_interrupts!();
        index.distances(query, metric, &some, searcher, &mut distances).map_err(about)?;
        step(&some, &distances);
    }
}
