//! The parts of a merge: their searches, and the source that these read.

use crate::hnsw::search::Step;
use crate::key::KeyRef;
use crate::neighbor::RowId;
use crate::segment::search::SegmentSearch;
use crate::segment::search::joint::Cut;
use crate::segment::storage::{Scratch, Storage};
use crate::vectors::Query;

/// The search of one part: of a segment, or of growing rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    pub search: SegmentSearch,
    pub scratch: Scratch,
}

/// A step of a part's search.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Task {
    /// [`SegmentSearch::next_batch`] of this many rows.
    Batch(usize),
    /// [`SegmentSearch::begin_joint`] of this many rows.
    Begin(usize),
    /// [`SegmentSearch::walk_joint`] up to a rank.
    Walk(f32),
    /// [`SegmentSearch::settle_joint`].
    Settle(Cut),
}

impl SegmentSearch {
    /// Takes a step, and finds `more` rows in addition to those that it asks for.
    pub fn run<S: Storage>(
        &mut self,
        storage: &mut S,
        task: Task,
        more: usize,
    ) -> Step<(), S::Missing> {
        match task {
            Task::Batch(want) => self.next_batch(storage, want.saturating_add(more)).map(drop),
            Task::Begin(want) => self.begin_joint(storage, want.saturating_add(more)),
            Task::Walk(bound) => self.walk_joint(storage, bound),
            Task::Settle(cut) => self.settle_joint(storage, cut),
        }
    }
}

/// The source that the parts of a search read. A row's `segment` is the number of its part among all parts.
pub(crate) trait Parts {
    /// Which bytes are missing.
    type Missing;

    /// Takes a step of part `number`.
    fn fill(
        &self,
        number: usize,
        part: &mut Part,
        query: &Query,
        task: Task,
    ) -> Step<(), Self::Missing>;

    /// The key of a row of any part. A key that was available before still is.
    fn key(&self, row: RowId) -> Step<KeyRef<'_>, Self::Missing>;

    /// Whether a row is skipped, because it is to be left out or because a later part replaces it.
    fn is_passed_over(&self, row: RowId) -> Step<bool, Self::Missing>;
}
