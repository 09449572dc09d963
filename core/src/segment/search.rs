//! Searching one segment: a state machine that gives rows in batches, nearest first, and can
//! always go on.

use super::Segment;
use super::storage::{RowFilter, SegmentStorage, exact_ranks, rank_rows};
use crate::calibration::Structure;
use crate::error::{Error, Result};
use crate::hnsw::search::{EarlyStop, Halt, Stop, Walk, present};
use crate::metric::Metric;
use crate::neighbor::Candidate;
use crate::quantize::CodedQuery;
use crate::rows::RowSet;
use crate::vectors::Query;
use alloc::vec::Vec;
use core::convert::Infallible;

/// How a segment is to be searched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub structure: Structure,
    /// How many neighbours are asked for at first.
    pub k: usize,
    pub ef_search: usize,
    pub probes: usize,
    /// The metric of the distances: the index's own, or for unit vectors another.
    pub metric: Metric,
    /// Whether more rows than the first batch may be asked for.
    pub resumable: bool,
}

/// What a batch is found by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Method {
    #[default]
    Scan,
    Walk,
    Probe,
    Done,
}

/// State and scratch of a search of one segment. Its memory is kept from search to search.
#[derive(Clone, Debug, Default)]
pub(crate) struct SegmentSearch {
    method: Method,
    walk: Walk,
    coded: CodedQuery,
    /// Rows that the scan passes over, because they came earlier.
    emitted: RowSet,
    /// The batch, nearest first: (rank, row).
    ready: Vec<(f32, u32)>,
    next: usize,
    /// What a scan found.
    nearest: Vec<(f32, u32)>,
    budget: u64,
    /// Lists of the inverted file, nearest first, and how many were probed.
    lists: Vec<Candidate>,
    probed: usize,
    /// How many matching rows of the inverted file are looked at, at least.
    share: usize,
    rows: Vec<u32>,
    neighbors: Vec<u32>,
    ranks: Vec<f32>,
    values: Vec<f32>,
    /// How many stored vectors were measured exactly.
    pub compared: u64,
}

/// How many ranks a list is worth when the cost of walking is weighed against scanning.
const SCAN_COST: u64 = 2;

/// Testing a filter on so many rows costs as much as one rank.
const FILTER_ROWS_PER_RANK: u64 = 8;

/// New rows that a walk measures for each row it expands, about.
const RANKS_PER_STEP: u64 = 10;

/// Rows measured at a time by a scan.
const BLOCK: u32 = 256;

impl SegmentSearch {
    /// Begins. `filter` must be the same until the search ends.
    pub fn start(&mut self, query: &Query, plan: Plan, filter: RowFilter<'_, '_>) -> Result<()> {
        let segment = filter.segment;
        self.ready.clear();
        self.next = 0;
        self.compared = 0;
        self.walk.measured = 0;
        self.emitted.reset(segment.rows);
        self.method = Method::Scan;
        self.budget = u64::MAX;
        self.share = 0;
        if segment.rows == 0 {
            self.method = Method::Done;
            return Ok(());
        }
        let rows = u64::from(segment.rows);
        let mut capacity = plan.ef_search;
        let mut resumable = plan.resumable;
        if !filter.is_trivial() {
            resumable = true;
            let expected = u64::from(filter.expected()?).clamp(1, rows);
            let scan = SCAN_COST * expected + rows / FILTER_ROWS_PER_RANK;
            // A walk meets a matching row every rows / expected steps.
            let steps = plan.ef_search as u64 * rows / expected;
            let walk = match (plan.structure, &segment.ivf) {
                (Structure::Hnsw, _) => RANKS_PER_STEP * steps,
                (Structure::Ivf, Some(ivf)) => {
                    let probes = plan.probes as u64;
                    // As large a share of the matching rows is looked at as of all rows without
                    // a filter: matching rows may all be far from the query.
                    self.share = (expected * probes / u64::from(ivf.lists().max(1))) as usize;
                    rows * probes / u64::from(ivf.lists().max(1))
                }
                _ => 0,
            };
            if scan <= walk || expected <= 2 * plan.ef_search as u64 {
                return Ok(());
            }
            // Should the matching rows be far from the query, the walk ends when it has cost as
            // much as the scan: never more than twice the cheaper way.
            self.budget = scan;
            capacity = (2 * steps).min(rows) as usize;
        }
        if let Some(codes) = &segment.codes {
            self.coded.set(query, codes);
        }
        match (plan.structure, &segment.hnsw, &segment.ivf) {
            (Structure::Hnsw, Some(hnsw), _) => {
                self.method = Method::Walk;
                self.walk.start(segment.rows, capacity.max(plan.ef_search), resumable);
                // A walk that goes on, or looks for rows that match, may need the far ones.
                if !resumable {
                    self.walk.early_stop = early_stop(segment, &self.coded, plan.k);
                }
                let Self { neighbors, rows, ranks, coded, walk, .. } = self;
                let entry = hnsw.descend(neighbors, rows, ranks, |list, out| {
                    Ok::<_, Halt<Infallible>>(rank_rows(segment, query, coded, list, out)?)
                });
                let entry = present(entry)?;
                let mut storage = SegmentStorage::<false> { filter, query, coded };
                present(walk.enter(&mut storage, &[entry]))?;
            }
            (Structure::Ivf, _, Some(ivf)) => {
                self.method = Method::Probe;
                self.walk.start(segment.rows, plan.ef_search, resumable);
                self.probed = 0;
                self.rows.clear();
                self.rows.extend(0..ivf.lists());
                self.ranks.resize(self.rows.len(), 0.0);
                ivf.ranks(query, &self.rows, &mut self.ranks)?;
                self.lists.clear();
                let ranked = self.ranks.iter().zip(&self.rows);
                self.lists.extend(ranked.map(|(&rank, &list)| Candidate::new(rank, list)));
                self.lists.sort_unstable();
            }
            _ => {}
        }
        Ok(())
    }

    /// How many ranks were computed to steer by.
    pub fn visited(&self) -> u64 {
        self.walk.measured
    }

    /// The nearest row that has been found and not been taken: its rank and number.
    pub fn head(&self) -> Option<(f32, u32)> {
        self.ready.get(self.next).copied()
    }

    /// Takes the head.
    pub fn take(&mut self) {
        self.next += 1;
    }

    /// Finds the next rows, `want` or a few more, fewer only if there are no more; says whether
    /// there are any.
    pub fn next_batch(
        &mut self,
        query: &Query,
        plan: Plan,
        filter: RowFilter<'_, '_>,
        want: usize,
    ) -> Result<bool> {
        self.ready.clear();
        self.next = 0;
        while self.ready.len() < want && self.method != Method::Done {
            let before = self.ready.len();
            match self.method {
                Method::Scan => {
                    self.scan(query, plan, filter, want)?;
                    // A scan leaves out nothing that matches.
                    if self.nearest.len() < want {
                        self.method = Method::Done;
                    }
                    self.ready.extend_from_slice(&self.nearest);
                }
                Method::Walk => self.walk_on(query, plan, filter, want)?,
                Method::Probe => self.probe_on(query, plan, filter, want)?,
                Method::Done => {}
            }
            for &(_, row) in &self.ready[before..] {
                self.emitted.insert(row);
            }
        }
        sort_ready(filter.segment, &mut self.ready)?;
        Ok(!self.ready.is_empty())
    }

    /// One round of the graph walk.
    fn walk_on(
        &mut self,
        query: &Query,
        plan: Plan,
        filter: RowFilter<'_, '_>,
        want: usize,
    ) -> Result<()> {
        let Self { walk, coded, .. } = self;
        let wanted = plan.ef_search.max(want);
        let stop = if filter.is_trivial() {
            let mut storage = SegmentStorage::<false> { filter, query, coded };
            present(walk.run(&mut storage, wanted, u64::MAX))?
        } else {
            let mut storage = SegmentStorage::<true> { filter, query, coded };
            present(walk.run(&mut storage, wanted, self.budget))?
        };
        if stop == Stop::Budget {
            self.method = Method::Scan;
            return Ok(());
        }
        if walk.pool.entries().is_empty() {
            // What the graph does not reach is left to a scan.
            self.method = Method::Scan;
            return Ok(());
        }
        self.settle(query, plan, filter, want)
    }

    /// One round of the inverted file: the next lists.
    fn probe_on(
        &mut self,
        query: &Query,
        plan: Plan,
        filter: RowFilter<'_, '_>,
        want: usize,
    ) -> Result<()> {
        let segment = filter.segment;
        let Some(ivf) = &segment.ivf else { return Err(Error::Corrupt { what: "segment" }) };
        let last = self.probed.saturating_add(plan.probes.max(1));
        while let Some(list) = self.lists.get(self.probed) {
            let seen = self.walk.measured as usize;
            if self.probed >= last && self.walk.pool.entries().len() >= want && seen >= self.share {
                break;
            }
            self.probed += 1;
            let mut rows = ivf.rows(list.id())?;
            while !rows.is_empty() {
                let block = rows.start..rows.end.min(rows.start + BLOCK);
                rows.start = block.end;
                self.rows.clear();
                for row in block {
                    if filter.is_trivial() || filter.matches(row)? {
                        self.rows.push(row);
                    }
                }
                self.ranks.resize(self.rows.len(), 0.0);
                rank_rows(segment, query, &mut self.coded, &self.rows, &mut self.ranks)?;
                self.walk.measured += self.rows.len() as u64;
                for (&rank, &row) in self.ranks.iter().zip(&self.rows) {
                    let evicted = self.walk.pool.push(Candidate::settled(rank, row));
                    if self.walk.resumable {
                        self.walk.spill.extend(evicted);
                    }
                }
            }
        }
        let _ = self.walk.pool.next(); // all are settled: moves the cursor to the end
        if self.walk.pool.entries().is_empty() {
            self.method = if self.probed < self.lists.len() { Method::Probe } else { Method::Done };
            return Ok(());
        }
        self.settle(query, plan, filter, want)
    }

    /// Moves the nearest settled candidates of the pool, with their exact ranks, to `ready`.
    fn settle(
        &mut self,
        query: &Query,
        plan: Plan,
        filter: RowFilter<'_, '_>,
        want: usize,
    ) -> Result<()> {
        let pool = &mut self.walk.pool;
        let exact =
            filter.segment.codes.is_none() && plan.metric == filter.segment.vectors.metric();
        // Where the walk stopped early, what is left in the pool is measured too.
        let settled = match self.walk.early_stop {
            Some(_) => pool.entries().len(),
            None => pool.settled(),
        };
        // Codes may misplace a row by some places; half a pool has proved enough.
        let most = if exact { settled } else { want.max(settled.div_ceil(2)) };
        self.rows.clear();
        self.ranks.clear();
        let mut taken = 0;
        for entry in &pool.entries()[..settled] {
            if self.rows.len() == most {
                break;
            }
            taken += 1;
            if filter.is_trivial() || entry.is_matched() {
                self.rows.push(entry.id());
                self.ranks.push(entry.rank());
            }
        }
        pool.remove_first(taken);
        if self.walk.resumable {
            pool.refill(&mut self.walk.spill);
        }
        if !exact {
            exact_ranks(
                filter.segment,
                query,
                plan,
                &self.rows,
                &mut self.ranks,
                &mut self.values,
            )?;
            self.compared += self.rows.len() as u64;
        }
        self.ready.extend(self.ranks.iter().copied().zip(self.rows.iter().copied()));
        Ok(())
    }

    /// The nearest `want` rows of all that match and did not come yet, by their stored vectors,
    /// into `nearest`.
    fn scan(
        &mut self,
        query: &Query,
        plan: Plan,
        filter: RowFilter<'_, '_>,
        want: usize,
    ) -> Result<()> {
        let segment = filter.segment;
        let mut rows = 0..segment.rows;
        self.nearest.clear();
        self.neighbors.clear();
        let listed = match filter.filter {
            Some(bound) => {
                bound.collect_into(&mut self.neighbors)?;
                true
            }
            None => false,
        };
        let mut bound = None;
        let mut at = 0;
        loop {
            self.rows.clear();
            if listed {
                let block = &self.neighbors[at..self.neighbors.len().min(at + BLOCK as usize)];
                at += block.len();
                self.rows.extend_from_slice(block);
                if block.is_empty() {
                    break;
                }
            } else {
                let end = segment.rows.min(rows.start + BLOCK);
                self.rows.extend(rows.start..end);
                rows.start = end;
                if self.rows.is_empty() {
                    break;
                }
            }
            let emitted = &self.emitted;
            self.rows.retain(|&row| !segment.is_hidden(row) && !emitted.contains(row));
            exact_ranks(segment, query, plan, &self.rows, &mut self.ranks, &mut self.values)?;
            self.compared += self.rows.len() as u64;
            for (&rank, &row) in self.ranks.iter().zip(&self.rows) {
                if bound.is_none_or(|bound| rank <= bound) {
                    self.nearest.push((rank, row));
                }
            }
            // Cut seldom, so that a scan costs a sort of `want` rows now and then.
            if self.nearest.len() >= 2 * want + BLOCK as usize {
                bound = cut(segment, &mut self.nearest, want)?;
            }
        }
        cut(segment, &mut self.nearest, want)?;
        Ok(())
    }
}

/// When a walk for the `k` nearest rows may stop early: where ranks are squares of distances.
pub(super) fn early_stop(segment: &Segment<'_>, coded: &CodedQuery, k: usize) -> Option<EarlyStop> {
    let noise = if segment.codes.is_some() { coded.noise() } else { 0.0 };
    early_stop_by(segment.vectors.metric(), noise, k)
}

/// The same for ranks of `metric` that are off by about `noise`.
pub(super) fn early_stop_by(metric: Metric, noise: f32, k: usize) -> Option<EarlyStop> {
    matches!(metric, Metric::L2 | Metric::Cosine).then_some(EarlyStop { k, noise })
}

/// Sorts by rank, ties by key.
fn sort_ready(segment: &Segment<'_>, ready: &mut [(f32, u32)]) -> Result<()> {
    ready.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut first = 0;
    while first < ready.len() {
        let tied = ready[first..].iter().take_while(|row| row.0 == ready[first].0).count();
        if tied > 1 {
            let mut damaged = None;
            ready[first..first + tied].sort_unstable_by(|a, b| {
                match (segment.keys.get(a.1), segment.keys.get(b.1)) {
                    (Ok(a), Ok(b)) => a.cmp(&b),
                    (Err(error), _) | (_, Err(error)) => {
                        damaged = Some(error);
                        a.1.cmp(&b.1)
                    }
                }
            });
            if let Some(error) = damaged {
                return Err(error);
            }
        }
        first += tied.max(1);
    }
    Ok(())
}

/// Cuts to the nearest `want` rows, sorted, and gives the last one's rank.
fn cut(segment: &Segment<'_>, ready: &mut Vec<(f32, u32)>, want: usize) -> Result<Option<f32>> {
    sort_ready(segment, ready)?;
    ready.truncate(want);
    Ok(ready.get(want - 1).map(|row| row.0))
}
