//! Filters: which rows may be in an answer.
//!
//! [`Filter`] is what callers write. [`Filter::bind`] prepares it for the columns of a segment.
//! [`Filter::matches_values`] has the same meaning in its plainest form, for rows that are in no file yet.

mod bind;
mod estimate;
mod evaluate;
#[cfg(feature = "serde")]
mod json;
mod literal;
#[cfg(feature = "serde")]
mod parse;
mod tally;
#[cfg(test)]
mod tests;

pub(crate) use bind::BoundFilter;

use crate::column::{ColumnSchema, ColumnType, Value, ValueRef, unknown_column};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::MAX_FILTER_DEPTH as MAX_DEPTH;
use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::cmp::Ordering;

/// A predicate over attribute columns.
///
/// It has SQL's three-valued logic: comparing null gives *unknown*, and a row matches only if the
/// whole is true. Literals are compared with a column's values in the column's type:
///
/// - `int64` and `float64` columns with integers and doubles, exactly; NaN equals itself and is
///   greater than all other numbers, as in PostgreSQL;
/// - `text` with text, by UTF-8 bytes;
/// - `timestamp` with timestamps, or text such as `2024-05-01`, `2024-05-01T12:00:00.25+02:00`,
///   `infinity` (without an offset UTC);
/// - `uuid` with UUIDs, or text of 32 hexadecimal digits; by bytes;
/// - `bytes` with bytes, or text such as `\x00ff`; by bytes;
/// - `bool` with bools; false is less than true;
/// - `json` with nothing: it can only be tested for null.
///
/// Filters may be nested 64 deep.
///
/// ```
/// # use hither::{Comparison, Filter, Value};
/// let filter = Filter::And(vec![
///     Filter::Compare { column: "year".into(), op: Comparison::Ge, value: Value::Int64(2020) },
///     Filter::Prefix { column: "title".into(), prefix: "A".into() },
/// ]);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Filter {
    /// A comparison of a column with a value; unknown if either is null.
    Compare {
        /// The column's name.
        column: String,
        /// How to compare.
        op: Comparison,
        /// What to compare with.
        value: Value,
    },
    /// Whether a column equals one of some values. If it does not, and either the column or one of the values
    /// is null, the result is unknown. No value is in an empty list.
    In {
        /// The column's name.
        column: String,
        /// What to compare with.
        values: Vec<Value>,
    },
    /// SQL's `NOT IN`, the negation of [`In`](Self::In): never true if one of the values is null.
    NotIn {
        /// The column's name.
        column: String,
        /// What to compare with.
        values: Vec<Value>,
    },
    /// Whether the column of this name is null.
    IsNull(String),
    /// Whether the column of this name is not null.
    IsNotNull(String),
    /// Whether a column of text begins with a text; unknown if it is null.
    Prefix {
        /// The column's name.
        column: String,
        /// What the text begins with.
        prefix: String,
    },
    /// Whether all are true; true if there are none.
    And(Vec<Self>),
    /// Whether any is true; false if there are none.
    Or(Vec<Self>),
    /// SQL's `NOT`: what is unknown stays unknown.
    Not(Box<Self>),
    /// SQL's `IS NOT TRUE`: whether the inner filter is false or unknown.
    NotTrue(Box<Self>),
}

/// How a [`Filter`] compares a column with a value.
///
/// ```
/// use hither::{Comparison, Filter};
///
/// let recent = Filter::from_json(r#"{"year": {"$gte": 2020}}"#)?;
/// assert!(matches!(recent, Filter::Compare { op: Comparison::Ge, .. }));
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}

impl Comparison {
    /// Whether `value op literal` holds, if `ordering` says how the value compares with the literal.
    fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Self::Eq => ordering.is_eq(),
            Self::Ne => ordering.is_ne(),
            Self::Lt => ordering.is_lt(),
            Self::Le => ordering.is_le(),
            Self::Gt => ordering.is_gt(),
            Self::Ge => ordering.is_ge(),
        }
    }
}

/// True, false, or unknown.
type Truth = Option<bool>;

impl Filter {
    /// Checks that the filter goes with columns of this schema.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownColumn`]; [`ErrorKind::ColumnType`] for a value that its column cannot
    /// be compared with; [`ErrorKind::InvalidFilter`] for a text that is no timestamp, UUID or
    /// bytes, or a filter that is nested too deep.
    pub(crate) fn check(&self, schema: &[ColumnSchema]) -> Result<()> {
        self.check_depth(MAX_DEPTH)?;
        self.evaluate(schema, &|_| ValueRef::Null).map(drop)
    }

    /// Whether a row matches if its column number i has the value `get(i)`.
    ///
    /// # Errors
    /// Those of [`check`](Self::check).
    pub(crate) fn matches_values<'v>(
        &self,
        schema: &[ColumnSchema],
        get: impl Fn(usize) -> ValueRef<'v>,
    ) -> Result<bool> {
        self.check_depth(MAX_DEPTH)?;
        Ok(self.evaluate(schema, &get)? == Some(true))
    }

    fn check_depth(&self, left: usize) -> Result<()> {
        let Some(left) = left.checked_sub(1) else {
            let reason = format!("it is nested more than {MAX_DEPTH} deep");
            return Err(ErrorKind::InvalidFilter { reason }.into());
        };
        match self {
            Self::And(inner) | Self::Or(inner) => {
                inner.iter().try_for_each(|inner| inner.check_depth(left))
            }
            Self::Not(inner) | Self::NotTrue(inner) => inner.check_depth(left),
            _ => Ok(()),
        }
    }

    /// Evaluates in the plainest way: every part, even if others have decided already, so that it finds every
    /// error.
    fn evaluate<'v>(
        &self,
        schema: &[ColumnSchema],
        get: &dyn Fn(usize) -> ValueRef<'v>,
    ) -> Result<Truth> {
        let column = |name: &str| {
            let number = find_column(schema.iter(), name)?;
            Ok::<_, Error>((&schema[number], get(number)))
        };
        let all = |inner: &[Self], unless: bool| {
            inner.iter().try_fold(Some(!unless), |truth, inner| -> Result<_> {
                Ok(match (truth, inner.evaluate(schema, get)?) {
                    (a, b) if a == Some(unless) || b == Some(unless) => Some(unless),
                    (Some(_), Some(_)) => Some(!unless),
                    _ => None,
                })
            })
        };
        Ok(match self {
            Self::Compare { column: name, op, value } => {
                let (schema, row) = column(name)?;
                let value = literal::coerce(schema, value)?;
                literal::compare(row, &value).map(|ordering| op.accepts(ordering))
            }
            Self::In { column: name, values } => {
                let (schema, row) = column(name)?;
                is_in(schema, row, values)?
            }
            Self::NotIn { column: name, values } => {
                let (schema, row) = column(name)?;
                is_in(schema, row, values)?.map(|truth| !truth)
            }
            Self::IsNull(name) => Some(column(name)?.1 == ValueRef::Null),
            Self::IsNotNull(name) => Some(column(name)?.1 != ValueRef::Null),
            Self::Prefix { column: name, prefix } => {
                let (schema, row) = column(name)?;
                check_prefix(schema)?;
                match row {
                    ValueRef::Text(text) => Some(text.starts_with(prefix)),
                    _ => None,
                }
            }
            Self::And(inner) => all(inner, false)?,
            Self::Or(inner) => all(inner, true)?,
            Self::Not(inner) => inner.evaluate(schema, get)?.map(|truth| !truth),
            Self::NotTrue(inner) => Some(inner.evaluate(schema, get)? != Some(true)),
        })
    }
}

fn is_in(schema: &ColumnSchema, row: ValueRef<'_>, values: &[Value]) -> Result<Truth> {
    let mut truth = Some(false);
    for value in values {
        let value = literal::coerce(schema, value)?;
        match literal::compare(row, &value) {
            Some(Ordering::Equal) => truth = Some(true),
            Some(_) => {}
            None => truth = truth.filter(|truth| *truth),
        }
    }
    Ok(truth)
}

/// The number of the column that has this name.
fn find_column<'s>(
    mut schema: impl Iterator<Item = &'s ColumnSchema> + Clone,
    name: &str,
) -> Result<usize> {
    let all = schema.clone();
    schema.position(|column| column.name == name).ok_or_else(|| unknown_column(all, name.into()))
}

fn check_prefix(schema: &ColumnSchema) -> Result<()> {
    if schema.column_type == ColumnType::Text {
        return Ok(());
    }
    let (column, expected) = (schema.name.clone(), schema.column_type.name());
    Err(ErrorKind::ColumnType { column, expected, got: "a prefix" }.into())
}
