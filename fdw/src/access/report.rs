//! The statistics of an index scan, for `hither.last_scan` and, where Postgres supports it, EXPLAIN
//! (ANALYZE).

use crate::sql::settings::Effort;
use hither_core::{SearchStats, Structure};
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::Cell;

/// The statistics of a scan over all of its searches.
#[derive(Clone, Copy, Debug)]
pub struct ScanReport {
    pub index: pg_sys::Oid,
    pub effort: Effort,
    /// The structure of the last search: flat if the query has no distances, or no segment has a structure.
    pub structure: Structure,
    /// The segments and growing rows of the last search.
    pub segments: u64,
    pub growing_rows: u64,
    pub searches: u64,
    pub stats: SearchStats,
    /// Rows of the table that were read to order rows.
    pub rechecks: u64,
}

impl ScanReport {
    /// The search effort as text.
    pub fn effort(&self) -> String {
        match self.structure {
            Structure::Flat => "exact".into(),
            structure => self.effort.describe(structure),
        }
    }

    /// Adds the figures of a search.
    pub fn add(&mut self, stats: SearchStats, rechecks: u64) {
        self.rechecks += rechecks;
        self.stats.visited += stats.visited;
        self.stats.compared += stats.compared;
    }
}

thread_local! {
    static LAST: Cell<Option<ScanReport>> = const { Cell::new(None) };
}

/// Keeps the report of a scan that ended.
pub fn note(report: ScanReport) {
    LAST.set(Some(report));
}

/// Rows of `hither.last_scan`: at most one.
type Rows = TableIterator<
    'static,
    (
        name!(index, pg_sys::Oid),
        name!(effort, String),
        name!(segments, i32),
        name!(growing_rows, i64),
        name!(searches, i64),
        name!(codes_compared, i64),
        name!(vectors_compared, i64),
        name!(heap_rechecks, i64),
    ),
>;

/// The report of the last scan of an index that ended in this backend.
#[pg_extern]
fn index_last_scan() -> Rows {
    let row = |report: ScanReport| {
        (
            report.index,
            report.effort(),
            report.segments as i32,
            report.growing_rows as i64,
            report.searches as i64,
            report.stats.visited as i64,
            report.stats.compared as i64,
            report.rechecks as i64,
        )
    };
    TableIterator::new(LAST.get().map(row))
}
