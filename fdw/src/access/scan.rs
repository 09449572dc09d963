//! Scanning: returns the rows of all segments and the growing rows one by one, nearest first, until none is
//! left.
//!
//! Rows are ordered by the distance of Postgres's own operator (`order`, `measure`). In strict order, a row
//! that the search finds late, although it is nearer than one already returned, comes after all others.

use crate::access::bounds::{self, Bounds};
use crate::access::column::Column;
use crate::access::conditions;
use crate::access::dead_rows::DeadRow;
use crate::access::measure::{Measure, RowDistance};
use crate::access::open_index::Snapshot;
use crate::access::order::Queue;
use crate::access::radius;
use crate::access::relation::IndexRelation;
use crate::access::report::{self, ScanReport};
use crate::access::tid::tid_at;
use crate::search::iterative::{FIRST_BATCH, Request, Search};
use crate::search::lengths::length;
use crate::search::rounding::Rounding;
use crate::search::stats;
use crate::sql::failure::{Failure, Result};
use crate::sql::float8::Float8;
use crate::sql::settings;
use crate::sql::vector::VectorValue;
use hither_core::{Metric, RowId, SearchStats, Structure};
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A first answer has at least so many rows: ten, and one more that shows that they are the nearest.
const FEW_ROWS: usize = 11;

/// If the vectors are in the table, more rows are needed to show that. They cost little until they are
/// fetched.
const FEW_CODES: usize = 20;
const MANY_CODES: usize = 100;

/// A scan of an index.
pub struct Scan {
    /// The memory context in which the scan lives.
    memory: pg_sys::MemoryContext,
    search: Option<RunningSearch>,
    /// The figures of the scan, without those of the running search.
    report: Option<ScanReport>,
}

/// A running search.
struct RunningSearch {
    snapshot: Snapshot,
    search: Search,
    /// `None` if rows have no distances: the query is null or has no direction.
    measure: Option<Measure>,
    bounds: Bounds,
    /// Rows beyond this distance are not wanted.
    radius: Float8,
    /// Whether all rows are compared, without a structure.
    is_flat: bool,
    /// A search that has computed so many distances does not go on.
    most: u64,
    queue: Queue,
    relaxed: bool,
    /// No row that is yet to come is nearer, except for those that come late.
    frontier: Float8,
    /// The greatest distance returned so far.
    greatest: Float8,
    /// Rows that came late, to be returned at the end: distances and TIDs.
    late: BinaryHeap<Reverse<(Float8, u64)>>,
    over: bool,
    index: IndexRelation,
    /// Whether rows that scans found dead are skipped: not where WAL is replayed.
    heeds_dead: bool,
    dead: Vec<DeadRow>,
    /// The row that was returned last, if it may turn out to be dead.
    last: Option<(usize, RowId)>,
}

impl Scan {
    /// A scan that lives in this memory context.
    pub fn new(memory: pg_sys::MemoryContext) -> Self {
        Self { memory, search: None, report: None }
    }

    /// Starts over.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn restart(&mut self) -> Result<()> {
        self.report = self.report();
        self.search.take().map_or(Ok(()), RunningSearch::end)
    }

    /// Ends the scan.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn end(&mut self) -> Result<()> {
        self.restart()?;
        if let Some(report) = self.report {
            report::note(report);
        }
        Ok(())
    }

    /// The statistics so far; `None` if nothing was searched.
    pub fn report(&self) -> Option<ScanReport> {
        let mut report = self.report?;
        if let Some(running) = &self.search {
            report
                .add(running.search.stats(), running.measure.as_ref().map_or(0, |one| one.fetched));
        }
        Some(report)
    }

    /// The TID of the next row.
    ///
    /// # Safety
    /// The scan is the one of Postgres's that this belongs to.
    pub unsafe fn next(&mut self, scan: pg_sys::IndexScanDesc) -> Result<Option<u64>> {
        if self.search.is_none() {
            // SAFETY: the caller's promise.
            let (running, report) = unsafe { RunningSearch::new(scan, self.memory, self.report)? };
            (self.search, self.report) = (Some(running), Some(report));
        }
        // SAFETY: the caller's promise; Postgres sets the flag if the row that was returned last is dead.
        if unsafe { (*scan).kill_prior_tuple }
            && let Some(running) = &mut self.search
        {
            running.note_last_dead()?;
        }
        let row = self.search.as_mut().map_or(Ok(None), RunningSearch::next)?;
        if row.is_some() {
            stats::note_row();
        }
        Ok(row)
    }
}

impl RunningSearch {
    /// Starts a search, and the report of its scan, which continues `before`.
    ///
    /// # Safety
    /// The scan is Postgres's; the memory context lives as long.
    unsafe fn new(
        scan: pg_sys::IndexScanDesc,
        memory: pg_sys::MemoryContext,
        before: Option<ScanReport>,
    ) -> Result<(Self, ScanReport)> {
        // SAFETY: the caller's promise; there are as many orderings as the scan says.
        let (index, order) = unsafe {
            check_snapshot((*scan).xs_snapshot)?;
            if (*scan).numberOfOrderBys != 1 {
                let message = "an index of hither is scanned in the order of a distance only";
                return Err(Failure::new(Code::ERRCODE_FEATURE_NOT_SUPPORTED, message));
            }
            note_scan(scan);
            (IndexRelation::new((*scan).indexRelation), &*(*scan).orderByData)
        };
        let column = Column::of(index)?;
        let snapshot = Snapshot::new(index, &column)?;
        // SAFETY: the scan key of an ordering operator.
        let query = unsafe { query(order, &column)? };
        let effort = index.options().effort();
        let metric = column.metric;
        // If a query is null or has no direction, there are no distances: all rows are alike.
        let measured = query
            .filter(|query| metric != Metric::Cosine || query.iter().any(|value| *value != 0.0));
        let exact = measured.is_none();
        let query = measured.unwrap_or_else(|| vec![0.0; column.dimensions]);
        let rounding = match exact {
            true => None,
            false => Rounding::of_lengths(metric, &query, || Ok(Some(snapshot.lengths)))?,
        };
        // SAFETY: there are as many keys as the scan says.
        let (filter, radius) = unsafe {
            let keys = match (*scan).numberOfKeys {
                0 => &[],
                count => std::slice::from_raw_parts((*scan).keyData, count as usize),
            };
            (conditions::filter(keys, &column.keys)?, radius::of(keys))
        };
        let filter = filter.as_ref();
        let usual_error = snapshot.usual_error();
        // The number of rows that will be asked for is unknown: with a small effort the first answer is
        // small.
        let k = effort.pool().map(|pool| match usual_error > 0.0 {
            true => (pool * 2 / 3).clamp(FEW_CODES, MANY_CODES),
            false => (pool / 2).clamp(FEW_ROWS, FIRST_BATCH),
        });
        let is_flat = exact || snapshot.shards.iter().all(|shard| shard.file.index().is_flat());
        let share = bounds::share(column.dimensions, is_flat);
        let bounds = Bounds { metric, rounding, length: length(&query), usual_error, share };
        // SAFETY: the caller's promise.
        let measure =
            (!exact).then(|| unsafe { Measure::new(scan, memory, &column, snapshot.lengths) });
        let request = Request {
            query,
            metric,
            k: k.filter(|_| !exact),
            exact,
            open: false,
            // Postgres's distances decide where the scan ends.
            radius: None,
            rounding,
            effort,
            filter,
        };
        let search = Search::new(&snapshot.shards, request)?;
        let growing = &snapshot.shards[snapshot.segments.len()..];
        let report = ScanReport {
            // SAFETY: open.
            index: unsafe { (*index.raw()).rd_id },
            effort,
            structure: if is_flat { Structure::Flat } else { index.options().kind.structure() },
            segments: snapshot.segments.len() as u64,
            growing_rows: growing.iter().map(|shard| shard.file.index().len()).sum(),
            searches: before.map_or(1, |before| before.searches + 1),
            stats: before.map_or(SearchStats::default(), |before| before.stats),
            rechecks: before.map_or(0, |before| before.rechecks),
        };
        let running = Self {
            snapshot,
            search,
            measure,
            bounds,
            radius,
            is_flat,
            most: settings::max_scan_tuples(),
            queue: Queue::default(),
            relaxed: effort.relaxed,
            frontier: Float8(f64::NEG_INFINITY),
            greatest: Float8(f64::NEG_INFINITY),
            late: BinaryHeap::new(),
            over: false,
            index,
            // SAFETY: the caller's promise.
            heeds_dead: unsafe { (*scan).ignore_killed_tuples },
            dead: Vec::new(),
            last: None,
        };
        Ok((running, report))
    }

    /// Remembers that the row returned last is dead.
    fn note_last_dead(&mut self) -> Result<()> {
        if let Some((shard, row)) = self.last.take().filter(|_| self.heeds_dead) {
            self.dead.push(self.snapshot.dead_row(shard, row)?);
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<u64>> {
        self.last = None;
        loop {
            let most = if self.over { Float8(f64::NAN) } else { self.frontier };
            if let Some(waiting) = self.queue.pop(most) {
                let shard = &self.snapshot.shards[waiting.shard];
                let tid = tid_at(shard, waiting.row)?;
                if waiting.is_measured {
                    self.greatest = waiting.distance;
                    self.last = Some((waiting.shard, waiting.row));
                    return Ok(Some(tid));
                }
                let Some(measure) = &mut self.measure else { continue };
                let distance = match measure.distance(shard, waiting.row, tid)? {
                    RowDistance::At(distance) => Float8(distance),
                    RowDistance::Dead if self.heeds_dead => {
                        self.dead.push(self.snapshot.dead_row(waiting.shard, waiting.row)?);
                        continue;
                    }
                    RowDistance::Dead | RowDistance::Unseen => continue,
                };
                if distance > self.radius {
                    continue;
                }
                if distance < self.greatest && !self.relaxed {
                    self.late.push(Reverse((distance, tid)));
                } else {
                    self.queue.put_back(waiting, distance, tid);
                }
                continue;
            }
            if self.over {
                return Ok(self.late.pop().map(|Reverse((_, tid))| tid));
            }
            if self.search.goes_on() && self.search.stats().visited >= self.most {
                self.over = true;
                continue;
            }
            let Some((shard, found)) = self.search.next(&self.snapshot.shards)? else {
                self.over = true;
                continue;
            };
            if self.snapshot.is_deleted(shard, found.row)
                || (self.heeds_dead && self.snapshot.is_dead(shard, found.row)?)
            {
                continue;
            }
            let file = &self.snapshot.shards[shard];
            if self.measure.is_none() {
                self.last = Some((shard, found.row));
                return tid_at(file, found.row).map(Some);
            }
            let error = file.file.index().vector_error(found.row);
            let error = error.map_err(|error| Failure::from_search(error, &file.path))?;
            let least = self.bounds.least(found.distance, error.into());
            if Float8(least) <= self.radius {
                self.queue.push(least, shard, found.row);
            }
            let frontier = self.bounds.least(found.distance, self.bounds.usual_error);
            self.frontier = self.frontier.max(Float8(frontier));
            self.over = self.frontier > self.radius && !self.is_exact_by_codes();
        }
    }

    /// Whether every row within the radius must come although distances are by codes: in a flat scan all
    /// rows are compared, so even rows whose error is larger than usual are found.
    fn is_exact_by_codes(&self) -> bool {
        self.is_flat && self.bounds.usual_error > 0.0
    }

    fn end(mut self) -> Result<()> {
        stats::note_search(self.search.take_stats());
        if let Some(measure) = self.measure {
            measure.end();
        }
        match self.dead.is_empty() {
            true => Ok(()),
            false => self.snapshot.note_dead(self.index, &self.dead),
        }
    }
}

/// Another row may have reused the TID of a segment's row by now; only an MVCC snapshot from before can
/// tell them apart.
///
/// # Safety
/// `snapshot` is valid.
unsafe fn check_snapshot(snapshot: *mut pg_sys::SnapshotData) -> Result<()> {
    use pg_sys::SnapshotType::{SNAPSHOT_HISTORIC_MVCC, SNAPSHOT_MVCC};
    // SAFETY: the caller's promise.
    if [SNAPSHOT_MVCC, SNAPSHOT_HISTORIC_MVCC].contains(unsafe { &(*snapshot).snapshot_type }) {
        return Ok(());
    }
    let message = "an index of hither is scanned with an MVCC snapshot only";
    Err(Failure::new(Code::ERRCODE_FEATURE_NOT_SUPPORTED, message))
}

/// Counts a scan in pg_stat_user_indexes and EXPLAIN.
///
/// # Safety
/// A scan of Postgres's.
unsafe fn note_scan(scan: pg_sys::IndexScanDesc) {
    // SAFETY: the caller's promise; Postgres's macro does the same.
    unsafe {
        let index = (*scan).indexRelation;
        #[cfg(feature = "pg14")]
        if let Some(counts) = (*index).pgstat_info.as_mut() {
            counts.t_counts.t_numscans += 1;
        }
        #[cfg(not(feature = "pg14"))]
        {
            if (*index).pgstat_info.is_null() && (*index).pgstat_enabled {
                pg_sys::pgstat_assoc_relation(index);
            }
            if let Some(counts) = (*index).pgstat_info.as_mut() {
                #[cfg(feature = "pg15")]
                {
                    counts.t_counts.t_numscans += 1;
                }
                #[cfg(not(feature = "pg15"))]
                {
                    counts.counts.numscans += 1;
                }
            }
        }
        #[cfg(feature = "pg18")]
        if let Some(instrument) = (*scan).instrument.as_mut() {
            instrument.nsearches += 1;
        }
    }
}

/// The query vector of an ordering; `None` if it is null.
///
/// # Safety
/// The scan key is that of an ordering.
unsafe fn query(order: &pg_sys::ScanKeyData, column: &Column) -> Result<Option<Vec<f32>>> {
    if order.sk_flags & pg_sys::SK_ISNULL as i32 != 0 {
        return Ok(None);
    }
    // SAFETY: an argument of the operator class's type.
    let value = unsafe { VectorValue::new(order.sk_argument, column.vector_type) };
    column.check(&value)?;
    let mut query = vec![0.0; column.dimensions];
    column.element().decode(value.bytes(), &mut query);
    Ok(Some(query))
}
