//! The joint first answer of several parts; `segment/search/joint.rs` describes it.
//!
//! All parts take a step before any takes the next. So the order of parts does not matter, and where bytes are
//! missing, or the search is interrupted, the step of one part is repeated.

use super::parts::{Part, Parts, Task};
use crate::hnsw::search::Step;
use crate::neighbor::Candidate;
use crate::segment::plan::least_measured;
use crate::segment::search::joint::Cut;
use crate::sort::sort_least;
use crate::vectors::Query;
use alloc::vec::Vec;

/// Parts walk on to candidates among the nearest of all parts, this many times the size of a pool: with 2
/// instead of 4, the recall of four files was .004 less.
const NEAREST: usize = 4;

/// The next step of all parts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Stage {
    /// There is no joint answer: each part answers for itself.
    #[default]
    None,
    Begin,
    Walk(f32),
    Settle(Cut),
    /// The answer is found, and is being returned.
    Found,
}

/// A first answer of several parts.
#[derive(Clone, Debug, Default)]
pub(crate) struct JointAnswer {
    stage: Stage,
    /// The number of the next part.
    part: usize,
    /// The number of rows of the answer, and how many are still to be returned.
    k: usize,
    left: usize,
    /// The size of the largest pool of a part.
    ef_search: usize,
    /// Whether walks end before their pools are settled.
    is_limited: bool,
    nearest: Vec<Candidate>,
}

impl JointAnswer {
    /// Ends the joint answer.
    pub fn end(&mut self) {
        self.stage = Stage::None;
    }

    pub fn is_found(&self) -> bool {
        self.stage == Stage::Found
    }

    /// Counts a returned row.
    pub fn give(&mut self) {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.end();
        }
    }

    /// The rank of the `count`-th nearest candidate of all parts, counted from 1, if there are that many.
    fn rank(&self, count: usize) -> f32 {
        let found = count.checked_sub(1).and_then(|at| self.nearest.get(at));
        found.map_or(f32::INFINITY, |candidate| candidate.rank())
    }

    /// Begins a joint answer of `k` rows if several of `parts`, all of which were started, walk a graph.
    pub fn start(&mut self, parts: &mut [Part], k: usize) {
        let pools = || parts.iter().filter_map(|part| part.search.pool_size());
        if pools().count() < 2 {
            return;
        }
        let ef_search = pools().max().unwrap_or(0);
        parts.iter_mut().for_each(|part| part.search.join());
        let is_limited = parts.iter().any(|part| part.search.is_limited());
        let nearest = core::mem::take(&mut self.nearest);
        let (stage, part, left) = (Stage::Begin, 0, k);
        *self = Self { stage, part, k, left, ef_search, is_limited, nearest };
    }

    /// The nearest `count` candidates of all parts.
    fn find_nearest(&mut self, parts: &[Part], count: usize) {
        let ranks = parts.iter().flat_map(|part| part.search.ranks_found());
        self.nearest.clear();
        self.nearest.extend(ranks.map(|rank| Candidate::settled(rank, 0)));
        sort_least(&mut self.nearest, count);
    }

    /// Finds the answer, unless it is found or there is none. `want` rows are requested; `reading` is set to
    /// the number of the part that is read.
    pub fn find<P: Parts>(
        &mut self,
        source: &P,
        (parts, reading): (&mut [Part], &mut usize),
        query: &Query,
        want: usize,
    ) -> Step<(), P::Missing> {
        loop {
            let task = match self.stage {
                // More rows than the first answer has need a search that can go on.
                Stage::Begin if want > self.k => {
                    self.end();
                    return Ok(());
                }
                Stage::Begin => Task::Begin(want),
                Stage::Walk(bound) => Task::Walk(bound),
                Stage::Settle(cut) => Task::Settle(cut),
                Stage::None | Stage::Found => return Ok(()),
            };
            while let Some(part) = parts.get_mut(self.part) {
                *reading = self.part;
                source.fill(self.part, part, query, task)?;
                self.part += 1;
            }
            self.part = 0;
            self.stage = match task {
                Task::Begin(_) if self.is_limited => {
                    let count = self.ef_search.saturating_mul(NEAREST);
                    self.find_nearest(parts, count);
                    Stage::Walk(self.rank(count))
                }
                Task::Begin(_) | Task::Walk(_) => {
                    let count = least_measured(self.k);
                    self.find_nearest(parts, count);
                    Stage::Settle(Cut { wanted: self.rank(self.k), least: self.rank(count) })
                }
                Task::Settle(_) | Task::Batch(_) => Stage::Found,
            };
        }
    }
}
