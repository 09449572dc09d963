//! The order of an answer: by distance, ties by key.

use crate::hnsw::search::Step;
use crate::sort::sort_by;

/// Sorts by `rank`, ties by `key`, which is asked for tied rows only and must always give the same for a
/// row. If a key is missing, the rows are left in some order, and can be sorted again.
pub(crate) fn sort_rows<T, K: Ord, M>(
    rows: &mut [T],
    rank: impl Fn(&T) -> f32,
    key: impl Fn(&T) -> Step<K, M>,
) -> Step<(), M> {
    sort_by(rows, |a, b| rank(a).total_cmp(&rank(b)));
    for tied in rows.chunk_by_mut(|a, b| rank(a).total_cmp(&rank(b)).is_eq()) {
        if tied.len() < 2 {
            continue;
        }
        // Before sorting: rows without a key have no place in their order, and a sort may panic over
        // an order that is none.
        for row in tied.iter() {
            key(row)?;
        }
        sort_by(tied, |a, b| key(a).ok().cmp(&key(b).ok()));
    }
    Ok(())
}

/// How many rows are kept until they are cut, if `count` are left then.
pub(super) fn most_kept(count: usize) -> usize {
    count.saturating_mul(2).saturating_add(64)
}
