//! Translates Postgres's expressions into predicates.

use super::operator::{check_collation, comparison_of, prefix_of};
use super::{Operand, Predicate};
use crate::foreign::table::{Attribute, Source, Table};
use crate::sql::failure::{self, Failure};
use crate::sql::value::{compares_alike, is_literal_type};
use hither_core::Comparison;
use pgrx::pg_sys::{self, NodeTag, Oid};
use pgrx::{PgList, is_a};

/// The maximum nesting depth of conditions; filters allow 64.
const MAX_DEPTH: usize = 32;

const NOT_OURS: &str = "it is not about an attribute column that the index compares alike";

/// Translates conditions on one scan of a table, or says why it cannot.
#[derive(Clone, Copy)]
pub struct Translator<'t> {
    pub table: &'t Table,
    /// The scan's index in the range table.
    pub relation: i32,
    /// The columns that variables of a plan without a relation refer to, else null.
    pub columns: *mut pg_sys::List,
}

/// A predicate, or the reason why Postgres must decide the condition.
type Translation = Result<Predicate, &'static str>;

impl Translator<'_> {
    /// Translates a whole condition: like `condition`, and also one on the key.
    ///
    /// # Safety
    /// `expression` is a valid expression tree, preprocessed by the planner.
    pub unsafe fn top(&self, expression: *mut pg_sys::Expr) -> Translation {
        // SAFETY: the caller's promise.
        unsafe {
            if let Some(operand) = self.key_operand(expression) {
                return Ok(Predicate::Key(operand));
            }
            self.condition(expression, MAX_DEPTH)
        }
    }

    /// # Safety As for [`top`](Self::top); node tags say what may be cast to what.
    unsafe fn condition(&self, expression: *mut pg_sys::Expr, depth: usize) -> Translation {
        let depth = depth.checked_sub(1).ok_or("it is nested too deep")?;
        // SAFETY: the caller's promise.
        unsafe {
            match (*expression).type_ {
                NodeTag::T_OpExpr => self.comparison(expression.cast()),
                NodeTag::T_ScalarArrayOpExpr => self.membership(expression.cast()),
                NodeTag::T_BoolExpr => {
                    let boolean = expression.cast::<pg_sys::BoolExpr>();
                    let arguments = PgList::<pg_sys::Expr>::from_pg((*boolean).args);
                    let mut inner = Vec::new();
                    for argument in arguments.iter_ptr() {
                        inner.push(self.condition(argument, depth)?);
                    }
                    Ok(match (*boolean).boolop {
                        pg_sys::BoolExprType::AND_EXPR => Predicate::And(inner),
                        pg_sys::BoolExprType::OR_EXPR => Predicate::Or(inner),
                        _ => Predicate::Not(Box::new(inner.remove(0))),
                    })
                }
                NodeTag::T_NullTest => {
                    let test = expression.cast::<pg_sys::NullTest>();
                    let (column, _) = self.column((*test).arg).ok_or(NOT_OURS)?;
                    let negated = (*test).nulltesttype == pg_sys::NullTestType::IS_NOT_NULL;
                    Ok(Predicate::IsNull { column, negated })
                }
                NodeTag::T_BooleanTest => {
                    let test = expression.cast::<pg_sys::BooleanTest>();
                    let mut inner = Box::new(self.condition((*test).arg, depth)?);
                    let truth = match (*test).booltesttype {
                        pg_sys::BoolTestType::IS_TRUE => true,
                        pg_sys::BoolTestType::IS_NOT_TRUE => false,
                        pg_sys::BoolTestType::IS_FALSE => {
                            inner = Box::new(Predicate::Not(inner));
                            true
                        }
                        pg_sys::BoolTestType::IS_NOT_FALSE => {
                            inner = Box::new(Predicate::Not(inner));
                            false
                        }
                        _ => return Err("IS UNKNOWN is decided here"),
                    };
                    Ok(Predicate::Is { inner, truth })
                }
                NodeTag::T_Var => {
                    let (column, oid) = self.column(expression).ok_or(NOT_OURS)?;
                    if oid != pg_sys::BOOLOID {
                        return Err(NOT_OURS);
                    }
                    let value = pg_sys::makeBoolConst(true, false).cast();
                    let value = Operand::new(value, pg_sys::BOOLOID, false);
                    Ok(Predicate::Compare { column, op: Comparison::Eq, value })
                }
                NodeTag::T_FuncExpr => Err("it calls a function"),
                NodeTag::T_SubPlan | NodeTag::T_AlternativeSubPlan => Err("it has a sub-select"),
                _ => Err("the index has no such condition"),
            }
        }
    }

    unsafe fn comparison(&self, expression: *mut pg_sys::OpExpr) -> Translation {
        // SAFETY: as for `condition`; a binary operator has two arguments.
        unsafe {
            let arguments = PgList::<pg_sys::Expr>::from_pg((*expression).args);
            let (Some(left), Some(right)) = (arguments.get_ptr(0), arguments.get_ptr(1)) else {
                return Err("the operator has one side");
            };
            let (column, oid, other, operator) = if let Some((name, oid)) = self.column(left) {
                (name, oid, right, (*expression).opno)
            } else if let Some((name, oid)) = self.column(right) {
                (name, oid, left, pg_sys::get_commutator((*expression).opno))
            } else {
                return Err(NOT_OURS);
            };
            self.is_operand(other)?;
            if let Some(prefix) = prefix_of(operator, other) {
                check_collation((*expression).inputcollid, true)?;
                return Ok(Predicate::Prefix { column, prefix });
            }
            let op = comparison_of(operator, oid).ok_or("the index has no such operator")?;
            let equality = matches!(op, Comparison::Eq | Comparison::Ne);
            check_collation((*expression).inputcollid, equality)?;
            let type_oid = pg_sys::exprType(other.cast());
            if !is_literal_type(type_oid) {
                return Err("the index has no such type");
            }
            Ok(Predicate::Compare { column, op, value: Operand::new(other, type_oid, false) })
        }
    }

    unsafe fn membership(&self, expression: *mut pg_sys::ScalarArrayOpExpr) -> Translation {
        // SAFETY: as for `condition`; the operator has two arguments.
        unsafe {
            let arguments = PgList::<pg_sys::Expr>::from_pg((*expression).args);
            let (Some(left), Some(right)) = (arguments.get_ptr(0), arguments.get_ptr(1)) else {
                return Err(NOT_OURS);
            };
            let (column, oid) = self.column(left).ok_or(NOT_OURS)?;
            self.is_operand(right)?;
            let op = comparison_of((*expression).opno, oid);
            let negated = match (op, (*expression).useOr) {
                (Some(Comparison::Eq), true) => false,
                (Some(Comparison::Ne), false) => true,
                _ => return Err("the index has IN and NOT IN, no other ANY or ALL"),
            };
            check_collation((*expression).inputcollid, true)?;
            let element = pg_sys::get_element_type(pg_sys::exprType(right.cast()));
            if !is_literal_type(element) {
                return Err("the index has no such type");
            }
            Ok(Predicate::In { column, values: Operand::new(right, element, true), negated })
        }
    }

    /// The operand that the key is compared with, if the expression is such a comparison.
    unsafe fn key_operand(&self, expression: *mut pg_sys::Expr) -> Option<Operand> {
        // SAFETY: as for `condition`.
        unsafe {
            let (arguments, operator, array, collation) = match (*expression).type_ {
                NodeTag::T_OpExpr => {
                    let e = expression.cast::<pg_sys::OpExpr>();
                    ((*e).args, (*e).opno, false, (*e).inputcollid)
                }
                NodeTag::T_ScalarArrayOpExpr => {
                    let e = expression.cast::<pg_sys::ScalarArrayOpExpr>();
                    if !(*e).useOr {
                        return None;
                    }
                    ((*e).args, (*e).opno, true, (*e).inputcollid)
                }
                _ => return None,
            };
            let arguments = PgList::<pg_sys::Expr>::from_pg(arguments);
            let (left, right) = (arguments.get_ptr(0)?, arguments.get_ptr(1)?);
            let (oid, other) = match (self.key(left), self.key(right)) {
                (Some(oid), _) => (oid, right),
                (None, Some(oid)) if !array => (oid, left),
                _ => return None,
            };
            let mut type_oid = pg_sys::exprType(other.cast());
            if array {
                type_oid = pg_sys::get_element_type(type_oid);
            }
            let sound = comparison_of(operator, oid) == Some(Comparison::Eq)
                && self.is_operand(other).is_ok()
                && is_literal_type(type_oid)
                && check_collation(collation, true).is_ok();
            sound.then(|| Operand::new(other, type_oid, array))
        }
    }

    /// The name of the attribute column that an expression is, and its type in the table.
    unsafe fn column(&self, expression: *mut pg_sys::Expr) -> Option<(String, Oid)> {
        // SAFETY: as for `condition`.
        let attribute = unsafe { self.attribute(expression) }?;
        match &attribute.source {
            Source::Column { name, column_type, .. }
                if compares_alike(*column_type, attribute.type_oid) =>
            {
                Some((name.clone(), attribute.type_oid))
            }
            _ => None,
        }
    }

    unsafe fn key(&self, expression: *mut pg_sys::Expr) -> Option<Oid> {
        // SAFETY: as for `condition`.
        let attribute = unsafe { self.attribute(expression) }?;
        matches!(attribute.source, Source::Key).then_some(attribute.type_oid)
    }

    /// The table's column that an expression is, ignoring relabelling.
    ///
    /// # Safety
    /// As for [`top`](Self::top).
    #[allow(clippy::unnecessary_cast, reason = "variables are numbered otherwise before 15")]
    pub unsafe fn attribute(&self, mut expression: *mut pg_sys::Expr) -> Option<&Attribute> {
        // SAFETY: as for `condition`.
        unsafe {
            while is_a(expression.cast(), NodeTag::T_RelabelType) {
                expression = (*expression.cast::<pg_sys::RelabelType>()).arg;
            }
            if !is_a(expression.cast(), NodeTag::T_Var) {
                return None;
            }
            let mut var = expression.cast::<pg_sys::Var>();
            if !self.columns.is_null() && (*var).varno as i32 == pg_sys::INDEX_VAR as i32 {
                let columns = PgList::<pg_sys::TargetEntry>::from_pg(self.columns);
                let column = columns.get_ptr((*var).varattno as usize - 1)?;
                if !is_a((*column).expr.cast(), NodeTag::T_Var) {
                    return None;
                }
                var = (*column).expr.cast();
            } else if (*var).varno as i32 != self.relation || (*var).varlevelsup != 0 {
                return None;
            }
            self.table.attribute((*var).varattno.into())
        }
    }

    /// Checks that an expression's value is known when the scan starts, or restarts for a row of another
    /// table.
    ///
    /// # Safety
    /// As for [`top`](Self::top).
    pub unsafe fn is_operand(&self, expression: *mut pg_sys::Expr) -> Result<(), &'static str> {
        // SAFETY: as for `condition`.
        unsafe {
            let (node, mut own) = (expression.cast(), std::ptr::null_mut());
            pg_sys::pull_varattnos(node, self.relation as u32, &mut own);
            if !own.is_null() {
                Err("it compares with another column")
            } else if pg_sys::contain_volatile_functions(node) {
                Err("it is volatile")
            } else if pg_sys::contain_subplans(node) {
                Err("it has a sub-select")
            } else {
                Ok(())
            }
        }
    }
}

/// The predicates of expressions that were translatable when the query was planned.
///
/// # Safety
/// `expressions` are those of a plan.
pub unsafe fn translate_all(
    translator: Translator<'_>,
    expressions: impl Iterator<Item = *mut pg_sys::Expr>,
) -> failure::Result<Vec<Predicate>> {
    expressions
        // SAFETY: the caller's promise.
        .map(|expression| unsafe { translator.top(expression) })
        .map(|translated| translated.map_err(|_| Failure::outdated()))
        .collect()
}
