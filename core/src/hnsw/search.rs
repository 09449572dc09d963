//! The search loop (Algorithms 2 and 5 of the paper), which building and reading share.
//!
//! It is a state machine whose state, [`Walk`], is the caller's and borrows no index. It asks its
//! [`Storage`] for neighbours and ranks a list at a time. A storage whose bytes are not all there
//! may answer [`Halt::Missing`]: the step has then changed nothing, and is taken again once the
//! bytes have come. For bytes in memory `Missing` is uninhabited and compiles to nothing.

use super::{HnswView, NONE};
use crate::error::{Error, Result};
use crate::metric::Metric;
use crate::neighbor::{Candidate, Pool};
use crate::rows::RowSet;
use alloc::vec::Vec;
use core::convert::Infallible;

/// Why a step could not be taken.
#[derive(Debug)]
pub(crate) enum Halt<M> {
    Error(Error),
    /// The bytes that it needs are not here yet.
    #[allow(dead_code, reason = "storages over byte ranges answer it")]
    Missing(M),
}

impl<M> From<Error> for Halt<M> {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Takes the error of a storage that is never missing anything.
pub(crate) fn present<T>(result: Result<T, Halt<Infallible>>) -> Result<T> {
    result.map_err(|halt| match halt {
        Halt::Error(error) => error,
        Halt::Missing(never) => match never {},
    })
}

/// Where a walk reads nodes, by their ids within one layer.
pub(crate) trait Storage {
    /// Which bytes are missing.
    type Missing;
    /// The neighbours of a node, into `out`.
    fn neighbors(&mut self, id: u32, out: &mut Vec<u32>) -> Result<(), Halt<Self::Missing>>;
    /// The ranks of the listed nodes, into `out`; nodes beyond its length are only likely to be
    /// asked for next.
    fn ranks(&mut self, list: &[u32], out: &mut [f32]) -> Result<(), Halt<Self::Missing>>;
    /// Whether [`matches`](Self::matches) ever says no.
    fn is_filtered(&self) -> bool {
        false
    }
    /// Whether the caller wants this node in the answer.
    fn matches(&mut self, _: u32) -> Result<bool, Halt<Self::Missing>> {
        Ok(true)
    }
    /// Says that the neighbours of a node will be asked for soon.
    fn prefetch(&self, _: u32) {}
    /// Whether bringing near what is only likely to be asked for is worth its while.
    fn looks_ahead(&self) -> bool {
        false
    }
}

/// When a walk may end before its pool is settled: when the pool is full and the nearest candidate
/// left is farther than the `k` nearest by more than a share of their distance. That cuts a fifth of
/// the work at recall 0.99 and changed no recall in the fourth digit (after arXiv 2505.15636).
#[derive(Clone, Copy, Debug)]
pub(crate) struct EarlyStop {
    /// The place of the candidate, counted from 1, whose distance decides.
    pub k: usize,
    /// What is added, because ranks of codes are off by about so much.
    pub noise: f32,
}

impl EarlyStop {
    /// By how much farther than the k-th best a candidate may be, as a share of its rank, which
    /// grows with the square of the distance. At 0.2 recall began to fall.
    const SHARE: f32 = 0.3;

    /// The least place that decides. Behind the first alone the share is too little to mean
    /// anything: in 8 dimensions the nearest of 10,000 rows was found for 88 of 100 queries,
    /// however great `ef_search` was.
    pub const LEAST: usize = 8;

    /// For ranks of `metric` that are off by about `noise`; none where ranks are no squares of
    /// distances.
    pub fn of(metric: Metric, noise: f32, k: usize) -> Option<Self> {
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

/// Rows of a group that is far from the query and tight are all about as far. Each fills a place of
/// the pool and says nothing of where else to look: among 400 groups of 50 rows a pool of 640 held a
/// dozen groups. Where at least half of what a node leads to is within this share of its own rank,
/// those are *echoes*, and the pool gets as many places more. Of rows that are spread out few are.
const ECHO: f32 = 1.0 / 512.0;

/// By how many times its capacity echoes may widen a pool.
const WIDEST: usize = 3;

/// State of a walk over one layer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Walk {
    pub pool: Pool,
    pub visited: RowSet,
    /// Candidates that the pool had no place for, kept if the walk may be resumed.
    pub spill: Vec<Candidate>,
    pub resumable: bool,
    pub early_stop: Option<EarlyStop>,
    /// How many ranks were computed.
    pub measured: u64,
    /// For how many candidates the pool was widened, and for how many it may be.
    echoes: usize,
    most_echoes: usize,
    neighbors: Vec<u32>,
    fresh: Vec<u32>,
    ranks: Vec<f32>,
}

/// Why a walk stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The pool holds as many matching rows as were wanted, and no nearer candidate is left; or
    /// what is left is too far by [`EarlyStop`].
    Enough,
    /// All candidates of the pool are expanded.
    Settled,
    /// More ranks were computed than allowed.
    Budget,
}

impl Walk {
    /// Begins over `nodes` nodes with a pool of `capacity`.
    pub fn start(&mut self, nodes: u32, capacity: usize, resumable: bool) {
        // There are no more candidates than nodes, however many are asked for.
        self.pool.reset(capacity.min(nodes as usize).max(1));
        self.visited.reset(nodes);
        self.spill.clear();
        self.resumable = resumable;
        self.early_stop = None;
        self.measured = 0;
        self.echoes = 0;
        // A pool of one is a descent, which only goes where it is nearer.
        self.most_echoes = capacity.saturating_sub(1).saturating_mul(WIDEST);
    }

    /// Adds nodes to begin from.
    pub fn enter<S: Storage>(
        &mut self,
        storage: &mut S,
        entries: &[u32],
    ) -> Result<(), Halt<S::Missing>> {
        self.fresh.clear();
        let visited = &self.visited;
        self.fresh.extend(entries.iter().filter(|&&id| !visited.contains(id)));
        self.measure_fresh(storage)
    }

    /// Expands candidates, nearest first, until the pool is settled, or `wanted` settled ones
    /// match, or `budget` ranks were computed.
    pub fn run<S: Storage>(
        &mut self,
        storage: &mut S,
        wanted: usize,
        budget: u64,
    ) -> Result<Stop, Halt<S::Missing>> {
        let (filtered, looks_ahead) = (storage.is_filtered(), storage.looks_ahead());
        while let Some(nearest) = self.pool.next() {
            if self.early_stop.is_some_and(|stop| stop.is_due(&self.pool, nearest, self.echoes)) {
                return Ok(Stop::Enough);
            }
            if filtered {
                if self.pool.matched() >= wanted {
                    return Ok(Stop::Enough);
                }
                if self.measured >= budget {
                    return Ok(Stop::Budget);
                }
            }
            let id = nearest.id();
            let matched = !filtered || storage.matches(id)?;
            storage.neighbors(id, &mut self.neighbors)?;
            self.fresh.clear();
            self.add_unvisited();
            self.ranks.resize(self.fresh.len(), 0.0);
            if looks_ahead {
                self.add_likely(storage);
            }
            storage.ranks(&self.fresh, &mut self.ranks)?;
            self.fresh.truncate(self.ranks.len());
            // Marked only now: what could be missing above has been there.
            self.pool.mark_expanded(matched);
            self.make_room(nearest.rank());
            self.push_fresh();
            if let Some(next) = self.pool.next() {
                storage.prefetch(next.id());
            }
            if looks_ahead && let Some(likely) = self.pool.after_next() {
                storage.prefetch(likely.id());
            }
        }
        Ok(if filtered && self.pool.matched() >= wanted { Stop::Enough } else { Stop::Settled })
    }

    /// Appends to `fresh` the rows that are likely to be measured next, for which there are no
    /// ranks: they come near while the others are measured. A step measures few rows, and
    /// would wait for the first of them.
    #[inline]
    fn add_likely<S: Storage>(&mut self, storage: &mut S) {
        if let Some(likely) = self.pool.after_next()
            && storage.neighbors(likely.id(), &mut self.neighbors).is_ok()
        {
            self.add_unvisited();
        }
    }

    /// Appends the neighbours that were not visited to `fresh`.
    #[inline]
    fn add_unvisited(&mut self) {
        // A loop, not `extend` of an iterator, which compiled for size is a call for each step.
        for &id in &self.neighbors {
            if !self.visited.contains(id) {
                self.fresh.push(id);
            }
        }
    }

    /// Widens the pool by the echoes among the fresh rows of a node of this rank.
    #[inline]
    fn make_room(&mut self, rank: f32) {
        let width = rank.abs() * ECHO;
        let echoes = self.ranks.iter().filter(|&&fresh| (fresh - rank).abs() <= width).count();
        if echoes >= 2 && 2 * echoes >= self.ranks.len() {
            let more = echoes.min(self.most_echoes - self.echoes);
            self.echoes += more;
            self.pool.widen(more);
        }
    }

    fn measure_fresh<S: Storage>(&mut self, storage: &mut S) -> Result<(), Halt<S::Missing>> {
        self.ranks.resize(self.fresh.len(), 0.0);
        storage.ranks(&self.fresh, &mut self.ranks)?;
        self.push_fresh();
        Ok(())
    }

    #[inline]
    fn push_fresh(&mut self) {
        self.measured += self.fresh.len() as u64;
        for (&id, &rank) in self.fresh.iter().zip(&self.ranks) {
            if !self.visited.insert(id) {
                continue; // listed twice: only a damaged file does that
            }
            let candidate = Candidate::new(rank, id);
            let evicted = self.pool.push(candidate);
            if self.resumable {
                self.spill.extend(evicted);
            }
        }
    }
}

impl HnswView<'_> {
    /// Descends through the upper layers greedily to the row at which the base layer's walk
    /// begins. `ranks` measures rows.
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
            // Every step must come nearer, so the walk ends whatever the bytes say.
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
        Ok(position)
    }
}
