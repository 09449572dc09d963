//! Conditions of a scan that Postgres decides, decided while the search goes on: only so is it known
//! how many rows that pass were found, and when the nearest of them may be given.

use pgrx::pg_sys::{self, Datum};

/// The conditions, taken over from the plan node.
pub struct Local(*mut pg_sys::ExprState);

impl Local {
    /// Takes over what there is. The node gives what the scan does from then on, and evaluates
    /// nothing twice. Rows of another source, which Postgres puts in the place of ours when it looks
    /// at them again after a lock, it must go on checking itself.
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
    /// `node` is the plan node that is executed; its slot has a value or null for each column that
    /// the conditions are about.
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

    /// Frees what reading and checking a row took.
    ///
    /// # Safety
    /// `node` is the plan node that is executed; no value of the row is used any more.
    pub unsafe fn forget(node: *mut pg_sys::ForeignScanState) {
        // SAFETY: the caller's promise; the executor calls the scan with this memory.
        unsafe {
            let context = (*node).ss.ps.ps_ExprContext;
            pg_sys::MemoryContextReset((*context).ecxt_per_tuple_memory);
        }
    }
}
