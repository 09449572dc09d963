//! A joint first answer of several segments.
//!
//! Each graph is walked as if it were alone, because the nearest rows may be in any of them. But only the
//! nearest candidates of all segments are measured by stored vectors, not those of each: a segment without a
//! row of the answer reads no vectors. With 32 files this took a quarter of a search's time.
//!
//! If the effort is less than the size of a pool, a walk first stops at that many settled candidates. Once all
//! walks have stopped, they continue only to candidates that are among the nearest of all segments.
//!
//! Candidates that were not measured stay in the pool. If the search is resumed, they are the next rows of
//! their segment ([`Method::Rest`]), before a search begins that can go on to the last row.

use super::{Method, SegmentSearch};
use crate::calibration::Structure;
use crate::hnsw::search::Step;
use crate::segment::order::sort_rows;
use crate::segment::storage::Storage;

/// Which candidates of all segments are measured, by the ranks that steer walks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cut {
    /// The rank of the last wanted candidate.
    pub wanted: f32,
    /// Candidates up to this rank are measured, and those that codes may have misplaced.
    pub least: f32,
}

impl SegmentSearch {
    /// The size of its pool, if it walks a graph.
    pub fn pool_size(&self) -> Option<usize> {
        (self.plan.structure == Structure::Hnsw).then_some(self.plan.ef_search)
    }

    /// Makes its first answer a part of a joint one.
    pub fn join(&mut self) {
        self.plan.is_joint = true;
    }

    /// Whether its walk ends before its pool is settled.
    pub fn is_limited(&self) -> bool {
        self.plan.is_joint && self.plan.settled < self.plan.ef_search
    }

    /// Whether it walks for a joint answer. A walk that can be resumed, or that visits all rows, does not.
    fn is_joint(&self) -> bool {
        let walks = self.method == Method::Walk && self.walk.early_stop.is_some();
        self.plan.is_joint && walks && self.gathering.is_some()
    }

    /// Begins a joint answer of `want` rows. A search that does not walk is complete after this.
    pub fn begin_joint<S: Storage>(
        &mut self,
        storage: &mut S,
        want: usize,
    ) -> Step<(), S::Missing> {
        let want = match self.gathering {
            Some(want) => want,
            None => self.begin_batch(storage, want),
        };
        if self.method == Method::Choose {
            self.method = self.choose(storage, false);
        }
        if S::STRUCTURED && self.method == Method::Enter {
            self.enter(storage)?;
            if self.is_limited() && self.walk.early_stop.is_some() {
                self.walk.limit = (self.plan.settled, f32::NEG_INFINITY);
            }
        }
        if self.is_joint() {
            return self.walk_joint(storage, f32::NEG_INFINITY);
        }
        self.next_batch(storage, want).map(drop)
    }

    /// Continues the walk to candidates no farther than `bound`.
    pub fn walk_joint<S: Storage>(&mut self, storage: &mut S, bound: f32) -> Step<(), S::Missing> {
        if S::STRUCTURED && self.is_joint() {
            self.walk.limit.1 = bound;
            self.walk.run(storage, self.plan.ef_search, u64::MAX)?;
        }
        Ok(())
    }

    /// The ranks of the candidates that it found for the joint answer.
    pub fn ranks_found(&self) -> impl Iterator<Item = f32> {
        let walked = if self.is_joint() { self.walk.pool.entries() } else { &[] };
        let ready = self.ready.iter().map(|row| row.0);
        walked.iter().map(|entry| entry.rank()).chain(ready)
    }

    /// Measures its candidates for the joint answer.
    pub fn settle_joint<S: Storage>(&mut self, storage: &mut S, cut: Cut) -> Step<(), S::Missing> {
        if !S::STRUCTURED || !self.is_joint() {
            return Ok(());
        }
        let bound = storage.coded().map_or(cut.wanted, |coded| coded.bound(cut.wanted));
        self.settle(storage, self.plan.k, Some(bound.max(cut.least)))?;
        sort_rows(&mut self.ready, |row| row.0, |row| storage.key(row.1))?;
        self.gathering = None;
        self.method = Method::Rest;
        Ok(())
    }

    /// Finds the remaining rows that a walk of its own would have returned; if there are none, begins a search
    /// that can go on.
    pub(super) fn find_rest<S: Storage>(&mut self, storage: &mut S) -> Step<(), S::Missing> {
        let want = self.plan.k.saturating_sub(self.before);
        if want > 0 && !self.walk.pool.entries().is_empty() {
            self.settle(storage, want, None)?;
        }
        if self.ready.is_empty() {
            self.resume(storage);
        }
        Ok(())
    }
}
