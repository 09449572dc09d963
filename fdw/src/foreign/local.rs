//! Evaluates the conditions that Postgres decides while the search runs. Only this way does the search know
//! how many of the rows that it found pass, and when the nearest of them can be returned.

use pgrx::pg_sys::{self, Datum};

/// The conditions, taken from the plan node.
pub struct LocalConditions(*mut pg_sys::ExprState);

impl LocalConditions {
    /// Takes the node's conditions, if it has any. The scan then returns only rows that pass, and the node
    /// evaluates nothing a second time. After a lock Postgres may recheck rows from another source in place
    /// of ours (EvalPlanQual): then the node must keep its conditions.
    ///
    /// # Safety
    /// `node` is a plan node that is about to be executed.
    pub unsafe fn take(node: *mut pg_sys::ForeignScanState) -> Option<Self> {
        // SAFETY: the executor's structures are valid while it executes.
        unsafe {
            let state = &raw mut (*node).ss.ps;
            if (*state).qual.is_null() || !(*(*state).state).es_epq_active.is_null() {
                return None;
            }
            Some(Self(std::mem::replace(&mut (*state).qual, std::ptr::null_mut())))
        }
    }

    /// Whether the row in the node's slot passes.
    ///
    /// # Safety
    /// `node` is the plan node being executed; its slot has a value or null for each column in the
    /// conditions.
    pub unsafe fn passes(&self, node: *mut pg_sys::ForeignScanState) -> bool {
        // SAFETY: the caller's promise. This is what ExecQual and ExecScan, which are inline, do.
        unsafe {
            let (slot, state) = ((*node).ss.ss_ScanTupleSlot, &raw mut (*node).ss.ps);
            pg_sys::ExecStoreVirtualTuple(slot);
            let context = (*state).ps_ExprContext;
            (*context).ecxt_scantuple = slot;
            let function = (*self.0).evalfunc.expect("an initialised expression has a function");
            let mut null = false;
            let passes: Datum =
                pg_sys::ffi::pg_guard_ffi_boundary(|| function(self.0, context, &mut null));
            let passes = !null && passes.value() != 0;
            if let Some(instrument) = (*state).instrument.as_mut().filter(|_| !passes) {
                instrument.nfiltered1 += 1.0;
            }
            if let Some(clear) = (*(*slot).tts_ops).clear {
                clear(slot);
            }
            passes
        }
    }

    /// Frees the memory that was used to read and check a row.
    ///
    /// # Safety
    /// `node` is the plan node being executed; no value of the row is used any more.
    pub unsafe fn forget(node: *mut pg_sys::ForeignScanState) {
        // SAFETY: the caller's promise; this is the memory context in which the executor calls the scan.
        unsafe {
            let context = (*node).ss.ps.ps_ExprContext;
            pg_sys::MemoryContextReset((*context).ecxt_per_tuple_memory);
        }
    }
}
