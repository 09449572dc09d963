//! What EXPLAIN (ANALYZE) prints about an index scan. Postgres does not ask access methods; from 18 on it
//! calls a hook at each node. The hook needs no preloading: planning such a scan loads the extension.

use crate::access::relation::is_ours;
use crate::access::scan::Scan;
use crate::sql::explain::Properties;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::Cell;
use std::ffi::c_char;

thread_local! {
    /// The hook that was installed before ours.
    static BEFORE: Cell<pg_sys::explain_per_node_hook_type> = const { Cell::new(None) };
}

/// Installs the hook, once in each backend.
pub fn register() {
    // SAFETY: a variable of this backend, which has one thread.
    unsafe {
        BEFORE.set(pg_sys::explain_per_node_hook);
        pg_sys::explain_per_node_hook = Some(explain);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn explain(
    node: *mut pg_sys::PlanState,
    ancestors: *mut pg_sys::List,
    relationship: *const c_char,
    plan: *const c_char,
    state: *mut pg_sys::ExplainState,
) {
    // SAFETY: called by EXPLAIN; a node with this tag is of this type, and has a scan if it was executed.
    unsafe {
        if let Some(before) = BEFORE.get() {
            before(node, ancestors, relationship, plan, state);
        }
        if !(*state).analyze || (*node).type_ != pg_sys::NodeTag::T_IndexScanState {
            return;
        }
        let node = &*node.cast::<pg_sys::IndexScanState>();
        if node.iss_ScanDesc.is_null() || !is_ours(node.iss_RelationDesc) {
            return;
        }
        let scan = &*(*node.iss_ScanDesc).opaque.cast::<Scan>();
        let Some(report) = scan.report() else { return };
        let properties = Properties::new(state);
        properties.text("Search Setting", &report.effort());
        properties.integer("Segments", report.segments);
        properties.integer("Growing Rows", report.growing_rows);
        properties.integer("Codes Compared", report.stats.visited);
        properties.integer("Vectors Compared", report.stats.compared);
        properties.integer("Heap Rechecks", report.rechecks);
    }
}
