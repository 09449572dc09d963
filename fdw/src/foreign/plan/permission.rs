//! Checks whether the user may read what the query reads. Postgres checks this when execution begins, which
//! is too late: planning opens the files, and fetches remote ones.

use pgrx::pg_sys;

/// Raises the same error as Postgres if the user lacks rights that the query needs: on this table or on
/// another, such as a view or a partitioned table above it.
///
/// # Safety
/// Called by the planner.
pub unsafe fn check(mut root: *mut pg_sys::PlannerInfo) {
    // SAFETY: the planner's structures are valid while it plans.
    unsafe {
        while !root.is_null() {
            let query = (*root).parse;
            #[cfg(any(feature = "pg14", feature = "pg15"))]
            pg_sys::ExecCheckRTPerms((*query).rtable, true);
            #[cfg(not(any(feature = "pg14", feature = "pg15")))]
            pg_sys::ExecCheckPermissions((*query).rtable, (*query).rteperminfos, true);
            root = (*root).parent_root;
        }
    }
}
