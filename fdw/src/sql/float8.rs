//! The order of float8 in Postgres.

use pgrx::{PgList, pg_sys};
use std::cmp::Ordering;

/// A float8 as Postgres compares it: NaN comes last, zeros are equal.
#[derive(Clone, Copy, Debug)]
pub struct Float8(pub f64);

impl Ord for Float8 {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.0, other.0);
        a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
    }
}

impl PartialOrd for Float8 {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Float8 {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Float8 {}

/// The lesser and the greater operand of a comparison (`<`, `<=`, `>`, `>=`) of two float8; `None` for
/// other operators.
///
/// # Safety
/// A valid operator expression.
pub unsafe fn lesser_and_greater(
    comparison: *mut pg_sys::OpExpr,
) -> Option<(*mut pg_sys::Expr, *mut pg_sys::Expr)> {
    const LESS: [u32; 2] = [pg_sys::F_FLOAT8LT, pg_sys::F_FLOAT8LE];
    const GREATER: [u32; 2] = [pg_sys::F_FLOAT8GT, pg_sys::F_FLOAT8GE];
    // SAFETY: the caller's promise.
    unsafe {
        let function = pg_sys::get_opcode((*comparison).opno).to_u32();
        let arguments = PgList::<pg_sys::Expr>::from_pg((*comparison).args);
        let (left, right) = (arguments.get_ptr(0)?, arguments.get_ptr(1)?);
        match function {
            function if LESS.contains(&function) => Some((left, right)),
            function if GREATER.contains(&function) => Some((right, left)),
            _ => None,
        }
    }
}
