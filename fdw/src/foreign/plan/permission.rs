//! Whether who asks may read what the query reads. Postgres looks when the plan begins, which is too
//! late: to plan is to open the files, and to bring those that are elsewhere.

use pgrx::pg_sys;

/// Raises the error that Postgres would, if the query asks for what the user may not have: of this
/// table or of another, such as the view or the partitioned table that is above it.
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
