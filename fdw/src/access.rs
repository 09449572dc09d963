//! The index access method: `CREATE INDEX … USING hither`.
//!
//! ```text
//! index relation: WAL-logged pages, the only truth           near copies: files that are mapped
//!   metapage       what the index consists of                  DATABASE.TABLESPACE.NUMBER.HASH.hither
//!   growing pages  rows as they were inserted
//!   segments       index files in pieces, never changed  ──▶   the same bytes, searched in place
//!   deletion pages a bit for each row of each segment
//! ```
//!
//! **Pages are for truth, mapped memory is for searching.** Reading a row through the buffer manager costs
//! ten times as much as reading it from memory, and a search reads some hundred rows. So a segment is exactly
//! an index file, cut into pages (`segment`), which backends map as a whole (`near_copy`); the name of the
//! copy is the hash of its bytes, so it cannot be out of date. `opened` holds what a backend has open and
//! tracks what has changed since. The code that searches foreign tables (`crate::search`) searches these files.
//!
//! An insert appends to the growing pages (`insert`, `growing`), VACUUM sets bits (`vacuum`), a merge
//! writes a new segment and swaps it in with one WAL record (`merge`). Pages that are being searched never
//! change, so no search can see half of a change.
//!
//! Columns beside the vector are numbers in the same files (`keys`). Conditions on them filter within the
//! search (`conditions`), and an upper bound on the distance ends it (`radius`). Scans skip rows that earlier
//! scans found dead (`dead_rows`).
//!
//! Rows are identified by their TIDs; the executor decides which of them a transaction may see. They are
//! returned in the order of Postgres's own distances (`scan`, `order`), which are computed from the vectors
//! of the table where segments have codes alone (`measure`), or else from those of the index.
//!
//! Postgres calls in through this file alone. Every callback is guarded, so that a panic of ours becomes an
//! error of the statement and nothing worse.

mod attach;
mod attribute;
mod blocks;
mod bounds;
mod build;
mod build_lock;
mod column;
mod conditions;
mod cost;
mod dead_rows;
#[cfg(feature = "pg18")]
mod explain;
mod export;
mod extents;
mod flush;
mod growing;
mod growing_copy;
mod insert;
mod keys;
mod measure;
mod merge;
mod metapage;
mod named_index;
mod near_copy;
mod open_index;
mod options;
mod order;
mod page;
mod publish;
mod radius;
mod record;
mod relation;
mod report;
mod scan;
mod segment;
mod segment_writer;
mod source_table;
pub mod status;
mod table_rows;
mod tid;
mod vacuum;
mod visible_rows;
mod worker;

use crate::sql::failure::{Failure, Result};
use crate::sql::vector;
use column::Column;
use pgrx::pg_sys::{self, Datum};
use pgrx::prelude::*;
use relation::IndexRelation;
use scan::Scan;
use std::ffi::{c_char, c_int, c_void};

fn raise<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|failure| failure.raise())
}

/// Called when the library is loaded.
pub fn register() {
    #[cfg(feature = "pg18")]
    explain::register();
}

/// The capabilities of the access method, and its callbacks.
#[unsafe(no_mangle)]
#[pg_guard]
pub extern "C-unwind" fn hither_index_handler(_call: pg_sys::FunctionCallInfo) -> Datum {
    // SAFETY: a zeroed node of this type, in the caller's memory context.
    unsafe {
        let size = size_of::<pg_sys::IndexAmRoutine>();
        let routine = pg_sys::palloc0(size).cast::<pg_sys::IndexAmRoutine>();
        (*routine).type_ = pg_sys::NodeTag::T_IndexAmRoutine;
        (*routine).amcanorderbyop = true;
        (*routine).amcanmulticol = true;
        (*routine).amsearcharray = true;
        (*routine).amsearchnulls = true;
        (*routine).amoptionalkey = true;
        (*routine).amusemaintenanceworkmem = true;
        (*routine).amparallelvacuumoptions = pg_sys::VACUUM_OPTION_PARALLEL_BULKDEL as u8;
        (*routine).ambuild = Some(build);
        (*routine).ambuildempty = Some(build_empty);
        (*routine).aminsert = Some(insert);
        (*routine).ambulkdelete = Some(bulk_delete);
        (*routine).amvacuumcleanup = Some(vacuum_cleanup);
        (*routine).amcostestimate = Some(cost_estimate);
        (*routine).amoptions = Some(options);
        (*routine).ambuildphasename = Some(build_phase_name);
        (*routine).amvalidate = Some(validate);
        (*routine).ambeginscan = Some(begin_scan);
        (*routine).amrescan = Some(rescan);
        (*routine).amgettuple = Some(get_tuple);
        (*routine).amendscan = Some(end_scan);
        Datum::from(routine)
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn build(
    table: pg_sys::Relation,
    index: pg_sys::Relation,
    info: *mut pg_sys::IndexInfo,
) -> *mut pg_sys::IndexBuildResult {
    // SAFETY: called by CREATE INDEX and REINDEX with relations that are open.
    unsafe {
        let (heap_tuples, index_tuples) =
            raise(build::build(table, IndexRelation::new(index), info));
        let size = size_of::<pg_sys::IndexBuildResult>();
        let result = pg_sys::palloc(size).cast::<pg_sys::IndexBuildResult>();
        result.write(pg_sys::IndexBuildResult { heap_tuples, index_tuples });
        result
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn build_empty(index: pg_sys::Relation) {
    // SAFETY: called for an unlogged index that is open.
    raise(build::create_initial(unsafe { IndexRelation::new(index) }));
}

#[allow(clippy::too_many_arguments, reason = "Postgres's interface")]
#[pg_guard]
unsafe extern "C-unwind" fn insert(
    index: pg_sys::Relation,
    values: *mut Datum,
    nulls: *mut bool,
    tid: pg_sys::ItemPointer,
    _table: pg_sys::Relation,
    _check: pg_sys::IndexUniqueCheck::Type,
    _unchanged: bool,
    _info: *mut pg_sys::IndexInfo,
) -> bool {
    // SAFETY: called with the index's attributes, the first of which is the vector.
    unsafe {
        if !*nulls {
            raise(insert::insert(IndexRelation::new(index), values, nulls, tid::tid_of(*tid)));
        }
    }
    false
}

/// VACUUM's statistics of the index, allocated if there are none yet.
///
/// # Safety
/// `stats` is null or was returned by this function.
unsafe fn statistics(
    stats: *mut pg_sys::IndexBulkDeleteResult,
) -> *mut pg_sys::IndexBulkDeleteResult {
    if !stats.is_null() {
        return stats;
    }
    // SAFETY: all zeros are a valid value of this type.
    unsafe { pg_sys::palloc0(size_of::<pg_sys::IndexBulkDeleteResult>()).cast() }
}

#[pg_guard]
unsafe extern "C-unwind" fn bulk_delete(
    info: *mut pg_sys::IndexVacuumInfo,
    stats: *mut pg_sys::IndexBulkDeleteResult,
    callback: pg_sys::IndexBulkDeleteCallback,
    state: *mut c_void,
) -> *mut pg_sys::IndexBulkDeleteResult {
    // SAFETY: called by VACUUM, or CREATE INDEX CONCURRENTLY, with a callback and its state.
    unsafe {
        let index = IndexRelation::new((*info).index);
        let counts = raise(vacuum::delete(index, &mut |tid| vacuum::ask(callback, state, tid)));
        let stats = statistics(stats);
        (*stats).tuples_removed += counts.deleted as f64;
        (*stats).num_index_tuples = counts.live as f64;
        (*stats).num_pages = index.blocks();
        stats
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn vacuum_cleanup(
    info: *mut pg_sys::IndexVacuumInfo,
    stats: *mut pg_sys::IndexBulkDeleteResult,
) -> *mut pg_sys::IndexBulkDeleteResult {
    // SAFETY: called by VACUUM, and by ANALYZE.
    unsafe {
        if (*info).analyze_only {
            return stats;
        }
        let index = IndexRelation::new((*info).index);
        raise(vacuum::clean_up(index));
        let stats = statistics(stats);
        let column = raise(Column::of(index));
        (*stats).num_index_tuples = raise(vacuum::live_rows(index, &column)) as f64;
        (*stats).num_pages = index.blocks();
        stats
    }
}

#[allow(clippy::too_many_arguments, reason = "Postgres's interface")]
#[pg_guard]
unsafe extern "C-unwind" fn cost_estimate(
    root: *mut pg_sys::PlannerInfo,
    path: *mut pg_sys::IndexPath,
    _loops: f64,
    start: *mut f64,
    total: *mut f64,
    selectivity: *mut f64,
    correlation: *mut f64,
    pages: *mut f64,
) {
    // SAFETY: called by the planner with places for the results; the index is locked.
    unsafe {
        *correlation = 0.0;
        *selectivity = 1.0;
        if (*path).indexorderbys.is_null() || cost::asks_for_null(path) {
            // An index that gives nothing but an order is useless without one.
            (*start, *total, *pages) = (f64::INFINITY, f64::INFINITY, 0.0);
            #[cfg(feature = "pg18")]
            {
                (*path).path.disabled_nodes = 2;
            }
            return;
        }
        let info = (*path).indexinfo;
        let relation = pg_sys::index_open((*info).indexoid, pg_sys::NoLock as pg_sys::LOCKMODE);
        let clauses = pg_sys::get_quals_from_indexclauses((*path).indexclauses);
        let (table, join) = ((*(*info).rel).relid as c_int, pg_sys::JoinType::JOIN_INNER);
        let none = std::ptr::null_mut();
        let passing = match clauses.is_null() {
            true => 1.0,
            false => pg_sys::clauselist_selectivity(root, clauses, table, join, none),
        };
        let near = radius::add_to(path).map_or(1.0, |condition| {
            pg_sys::clause_selectivity(root, condition.cast(), table, join, none)
        });
        let costs = cost::estimate(IndexRelation::new(relation), (*info).tuples, passing, near);
        pg_sys::index_close(relation, pg_sys::NoLock as pg_sys::LOCKMODE);
        let costs = raise(costs);
        *selectivity = passing * near;
        (*start, *total, *pages) = (costs.start, costs.total, costs.pages);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn options(given: Datum, validate: bool) -> *mut pg_sys::bytea {
    // SAFETY: called with the catalog's options, or null.
    raise(unsafe { options::parse(given, validate) })
}

#[pg_guard]
unsafe extern "C-unwind" fn build_phase_name(phase: i64) -> *mut c_char {
    let name = usize::try_from(phase - 1).ok().and_then(|phase| build::PHASES.get(phase));
    name.map_or(std::ptr::null_mut(), |name| name.as_ptr().cast_mut())
}

/// Whether an operator class is one of ours: it has a distance operator of pgvector's to order by.
#[pg_guard]
unsafe extern "C-unwind" fn validate(class: pg_sys::Oid) -> bool {
    // SAFETY: catalog look-ups.
    unsafe {
        let family = pg_sys::get_opclass_family(class);
        let input = pg_sys::get_opclass_input_type(class);
        if keys::KeyKind::of(input).is_some() || vector::foreign_type(input).is_some() {
            return true;
        }
        let operator = pg_sys::get_opfamily_member(family, input, input, 1);
        let is_distance = operator != pg_sys::InvalidOid && vector::metric_of(operator).is_some();
        if !is_distance || vector::vector_type(input).is_none() {
            let message = "operator 1 of an operator class of hither is a distance of pgvector's between vectors or halfvecs";
            Failure::new(PgSqlErrorCode::ERRCODE_INVALID_OBJECT_DEFINITION, message).warn();
            return false;
        }
    }
    true
}

#[pg_guard]
unsafe extern "C-unwind" fn begin_scan(
    index: pg_sys::Relation,
    keys: c_int,
    orderings: c_int,
) -> pg_sys::IndexScanDesc {
    // SAFETY: called by the executor.
    unsafe {
        let scan = pg_sys::RelationGetIndexScan(index, keys, orderings);
        // After an error that ends the query, the memory context cleans up: it lives as long as the scan.
        let own = Scan::new(pg_sys::CurrentMemoryContext);
        let own = pgrx::PgMemoryContexts::CurrentMemoryContext.leak_and_drop_on_delete(own);
        (*scan).opaque = own.cast();
        scan
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn rescan(
    scan: pg_sys::IndexScanDesc,
    keys: pg_sys::ScanKey,
    key_count: c_int,
    orderings: pg_sys::ScanKey,
    count: c_int,
) {
    // SAFETY: the scan has begun; it has as many keys and orderings as there are places.
    unsafe {
        raise((*(*scan).opaque.cast::<Scan>()).restart());
        if !keys.is_null() && (*scan).numberOfKeys > 0 {
            std::ptr::copy(keys, (*scan).keyData, key_count as usize);
        }
        if !orderings.is_null() && (*scan).numberOfOrderBys > 0 {
            std::ptr::copy(orderings, (*scan).orderByData, count as usize);
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn get_tuple(
    scan: pg_sys::IndexScanDesc,
    _direction: pg_sys::ScanDirection::Type,
) -> bool {
    // SAFETY: the scan has begun; it only moves forward, as the handler declares.
    unsafe {
        let own = &mut *(*scan).opaque.cast::<Scan>();
        let Some(tid) = raise(own.next(scan)) else { return false };
        (*scan).xs_heaptid = tid::pointer_of(tid);
        // Filters may let rows through that do not match.
        (*scan).xs_recheck = (*scan).numberOfKeys > 0;
        // Rows come in their final order.
        (*scan).xs_recheckorderby = false;
        true
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn end_scan(scan: pg_sys::IndexScanDesc) {
    // SAFETY: the scan has begun; its memory context frees the rest.
    raise(unsafe { (*(*scan).opaque.cast::<Scan>()).end() });
}
