//! The rows that several parts of an index find, each in its order, as one order.

#[cfg(test)]
mod tests;

use super::{Order, SearchParams};
use crate::error::Result;
use crate::hnsw::search::Halt;
use crate::key::KeyRef;
use crate::metric::Metric;
use crate::neighbor::{Neighbor, RowId};
use crate::segment::order::sort_rows;
use crate::segment::search::SegmentSearch;
use crate::segment::storage::Scratch;
use crate::vectors::Query;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// The search of one part of an index: of a segment, or of the rows that grow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    pub search: SegmentSearch,
    pub scratch: Scratch,
}

/// Where the parts of a search read.
pub(super) trait Parts {
    /// Which bytes are missing.
    type Missing;

    /// Finds the next rows of part `number`: [`SegmentSearch::next_batch`].
    fn fill(
        &self,
        number: usize,
        part: &mut Part,
        query: &Query,
        want: usize,
    ) -> Result<bool, Halt<Self::Missing>>;

    /// The key of a row of any part. One that was there stays.
    fn key(&self, row: RowId) -> Result<KeyRef<'_>, Halt<Self::Missing>>;
}

/// A search of several parts as one.
#[derive(Clone, Default)]
pub(super) struct Merge {
    /// Those of the segments, then that of the growing rows.
    pub parts: Vec<Part>,
    pub found: Vec<Neighbor>,
    /// Whether `found` is being filled.
    advancing: bool,
    /// The rank of the last row in strict order, and how many were dropped for it.
    last: Option<f32>,
    pub dropped: u64,
}

impl Merge {
    /// Begins with `count` parts, of which each is to be started.
    pub fn start(&mut self, count: usize) -> &mut [Part] {
        self.parts.resize_with(count, Part::default);
        self.found.clear();
        (self.advancing, self.last, self.dropped) = (false, None, 0);
        &mut self.parts
    }

    /// Moves up to `want` next rows of all parts to `found`. Where something is missing it is called
    /// again as it was, and goes on. `metric` is that of the distances.
    pub fn advance<P: Parts>(
        &mut self,
        parts: &P,
        query: &Query,
        params: &SearchParams<'_>,
        metric: Metric,
        want: usize,
    ) -> Result<(), Halt<P::Missing>> {
        if !self.advancing {
            self.found.clear();
            self.advancing = true;
        }
        while self.found.len() < want {
            let mut best: Option<(f32, RowId)> = None;
            for (number, part) in self.parts.iter_mut().enumerate() {
                if part.search.head().is_none() {
                    parts.fill(number, part, query, want)?;
                }
                if let Some((rank, row)) = part.search.head() {
                    let head = (rank, RowId { segment: number as u32, row });
                    if is_nearer(parts, head, best)? {
                        best = Some(head);
                    }
                }
            }
            let Some((rank, row)) = best else { break };
            let distance = metric.distance(rank);
            if params.radius.is_some_and(|radius| distance > radius) {
                break;
            }
            self.parts[row.segment as usize].search.take();
            if params.order == Order::Strict {
                if self.last.is_some_and(|last| rank.total_cmp(&last).is_lt()) {
                    self.dropped += 1;
                    continue;
                }
                self.last = Some(rank);
            }
            self.found.push(Neighbor { row, distance });
        }
        if params.order == Order::Relaxed {
            // A batch may be of several that segments gave, of which each begins anew.
            sort_rows(&mut self.found, |found| found.distance, |found| parts.key(found.row))?;
        }
        self.advancing = false;
        Ok(())
    }
}

fn is_nearer<P: Parts>(
    parts: &P,
    a: (f32, RowId),
    b: Option<(f32, RowId)>,
) -> Result<bool, Halt<P::Missing>> {
    let Some(b) = b else { return Ok(true) };
    Ok(match a.0.total_cmp(&b.0) {
        Ordering::Less => true,
        Ordering::Greater => false,
        Ordering::Equal => parts.key(a.1)? < parts.key(b.1)?,
    })
}
