//! Conditions of a query as filters of an index.
//!
//! The plan keeps pushed conditions as Postgres's own expressions, which can be copied and cached.
//! They are translated twice: while planning, to see whether they can be pushed, and when the scan
//! begins, to be evaluated with the values of that execution.

use crate::failure::Result;
use crate::table::{Source, Table};
use crate::value::{compares_alike, is_literal_type, literal};
use hither_core::{Comparison, Filter, Key, KeyType, Value};
use pgrx::pg_sys::{self, NodeTag, Oid};
use pgrx::{PgList, is_a};
use std::ffi::CStr;

/// How deep conditions may be nested: filters take 64.
const MAX_DEPTH: usize = 32;

/// A condition that the index can decide.
pub enum Predicate {
    Compare {
        column: String,
        op: Comparison,
        value: Operand,
    },
    In {
        column: String,
        values: Operand,
        negated: bool,
    },
    IsNull {
        column: String,
        negated: bool,
    },
    Prefix {
        column: String,
        prefix: String,
    },
    /// `IS TRUE` or `IS NOT TRUE` of an inner condition.
    Is {
        inner: Box<Self>,
        truth: bool,
    },
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    /// The key equals a value, or one of an array.
    Key(Operand),
}

/// An expression without columns of ours, whose value is known when the scan begins.
pub struct Operand {
    expression: *mut pg_sys::Expr,
    state: *mut pg_sys::ExprState,
    /// Type of the value, or of the elements of the array.
    type_oid: Oid,
    array: bool,
}

impl Operand {
    fn new(expression: *mut pg_sys::Expr, type_oid: Oid, array: bool) -> Self {
        Self { expression, state: std::ptr::null_mut(), type_oid, array }
    }

    /// Its values now; none for an array that is null.
    ///
    /// # Safety
    /// `node` is the plan node that is executed.
    unsafe fn evaluate(&mut self, node: *mut pg_sys::ForeignScanState) -> Option<Vec<Value>> {
        // SAFETY: the expression belongs to the plan and lives as long; its state is made once in
        // the memory of the query.
        unsafe {
            let plan_state = &raw mut (*node).ss.ps;
            let query_memory = (*(*plan_state).state).es_query_cxt;
            if self.state.is_null() {
                let before = pg_sys::MemoryContextSwitchTo(query_memory);
                self.state = pg_sys::ExecInitExpr(self.expression, plan_state);
                pg_sys::MemoryContextSwitchTo(before);
            }
            let (datum, null) = evaluate(self.state, (*plan_state).ps_ExprContext);
            if !self.array {
                return literal(datum, null, self.type_oid).map(|value| vec![value]);
            }
            if null {
                return None;
            }
            let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
            let (mut length, mut by_value, mut align) = (0, false, 0);
            pg_sys::get_typlenbyvalalign(self.type_oid, &mut length, &mut by_value, &mut align);
            let (mut elements, mut nulls, mut count) =
                (std::ptr::null_mut(), std::ptr::null_mut(), 0);
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

/// Evaluates an expression.
///
/// # Safety
/// `state` was made for a plan that `context` belongs to.
pub unsafe fn evaluate(
    state: *mut pg_sys::ExprState,
    context: *mut pg_sys::ExprContext,
) -> (pg_sys::Datum, bool) {
    // SAFETY: the caller's promise; this is what ExecEvalExpr, an inline function, does.
    unsafe {
        let mut null = false;
        let before = pg_sys::MemoryContextSwitchTo((*context).ecxt_per_tuple_memory);
        let function = (*state).evalfunc.expect("an initialised expression has a function");
        let datum = pg_sys::ffi::pg_guard_ffi_boundary(|| function(state, context, &mut null));
        pg_sys::MemoryContextSwitchTo(before);
        (datum, null)
    }
}

/// What translates conditions on one scan of a table, or says why it cannot.
#[derive(Clone, Copy)]
pub struct Translator<'t> {
    pub table: &'t Table,
    /// The scan's number in the range table.
    pub relation: i32,
}

/// Why a condition stays with Postgres.
type Translated = std::result::Result<Predicate, &'static str>;

impl Translator<'_> {
    /// A condition as a whole: as [`condition`](Self::condition), and on the key.
    ///
    /// # Safety
    /// `expression` is a valid expression tree, preprocessed by the planner.
    pub unsafe fn top(&self, expression: *mut pg_sys::Expr) -> Translated {
        // SAFETY: the caller's promise.
        unsafe {
            if let Some(operand) = self.key_operand(expression) {
                return Ok(Predicate::Key(operand));
            }
            self.condition(expression, MAX_DEPTH)
        }
    }

    /// # Safety
    /// As [`top`](Self::top); node tags say what may be cast to what.
    unsafe fn condition(&self, expression: *mut pg_sys::Expr, depth: usize) -> Translated {
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

    unsafe fn comparison(&self, expression: *mut pg_sys::OpExpr) -> Translated {
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

    unsafe fn membership(&self, expression: *mut pg_sys::ScalarArrayOpExpr) -> Translated {
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

    /// What the key is compared with, if that is what the expression does.
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

    /// The attribute column that an expression is, and its type here.
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

    /// The column of the table that an expression is, seen through relabelling.
    ///
    /// # Safety
    /// As [`top`](Self::top).
    pub unsafe fn attribute(
        &self,
        mut expression: *mut pg_sys::Expr,
    ) -> Option<&crate::table::Attribute> {
        // SAFETY: as for `condition`.
        unsafe {
            while is_a(expression.cast(), NodeTag::T_RelabelType) {
                expression = (*expression.cast::<pg_sys::RelabelType>()).arg;
            }
            if !is_a(expression.cast(), NodeTag::T_Var) {
                return None;
            }
            let var = expression.cast::<pg_sys::Var>();
            if (*var).varno != self.relation || (*var).varlevelsup != 0 {
                return None;
            }
            self.table.attribute((*var).varattno.into())
        }
    }

    /// Whether an expression's value is known when the scan begins.
    ///
    /// # Safety
    /// As [`top`](Self::top).
    pub unsafe fn is_operand(
        &self,
        expression: *mut pg_sys::Expr,
    ) -> std::result::Result<(), &'static str> {
        // SAFETY: as for `condition`.
        unsafe {
            let node = expression.cast();
            if pg_sys::contain_var_clause(node) {
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

const NOT_OURS: &str = "it is not about an attribute column that the index compares alike";

/// What a btree operator on a column of this type means.
fn comparison_of(operator: Oid, type_oid: Oid) -> Option<Comparison> {
    // SAFETY: look-ups in the catalogs.
    unsafe {
        let flags = pg_sys::TYPECACHE_BTREE_OPFAMILY as i32;
        // varchar has none of its own: it is compared as text.
        let type_oid = if type_oid == pg_sys::VARCHAROID { pg_sys::TEXTOID } else { type_oid };
        let family = (*pg_sys::lookup_type_cache(type_oid, flags)).btree_opf;
        Some(match pg_sys::get_op_opfamily_strategy(operator, family) {
            1 => Comparison::Lt,
            2 => Comparison::Le,
            3 => Comparison::Eq,
            4 => Comparison::Ge,
            5 => Comparison::Gt,
            _ => {
                let negator = pg_sys::get_negator(operator);
                if pg_sys::get_op_opfamily_strategy(negator, family) != 3 {
                    return None;
                }
                Comparison::Ne
            }
        })
    }
}

/// The index compares text by bytes: equality is the same under deterministic collations, order
/// under C alone.
fn check_collation(collation: Oid, equality: bool) -> std::result::Result<(), &'static str> {
    const POSIX: u32 = 951;
    if collation == pg_sys::InvalidOid
        || [pg_sys::C_COLLATION_OID, Oid::from(POSIX)].contains(&collation)
    {
        return Ok(());
    }
    if !equality {
        return Err("text is ordered by another collation than C");
    }
    // SAFETY: a look-up in the catalogs.
    if unsafe { pg_sys::get_collation_isdeterministic(collation) } {
        Ok(())
    } else {
        Err("the collation is not deterministic")
    }
}

/// The prefix that `LIKE 'prefix%'` or `^@ 'prefix'` asks for.
unsafe fn prefix_of(operator: Oid, other: *mut pg_sys::Expr) -> Option<String> {
    const LIKE: u32 = 1209;
    const STARTS_WITH: u32 = 3877;
    // SAFETY: as for `condition`; a Const of type text holds one.
    unsafe {
        if !is_a(other.cast(), NodeTag::T_Const) {
            return None;
        }
        let constant = other.cast::<pg_sys::Const>();
        let Some(Value::Text(text)) =
            literal((*constant).constvalue, (*constant).constisnull, (*constant).consttype)
        else {
            return None;
        };
        match operator.to_u32() {
            STARTS_WITH => Some(text),
            LIKE => text
                .strip_suffix('%')
                .filter(|prefix| !prefix.contains(['%', '_', '\\']))
                .map(Into::into),
            _ => None,
        }
    }
}

impl Predicate {
    /// The filter that it is with the values of this execution.
    ///
    /// # Safety
    /// `node` is the plan node that is executed.
    pub unsafe fn filter(&mut self, node: *mut pg_sys::ForeignScanState) -> Filter {
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                Self::Compare { column, op, value } => {
                    let value = value.evaluate(node).and_then(|mut values| values.pop());
                    let value = value.unwrap_or(Value::Null);
                    Filter::Compare { column: column.clone(), op: *op, value }
                }
                Self::In { column, values, negated } => match values.evaluate(node) {
                    // Nothing is known to be in an array that is null.
                    None => Filter::Compare {
                        column: column.clone(),
                        op: Comparison::Eq,
                        value: Value::Null,
                    },
                    Some(values) if *negated => Filter::NotIn { column: column.clone(), values },
                    Some(values) => Filter::In { column: column.clone(), values },
                },
                Self::IsNull { column, negated: false } => Filter::IsNull(column.clone()),
                Self::IsNull { column, negated: true } => Filter::IsNotNull(column.clone()),
                Self::Prefix { column, prefix } => {
                    Filter::Prefix { column: column.clone(), prefix: prefix.clone() }
                }
                Self::Is { inner, truth: false } => Filter::NotTrue(Box::new(inner.filter(node))),
                Self::Is { inner, truth: true } => {
                    Filter::Not(Box::new(Filter::NotTrue(Box::new(inner.filter(node)))))
                }
                Self::And(inner) => Filter::And(inner.iter_mut().map(|p| p.filter(node)).collect()),
                Self::Or(inner) => Filter::Or(inner.iter_mut().map(|p| p.filter(node)).collect()),
                Self::Not(inner) => Filter::Not(Box::new(inner.filter(node))),
                // Decided by look-ups, not by a filter.
                Self::Key(_) => Filter::And(Vec::new()),
            }
        }
    }

    /// The keys that it asks for, if it is about the key; those that no row can have are left out.
    ///
    /// # Safety
    /// `node` is the plan node that is executed.
    pub unsafe fn keys(
        &mut self,
        node: *mut pg_sys::ForeignScanState,
        key_type: KeyType,
    ) -> Option<Vec<Key>> {
        let Self::Key(operand) = self else { return None };
        // SAFETY: the caller's promise.
        let values = unsafe { operand.evaluate(node) }.unwrap_or_default();
        let mut keys: Vec<Key> = values
            .into_iter()
            .filter_map(|value| match value {
                Value::Int64(number) => Some(Key::Int64(number)),
                Value::Uuid(bytes) => Some(Key::Uuid(bytes)),
                Value::Text(text) => Some(Key::Text(text)),
                _ => None,
            })
            .filter(|key| key.as_ref().fits(key_type))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        Some(keys)
    }
}

/// The name of an operator, for people.
pub fn operator_name(operator: Oid) -> String {
    // SAFETY: get_opname gives a palloc'ed string or null.
    unsafe {
        let name = pg_sys::get_opname(operator);
        if name.is_null() {
            "?".into()
        } else {
            CStr::from_ptr(name).to_string_lossy().into_owned()
        }
    }
}

/// The predicates of a list of expressions that were found to be translatable.
///
/// # Safety
/// `expressions` are those of a plan.
pub unsafe fn translate_all(
    translator: Translator<'_>,
    expressions: impl Iterator<Item = *mut pg_sys::Expr>,
) -> Result<Vec<Predicate>> {
    expressions
        // SAFETY: the caller's promise.
        .map(|expression| unsafe { translator.top(expression) })
        .map(|translated| {
            translated.map_err(|_| {
                crate::failure::Failure::new(
                    pgrx::PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                    "the files of the table changed since the statement was planned",
                )
                .hint("Run the statement again; a prepared one must be prepared anew.")
            })
        })
        .collect()
}
