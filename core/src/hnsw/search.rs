//! The search loop (Algorithms 2 and 5 of the paper), shared by building and searching.
//!
//! # The walk
//!
//! A walk keeps one sorted pool of the `ef_search` nearest nodes that it has visited. It expands the nearest
//! unexpanded node: reads its neighbours, measures those not visited before, and inserts them by rank. Nodes
//! that fall off the end are forgotten, or kept apart if the search may be resumed. The walk ends when the
//! whole pool is expanded, or, where the metric allows it, when the nearest unexpanded node is so much farther
//! than the wanted rows that its neighbours would hardly be nearer (`early_stop`). A candidate is 64 bits, rank
//! before id, so that one comparison of integers is a total order, and every walk is the same on every
//! platform.
//!
//! With a filter a walk passes through all nodes, but only matching ones take places in the answer.
//!
//! # The pipeline
//!
//! A walk waits for memory, because a node's neighbours are scattered. So a step first chooses the node to
//! expand, lists its new neighbours and prefetches them, and only then measures the list of the step *before*,
//! whose rows have arrived meanwhile. The choice lags by one step, so that a walk measures one to three rows in
//! a hundred more. The last list is measured before a walk ends: no row is forgotten, and the answer does not
//! depend on timing.
//!
//! # Missing bytes
//!
//! The loop is a state machine whose state, [`Walk`], is owned by the caller and borrows no index. A storage
//! without all bytes may answer [`Halt::Missing`]: the current part of the step, choosing or measuring, has
//! then changed nothing, and is repeated once the bytes have come. For bytes in memory `Missing` is uninhabited
//! and compiles to nothing.

#[cfg(test)]
mod tests;

use super::view::{HnswView, NONE};
use crate::distance::PREFETCHES;
use crate::error::{Error, Result, corrupt};
use crate::metric::Metric;
use crate::neighbor::{Candidate, Pool};
use crate::rows::RowSet;
use alloc::vec::Vec;
use core::convert::Infallible;

/// Why a step could not be taken.
#[derive(Debug)]
pub(crate) enum Halt<M> {
    Error(Error),
    /// Bytes are missing.
    #[allow(dead_code, reason = "storages over byte ranges answer it")]
    Missing(M),
}

/// The result of a step.
pub(crate) type Step<T, M> = Result<T, Halt<M>>;

impl<M> From<Error> for Halt<M> {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Converts the result of a storage that never misses bytes.
pub(crate) fn present<T>(result: Result<T, Halt<Infallible>>) -> Result<T> {
    result.map_err(|halt| match halt {
        Halt::Error(error) => error,
        Halt::Missing(never) => match never {},
    })
}

/// The nodes of one layer, as a walk reads them by id.
///
/// After [`Halt::Missing`] the outputs are undefined, and the same call is made again.
pub(crate) trait GraphStorage {
    /// Which bytes are missing.
    type Missing;
    /// The neighbours of a node, into `out`; none where there is no graph.
    fn neighbors(&mut self, _: u32, out: &mut Vec<u32>) -> Result<(), Halt<Self::Missing>> {
        out.clear();
        Ok(())
    }
    /// The ranks of the listed nodes, into `out`. Nodes beyond its length come next and are prefetched; if
    /// there are any, those before them were prefetched by the previous call.
    fn ranks(&mut self, list: &[u32], out: &mut [f32]) -> Result<(), Halt<Self::Missing>>;
    /// Whether [`matches`](Self::matches) may be false.
    fn is_filtered(&self) -> bool {
        false
    }
    /// Whether this node may be in the answer.
    fn matches(&mut self, _: u32) -> Result<bool, Halt<Self::Missing>> {
        Ok(true)
    }
    /// Prefetches the neighbours of a node.
    fn prefetch(&self, _: u32) {}
    /// Prefetches what [`prefetch`](Self::prefetch) of this node reads.
    fn prefetch_place(&self, _: u32) {}
}

/// When a walk may end before its pool is settled: when the pool is full and the nearest candidate
/// left is farther than the `k` nearest by more than a share of their distance. This saves a fifth of the work
/// at recall 0.99 and changed no recall in the fourth digit (after arXiv 2505.15636).
#[derive(Clone, Copy, Debug)]
pub(crate) struct EarlyStop {
    /// The place of the candidate, counted from 1, whose distance decides.
    pub k: usize,
    /// A margin for the error of ranks of codes.
    pub noise: f32,
}

impl EarlyStop {
    /// How much farther than the k-th best a candidate may be, as a share of its rank, a squared distance. At
    /// 0.2 recall began to fall.
    const SHARE: f32 = 0.3;

    /// The first place that may decide. The share of the very nearest is too small: in 8 dimensions the nearest
    /// of 10,000 rows was found for 88 of 100 queries at any `ef_search`.
    const LEAST: usize = 8;

    /// For ranks of `metric` with an error of about `noise`, decided by the `k`-th candidate, or a later one if
    /// `k` is too small. None where ranks are not squared distances.
    pub fn of(metric: Metric, noise: f32, k: usize) -> Option<Self> {
        let k = k.max(Self::LEAST);
        matches!(metric, Metric::L2 | Metric::Cosine).then_some(Self { k, noise })
    }

    /// `echoes` is how many of the pool's candidates do not count.
    fn is_due(&self, pool: &Pool, nearest: Candidate, echoes: usize) -> bool {
        pool.is_full()
            && pool.entries().get(self.k - 1 + echoes).is_some_and(|kth| {
                let kth = if kth.rank() > 0.0 { kth.rank() } else { 0.0 };
                nearest.rank() > kth + kth * Self::SHARE + self.noise
            })
    }
}

/// The rows of a tight group far from the query are all at about the same distance. Each takes a place in the
/// pool without leading anywhere new: among 400 groups of 50 rows a pool of 640 held a dozen groups. If the
/// ranks of at least half of a node's neighbours are within this share of its own, these are *echoes*, and the
/// pool grows by their number. Rows that are spread out have few.
const ECHO: f32 = 1.0 / 512.0;

/// How many times its capacity echoes may add to a pool.
const WIDEST: usize = 3;

/// State of a walk over one layer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Walk {
    pub pool: Pool,
    pub visited: RowSet,
    /// Candidates that did not fit in the pool, kept if the walk may be resumed.
    pub spill: Vec<Candidate>,
    pub resumable: bool,
    pub early_stop: Option<EarlyStop>,
    /// Once so many candidates are settled, it goes on only to what is no farther than this.
    pub limit: (usize, f32),
    /// How many ranks were computed.
    pub measured: u64,
    /// By how many candidates the pool was widened, and by how many it may be.
    echoes: usize,
    most_echoes: usize,
    neighbors: Vec<u32>,
    /// Nodes that are visited; those after the first `done` are not measured yet: the next `due` are measured
    /// by this step, the others by the next.
    list: Vec<u32>,
    done: usize,
    due: usize,
    /// The ranks of the nodes whose neighbours are due, and are listed for the next step.
    origins: [f32; 2],
    /// Whether the step has chosen its node and listed new neighbours, and measures next.
    chosen: bool,
    ranks: Vec<f32>,
}

/// The neighbours of candidates at most this many places behind the next are prefetched.
const SOON: usize = 4;

/// How many measured nodes a walk's list has before they are removed.
const CUT: usize = 256;

/// Why a walk stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The pool holds as many matching rows as wanted, and no nearer candidate is left, or the others are too
    /// far by [`EarlyStop`].
    Enough,
    /// All candidates of the pool are expanded.
    Settled,
    /// More ranks were computed than the budget.
    Budget,
}

impl Walk {
    /// Begins over `nodes` nodes with a pool of `capacity`.
    pub fn start(&mut self, nodes: u32, capacity: usize, resumable: bool) {
        // There are no more candidates than nodes.
        self.pool.reset(capacity.min(nodes as usize).max(1));
        self.visited.reset(nodes);
        self.spill.clear();
        self.resumable = resumable;
        self.early_stop = None;
        self.limit = (usize::MAX, f32::INFINITY);
        self.measured = 0;
        self.list.clear();
        self.done = 0;
        self.chosen = false;
        self.echoes = 0;
        // A pool of one is a greedy descent.
        self.most_echoes = capacity.saturating_sub(1).saturating_mul(WIDEST);
    }

    /// Adds entry nodes, which must be nodes of the layer.
    pub fn enter(&mut self, entries: &[u32]) {
        self.visited.insert_new(entries, &mut self.list);
        // Entries are nobody's neighbours.
        self.origins[1] = f32::NAN;
    }

    /// Expands candidates, nearest first, until the pool is settled, or `wanted` settled ones
    /// match, or `budget` ranks were computed.
    pub fn run<S: GraphStorage>(
        &mut self,
        storage: &mut S,
        wanted: usize,
        budget: u64,
    ) -> Result<Stop, Halt<S::Missing>> {
        let filtered = storage.is_filtered();
        loop {
            if !self.chosen {
                match self.choose(filtered, wanted, budget) {
                    Ok(next) => self.list_new(next, storage, filtered)?,
                    Err(stop) if self.done == self.list.len() => return Ok(stop),
                    Err(_) => self.await_list(f32::NAN),
                }
                self.chosen = true;
            }
            self.measure_due(storage)?;
            self.chosen = false;
        }
    }

    /// The candidate to be expanded next, or why there is none.
    #[inline]
    fn choose(&mut self, filtered: bool, wanted: usize, budget: u64) -> Result<Candidate, Stop> {
        let next = self.pool.next();
        let enough = filtered && self.pool.matched() >= wanted;
        match next {
            None if enough => Err(Stop::Enough),
            None => Err(Stop::Settled),
            Some(next) => match self.early_stop {
                Some(early) if early.is_due(&self.pool, next, self.echoes) => Err(Stop::Enough),
                _ if enough => Err(Stop::Enough),
                _ if self.pool.settled() >= self.limit.0 && next.rank() > self.limit.1 => {
                    Err(Stop::Enough)
                }
                _ if filtered && self.measured >= budget => Err(Stop::Budget),
                _ => Ok(next),
            },
        }
    }

    /// Expands the candidate that the pool gives next: lists its neighbours that are new.
    #[inline]
    fn list_new<S: GraphStorage>(
        &mut self,
        next: Candidate,
        storage: &mut S,
        filtered: bool,
    ) -> Result<(), Halt<S::Missing>> {
        let id = next.id();
        storage.neighbors(id, &mut self.neighbors)?;
        let matched = !filtered || storage.matches(id)?;
        // Marked only now, after everything that could be missing was present.
        self.pool.mark_expanded(matched);
        self.await_list(next.rank());
        self.visited.insert_new(&self.neighbors, &mut self.list);
        Ok(())
    }

    /// The listed nodes become due; nodes listed from now on are neighbours of a node of rank `origin`.
    #[inline]
    fn await_list(&mut self, origin: f32) {
        self.due = self.list.len() - self.done;
        self.origins = [self.origins[1], origin];
    }

    /// Measures the nodes that are due, and adds them to the pool.
    #[inline]
    fn measure_due<S: GraphStorage>(&mut self, storage: &mut S) -> Result<(), Halt<S::Missing>> {
        self.ranks.resize(self.due, 0.0);
        let list = &self.list[self.done..];
        storage.ranks(list, &mut self.ranks)?;
        self.make_room();
        self.measured += self.due as u64;
        for (&id, &rank) in self.list[self.done..].iter().zip(&self.ranks) {
            let (place, evicted) = self.pool.place(Candidate::new(rank, id));
            if PREFETCHES && let Some(place) = place {
                if place < SOON { storage.prefetch(id) } else { storage.prefetch_place(id) }
            }
            if self.resumable {
                self.spill.extend(evicted);
            }
        }
        self.done += self.due;
        // Only now and then, so that the rest is not moved after every step.
        if self.done >= CUT {
            self.list.drain(..core::mem::take(&mut self.done));
        }
        if PREFETCHES {
            let next = self.pool.next();
            next.into_iter().chain(self.pool.after_next()).for_each(|it| storage.prefetch(it.id()));
        }
        Ok(())
    }

    /// Widens the pool by the echoes among the nodes that are due.
    #[inline]
    fn make_room(&mut self) {
        let rank = self.origins[0];
        let width = rank.abs() * ECHO;
        let echoes = self.ranks.iter().filter(|&&due| (due - rank).abs() <= width).count();
        if echoes >= 2 && 2 * echoes >= self.due {
            let more = echoes.min(self.most_echoes - self.echoes);
            self.echoes += more;
            self.pool.widen(more);
        }
    }
}

impl HnswView<'_> {
    /// Descends greedily through the upper layers to the row at which the walk of the base layer begins.
    /// `ranks` measures rows.
    pub fn descend<M>(
        &self,
        neighbors: &mut Vec<u32>,
        rows: &mut Vec<u32>,
        ranks: &mut Vec<f32>,
        mut measure: impl FnMut(&[u32], &mut [f32]) -> Result<(), Halt<M>>,
    ) -> Result<u32, Halt<M>> {
        let mut position = self.entry;
        let mut best = [f32::INFINITY];
        if self.top > 0 {
            let row = self.upper_record(self.top, position)?.next().unwrap_or(NONE);
            measure(&[row], &mut best)?;
        }
        let [mut best] = best;
        for layer in (1..=self.top).rev() {
            // Every step must come nearer, so the descent ends whatever the bytes are.
            loop {
                neighbors.clear();
                let words = self.upper_record(layer, position)?.skip(2);
                neighbors.extend(words.take_while(|&id| id != NONE));
                rows.clear();
                for &neighbor in &*neighbors {
                    let row = self.upper_record(layer, neighbor)?.next();
                    rows.extend(row);
                }
                ranks.resize(rows.len(), 0.0);
                measure(rows, ranks)?;
                let nearest = ranks.iter().zip(&*neighbors).min_by(|a, b| a.0.total_cmp(b.0));
                match nearest {
                    Some((&rank, &neighbor)) if rank < best => (best, position) = (rank, neighbor),
                    _ => break,
                }
            }
            position = self.upper_record(layer, position)?.nth(1).unwrap_or(NONE);
        }
        if position >= self.rows {
            return Err(corrupt("where a search begins").into());
        }
        Ok(position)
    }
}
