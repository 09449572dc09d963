//! `count(*)` without reading rows: counts all rows by the manifests, or those that pass the index's
//! filter.

use super::private::{ExactReason, PlanData};
use super::relation_plan::RelationPlan;
use pgrx::PgList;
use pgrx::is_a;
use pgrx::pg_sys::{self, NodeTag, UpperRelationKind};
use std::ptr::null_mut;

const FLAGS: i32 = (pg_sys::PVC_INCLUDE_AGGREGATES | pg_sys::PVC_RECURSE_PLACEHOLDERS) as i32;

/// Adds a path for the count, if the query needs nothing else of the table.
///
/// # Safety
/// Called by the planner for an upper relation above a scan of ours.
pub unsafe fn add(
    root: *mut pg_sys::PlannerInfo,
    stage: UpperRelationKind::Type,
    input: *mut pg_sys::RelOptInfo,
    output: *mut pg_sys::RelOptInfo,
) {
    // SAFETY: the planner's structures are valid while it plans.
    unsafe {
        let parse = (*root).parse;
        let plain = stage == UpperRelationKind::UPPERREL_GROUP_AGG
            && (*input).reloptkind == pg_sys::RelOptKind::RELOPT_BASEREL
            && !(*input).fdw_private.is_null()
            && (*output).fdw_private.is_null()
            && (*parse).hasAggs
            && (*parse).groupClause.is_null()
            && (*parse).groupingSets.is_null()
            && (*parse).havingQual.is_null()
            && !(*parse).hasTargetSRFs;
        if !plain {
            return;
        }
        let planned = &*(*input).fdw_private.cast::<RelationPlan>();
        let restrictions = PgList::<pg_sys::RestrictInfo>::from_pg((*input).baserestrictinfo);
        // Postgres would decide conditions that were not pushed row by row.
        if restrictions.len() != planned.pushed.len() || !(*input).lateral_relids.is_null() {
            return;
        }
        let target = (*root).upper_targets[UpperRelationKind::UPPERREL_GROUP_AGG as usize];
        let asked = pg_sys::pull_var_clause((*target).exprs.cast(), FLAGS);
        let asked = PgList::<pg_sys::Aggref>::from_pg(asked);
        let counts = asked.iter_ptr().all(|one| {
            is_a(one.cast(), NodeTag::T_Aggref)
                && (*one).aggfnoid.to_u32() == pg_sys::F_COUNT_
                && (*one).aggfilter.is_null()
                && (*one).agglevelsup == 0
        });
        if asked.is_empty() || !counts {
            return;
        }
        let cost = planned.costs.count();
        let path = pg_sys::create_foreign_upper_path(
            root,
            output,
            target,
            1.0,
            #[cfg(feature = "pg18")]
            0,
            cost,
            cost,
            null_mut(),
            null_mut(),
            #[cfg(any(feature = "pg17", feature = "pg18"))]
            null_mut(),
            null_mut(),
        );
        // The planner passes this back when it asks for the plan.
        (*output).fdw_private = (*input).fdw_private;
        pg_sys::add_path(output, path.cast());
    }
}

/// Creates the plan: a scan without a relation, which returns the count as its only row. The columns in its
/// conditions become columns of that row, always null, because Postgres could not resolve them otherwise.
///
/// # Safety
/// Called by the planner with a path of [`add`].
pub unsafe fn plan(
    planned: &RelationPlan,
    target_list: *mut pg_sys::List,
) -> *mut pg_sys::ForeignScan {
    // SAFETY: node constructors in the planner's memory context.
    unsafe {
        let mut conditions = PgList::<pg_sys::Expr>::new();
        for restriction in &planned.pushed {
            conditions.push((**restriction).clause);
        }
        let conditions = conditions.into_pg();
        let counts = pg_sys::pull_var_clause(target_list.cast(), FLAGS);
        let row = pg_sys::add_to_flat_tlist(null_mut(), counts);
        let row = pg_sys::add_to_flat_tlist(row, pg_sys::pull_var_clause(conditions.cast(), FLAGS));
        let private = PlanData {
            relation: planned.relation,
            metric: None,
            radius: false,
            limit: 0,
            limits: [false; 2],
            exact: ExactReason::No,
            open: false,
            count: true,
        };
        pg_sys::make_foreignscan(
            target_list,
            null_mut(),
            0,
            conditions,
            private.encode(null_mut(), &[]),
            row,
            null_mut(),
            null_mut(),
        )
    }
}
