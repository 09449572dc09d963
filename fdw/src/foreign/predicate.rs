//! Conditions of a query as filters of an index.
//!
//! The plan keeps pushed conditions as Postgres's own expressions, which can be copied and cached. They are
//! translated twice: while planning, to see whether they can be pushed, and when the scan begins, to
//! evaluate them with the values of that execution.

mod operand;
mod operator;
mod translate;

pub use operand::{Expression, Operand};
pub use operator::operator_name;
pub use translate::{Translator, translate_all};

use hither_core::{Comparison, Filter, Key, KeyType, Value};
use pgrx::pg_sys;

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
    /// The key equals a value, or an element of an array.
    Key(Operand),
}

impl Predicate {
    /// The filter for the values of this execution.
    ///
    /// # Safety
    /// `node` is the plan node being executed.
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
                    // The result is unknown for an array that is null.
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
                // Decided by key look-ups, not by a filter.
                Self::Key(_) => Filter::And(Vec::new()),
            }
        }
    }

    /// The keys that a condition on the key asks for, without those that no row can have; `None` for other
    /// conditions.
    ///
    /// # Safety
    /// `node` is the plan node being executed.
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
