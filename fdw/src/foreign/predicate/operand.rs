//! Values that are known when a scan begins.

use crate::sql::value::literal;
use hither_core::Value;
use pgrx::pg_sys::{self, Datum, Oid};
use std::ptr::null_mut;

/// An expression without columns of ours: of constants and parameters.
pub struct Expression {
    expression: *mut pg_sys::Expr,
    state: *mut pg_sys::ExprState,
}

impl Expression {
    pub fn new(expression: *mut pg_sys::Expr) -> Self {
        Self { expression, state: null_mut() }
    }

    /// The type of its value.
    pub fn type_oid(&self) -> Oid {
        // SAFETY: the expression belongs to the plan and lives as long.
        unsafe { pg_sys::exprType(self.expression.cast()) }
    }

    /// Evaluates the expression: returns its value, and whether it is null.
    ///
    /// # Safety
    /// `node` is the plan node being executed.
    pub unsafe fn evaluate(&mut self, node: *mut pg_sys::ForeignScanState) -> (Datum, bool) {
        // SAFETY: the expression belongs to the plan and lives as long; its state is created once, in the
        // query's memory context. The rest is what the inline function ExecEvalExpr does.
        unsafe {
            let plan_state = &raw mut (*node).ss.ps;
            if self.state.is_null() {
                let memory = (*(*plan_state).state).es_query_cxt;
                let before = pg_sys::MemoryContextSwitchTo(memory);
                self.state = pg_sys::ExecInitExpr(self.expression, plan_state);
                pg_sys::MemoryContextSwitchTo(before);
            }
            let (state, context) = (self.state, (*plan_state).ps_ExprContext);
            let mut null = false;
            let before = pg_sys::MemoryContextSwitchTo((*context).ecxt_per_tuple_memory);
            let function = (*state).evalfunc.expect("an initialised expression has a function");
            let datum = pg_sys::ffi::pg_guard_ffi_boundary(|| function(state, context, &mut null));
            pg_sys::MemoryContextSwitchTo(before);
            (datum, null)
        }
    }
}

/// A value, or an array of values, that a column is compared with.
pub struct Operand {
    known: Expression,
    /// The type of the value, or of the array's elements.
    type_oid: Oid,
    array: bool,
}

impl Operand {
    pub fn new(expression: *mut pg_sys::Expr, type_oid: Oid, array: bool) -> Self {
        Self { known: Expression::new(expression), type_oid, array }
    }

    /// Evaluates the operand; `None` for a null array.
    ///
    /// # Safety
    /// `node` is the plan node being executed.
    pub unsafe fn evaluate(&mut self, node: *mut pg_sys::ForeignScanState) -> Option<Vec<Value>> {
        // SAFETY: the caller's promise; an array is a varlena of that type.
        unsafe {
            let (datum, null) = self.known.evaluate(node);
            if !self.array {
                return literal(datum, null, self.type_oid).map(|value| vec![value]);
            }
            if null {
                return None;
            }
            let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
            let (mut length, mut by_value, mut align) = (0, false, 0);
            pg_sys::get_typlenbyvalalign(self.type_oid, &mut length, &mut by_value, &mut align);
            let (mut elements, mut nulls, mut count) = (null_mut(), null_mut(), 0);
            pg_sys::deconstruct_array(
                array,
                self.type_oid,
                length.into(),
                by_value,
                align,
                &mut elements,
                &mut nulls,
                &mut count,
            );
            (0..count as usize)
                .map(|at| literal(*elements.add(at), *nulls.add(at), self.type_oid))
                .collect()
        }
    }
}
