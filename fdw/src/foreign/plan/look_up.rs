//! Paths that look up a key for each row of another table.

use super::relation_plan::RelationPlan;
use crate::foreign::predicate::{Predicate, Translator};
use crate::foreign::table::Source;
use pgrx::pg_sys::{self, NodeTag};
use pgrx::{PgList, is_a, pg_guard};

/// The sets of relations that join conditions on the key take values from.
///
/// # Safety
/// Called by the planner with a foreign table of ours.
pub unsafe fn outer_tables(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    planned: &RelationPlan,
    translator: Translator<'_>,
) -> Vec<*mut pg_sys::Bitmapset> {
    let mut found: Vec<*mut pg_sys::Bitmapset> = Vec::new();
    // SAFETY: the planner's structures are valid while it plans.
    unsafe {
        let mut add = |restriction: *mut pg_sys::RestrictInfo| {
            if !pg_sys::join_clause_is_movable_to(restriction, rel)
                || !matches!(translator.top((*restriction).clause), Ok(Predicate::Key(_)))
            {
                return;
            }
            let tables = pg_sys::bms_union((*restriction).clause_relids, (*rel).lateral_relids);
            let tables = pg_sys::bms_del_member(tables, (*rel).relid as i32);
            let known = found.iter().any(|one| pg_sys::bms_equal(*one, tables));
            if !tables.is_null() && !known {
                found.push(tables);
            }
        };
        let joins = PgList::<pg_sys::RestrictInfo>::from_pg((*rel).joininfo);
        joins.iter_ptr().for_each(&mut add);
        if (*rel).has_eclass_joins {
            for (at, attribute) in planned.table.attributes.iter().enumerate() {
                if !attribute.as_ref().is_some_and(|one| matches!(one.source, Source::Key)) {
                    continue;
                }
                let equalities = pg_sys::generate_implied_equalities_for_column(
                    root,
                    rel,
                    Some(is_column),
                    (at + 1) as *mut std::ffi::c_void,
                    (*rel).lateral_referencers,
                );
                let equalities = PgList::<pg_sys::RestrictInfo>::from_pg(equalities);
                equalities.iter_ptr().for_each(&mut add);
            }
        }
    }
    found
}

/// Whether a member of an equivalence class is the column with this number.
#[pg_guard]
unsafe extern "C-unwind" fn is_column(
    _root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    _class: *mut pg_sys::EquivalenceClass,
    member: *mut pg_sys::EquivalenceMember,
    number: *mut std::ffi::c_void,
) -> bool {
    // SAFETY: called by the planner with the argument that was passed above.
    unsafe {
        let mut expression = (*member).em_expr;
        while is_a(expression.cast(), NodeTag::T_RelabelType) {
            expression = (*expression.cast::<pg_sys::RelabelType>()).arg;
        }
        let var = expression.cast::<pg_sys::Var>();
        is_a(expression.cast(), NodeTag::T_Var)
            && (*var).varno as u32 == (*rel).relid
            && (*var).varattno as usize == number as usize
    }
}
