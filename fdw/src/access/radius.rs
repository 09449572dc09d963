//! A radius: a condition that the distance in ORDER BY is less than a bound lets a scan end there.
//!
//! The planner passes an index only conditions on its columns, and the distance is not one. But it asks for
//! the cost of each path, and the path gives access to all conditions. We then add another one, `column <@
//! bound`, with an operator of our own, which is true of every row and tells the scan the bound. Postgres
//! checks the original condition on each row that comes, as it does with every lossy index condition.

use crate::sql::float8::{Float8, lesser_and_greater};
use pgrx::pg_sys::{self, NodeTag, ScanKeyData};
use pgrx::{FromDatum, PgList, is_a};

/// The strategy number of the operator in the operator classes of vectors.
const STRATEGY: u16 = 2;

/// Adds a bound to a path that is ordered by a distance, if there is a condition on that distance; returns
/// this condition.
///
/// # Safety
/// A path of the planner, passed to the cost estimate.
pub unsafe fn add_to(path: *mut pg_sys::IndexPath) -> Option<*mut pg_sys::RestrictInfo> {
    // SAFETY: the planner's structures are valid while it plans.
    unsafe {
        let info = &*(*path).indexinfo;
        let orders = PgList::<pg_sys::OpExpr>::from_pg((*path).indexorderbys);
        let order = orders.get_ptr(0).filter(|order| is_a(order.cast(), NodeTag::T_OpExpr))?;
        let (family, input) = (*info.opfamily, *info.opcintype);
        let operator =
            pg_sys::get_opfamily_member(family, input, pg_sys::FLOAT8OID, STRATEGY as i16);
        let clauses = PgList::<pg_sys::IndexClause>::from_pg((*path).indexclauses);
        // The planner may ask for the cost of a path twice.
        let has_one = clauses.iter_ptr().any(|clause| {
            let quals = PgList::<pg_sys::RestrictInfo>::from_pg((*clause).indexquals);
            quals.iter_ptr().any(|qual| is_by((*qual).clause, operator))
        });
        if operator == pg_sys::InvalidOid || has_one {
            return None;
        }
        let conditions = PgList::<pg_sys::RestrictInfo>::from_pg(info.indrestrictinfo);
        let (condition, bound) = conditions.iter_ptr().find_map(|condition| {
            let bound = bound((*condition).clause, order)?;
            let may_come_first = pg_sys::restriction_is_securely_promotable(condition, info.rel);
            may_come_first.then_some((condition, bound))
        })?;
        let key = PgList::<pg_sys::Expr>::from_pg((*order).args).get_ptr(0)?;
        let none = pg_sys::InvalidOid;
        let (boolean, key) = (pg_sys::BOOLOID, pg_sys::copyObjectImpl(key.cast()).cast());
        let bound = pg_sys::copyObjectImpl(bound.cast()).cast();
        let within = pg_sys::make_opclause(operator, boolean, false, key, bound, none, none);
        let derived = pg_sys::palloc(size_of::<pg_sys::RestrictInfo>()).cast();
        std::ptr::copy_nonoverlapping(condition, derived, 1);
        (*derived).clause = within;
        forget_of_condition(&mut *derived);
        let size = size_of::<pg_sys::IndexClause>();
        let clause = pg_sys::palloc0(size).cast::<pg_sys::IndexClause>();
        (*clause).type_ = NodeTag::T_IndexClause;
        (*clause).rinfo = condition;
        (*clause).indexquals = pg_sys::lcons(derived.cast(), std::ptr::null_mut());
        (*clause).lossy = true;
        // Other paths share this list.
        let others = pg_sys::list_copy((*path).indexclauses);
        (*path).indexclauses = pg_sys::lcons(clause.cast(), others);
        Some(condition)
    }
}

/// Clears what the planner has cached about the condition that this one was copied from.
fn forget_of_condition(derived: &mut pg_sys::RestrictInfo) {
    derived.orclause = std::ptr::null_mut();
    derived.parent_ec = std::ptr::null_mut();
    derived.eval_cost = pg_sys::QualCost { startup: -1.0, per_tuple: 0.0 };
    (derived.norm_selec, derived.outer_selec) = (-1.0, -1.0);
    derived.mergeopfamilies = std::ptr::null_mut();
    (derived.left_ec, derived.right_ec) = (std::ptr::null_mut(), std::ptr::null_mut());
    (derived.left_em, derived.right_em) = (std::ptr::null_mut(), std::ptr::null_mut());
    derived.scansel_cache = std::ptr::null_mut();
    derived.hashjoinoperator = pg_sys::InvalidOid;
}

/// Whether an expression is a call of this operator.
unsafe fn is_by(expression: *mut pg_sys::Expr, operator: pg_sys::Oid) -> bool {
    // SAFETY: a valid expression tree.
    unsafe {
        is_a(expression.cast(), NodeTag::T_OpExpr)
            && (*expression.cast::<pg_sys::OpExpr>()).opno == operator
    }
}

/// The upper bound that a condition sets on the distance of an ordering, if it is known when a scan begins.
unsafe fn bound(
    condition: *mut pg_sys::Expr,
    order: *mut pg_sys::OpExpr,
) -> Option<*mut pg_sys::Expr> {
    // SAFETY: the planner's structures are valid while it plans.
    unsafe {
        if !is_a(condition.cast(), NodeTag::T_OpExpr) {
            return None;
        }
        let (distance, bound) = lesser_and_greater(condition.cast())?;
        let is_known = !pg_sys::contain_var_clause(bound.cast())
            && !pg_sys::contain_volatile_functions(bound.cast())
            && !pg_sys::contain_subplans(bound.cast());
        (is_known && is_same(distance, order)).then_some(bound)
    }
}

/// Whether an expression is the distance of an ordering, with its operands in either order.
unsafe fn is_same(expression: *mut pg_sys::Expr, order: *mut pg_sys::OpExpr) -> bool {
    // SAFETY: valid expression trees.
    unsafe {
        if pg_sys::equal(expression.cast(), order.cast()) {
            return true;
        }
        if !is_by(expression, pg_sys::get_commutator((*order).opno)) {
            return false;
        }
        let expression = expression.cast::<pg_sys::OpExpr>();
        let [own, others] = [expression, order].map(|of| {
            let arguments = PgList::<pg_sys::Expr>::from_pg((*of).args);
            (arguments.get_ptr(0), arguments.get_ptr(1))
        });
        let (Some(left), Some(right), Some(key), Some(query)) = (own.0, own.1, others.0, others.1)
        else {
            return false;
        };
        pg_sys::equal(left.cast(), query.cast()) && pg_sys::equal(right.cast(), key.cast())
    }
}

/// Whether a scan key is a radius.
pub fn is_radius(key: &ScanKeyData) -> bool {
    key.sk_attno == 1 && key.sk_strategy == STRATEGY
}

/// The radius in the keys of a scan: rows beyond it are not wanted. No distance is less than null.
///
/// # Safety
/// The keys belong to a scan of an index of ours.
pub unsafe fn of(keys: &[ScanKeyData]) -> Float8 {
    let radius = keys.iter().find(|key| is_radius(key)).map(|key| {
        let is_null = key.sk_flags & pg_sys::SK_ISNULL as i32 != 0;
        // SAFETY: the operator's argument.
        unsafe { f64::from_datum(key.sk_argument, is_null) }.unwrap_or(f64::NEG_INFINITY)
    });
    // Postgres sorts NaN after all other values.
    Float8(radius.unwrap_or(f64::NAN))
}

/// The operator's function.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn hither_within(_call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    pg_sys::Datum::from(true)
}
