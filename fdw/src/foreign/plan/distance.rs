//! Distances in a query: ordering by a distance, and limiting it by a radius.

use super::exactness::exactness;
use super::private::ExactReason;
use crate::foreign::predicate::{Translator, operator_name};
use crate::foreign::table::{Source, Table};
use crate::search::rounding::is_half;
use crate::sql::float8::lesser_and_greater;
use crate::sql::vector::{VectorType, metric_of};
use hither_core::Metric;
use pgrx::pg_sys::{self, NodeTag};
use pgrx::{PgList, is_a};
use std::ffi::CStr;

/// A distance between the table's vectors and a query vector.
#[derive(Clone, Copy)]
pub struct Distance {
    /// The whole expression: a call of pgvector's operator.
    pub expression: *mut pg_sys::OpExpr,
    /// The type of the table's column.
    pub column: VectorType,
    pub query: *mut pg_sys::Expr,
    /// Whether the query is the left operand.
    pub query_first: bool,
    pub metric: Metric,
}

impl Distance {
    /// The operator's function.
    pub fn function(&self) -> pg_sys::Oid {
        // SAFETY: the expression lives as long as its plan.
        unsafe { pg_sys::get_opcode((*self.expression).opno) }
    }

    /// The collation of the operator call.
    pub fn collation(&self) -> pg_sys::Oid {
        // SAFETY: as above.
        unsafe { (*self.expression).inputcollid }
    }
}

/// An ordering by distance, and whether it must be exact.
pub struct Order {
    pub distance: Distance,
    pub exact: ExactReason,
}

/// A condition that a distance is less than a bound. Postgres still checks it; the bound tells the search
/// where to stop.
pub struct Radius {
    pub distance: Distance,
    pub bound: *mut pg_sys::Expr,
    /// The whole condition.
    pub condition: *mut pg_sys::Expr,
}

/// The distance that an expression computes: a call of pgvector's operator with our vectors as one operand.
///
/// # Safety
/// `expression` is a valid expression tree.
pub unsafe fn distance(
    expression: *mut pg_sys::Expr,
    translator: Translator<'_>,
) -> Option<Distance> {
    // SAFETY: a valid expression tree; node tags say what may be cast to what.
    unsafe {
        if !is_a(expression.cast(), NodeTag::T_OpExpr) {
            return None;
        }
        let operator = expression.cast::<pg_sys::OpExpr>();
        let metric = metric_of((*operator).opno)?;
        let arguments = PgList::<pg_sys::Expr>::from_pg((*operator).args);
        let (left, right) = (arguments.get_ptr(0)?, arguments.get_ptr(1)?);
        let (column, query_first) = match (vector(left, translator), vector(right, translator)) {
            (Some(column), None) => (column, false),
            (None, Some(column)) => (column, true),
            _ => return None,
        };
        let query = if query_first { left } else { right };
        Some(Distance { expression: operator, column, query, query_first, metric })
    }
}

/// The vector type of an expression, if it is a vector column of ours.
unsafe fn vector(expression: *mut pg_sys::Expr, translator: Translator<'_>) -> Option<VectorType> {
    // SAFETY: a valid expression tree.
    match unsafe { translator.attribute(expression) }?.source {
        Source::Vector(vector_type) => Some(vector_type),
        _ => None,
    }
}

/// Checks that the query vector is known when the scan begins.
unsafe fn is_known(
    query: *mut pg_sys::Expr,
    translator: Translator<'_>,
) -> Result<(), &'static str> {
    // SAFETY: a valid expression tree.
    unsafe {
        translator.is_operand(query)?;
        if pg_sys::contain_var_clause(query.cast()) {
            return Err("it is another table's column, not one of an outer query");
        }
    }
    Ok(())
}

/// The query's first sort key, if it is a distance by which the index can order; otherwise the reason why
/// not.
///
/// # Safety
/// Called by the planner with a foreign table of ours.
pub unsafe fn order(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    table: &Table,
    translator: Translator<'_>,
) -> (Option<Order>, Option<String>) {
    // SAFETY: the planner's structures are valid while it plans.
    unsafe {
        let pathkeys = PgList::<pg_sys::PathKey>::from_pg((*root).query_pathkeys);
        for (at, pathkey) in pathkeys.iter_ptr().enumerate() {
            for member in members((*pathkey).pk_eclass, rel) {
                let Some(distance) = distance(member, translator) else {
                    match named_function(member, translator) {
                        Some(why) if at == 0 => return (None, Some(why)),
                        _ => continue,
                    }
                };
                let name = distance.metric.operator();
                let why = if at > 0 {
                    "it is not what is ordered by first".into()
                } else if !ascending(pathkey) {
                    "the index gives the nearest first, not the farthest".into()
                } else if let Err(why) = is_known(distance.query, translator) {
                    format!("the query vector: {why}")
                } else {
                    let class = (*pathkey).pk_eclass;
                    let exact = exactness(root, rel, class, table, distance.metric);
                    return (Some(Order { distance, exact }), None);
                };
                return (None, Some(format!("order by {name}: {why}")));
            }
        }
        (None, None)
    }
}

/// pgvector's functions compute the same distances as its operators, but only operators are recognised, as
/// by pgvector's own indexes. Users who order by a function are told so.
unsafe fn named_function(
    expression: *mut pg_sys::Expr,
    translator: Translator<'_>,
) -> Option<String> {
    // SAFETY: a valid expression tree; get_func_name returns a palloc'ed string or null.
    unsafe {
        if !is_a(expression.cast(), NodeTag::T_FuncExpr) {
            return None;
        }
        let function = expression.cast::<pg_sys::FuncExpr>();
        let arguments = PgList::<pg_sys::Expr>::from_pg((*function).args);
        let name = pg_sys::get_func_name((*function).funcid);
        if name.is_null() || !arguments.iter_ptr().any(|one| vector(one, translator).is_some()) {
            return None;
        }
        let name = CStr::from_ptr(name).to_string_lossy();
        let operator = match &*name {
            "l2_distance" => "<->",
            "cosine_distance" => "<=>",
            "l1_distance" => "<+>",
            _ => return None,
        };
        Some(format!("order by {name}(): only the operator {operator} is recognised"))
    }
}

/// The radius that a condition sets, or the reason why it cannot be used; `None` if it is not about a
/// distance.
///
/// # Safety
/// Called by the planner with a condition on a foreign table of ours.
pub unsafe fn radius(
    clause: *mut pg_sys::Expr,
    table: &Table,
    translator: Translator<'_>,
) -> Option<Result<Radius, String>> {
    // SAFETY: the planner's structures are valid while it plans.
    unsafe {
        if !is_a(clause.cast(), NodeTag::T_OpExpr) {
            return None;
        }
        let operator = clause.cast::<pg_sys::OpExpr>();
        let arguments = PgList::<pg_sys::Expr>::from_pg((*operator).args);
        let (left, right) = (arguments.get_ptr(0)?, arguments.get_ptr(1)?);
        let (distance, bound) = match (distance(left, translator), distance(right, translator)) {
            (Some(distance), None) => (distance, right),
            (None, Some(distance)) => (distance, left),
            _ => return None,
        };
        let within = lesser_and_greater(operator).is_some_and(|(_, greater)| greater == bound);
        if pg_sys::exprType(bound.cast()) != pg_sys::FLOAT8OID {
            return None;
        }
        let why = if !within {
            format!("operator {}: a radius is an upper bound", operator_name((*operator).opno))
        } else if let Err(why) = is_known(distance.query, translator) {
            format!("the query vector: {why}")
        } else if let Err(why) = is_known(bound, translator) {
            format!("the radius: {why}")
        } else if distance.column == VectorType::Halfvec
            && !table.contents.files().all(|file| is_half(file.options))
        {
            "the column is halfvec and the file's vectors are not".into()
        } else if distance.metric == Metric::InnerProduct && !is_unit_length(table) {
            "the rows are not all of unit length".into()
        } else {
            return Some(Ok(Radius { distance, bound, condition: clause }));
        };
        Some(Err(format!("radius of {}: {why}", distance.metric.operator())))
    }
}

/// The rounding error of an inner product is only bounded if the lengths of the rows are known.
fn is_unit_length(table: &Table) -> bool {
    table.contents.files().all(|file| file.is_unit_length)
}

#[cfg(feature = "pg18")]
unsafe fn ascending(pathkey: *mut pg_sys::PathKey) -> bool {
    // SAFETY: a valid path key. The place of nulls does not matter: either all distances of a query are
    // null or none is.
    unsafe { (*pathkey).pk_cmptype == pg_sys::CompareType::COMPARE_LT }
}

#[cfg(not(feature = "pg18"))]
unsafe fn ascending(pathkey: *mut pg_sys::PathKey) -> bool {
    // SAFETY: a valid path key. The place of nulls does not matter: either all distances of a query are
    // null or none is.
    unsafe { (*pathkey).pk_strategy == pg_sys::BTLessStrategyNumber as i32 }
}

/// The expressions of an equivalence class that may be about this relation. Since PostgreSQL 18 those of
/// partitions and other children are stored separately.
unsafe fn members(
    class: *mut pg_sys::EquivalenceClass,
    rel: *mut pg_sys::RelOptInfo,
) -> Vec<*mut pg_sys::Expr> {
    // SAFETY: the planner's structures are valid while it plans.
    unsafe {
        let all = PgList::<pg_sys::EquivalenceMember>::from_pg((*class).ec_members);
        #[cfg_attr(not(feature = "pg18"), allow(unused_mut, reason = "children are among all"))]
        let mut found: Vec<_> = all.iter_ptr().map(|member| (*member).em_expr).collect();
        #[cfg(feature = "pg18")]
        if !(*class).ec_childmembers.is_null()
            && ((*rel).relid as i32) < (*class).ec_childmembers_size
        {
            let list = *(*class).ec_childmembers.add((*rel).relid as usize);
            let children = PgList::<pg_sys::EquivalenceMember>::from_pg(list);
            found.extend(children.iter_ptr().map(|member| (*member).em_expr));
        }
        let _ = rel;
        found
    }
}
