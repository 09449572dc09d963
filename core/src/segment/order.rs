//! The order of an answer: by distance, ties by key.

use crate::hnsw::search::Step;
use crate::sort::sort_by;

/// Sorts by `rank`, ties by `key`. `key` is called only for tied rows, and must always return the same key for
/// a row. If a key is missing, the order of the rows is unspecified, and they can be sorted again.
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
        // Before sorting, because rows without a key cannot be compared, and a sort may panic if the comparison
        // is not a total order.
        for row in tied.iter() {
            key(row)?;
        }
        sort_by(tied, |a, b| key(a).ok().cmp(&key(b).ok()));
    }
    Ok(())
}

/// How many rows to collect before they are cut, if a cut leaves `count`.
pub(super) fn most_kept(count: usize) -> usize {
    count.saturating_mul(2).saturating_add(64)
}
