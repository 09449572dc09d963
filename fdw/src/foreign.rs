//! Index files as foreign tables: what Postgres's planner, executor and ANALYZE call.
//!
//! `files` opens a table's files, `table` fits their columns to its own, `predicate` turns conditions into
//! filters, `plan` says what the index decides and what it costs, `scan` gives the rows, and
//! `explain` tells of it. `import` makes tables of files, `status` and `recall` tell of tables.
//! Postgres calls in through this file alone; every callback is guarded, so that a panic of ours is
//! an error of the statement and no more.

mod access;
mod analyze;
mod explain;
mod files;
mod import;
mod local;
mod measure;
mod plan;
mod predicate;
pub mod recall;
mod scan;
mod shortfall;
mod status;
mod table;

use crate::sql::failure::Failure;
use crate::sql::{encoding, options};
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::{self, Datum};
use pgrx::prelude::*;
use scan::Scan;

/// The callbacks of the foreign-data wrapper. Those for changes are absent: tables are read-only.
#[unsafe(no_mangle)]
#[pg_guard]
pub extern "C-unwind" fn hither_fdw_handler(_call: pg_sys::FunctionCallInfo) -> Datum {
    // SAFETY: a node of this type, zeroed, in the caller's memory.
    unsafe {
        let size = size_of::<pg_sys::FdwRoutine>();
        let routine = pg_sys::palloc0(size).cast::<pg_sys::FdwRoutine>();
        (*routine).type_ = pg_sys::NodeTag::T_FdwRoutine;
        (*routine).GetForeignRelSize = Some(get_foreign_rel_size);
        (*routine).GetForeignPaths = Some(get_foreign_paths);
        (*routine).GetForeignUpperPaths = Some(get_foreign_upper_paths);
        (*routine).GetForeignPlan = Some(get_foreign_plan);
        (*routine).BeginForeignScan = Some(begin_foreign_scan);
        (*routine).IterateForeignScan = Some(iterate_foreign_scan);
        (*routine).ReScanForeignScan = Some(rescan_foreign_scan);
        (*routine).EndForeignScan = Some(end_foreign_scan);
        (*routine).ExplainForeignScan = Some(explain_foreign_scan);
        (*routine).ImportForeignSchema = Some(import_foreign_schema);
        (*routine).IsForeignScanParallelSafe = Some(is_foreign_scan_parallel_safe);
        (*routine).AnalyzeForeignTable = Some(analyze_foreign_table);
        (*routine).PlanForeignModify = Some(plan_foreign_modify);
        (*routine).IsForeignRelUpdatable = Some(is_foreign_rel_updatable);
        Datum::from(routine)
    }
}

/// Checks the options that CREATE and ALTER give.
#[unsafe(no_mangle)]
#[pg_guard]
pub extern "C-unwind" fn hither_fdw_validator(call: pg_sys::FunctionCallInfo) -> Datum {
    // SAFETY: Postgres calls it with an array of text and an OID, neither null.
    let result = unsafe {
        let arguments = (*call).args.as_slice(2);
        let options = options::read(pg_sys::untransformRelOptions(arguments[0].value));
        options::validate(&options, pg_sys::Oid::from(arguments[1].value.value() as u32))
    };
    result.unwrap_or_else(|failure| failure.raise());
    Datum::from(0)
}

#[pg_guard]
extern "C-unwind" fn get_foreign_rel_size(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    relation: pg_sys::Oid,
) {
    // SAFETY: called by the planner.
    unsafe { plan::size(root, rel, relation) }.unwrap_or_else(|failure| failure.raise());
}

#[pg_guard]
extern "C-unwind" fn get_foreign_paths(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    _relation: pg_sys::Oid,
) {
    // SAFETY: called by the planner after get_foreign_rel_size.
    unsafe { plan::paths(root, rel) }
}

#[pg_guard]
extern "C-unwind" fn get_foreign_upper_paths(
    root: *mut pg_sys::PlannerInfo,
    stage: pg_sys::UpperRelationKind::Type,
    input: *mut pg_sys::RelOptInfo,
    output: *mut pg_sys::RelOptInfo,
    _extra: *mut std::ffi::c_void,
) {
    // SAFETY: called by the planner for what is above relations of ours.
    unsafe { plan::count::add(root, stage, input, output) }
}

#[pg_guard]
extern "C-unwind" fn get_foreign_plan(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    _relation: pg_sys::Oid,
    path: *mut pg_sys::ForeignPath,
    target_list: *mut pg_sys::List,
    clauses: *mut pg_sys::List,
    outer: *mut pg_sys::Plan,
) -> *mut pg_sys::ForeignScan {
    // SAFETY: called by the planner with a path of ours.
    unsafe { plan::plan(root, rel, path, target_list, clauses, outer) }
}

#[pg_guard]
extern "C-unwind" fn begin_foreign_scan(node: *mut pg_sys::ForeignScanState, _flags: i32) {
    // SAFETY: called by the executor. EXPLAIN, too, tells of the files: they are opened.
    unsafe { Scan::begin(node) }.unwrap_or_else(|failure| failure.raise());
}

#[pg_guard]
extern "C-unwind" fn iterate_foreign_scan(
    node: *mut pg_sys::ForeignScanState,
) -> *mut pg_sys::TupleTableSlot {
    pgrx::check_for_interrupts!();
    // SAFETY: begun; the slot has places for the attributes of its descriptor.
    unsafe {
        let scan = &mut *(*node).fdw_state.cast::<Scan>();
        let slot = (*node).ss.ss_ScanTupleSlot;
        if let Some(clear) = (*(*slot).tts_ops).clear {
            clear(slot);
        }
        let count = (*(*slot).tts_tupleDescriptor).natts as usize;
        let values = std::slice::from_raw_parts_mut((*slot).tts_values, count);
        let nulls = std::slice::from_raw_parts_mut((*slot).tts_isnull, count);
        if scan.next(node, values, nulls).unwrap_or_else(|failure| failure.raise()) {
            pg_sys::ExecStoreVirtualTuple(slot);
        }
        slot
    }
}

#[pg_guard]
extern "C-unwind" fn rescan_foreign_scan(node: *mut pg_sys::ForeignScanState) {
    // SAFETY: begun.
    unsafe { (*(*node).fdw_state.cast::<Scan>()).rescan() }
}

#[pg_guard]
extern "C-unwind" fn end_foreign_scan(node: *mut pg_sys::ForeignScanState) {
    // SAFETY: null if beginning failed.
    if let Some(scan) = unsafe { (*node).fdw_state.cast::<Scan>().as_mut() } {
        scan.end();
    }
}

#[pg_guard]
extern "C-unwind" fn explain_foreign_scan(
    node: *mut pg_sys::ForeignScanState,
    state: *mut pg_sys::ExplainState,
) {
    // SAFETY: begun.
    unsafe { explain::explain(&mut *(*node).fdw_state.cast::<Scan>(), state) }
}

#[pg_guard]
extern "C-unwind" fn is_foreign_scan_parallel_safe(
    _root: *mut pg_sys::PlannerInfo,
    _rel: *mut pg_sys::RelOptInfo,
    _entry: *mut pg_sys::RangeTblEntry,
) -> bool {
    // Files are only read, and every worker opens them for itself. No partial path is offered: a
    // worker that scans gives all rows, as one that has a share of another table to join, or the
    // child of an Append to itself.
    true
}

#[pg_guard]
extern "C-unwind" fn import_foreign_schema(
    statement: *mut pg_sys::ImportForeignSchemaStmt,
    server: pg_sys::Oid,
) -> *mut pg_sys::List {
    // SAFETY: called by Postgres; it frees the list and its texts, which lie in its memory.
    unsafe {
        let commands =
            import::commands(statement, server).unwrap_or_else(|failure| failure.raise());
        let mut list = pgrx::PgList::<std::ffi::c_char>::new();
        for command in commands {
            let command = encoding::to_database(&command).unwrap_or_else(|failure| failure.raise());
            list.push(pg_sys::pnstrdup(command.as_ptr().cast(), command.len() as _));
        }
        list.into_pg()
    }
}

#[pg_guard]
extern "C-unwind" fn analyze_foreign_table(
    relation: pg_sys::Relation,
    acquire: *mut pg_sys::AcquireSampleRowsFunc,
    pages: *mut pg_sys::BlockNumber,
) -> bool {
    // SAFETY: called by ANALYZE with places for what it wants to know.
    unsafe {
        let size = analyze::pages((*relation).rd_id).unwrap_or_else(|failure| failure.raise());
        // Of a table that says no ANALYZE says so too, and goes on to the next.
        let Some(size) = size else { return false };
        *acquire = Some(acquire_sample_rows);
        *pages = size;
    }
    true
}

#[pg_guard]
unsafe extern "C-unwind" fn acquire_sample_rows(
    relation: pg_sys::Relation,
    _level: i32,
    rows: *mut pg_sys::HeapTuple,
    most: i32,
    total: *mut f64,
    dead: *mut f64,
) -> i32 {
    // SAFETY: called by ANALYZE with a place for `most` rows.
    let (taken, all) = unsafe {
        let rows = std::slice::from_raw_parts_mut(rows, most as usize);
        analyze::sample(relation, rows).unwrap_or_else(|failure| failure.raise())
    };
    // SAFETY: as above.
    unsafe { (*total, *dead) = (all as f64, 0.0) };
    taken as i32
}

/// No change is possible; saying so at the plan gives a better message than Postgres's own.
#[pg_guard]
extern "C-unwind" fn plan_foreign_modify(
    _root: *mut pg_sys::PlannerInfo,
    _plan: *mut pg_sys::ModifyTable,
    _relation: pg_sys::Index,
    _subplan: i32,
) -> *mut pg_sys::List {
    Failure::new(
        PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
        "foreign tables of hither are read-only",
    )
    .hint("Make a new index file with `hither build` and rename it over the old one.")
    .raise()
}

#[pg_guard]
extern "C-unwind" fn is_foreign_rel_updatable(_relation: pg_sys::Relation) -> i32 {
    0
}
