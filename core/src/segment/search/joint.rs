//! A first answer that several segments give jointly.
//!
//! Each graph is walked as if it were alone, for nobody knows in which of them the nearest rows are. But what
//! is measured by stored vectors are the nearest of all, and not of each: a part that has none of the answer
//! reads none. Of 32 files that was a quarter of a search's time.
//!
//! Where the effort is less than a pool holds, a walk goes no farther by itself than to so many settled candidates,
//! and then, once all have come as far, only on to what is near among what all found.
//!
//! Candidates that were not measured stay in the pool. If the search goes on they are the next rows of their
//! part, [`Method::Rest`], before a search begins that can go on for good.

use super::{Method, SegmentSearch};
use crate::calibration::Structure;
use crate::hnsw::search::Step;
use crate::segment::order::sort_rows;
use crate::segment::storage::Storage;

/// By ranks that steer, which of what all parts found is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cut {
    /// The rank of the last that is wanted.
    pub wanted: f32,
    /// All up to this rank are measured, and those that codes may have misplaced.
    pub least: f32,
}

impl SegmentSearch {
    /// How many candidates its pool is to hold, if it is to be a walk.
    pub fn pool_size(&self) -> Option<usize> {
        (self.plan.structure == Structure::Hnsw).then_some(self.plan.ef_search)
    }

    /// Says that others have a part in its first answer.
    pub fn join(&mut self) {
        self.plan.is_joint = true;
    }

    /// Whether its walk is to end before its pool is settled.
    pub fn is_limited(&self) -> bool {
        self.plan.is_joint && self.plan.settled < self.plan.ef_search
    }

    /// Whether its walk is for a joint answer that is being found. One that may go on, or is to see all rows, is not.
    fn is_joint(&self) -> bool {
        let walks = self.method == Method::Walk && self.walk.early_stop.is_some();
        self.plan.is_joint && walks && self.gathering.is_some()
    }

    /// Begins an answer of `want` rows that others have a part in. What does not walk is done with that.
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

    /// Walks on to what is no farther than `bound`.
    pub fn walk_joint<S: Storage>(&mut self, storage: &mut S, bound: f32) -> Step<(), S::Missing> {
        if S::STRUCTURED && self.is_joint() {
            self.walk.limit.1 = bound;
            self.walk.run(storage, self.plan.ef_search, u64::MAX)?;
        }
        Ok(())
    }

    /// The ranks of what it found for an answer that is being found.
    pub fn ranks_found(&self) -> impl Iterator<Item = f32> {
        let walked = if self.is_joint() { self.walk.pool.entries() } else { &[] };
        let ready = self.ready.iter().map(|row| row.0);
        walked.iter().map(|entry| entry.rank()).chain(ready)
    }

    /// Measures its part of the answer.
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

    /// Finds the rows that a walk of its own would have given with the first; if there are none, begins to go on.
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
