//! Planning: which conditions the index decides, whether it provides the wanted order, and what each way to
//! read the table costs.
//!
//! Postgres calls three times. The first call asks for the number of rows (`size`): the table's files are
//! opened, and every condition is classified. A condition that [`Translator`] can translate into a predicate is
//! *pushed*: the index decides it. One that compares a distance with a bound is a *radius*. Postgres decides the
//! others on the rows that the scan returns. The reasons are kept for EXPLAIN.
//!
//! The second call asks for paths (`paths`):
//!
//! | way | returns | cost |
//! |---|---|---|
//! | scan | rows that pass, in no order; by key where a key is given | of rows read |
//! | search | rows that pass, nearest first, as long as rows are asked for | of a first answer, and of each row after |
//! | look-up | the row with a key from another table, in joins | of one row |
//!
//! A search is offered if the first sort key of the query is the distance between our column and a value that is
//! known when the scan begins (`distance.rs`). The rest of the query determines how much of this order is relied
//! on (`exactness.rs`): under a LIMIT, a row that a walk misses only lowers recall; under a join, a group, a
//! window or a second sort key it would make the answer wrong, so the search is exact. `cost.rs` has the costs.
//!
//! The third call asks for the plan of the chosen path (`plan`). It holds conditions as Postgres's own
//! expressions, so that it can be copied and cached, and what else the scan must know, in nodes of Postgres
//! (`private.rs`). `count(*)` has a plan of its own, above the relation (`count.rs`).

mod cost;
pub mod count;
mod distance;
mod exactness;
mod look_up;
mod permission;
mod private;
mod relation_plan;

pub use distance::{Distance, distance};
pub use private::{ExactReason, PlanData};

use crate::foreign::predicate::{Predicate, Translator, operator_name};
use crate::foreign::table::Table;
use crate::search::reorder::MANY_ROWS;
use crate::sql::failure::Result;
use cost::Costs;
use distance::Radius;
use exactness::leaves_out;
use pgrx::pg_sys::{self, NodeTag};
use pgrx::{PgList, PgMemoryContexts};
use relation_plan::RelationPlan;
use std::ptr::null_mut;

/// The ways to read a table; a path has the number of its way in `fdw_private`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PathKind {
    Scan,
    Search,
}

/// Opens the table, classifies the conditions, and estimates how many rows pass.
///
/// # Safety
/// Called by the planner with a foreign table of ours.
pub unsafe fn size(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    relation: pg_sys::Oid,
) -> Result<()> {
    // SAFETY: called by the planner.
    unsafe { permission::check(root) };
    // SAFETY: the planner's structure is valid.
    let table = Table::open(relation, unsafe { (*rel).userid })?;
    // SAFETY: `rel` is a base relation; its restrictions are a list of RestrictInfo.
    unsafe {
        let translator = translator(&table, rel);
        let (mut pushed, mut by_key, mut radius, mut reasons) = (vec![], false, None, vec![]);
        let restrictions = PgList::<pg_sys::RestrictInfo>::from_pg((*rel).baserestrictinfo);
        for restriction in restrictions.iter_ptr().filter(|one| !(**one).pseudoconstant) {
            match translator.top((*restriction).clause) {
                Ok(predicate) => {
                    by_key |= matches!(predicate, Predicate::Key(_));
                    pushed.push(restriction);
                }
                Err(why) => match distance::radius((*restriction).clause, &table, translator) {
                    Some(Ok(found)) if radius.is_none() => radius = Some(found),
                    Some(Ok(_)) => reasons.push("a second radius: one is searched by".into()),
                    Some(Err(why)) => reasons.push(why),
                    None => {
                        reasons.push(format!("{}: {why}", describe((*restriction).clause)));
                    }
                },
            }
        }
        (*rel).tuples = table.rows() as f64;
        (*rel).pages = 1;
        pg_sys::set_baserel_size_estimates(root, rel);
        let (order, why) = distance::order(root, rel, &table, translator);
        reasons.extend(why);
        let mut clauses = PgList::<pg_sys::RestrictInfo>::new();
        pushed.iter().for_each(|restriction| clauses.push(*restriction));
        let inner = pg_sys::JoinType::JOIN_INNER;
        let share = pg_sys::clauselist_selectivity(root, clauses.into_pg(), 0, inner, null_mut());
        let costs = Costs::new(rel, &table, (*rel).tuples * share);
        let planned =
            RelationPlan { relation, table, pushed, by_key, order, radius, costs, reasons };
        let planned = PgMemoryContexts::CurrentMemoryContext.leak_and_drop_on_delete(planned);
        (*rel).fdw_private = planned.cast();
    }
    Ok(())
}

unsafe fn translator(table: &Table, rel: *mut pg_sys::RelOptInfo) -> Translator<'_> {
    // SAFETY: a relation that is being planned.
    Translator { table, relation: unsafe { (*rel).relid } as i32, columns: null_mut() }
}

/// A description of a condition, for users.
unsafe fn describe(expression: *mut pg_sys::Expr) -> String {
    // SAFETY: node tags say what may be cast to what.
    unsafe {
        match (*expression).type_ {
            NodeTag::T_OpExpr => {
                format!("operator {}", operator_name((*expression.cast::<pg_sys::OpExpr>()).opno))
            }
            NodeTag::T_ScalarArrayOpExpr => "ANY or ALL".into(),
            NodeTag::T_BoolExpr => "AND, OR or NOT".into(),
            NodeTag::T_FuncExpr => "function".into(),
            _ => "condition".into(),
        }
    }
}

/// Adds a path for a scan, one for a search if the index gives the order, and look-ups for joins
/// by key.
///
/// # Safety
/// Called by the planner after [`size`].
pub unsafe fn paths(root: *mut pg_sys::PlannerInfo, rel: *mut pg_sys::RelOptInfo) {
    // SAFETY: `fdw_private` was set by `size`.
    unsafe {
        let planned = &*(*rel).fdw_private.cast::<RelationPlan>();
        let RelationPlan { costs, order, by_key, radius, .. } = planned;
        let rows = (*rel).rows;
        let scan = match radius {
            _ if *by_key => costs.look_ups(rows),
            Some(_) => costs.within(rows),
            None => costs.scan(),
        };
        add_path(root, rel, PathKind::Scan, rows, scan, null_mut(), null_mut());
        // If a key is given there is next to nothing to sort.
        if let Some(order) = order.as_ref().filter(|_| !by_key) {
            let first = PgList::<pg_sys::PathKey>::from_pg((*root).query_pathkeys).get_ptr(0);
            let mut pathkeys = PgList::<pg_sys::PathKey>::new();
            first.into_iter().for_each(|pathkey| pathkeys.push(pathkey));
            let cost = if order.exact == ExactReason::No { costs.search() } else { costs.sorted() };
            add_path(root, rel, PathKind::Search, rows, cost, pathkeys.into_pg(), null_mut());
        }
        let translator = translator(&planned.table, rel);
        for tables in look_up::outer_tables(root, rel, planned, translator) {
            // A key occurs at most once in each file.
            let rows = planned.table.contents.len() as f64 * rows / (*rel).tuples.max(1.0);
            let rows = rows.clamp(1e-9, 1.0);
            add_path(root, rel, PathKind::Scan, rows, costs.look_ups(1.0), null_mut(), tables);
        }
    }
}

unsafe fn add_path(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    way: PathKind,
    rows: f64,
    (start, total): (f64, f64),
    pathkeys: *mut pg_sys::List,
    outer: *mut pg_sys::Bitmapset,
) {
    // SAFETY: the planner's structures are valid while it plans.
    unsafe {
        let mut private = PgList::<private::Integer>::new();
        private.push(pg_sys::makeInteger(way as i32).cast());
        let path = pg_sys::create_foreignscan_path(
            root,
            rel,
            null_mut(),
            rows,
            #[cfg(feature = "pg18")]
            0,
            start,
            total,
            pathkeys,
            if outer.is_null() { (*rel).lateral_relids } else { outer },
            null_mut(),
            #[cfg(any(feature = "pg17", feature = "pg18"))]
            null_mut(),
            private.into_pg(),
        );
        pg_sys::add_path(rel, path.cast());
    }
}

/// Creates the plan for the chosen path.
///
/// # Safety
/// Called by the planner with a path of [`paths`] or of [`count::add`].
pub unsafe fn plan(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    path: *mut pg_sys::ForeignPath,
    target_list: *mut pg_sys::List,
    clauses: *mut pg_sys::List,
    outer: *mut pg_sys::Plan,
) -> *mut pg_sys::ForeignScan {
    // SAFETY: `fdw_private` was set by `size`; the planner describes the lists correctly.
    unsafe {
        let planned = &*(*rel).fdw_private.cast::<RelationPlan>();
        if (*rel).relid == 0 {
            return count::plan(planned, target_list);
        }
        let chosen = PgList::<private::Integer>::from_pg((*path).fdw_private).get_ptr(0);
        let search = chosen.is_some_and(|way| private::integer(way) == PathKind::Search as i32);
        let order = planned.order.as_ref().filter(|_| search);
        let joined = !(*path).path.param_info.is_null();
        // The scan can only use one metric; look-ups use none.
        let radius = planned.radius.as_ref().filter(|radius| match order {
            Some(order) => order.distance.metric == radius.distance.metric,
            None => !planned.by_key && !joined,
        });
        let distance = order.map(|order| order.distance).or(radius.map(|radius| radius.distance));
        let translator = translator(&planned.table, rel);

        let mut expressions = PgList::<pg_sys::Expr>::new();
        let mut recheck = PgList::<pg_sys::Expr>::new();
        let mut local = PgList::<pg_sys::Expr>::new();
        if let Some(distance) = distance {
            expressions.push(distance.expression.cast());
        }
        if let Some(radius) = radius {
            expressions.push(radius.distance.query);
            expressions.push(radius.bound);
        }
        let (limit, limits) = if search { limit(root, translator) } else { (0, [None; 2]) };
        limits.into_iter().flatten().for_each(|limit| expressions.push(limit));
        let clauses = PgList::<pg_sys::RestrictInfo>::from_pg(clauses);
        for clause in clauses.iter_ptr().filter(|clause| !(**clause).pseudoconstant) {
            let expression = (*clause).clause;
            let by_join = || joined && matches!(translator.top(expression), Ok(Predicate::Key(_)));
            if planned.pushed.contains(&clause) || by_join() {
                expressions.push(expression);
                recheck.push(expression);
            } else {
                local.push(expression);
            }
        }
        let mut reasons = planned.reasons.clone();
        if let (Some(unused), None) = (&planned.radius, radius) {
            let name = unused.distance.metric.operator();
            reasons.push(format!(
                "radius of {name}: the rows are found by another distance or by key"
            ));
        }
        // Rows beyond the radius come last, so they do not prevent an early end; rows that fail another
        // condition may come anywhere.
        let around = |radius: &&Radius| match order {
            Some(order) => pg_sys::equal(order.distance.query.cast(), radius.distance.query.cast()),
            None => false,
        };
        let last = radius.filter(around).map(|radius| radius.condition);
        let refuses = local.iter_ptr().any(|condition| Some(condition) != last);
        let kept = if search { leaves_out(root, rel) } else { None };
        let mut exact = order.map_or(ExactReason::Radius, |order| order.exact);
        // The rows of the joins would be so few that reading on until they are found would read most of the
        // table.
        let few = |rows: f64| rows < f64::from(limit) * MANY_ROWS as f64;
        if exact == ExactReason::No && kept.is_some_and(few) && !planned.table.contents.is_ranges()
        {
            exact = ExactReason::ManyRows;
        }
        let private = PlanData {
            relation: planned.relation,
            metric: distance.map(|distance| distance.metric),
            radius: radius.is_some(),
            limit,
            limits: limits.map(|limit| limit.is_some()),
            exact,
            open: refuses || kept.is_some(),
            count: false,
        };
        let mut wanted = null_mut();
        pg_sys::pull_varattnos((*(*rel).reltarget).exprs.cast(), (*rel).relid, &mut wanted);
        pg_sys::pull_varattnos(local.as_ptr().cast(), (*rel).relid, &mut wanted);
        pg_sys::make_foreignscan(
            target_list,
            local.into_pg(),
            (*rel).relid,
            expressions.into_pg(),
            private.encode(wanted, &reasons),
            null_mut(),
            recheck.into_pg(),
            outer,
        )
    }
}

/// How many rows will be asked for, including OFFSET: a number if it is known, else the expressions of
/// LIMIT and OFFSET. This is only a hint: the nodes above the scan decide.
unsafe fn limit(
    root: *mut pg_sys::PlannerInfo,
    translator: Translator<'_>,
) -> (i32, [Option<*mut pg_sys::Expr>; 2]) {
    // SAFETY: the planner's structures are valid while it plans.
    unsafe {
        let known = (*root).limit_tuples;
        if known > 0.0 {
            return (known.min(f64::from(1 << 20)) as i32, [None; 2]);
        }
        let parse = (*root).parse;
        let limits = [(*parse).limitCount, (*parse).limitOffset].map(|limit| {
            let limit = limit.cast::<pg_sys::Expr>();
            let fits = !limit.is_null()
                && !pg_sys::contain_var_clause(limit.cast())
                && translator.is_operand(limit).is_ok();
            fits.then_some(limit)
        });
        (0, limits)
    }
}
