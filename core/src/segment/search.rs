//! The search of one segment: a state machine that returns rows in batches, nearest first, and can always go
//! on.
//!
//! The first answer is that of a plain search, which is quicker: it may stop early, and keeps nothing that it
//! does not need. Only if more rows are requested does a search begin that can go on, and that skips the rows
//! that were returned before.
//!
//! Each step is either completed or, if its storage is missing something, changes nothing that matters and is
//! repeated: [`SegmentSearch::next_batch`] is then called again with the same arguments.

pub(crate) mod joint;

use super::filter::{walk_cost, walk_steps};
use super::order::sort_rows;
use super::plan::{Plan, rows_measured};
use super::probe::Probe;
use super::scan::Scan;
use super::storage::Storage;
use crate::calibration::Structure;
use crate::hnsw::search::{EarlyStop, Step, Stop, Walk};
use crate::quantize::{CodedQuery, Width};
use crate::rows::RowSet;
use crate::sort::sort_by;
use alloc::vec::Vec;

/// The next thing to do for a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Method {
    #[default]
    Choose,
    Scan,
    /// Find where a walk begins.
    Enter,
    Walk,
    /// Rank the lists, to probe the nearest.
    Rank,
    Probe,
    /// What is left of a first answer that others had a part in.
    Rest,
    Done,
}

/// The state of a search of one segment. Its memory is reused from search to search.
#[derive(Clone, Debug, Default)]
pub(crate) struct SegmentSearch {
    plan: Plan,
    method: Method,
    walk: Walk,
    probe: Probe,
    scan: Scan,
    /// Rows that were returned, and how many of them before this batch. A later scan skips them.
    emitted: Vec<u32>,
    before: usize,
    /// The rows of a first answer, which the search that goes on finds again.
    given: RowSet,
    /// The batch, nearest first, as (rank, row); and the number of rows for which it is being collected.
    ready: Vec<(f32, u32)>,
    gathering: Option<usize>,
    next: usize,
    /// As far as is known, no row that is yet to come has a lower rank.
    until: f32,
    budget: u64,
    /// The least number of matching rows that are looked at in lists.
    share: usize,
    rows: Vec<u32>,
    ranks: Vec<f32>,
    group: Vec<u32>,
    settled: Vec<(f32, u32)>,
    /// Measured rows that wait for nearer ones, nearest first: 4-bit codes misplace rows, so that a row that is
    /// found later may come before them. And how many rows were measured with them.
    waiting: Vec<(f32, u32)>,
    measured: usize,
    /// Whether candidates that had no place in the pool are to fill it up if the search goes on: most searches
    /// do not.
    refill: bool,
    /// How many ranks were computed before the walk, and how many stored vectors were measured, except by
    /// scans.
    visited: u64,
    compared: u64,
}

/// The least number of copies of a row that are put in the order of their keys.
const COPIES: usize = 1024;

impl SegmentSearch {
    /// Begins a search; reads nothing. The answers of the storage must not change until the search ends.
    pub fn start(&mut self, plan: Plan) {
        self.plan = plan;
        self.method = Method::Choose;
        self.ready.clear();
        self.gathering = None;
        self.next = 0;
        self.until = f32::NEG_INFINITY;
        (self.visited, self.compared, self.measured) = (0, 0, 0);
        self.walk.measured = 0;
        self.scan.start();
        self.emitted.clear();
        self.before = 0;
        self.given.reset(0);
        self.waiting.clear();
        self.refill = false;
    }

    /// Chooses the cheapest method and prepares it, for a search that can go on or not.
    fn choose<S: Storage>(&mut self, storage: &S, mut resumable: bool) -> Method {
        let Plan { structure, ef_search, probes, .. } = self.plan;
        if storage.rows() == 0 {
            return Method::Done;
        }
        if structure == Structure::Flat || !storage.has(structure) {
            return Method::Scan;
        }
        let rows = u64::from(storage.rows());
        let mut capacity = ef_search;
        self.budget = u64::MAX;
        self.share = 0;
        if let Some(selectivity) = storage.selectivity() {
            resumable = true;
            let expected = selectivity.expected.clamp(1, rows);
            let cost = match structure {
                Structure::Hnsw => walk_cost(ef_search, expected, rows),
                Structure::Ivf | Structure::Flat => {
                    let (probes, lists) = (probes as u64, u64::from(storage.lists().max(1)));
                    // Look at as large a share of the matching rows as of all rows without a filter: matching
                    // rows may all be far from the query.
                    self.share = (expected * probes / lists) as usize;
                    rows * probes / lists
                }
            };
            if selectivity.scan_cost <= cost || expected <= 2 * ef_search as u64 {
                return Method::Scan;
            }
            // In case the matching rows are far from the query, the walk ends when it has cost as much as the
            // scan: the search then costs at most twice the cheaper way.
            self.budget = selectivity.scan_cost;
            let steps = walk_steps(ef_search, expected, rows);
            capacity = steps.saturating_mul(2).min(rows) as usize;
        }
        if structure == Structure::Ivf {
            self.walk.start(storage.rows(), ef_search, resumable);
            return Method::Rank;
        }
        self.walk.start(storage.rows(), capacity.max(ef_search), resumable);
        Method::Enter
    }

    /// How many ranks were computed to steer the search.
    pub fn visited(&self) -> u64 {
        self.visited + self.walk.measured
    }

    /// How many stored vectors were measured besides these.
    pub fn compared(&self) -> u64 {
        self.compared + self.scan.compared
    }

    /// The nearest row that was found and not yet taken: its rank and number.
    pub fn head(&self) -> Option<(f32, u32)> {
        if self.gathering.is_some() { None } else { self.ready.get(self.next).copied() }
    }

    /// Takes the head.
    pub fn take(&mut self) {
        self.next += 1;
    }

    /// A lower bound, as far as is known, of the ranks of the rows that were not taken: a walk may find nearer
    /// rows late.
    pub fn floor(&self) -> f32 {
        match self.head() {
            Some((rank, _)) => rank,
            None if self.method == Method::Done => f32::INFINITY,
            None => self.until,
        }
    }

    /// Whether what was found is a first answer, from which the search cannot go on.
    fn is_plain(&self) -> bool {
        matches!(self.method, Method::Walk | Method::Probe) && !self.walk.resumable
    }

    /// Finds the next `want` rows or a few more, fewer only if there are no more; returns whether there are
    /// any.
    pub fn next_batch<S: Storage>(
        &mut self,
        storage: &mut S,
        want: usize,
    ) -> Step<bool, S::Missing> {
        let want = match self.gathering {
            Some(want) => want,
            None => self.begin_batch(storage, want),
        };
        while self.ready.len() < want && self.method != Method::Done {
            match self.method {
                Method::Rest if !self.ready.is_empty() => break,
                Method::Rest => self.find_rest(storage)?,
                Method::Choose => self.method = self.choose(storage, want > self.plan.k),
                Method::Enter if S::STRUCTURED => self.enter(storage)?,
                Method::Walk if S::STRUCTURED => self.walk_on(storage, want)?,
                Method::Rank if S::STRUCTURED => {
                    storage.steer();
                    self.probe.start(storage, self.share)?;
                    self.method = Method::Probe;
                }
                Method::Probe if S::STRUCTURED => self.probe_on(storage, want)?,
                _ => self.scan_on(storage, want)?,
            }
        }
        sort_rows(&mut self.ready, |row| row.0, |row| storage.key(row.1))?;
        if self.method == Method::Rest {
            self.method = Method::Walk;
        }
        if self.is_plain() {
            // Beyond these, nearer rows may be missing.
            self.ready.truncate(self.plan.k.saturating_sub(self.before));
        }
        self.gathering = None;
        Ok(!self.ready.is_empty())
    }

    /// Begins a batch; returns the number of rows that it is for.
    fn begin_batch<S: Storage>(&mut self, storage: &S, mut want: usize) -> usize {
        if self.is_plain() {
            self.resume(storage);
        } else if self.method == Method::Choose {
            want = want.max(self.plan.k);
        }
        self.ready.clear();
        self.next = 0;
        self.before = self.emitted.len();
        self.gathering = Some(want);
        want
    }

    /// Begins a search that can go on, after the rows that were returned.
    fn resume<S: Storage>(&mut self, storage: &S) {
        self.emitted.truncate(self.before);
        self.emitted.extend(self.ready.iter().map(|row| row.1));
        self.given.reset(storage.rows());
        for &row in &self.emitted {
            self.given.insert(row);
        }
        self.visited += self.walk.measured;
        self.method = self.choose(storage, true);
    }

    /// Finds the nearest rows that were not returned yet, by a scan. Each scan after the first finds twice as
    /// many rows as were returned before, so that requests for a few rows at a time do not each measure all
    /// rows.
    fn scan_on<S: Storage>(&mut self, storage: &mut S, want: usize) -> Step<(), S::Missing> {
        let want = want.max(2 * self.emitted.len());
        let Plan { metric, radius, .. } = self.plan;
        let nearest = self.scan.run(storage, &self.emitted, (metric, radius), want)?;
        // A scan finds every row that matches.
        if nearest.len() < want {
            self.method = Method::Done;
        }
        if let Some(last) = nearest.last() {
            self.until = last.0;
        }
        self.ready.extend_from_slice(nearest);
        self.emitted.extend(nearest.iter().map(|&(_, row)| row));
        Ok(())
    }

    /// Fills the pool up with candidates that had no place in it.
    fn refill(&mut self) {
        if core::mem::take(&mut self.refill) {
            self.walk.pool.refill(&mut self.walk.spill);
        }
    }

    /// One round of probing.
    fn probe_on<S: Storage>(&mut self, storage: &mut S, want: usize) -> Step<(), S::Missing> {
        self.refill();
        self.probe.run(storage, &mut self.walk, self.plan.probes, want)?;
        if !self.walk.pool.entries().is_empty() {
            self.settle(storage, want, None)?;
        } else if self.probe.is_over() {
            self.give(usize::MAX);
            self.method = Method::Done;
        }
        self.probe.end_round();
        Ok(())
    }

    /// Finds where the walk begins, and sets when it may stop.
    fn enter<S: Storage>(&mut self, storage: &mut S) -> Step<(), S::Missing> {
        let Plan { k, ef_search, .. } = self.plan;
        storage.steer();
        let entry = storage.entry()?;
        // A walk that goes on, or that looks for matching rows, may need far candidates. One that may keep all
        // rows should see everything that the graph reaches.
        if !self.walk.resumable && ef_search < storage.rows() as usize {
            let noise = storage.coded().map_or(0.0, CodedQuery::noise);
            self.walk.early_stop = EarlyStop::of(storage.metric(), noise, k.max(ef_search / 8));
        }
        self.walk.enter(&[entry]);
        self.method = Method::Walk;
        Ok(())
    }

    /// One round of the graph walk.
    fn walk_on<S: Storage>(&mut self, storage: &mut S, want: usize) -> Step<(), S::Missing> {
        self.refill();
        let stop = self.walk.run(storage, self.plan.ef_search.max(want), self.budget)?;
        // Rows that the graph does not reach are left to a scan, and so are the waiting rows.
        if stop == Stop::Budget || self.walk.pool.entries().is_empty() {
            self.method = Method::Scan;
            return Ok(());
        }
        self.settle(storage, want, None)
    }

    /// Moves the nearest settled candidates of the pool to `ready`, with their exact ranks; those up to the rank
    /// `last` for a joint answer.
    fn settle<S: Storage>(
        &mut self,
        storage: &mut S,
        want: usize,
        last: Option<f32>,
    ) -> Step<(), S::Missing> {
        let pool = &mut self.walk.pool;
        let estimated = storage.rows_measured(want);
        let is_exact = estimated.is_none()
            && storage.coded().is_none()
            && self.plan.metric == storage.metric();
        // Where the walk stopped early, the rest of the pool is measured too.
        let settled = match (last, self.walk.early_stop) {
            (Some(last), _) => pool.entries().partition_point(|entry| entry.rank() <= last),
            (None, Some(_)) => pool.entries().len(),
            (None, None) => pool.settled(),
        };
        let most = match is_exact || last.is_some() {
            true => settled,
            false => {
                let found = &pool.entries()[..settled];
                estimated.unwrap_or_else(|| {
                    rows_measured(want, found, storage.coded(), self.walk.resumable)
                })
            }
        };
        let filtered = storage.is_filtered();
        self.rows.clear();
        self.ranks.clear();
        let mut taken = 0;
        for entry in &pool.entries()[..settled] {
            if self.rows.len() == most {
                break;
            }
            taken += 1;
            if !filtered || entry.is_matched() {
                self.rows.push(entry.id());
                self.ranks.push(entry.rank());
            }
        }
        if !is_exact {
            storage.exact_ranks(self.plan.metric, &self.rows, &mut self.ranks)?;
        }
        let found = self.ranks.iter().copied().zip(self.rows.iter().copied());
        self.settled.clear();
        if matches!(self.method, Method::Walk | Method::Rest) {
            // A search that does not go on returns at most this many rows of a group.
            let most = if self.walk.resumable { usize::MAX } else { want.max(COPIES) };
            for (rank, node) in found {
                storage.node_rows(node, &mut self.group)?;
                let is_alone = self.group.len() == 1;
                for &row in self.group.iter().take(most) {
                    if is_alone || storage.row_matches(row)? {
                        self.settled.push((rank, row));
                    }
                }
            }
        } else {
            self.settled.extend(found);
        }
        // Nothing was missing, so the candidates can be dropped now.
        if !is_exact {
            self.compared += self.rows.len() as u64;
        }
        pool.remove_first(taken);
        self.refill = self.walk.resumable;
        let measured = self.settled.len();
        self.settled.retain(|row| !self.given.contains(row.1));
        let is_coarse = storage.coded().is_some_and(|coded| coded.width() == Width::Four);
        if is_coarse && self.walk.resumable {
            self.measured += measured;
            self.waiting.append(&mut self.settled);
            self.give((self.measured / 2).saturating_sub(self.emitted.len()));
        } else {
            self.ready.extend_from_slice(&self.settled);
            self.emitted.extend(self.settled.iter().map(|&(_, row)| row));
        }
        Ok(())
    }

    /// Moves the `most` nearest of the waiting rows to the batch, and those that are as near as the last of
    /// them.
    fn give(&mut self, most: usize) {
        let waiting = &mut self.waiting;
        sort_by(waiting, |a, b| a.0.total_cmp(&b.0));
        let most = match most.min(waiting.len()).checked_sub(1) {
            Some(last) => waiting.partition_point(|row| row.0 <= waiting[last].0),
            None => 0,
        };
        self.emitted.extend(waiting[..most].iter().map(|&(_, row)| row));
        self.ready.extend(waiting.drain(..most));
    }
}
