//! Scanning: the nearest rows of all segments and the growing ones, one after another, without an end
//! before the last.
//!
//! A row comes with a true lower bound of the distance that Postgres's own operator gives, which the
//! executor computes when it has fetched the row, and by which it puts rows in order. In strict order a
//! row that the search finds late, nearer than one that was given, comes after all others.

use crate::access::column::Column;
use crate::access::conditions;
use crate::access::opened::Snapshot;
use crate::access::relation::IndexRelation;
use crate::access::report::{self, ScanReport};
use crate::access::tid::tid_at;
use crate::search::iterative::{FIRST_BATCH, Request, Search};
use crate::search::rounding::Rounding;
use crate::search::stats;
use crate::sql::failure::{Failure, Result};
use crate::sql::vector::VectorValue;
use hither_core::{Metric, SearchStats, Structure};
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys;

/// A first answer has at least so many rows: ten, and one that shows that they are the nearest.
const FEW_ROWS: usize = 11;

/// A scan of an index.
#[derive(Default)]
pub struct Scan {
    search: Option<Running>,
    /// What it did, without the search that is under way.
    report: Option<ScanReport>,
}

/// A search that has begun.
struct Running {
    snapshot: Snapshot,
    search: Search,
    rounding: Option<Rounding>,
    relaxed: bool,
    /// The greatest distance that was given.
    greatest: f32,
    /// What came late, to be given in the end.
    late: Vec<(f32, u64)>,
    over: bool,
}

/// A row, and a distance that it is no nearer than.
pub struct ScanRow {
    pub tid: u64,
    pub least: f64,
}

impl Scan {
    /// Begins anew.
    pub fn restart(&mut self) {
        self.report = self.report();
        if let Some(running) = self.search.take() {
            running.end();
        }
    }

    /// Ends it for good.
    pub fn end(&mut self) {
        self.restart();
        if let Some(report) = self.report {
            report::note(report);
        }
    }

    /// What it did so far; none if nothing was searched.
    pub fn report(&self) -> Option<ScanReport> {
        let mut report = self.report?;
        if let Some(running) = &self.search {
            report.add(running.search.stats());
        }
        Some(report)
    }

    /// The next row.
    ///
    /// # Safety
    /// A scan of Postgres's that this belongs to.
    pub unsafe fn next(&mut self, scan: pg_sys::IndexScanDesc) -> Result<Option<ScanRow>> {
        if self.search.is_none() {
            // SAFETY: the caller's promise.
            let (running, report) = unsafe { Running::new(scan, self.report)? };
            (self.search, self.report) = (Some(running), Some(report));
        }
        let row = self.search.as_mut().map_or(Ok(None), Running::next)?;
        if let Some(report) = &mut self.report {
            report.rechecks += u64::from(row.is_some());
        }
        Ok(row)
    }
}

impl Running {
    /// A search, and the report of its scan, which did what `before` says.
    ///
    /// # Safety
    /// A scan of Postgres's.
    unsafe fn new(
        scan: pg_sys::IndexScanDesc,
        before: Option<ScanReport>,
    ) -> Result<(Self, ScanReport)> {
        // SAFETY: the caller's promise; orderings are as many as it says.
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
        // SAFETY: the argument of an ordering operator.
        let query = unsafe { query(order, &column)? };
        let effort = index.options().effort();
        let metric = column.metric;
        // A query that is null or has no direction has no distances: all rows are alike.
        let measured = query
            .filter(|query| metric != Metric::Cosine || query.iter().any(|value| *value != 0.0));
        let exact = measured.is_none();
        let query = measured.unwrap_or_else(|| vec![0.0; column.dimensions]);
        let rounding = match exact {
            true => None,
            false => Rounding::of_lengths(metric, &query, || Ok(Some(snapshot.lengths)))?,
        };
        let (open, radius) = (false, None);
        // SAFETY: as many keys as it says.
        let filter = unsafe {
            let keys = match (*scan).numberOfKeys {
                0 => &[],
                count => std::slice::from_raw_parts((*scan).keyData, count as usize),
            };
            conditions::filter(keys, &column.keys)?
        };
        let filter = filter.as_ref();
        // How many rows are wanted is not known: a first answer is of a few, if the effort is small.
        let k = effort.pool().map(|pool| (pool / 2).clamp(FEW_ROWS, FIRST_BATCH));
        let request = Request {
            query,
            metric,
            k: k.filter(|_| !exact),
            exact,
            open,
            radius,
            rounding,
            effort,
            filter,
        };
        let search = Search::new(&snapshot.shards, request)?;
        let (segments, growing) = snapshot.shards.split_at(snapshot.segments.len());
        let is_flat = exact || segments.iter().all(|shard| shard.file.index().is_flat());
        let report = ScanReport {
            // SAFETY: open.
            index: unsafe { (*index.raw()).rd_id },
            effort,
            structure: if is_flat { Structure::Flat } else { index.options().kind.structure() },
            segments: segments.len() as u64,
            growing_rows: growing.iter().map(|shard| shard.file.index().len()).sum(),
            searches: before.map_or(1, |before| before.searches + 1),
            stats: before.map_or(SearchStats::default(), |before| before.stats),
            rechecks: before.map_or(0, |before| before.rechecks),
        };
        let running = Self {
            snapshot,
            search,
            rounding,
            relaxed: effort.relaxed,
            greatest: f32::NEG_INFINITY,
            late: Vec::new(),
            over: false,
        };
        Ok((running, report))
    }

    fn next(&mut self) -> Result<Option<ScanRow>> {
        while !self.over {
            let Some((shard, found)) = self.search.next(&self.snapshot.shards)? else {
                self.over = true;
                // The nearest last, where they are taken from.
                self.late.sort_by(|a, b| b.0.total_cmp(&a.0));
                break;
            };
            if self.snapshot.is_deleted(shard, found.row) {
                continue;
            }
            let tid = tid_at(&self.snapshot.shards[shard], found.row)?;
            if found.distance < self.greatest && !self.relaxed {
                self.late.push((found.distance, tid));
                continue;
            }
            self.greatest = self.greatest.max(found.distance);
            return Ok(Some(self.row(tid, found.distance)));
        }
        let late = self.late.pop();
        Ok(late.map(|(distance, tid)| self.row(tid, distance)))
    }

    fn row(&self, tid: u64, distance: f32) -> ScanRow {
        stats::note_row();
        let least = self.rounding.map_or(f64::NEG_INFINITY, |rounding| rounding.least(distance));
        ScanRow { tid, least }
    }

    fn end(mut self) {
        stats::note_search(self.search.take_stats());
    }
}

/// Rows of a segment may be of a place in the table that another row has by now, which only a
/// snapshot from before tells apart.
///
/// # Safety
/// A snapshot.
unsafe fn check_snapshot(snapshot: *mut pg_sys::SnapshotData) -> Result<()> {
    use pg_sys::SnapshotType::{SNAPSHOT_HISTORIC_MVCC, SNAPSHOT_MVCC};
    // SAFETY: the caller's promise.
    if [SNAPSHOT_MVCC, SNAPSHOT_HISTORIC_MVCC].contains(unsafe { &(*snapshot).snapshot_type }) {
        return Ok(());
    }
    let message = "an index of hither is scanned with an MVCC snapshot only";
    Err(Failure::new(Code::ERRCODE_FEATURE_NOT_SUPPORTED, message))
}

/// Counts a scan, for pg_stat_user_indexes and EXPLAIN.
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

/// What is ordered by; none if it is null.
///
/// # Safety
/// The key of an ordering.
unsafe fn query(order: &pg_sys::ScanKeyData, column: &Column) -> Result<Option<Vec<f32>>> {
    if order.sk_flags & pg_sys::SK_ISNULL as i32 != 0 {
        return Ok(None);
    }
    // SAFETY: an argument of the type that the operator class has.
    let value = unsafe { VectorValue::new(order.sk_argument, column.vector_type) };
    column.check(&value)?;
    let mut query = vec![0.0; column.dimensions];
    column.element().decode(value.bytes(), &mut query);
    Ok(Some(query))
}
