//! Index files as foreign tables: what Postgres's planner, executor and ANALYZE call.
//!
//! `files` opens a table's files, `table` maps their columns to its own, `predicate` translates conditions
//! into filters, `plan` decides what the index does and estimates its cost, `scan` returns the rows, and
//! `explain` describes the scan. `import` creates tables from files; `status` and `recall` report on
//! tables. Postgres calls in through this file alone. Every callback is guarded, so that a panic of ours
//! becomes an error of the statement and nothing worse.

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

/// The callbacks of the foreign-data wrapper. Those for modifications are missing, because tables are
/// read-only.
#[unsafe(no_mangle)]
#[pg_guard]
pub extern "C-unwind" fn hither_fdw_handler(_call: pg_sys::FunctionCallInfo) -> Datum {
    // SAFETY: a zeroed node of this type, in the caller's memory context.
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

/// Checks the options of CREATE and ALTER.
#[unsafe(no_mangle)]
#[pg_guard]
pub extern "C-unwind" fn hither_fdw_validator(call: pg_sys::FunctionCallInfo) -> Datum {
    // SAFETY: Postgres calls it with a text array and an OID, neither of them null.
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
    // SAFETY: called by the planner for the upper relations of a query on relations of ours.
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
    // SAFETY: called by the executor, also for EXPLAIN, which needs the open files, too.
    unsafe { Scan::begin(node) }.unwrap_or_else(|failure| failure.raise());
}

#[pg_guard]
extern "C-unwind" fn iterate_foreign_scan(
    node: *mut pg_sys::ForeignScanState,
) -> *mut pg_sys::TupleTableSlot {
    pgrx::check_for_interrupts!();
    // SAFETY: the scan has begun; the slot has places for the attributes of its descriptor.
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
    // SAFETY: the scan has begun.
    unsafe { (*(*node).fdw_state.cast::<Scan>()).rescan() }
}

#[pg_guard]
extern "C-unwind" fn end_foreign_scan(node: *mut pg_sys::ForeignScanState) {
    // SAFETY: null if beginning the scan failed.
    if let Some(scan) = unsafe { (*node).fdw_state.cast::<Scan>().as_mut() } {
        scan.end();
    }
}

#[pg_guard]
extern "C-unwind" fn explain_foreign_scan(
    node: *mut pg_sys::ForeignScanState,
    state: *mut pg_sys::ExplainState,
) {
    // SAFETY: the scan has begun.
    unsafe { explain::explain(&mut *(*node).fdw_state.cast::<Scan>(), state) }
}

#[pg_guard]
extern "C-unwind" fn is_foreign_scan_parallel_safe(
    _root: *mut pg_sys::PlannerInfo,
    _rel: *mut pg_sys::RelOptInfo,
    _entry: *mut pg_sys::RangeTblEntry,
) -> bool {
    // Parallel workers are safe: they open the files themselves and only read them. But no partial path is
    // offered: a worker scans all rows, for example to join them with its share of another table, or as the
    // only worker on this child of an Append.
    true
}

#[pg_guard]
extern "C-unwind" fn import_foreign_schema(
    statement: *mut pg_sys::ImportForeignSchemaStmt,
    server: pg_sys::Oid,
) -> *mut pg_sys::List {
    // SAFETY: called by Postgres, which frees the list and its strings with their memory context.
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
    // SAFETY: called by ANALYZE with places for the results.
    unsafe {
        let size = analyze::pages((*relation).rd_id).unwrap_or_else(|failure| failure.raise());
        // If this returns false, ANALYZE warns that it skips the table, and goes on to the next.
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
    // SAFETY: called by ANALYZE with places for `most` rows.
    let (taken, all) = unsafe {
        let rows = std::slice::from_raw_parts_mut(rows, most as usize);
        analyze::sample(relation, rows).unwrap_or_else(|failure| failure.raise())
    };
    // SAFETY: as above.
    unsafe { (*total, *dead) = (all as f64, 0.0) };
    taken as i32
}

/// No table can be modified; an error while planning gives a better message than Postgres's own.
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
