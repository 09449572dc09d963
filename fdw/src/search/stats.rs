//! The counters of this backend, for `hither.stats`.

use hither_core::SearchStats;
use pgrx::pg_sys::{self, Datum};
use pgrx::prelude::*;
use std::cell::RefCell;

/// Counts since the backend started.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    scans: u64,
    searches: u64,
    look_ups: u64,
    counts: u64,
    rows: u64,
    codes_compared: u64,
    vectors_compared: u64,
    late_rows: u64,
    files_opened: u64,
}

thread_local! {
    static TOTALS: RefCell<Totals> = RefCell::default();
}

/// Counts a scan of all rows, or of those that pass a filter.
pub fn note_scan() {
    TOTALS.with_borrow_mut(|totals| totals.scans += 1);
}

/// Counts look-ups of the keys of one condition.
pub fn note_look_up() {
    TOTALS.with_borrow_mut(|totals| totals.look_ups += 1);
}

/// Counts a `count(*)` without reading rows.
pub fn note_count() {
    TOTALS.with_borrow_mut(|totals| totals.counts += 1);
}

/// Counts a row that was returned to Postgres.
pub fn note_row() {
    TOTALS.with_borrow_mut(|totals| totals.rows += 1);
}

/// Counts a file that this backend did not have open.
pub fn note_open() {
    TOTALS.with_borrow_mut(|totals| totals.files_opened += 1);
}

/// Counts a search that ended.
pub fn note_search(stats: SearchStats) {
    TOTALS.with_borrow_mut(|totals| {
        totals.searches += 1;
        totals.codes_compared += stats.visited;
        totals.vectors_compared += stats.compared;
        totals.late_rows += stats.dropped;
    });
}

/// The counters as a row, in the order of the columns of the view `hither.stats`.
#[unsafe(no_mangle)]
#[pg_guard]
pub extern "C-unwind" fn hither_stats(call: pg_sys::FunctionCallInfo) -> Datum {
    let t = TOTALS.with_borrow(|totals| *totals);
    let counts = [
        t.scans,
        t.searches,
        t.look_ups,
        t.counts,
        t.rows,
        t.codes_compared,
        t.vectors_compared,
        t.late_rows,
        t.files_opened,
    ];
    let mut values = counts.map(|count| Datum::from(count as i64));
    let mut nulls = [false; 9];
    // SAFETY: called as the function that the extension declares, which returns a row; a blessed descriptor
    // makes the tuple a datum.
    unsafe {
        let mut descriptor = std::ptr::null_mut();
        pg_sys::get_call_result_type(call, std::ptr::null_mut(), &mut descriptor);
        let descriptor = pg_sys::BlessTupleDesc(descriptor);
        let tuple = pg_sys::heap_form_tuple(descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
        pg_sys::HeapTupleHeaderGetDatum((*tuple).t_data)
    }
}
