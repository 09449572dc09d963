//! How much the query relies on the order that a path promises. A search may miss rows. Only a LIMIT on the
//! nearest rows tolerates that.

use super::private::ExactReason;
use crate::foreign::table::Table;
use hither_core::Metric;
use pgrx::PgList;
use pgrx::pg_sys::{self, RelOptKind};

/// Window functions that depend only on the current row and those before it.
const RANKS: [u32; 3] = [pg_sys::F_ROW_NUMBER, pg_sys::F_RANK_, pg_sys::F_DENSE_RANK_];

/// Whether, and why, an ordering by a distance of this class must be exact.
///
/// # Safety
/// Called by the planner with a foreign table of ours.
pub unsafe fn exactness(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    class: *mut pg_sys::EquivalenceClass,
    table: &Table,
    metric: Metric,
) -> ExactReason {
    // SAFETY: the planner's structures are valid while it plans.
    unsafe {
        let parse = (*root).parse;
        let last = PgList::<pg_sys::PathKey>::from_pg((*root).sort_pathkeys);
        let wanted = PgList::<pg_sys::PathKey>::from_pg((*root).query_pathkeys);
        let is_final = last.get_ptr(0).is_some_and(|last| (*last).pk_eclass == class);
        let grouped = !(*parse).groupClause.is_null()
            || !(*parse).groupingSets.is_null()
            || !(*parse).distinctClause.is_null()
            || (*parse).hasAggs
            || !is_final
            || ((*parse).hasWindowFuncs && !only_ranks(root));
        let ties = (*parse).limitOption == pg_sys::LimitOption::LIMIT_OPTION_WITH_TIES;
        if !table.orders_by(metric) {
            ExactReason::OtherMetric
        } else if (*parse).limitCount.is_null() {
            ExactReason::NoLimit
        } else if grouped || !(*class).ec_sources.is_null() || is_merged(rel, class) {
            ExactReason::Grouped
        } else if ties || last.len() > 1 || wanted.len() > 1 {
            ExactReason::Ties
        } else {
            ExactReason::No
        }
    }
}

/// Whether all window functions are ranks in one order. Ranks of the nearest rows, as in hybrid search,
/// follow the order of the rows.
unsafe fn only_ranks(root: *mut pg_sys::PlannerInfo) -> bool {
    const FLAGS: i32 = (pg_sys::PVC_INCLUDE_WINDOWFUNCS
        | pg_sys::PVC_RECURSE_AGGREGATES
        | pg_sys::PVC_RECURSE_PLACEHOLDERS) as i32;
    // SAFETY: as above.
    unsafe {
        let windows = PgList::<pg_sys::WindowClause>::from_pg((*(*root).parse).windowClause);
        let found = pg_sys::pull_var_clause((*root).processed_tlist.cast(), FLAGS);
        let found = PgList::<pg_sys::Node>::from_pg(found);
        let is_window = |node: &*mut pg_sys::Node| pgrx::is_a(*node, pg_sys::NodeTag::T_WindowFunc);
        let mut functions = found
            .iter_ptr()
            .filter(is_window)
            .map(|node| (*node.cast::<pg_sys::WindowFunc>()).winfnoid.to_u32());
        windows.len() == 1 && functions.all(|function| RANKS.contains(&function))
    }
}

/// Whether rows may be merge-joined in this order. Conditions of inner joins are sources of the class,
/// those of outer joins are not.
unsafe fn is_merged(rel: *mut pg_sys::RelOptInfo, class: *mut pg_sys::EquivalenceClass) -> bool {
    let ours = |mut other: *mut pg_sys::EquivalenceClass| {
        // SAFETY: classes that were merged into others link to them.
        unsafe {
            while !other.is_null() && !(*other).ec_merged.is_null() {
                other = (*other).ec_merged;
            }
        }
        other == class
    };
    // SAFETY: as above.
    unsafe {
        let joins = PgList::<pg_sys::RestrictInfo>::from_pg((*rel).joininfo);
        joins.iter_ptr().any(|join| {
            !(*join).mergeopfamilies.is_null() && (ours((*join).left_ec) || ours((*join).right_ec))
        })
    }
}

/// The expected number of rows of the query's joins, if they leave out some rows of this table.
///
/// # Safety
/// Called by the planner after all joins were planned.
pub unsafe fn leaves_out(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
) -> Option<f64> {
    // SAFETY: as above. The last relation of the list joins all tables; for a partition, its parent table
    // is joined.
    unsafe {
        let joins = PgList::<pg_sys::RelOptInfo>::from_pg((*root).join_rel_list);
        let joined = joins.iter_ptr().last()?;
        let table = match (*rel).reloptkind {
            RelOptKind::RELOPT_OTHER_MEMBER_REL => {
                let parent = pg_sys::bms_next_member((*rel).top_parent_relids, -1);
                *(*root).simple_rel_array.add(usize::try_from(parent).ok()?)
            }
            _ => rel,
        };
        ((*joined).rows < (*table).rows).then_some((*joined).rows)
    }
}
