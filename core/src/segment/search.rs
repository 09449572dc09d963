//! Searching one segment: a state machine that gives rows in batches, nearest first, and can
//! always go on.

use super::Segment;
use super::filter::{RowFilter, walk_cost, walk_steps};
use super::storage::{SegmentStorage, exact_ranks, rank_rows};
use crate::calibration::Structure;
use crate::error::Result;
use crate::hnsw::search::{EarlyStop, Halt, Stop, Walk, present};
use crate::metric::Metric;
use crate::neighbor::Candidate;
use crate::quantize::CodedQuery;
use crate::rows::RowSet;
use crate::sort::sort_by;
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
    /// Farther rows are not wanted.
    pub radius: Option<f32>,
    /// Whether more rows than the first batch may be asked for.
    pub resumable: bool,
}

/// What a batch is found by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Method {
    #[default]
    Scan,
    Walk,
    Probe,
    Done,
}

/// State and scratch of a search of one segment. Its memory is kept from search to search.
#[derive(Clone, Debug, Default)]
pub(crate) struct SegmentSearch {
    pub(super) method: Method,
    pub(super) walk: Walk,
    pub(super) coded: CodedQuery,
    /// Rows that came. A scan that follows passes over them, by `passed`.
    emitted: Vec<u32>,
    passed: RowSet,
    /// The batch, nearest first: (rank, row).
    ready: Vec<(f32, u32)>,
    next: usize,
    /// What a scan found.
    nearest: Vec<(f32, u32)>,
    budget: u64,
    /// Lists of the inverted file, nearest first, and how many were probed.
    pub(super) lists: Vec<Candidate>,
    pub(super) probed: usize,
    /// How many matching rows of the inverted file are looked at, at least.
    pub(super) share: usize,
    pub(super) rows: Vec<u32>,
    neighbors: Vec<u32>,
    pub(super) ranks: Vec<f32>,
    values: Vec<f32>,
    /// How many stored vectors were measured exactly.
    pub compared: u64,
}

/// As many copies of a row, at least, are put in the order of their keys.
const COPIES: usize = 1024;

/// Rows measured at a time by a scan.
pub(super) const BLOCK: u32 = 256;

impl SegmentSearch {
    /// Begins. `filter` must be the same until the search ends.
    pub fn start(&mut self, query: &Query, plan: Plan, filter: RowFilter<'_, '_>) -> Result<()> {
        let segment = filter.segment;
        self.ready.clear();
        self.next = 0;
        self.compared = 0;
        self.walk.measured = 0;
        self.emitted.clear();
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
            let expected = u64::from(filter.expected()).clamp(1, rows);
            let scan = filter.scan_cost();
            let walk = match (plan.structure, &segment.ivf) {
                (Structure::Hnsw, _) => walk_cost(plan.ef_search, expected, rows),
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
            let steps = walk_steps(plan.ef_search, expected, rows);
            capacity = steps.saturating_mul(2).min(rows) as usize;
        }
        if let Some(codes) = &segment.codes {
            self.coded.set(query, codes);
        }
        match (plan.structure, &segment.hnsw, &segment.ivf) {
            (Structure::Hnsw, Some(hnsw), _) => {
                self.method = Method::Walk;
                self.walk.start(segment.rows, capacity.max(plan.ef_search), resumable);
                // A walk that goes on, or looks for rows that match, may need the far ones.
                // One that may keep all rows is to see all that the graph reaches.
                if !resumable && plan.ef_search < segment.rows as usize {
                    let coded = segment.codes.as_ref().map(|_| &self.coded);
                    let metric = segment.vectors.metric();
                    self.walk.early_stop = early_stop(metric, coded, plan.k, plan.ef_search);
                }
                let Self { neighbors, rows, ranks, coded, walk, .. } = self;
                let entry = hnsw.descend(neighbors, rows, ranks, |list, out| {
                    Ok::<_, Halt<Infallible>>(rank_rows(segment, query, coded, list, out)?)
                });
                walk.enter(&[present(entry)?]);
            }
            (Structure::Ivf, _, Some(ivf)) => {
                self.start_probing(query, plan, ivf, segment.rows, resumable)?;
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
            self.emitted.extend(self.ready[before..].iter().map(|&(_, row)| row));
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
        let mut storage = SegmentStorage { filter, query, coded };
        let stop = present(walk.run(&mut storage, wanted, self.budget))?;
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

    /// Moves the nearest settled candidates of the pool, with their exact ranks, to `ready`.
    pub(super) fn settle(
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
        let steered = filter.segment.codes.is_some() && !self.walk.resumable;
        let coded = steered.then_some(&self.coded);
        let most = match exact {
            true => settled,
            false => rows_measured(want, &pool.entries()[..settled], coded),
        };
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
                plan.metric,
                &self.rows,
                &mut self.ranks,
                &mut self.values,
            )?;
            self.compared += self.rows.len() as u64;
        }
        if self.method != Method::Walk {
            self.ready.extend(self.ranks.iter().copied().zip(self.rows.iter().copied()));
            return Ok(());
        }
        // A search that does not go on gives no more rows of a group than these.
        let most = if self.walk.resumable { usize::MAX } else { want.max(COPIES) };
        for (&rank, &row) in self.ranks.iter().zip(&self.rows) {
            let rows = filter.segment.with_copies(row);
            let alone = rows.len() == 1;
            for row in rows.take(most) {
                if alone || filter.matches(row)? {
                    self.ready.push((rank, row));
                }
            }
        }
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
        self.nearest.clear();
        let listed = filter.rows(&mut self.neighbors)?;
        let count = listed.map_or(segment.rows as usize, <[u32]>::len);
        self.passed.reset(segment.rows);
        for &row in &self.emitted {
            self.passed.insert(row);
        }
        let mut bound = None;
        for first in (0..count).step_by(BLOCK as usize) {
            let last = count.min(first + BLOCK as usize);
            self.rows.clear();
            match listed {
                Some(listed) => self.rows.extend_from_slice(&listed[first..last]),
                None => self.rows.extend(first as u32..last as u32),
            }
            let passed = &self.passed;
            self.rows.retain(|&row| !segment.is_hidden(row) && !passed.contains(row));
            exact_ranks(
                segment,
                query,
                plan.metric,
                &self.rows,
                &mut self.ranks,
                &mut self.values,
            )?;
            self.compared += self.rows.len() as u64;
            for (&rank, &row) in self.ranks.iter().zip(&self.rows) {
                let is_within = |radius| plan.metric.distance(rank) <= radius;
                if bound.is_none_or(|bound| rank <= bound) && plan.radius.is_none_or(is_within) {
                    self.nearest.push((rank, row));
                }
            }
            // Cut seldom, so that a scan costs a sort of `want` rows now and then.
            if self.nearest.len() >= want.saturating_mul(2).saturating_add(BLOCK as usize) {
                bound = cut(segment, &mut self.nearest, want)?;
            }
        }
        cut(segment, &mut self.nearest, want)?;
        Ok(())
    }
}

/// Of how many rows, nearest by codes, the stored vectors are measured at least for the `want`
/// nearest: codes may misplace a row by some places. Of ten alone one in thirty was wrong.
pub(crate) fn least_measured(want: usize) -> usize {
    want + want / 2
}

/// Of how many of those `found`, nearest by codes first, the stored vectors are measured for the
/// `want` nearest: at most half, which has proved enough; of a search that does not go on, given the
/// query in codes, no farther ones than codes could misplace.
pub(crate) fn rows_measured(want: usize, found: &[Candidate], coded: Option<&CodedQuery>) -> usize {
    let mut most = found.len().div_ceil(2);
    if let Some(coded) = coded
        && let Some(last) = want.checked_sub(1).and_then(|last| found.get(last))
    {
        let bound = coded.bound(last.rank());
        most = most.min(found.partition_point(|entry| entry.rank() <= bound));
    }
    most.max(least_measured(want))
}

/// When a walk for the `k` nearest rows may stop early. `coded` is the query if the walk is steered by codes.
pub(super) fn early_stop(
    metric: Metric,
    coded: Option<&CodedQuery>,
    k: usize,
    ef: usize,
) -> Option<EarlyStop> {
    let noise = coded.map_or(0.0, CodedQuery::noise);
    EarlyStop::of(metric, noise, k.max(ef / 8))
}

/// Sorts by rank, ties by key.
fn sort_ready(segment: &Segment<'_>, ready: &mut [(f32, u32)]) -> Result<()> {
    sort_by(ready, |a, b| a.0.total_cmp(&b.0));
    let mut first = 0;
    while first < ready.len() {
        let tied = ready[first..].iter().take_while(|row| row.0 == ready[first].0).count();
        if tied > 1 {
            let tied = &mut ready[first..first + tied];
            // Before sorting: rows without a key have no place in their order, and a sort may panic
            // over an order that is none.
            for row in tied.iter() {
                segment.keys.get(row.1)?;
            }
            sort_by(tied, |a, b| segment.keys.get(a.1).ok().cmp(&segment.keys.get(b.1).ok()));
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
