//! Literals in the types of their columns.

use crate::column::{ColumnSchema, ColumnType, Value, ValueRef, parse_timestamp};
use crate::error::{ErrorKind, Result};
use crate::key::parse_uuid;
use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// The literal as it is compared with values of a column: of the column's type, except that
/// integers and doubles stay what they are; or null.
pub(super) fn coerce<'v>(schema: &ColumnSchema, value: &'v Value) -> Result<Cow<'v, Value>> {
    let column_type = schema.column_type;
    let unlike = || {
        let (expected, got) = (column_type.name(), value.as_ref().type_name());
        ErrorKind::ColumnType { column: schema.name.clone(), expected, got }.into()
    };
    let fits = *value == Value::Null || value.as_ref().type_name() == column_type.name();
    let (parsed, form) = match (column_type, value) {
        (ColumnType::Json, Value::Json(_)) => return Err(unlike()),
        (ColumnType::Int64, Value::Float64(_)) | (ColumnType::Float64, Value::Int64(_)) => {
            return Ok(Cow::Borrowed(value));
        }
        _ if fits => return Ok(Cow::Borrowed(value)),
        (ColumnType::Timestamp, Value::Text(text)) => {
            (parse_timestamp(text).map(Value::Timestamp), "2024-05-01T12:00:00Z")
        }
        (ColumnType::Uuid, Value::Text(text)) => {
            (parse_uuid(text).map(Value::Uuid), "123e4567-e89b-12d3-a456-426614174000")
        }
        (ColumnType::Bytes, Value::Text(text)) => (parse_hex(text).map(Value::Bytes), "\\x00ff"),
        // Doubles that JSON cannot write as numbers.
        (ColumnType::Float64, Value::Text(text)) => match text.as_str() {
            "NaN" => (Some(Value::Float64(f64::NAN)), ""),
            "Infinity" => (Some(Value::Float64(f64::INFINITY)), ""),
            "-Infinity" => (Some(Value::Float64(f64::NEG_INFINITY)), ""),
            _ => return Err(unlike()),
        },
        _ => return Err(unlike()),
    };
    parsed.map(Cow::Owned).ok_or_else(|| {
        let (name, kind) = (&schema.name, column_type.name());
        let reason = format!("column \"{name}\" is {kind}; write its values as \"{form}\"");
        ErrorKind::InvalidFilter { reason }.into()
    })
}

/// `\x` and an even number of hexadecimal digits.
fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.strip_prefix("\\x")?.as_bytes().as_chunks::<2>();
    let digit = |c: u8| char::from(c).to_digit(16).map(|digit| digit as u8);
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    rest.is_empty().then(|| bytes.collect()).flatten()
}

/// How a row's value compares with a [coerced](coerce) literal; none if either is null.
pub(super) fn compare(row: ValueRef<'_>, literal: &Value) -> Option<Ordering> {
    Some(match (row, literal) {
        (ValueRef::Bool(a), Value::Bool(b)) => a.cmp(b),
        (ValueRef::Int64(a), Value::Int64(b)) => a.cmp(b),
        (ValueRef::Int64(a), Value::Float64(b)) => compare_numbers(a, *b),
        (ValueRef::Float64(a), Value::Int64(b)) => compare_numbers(*b, a).reverse(),
        (ValueRef::Float64(a), Value::Float64(b)) => {
            // NaN equals itself and is greater than all other numbers.
            a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
        }
        (ValueRef::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (ValueRef::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
        (ValueRef::Uuid(a), Value::Uuid(b)) => a.cmp(b),
        (ValueRef::Bytes(a), Value::Bytes(b)) => a.cmp(b.as_slice()),
        _ => return None,
    })
}

/// How an integer compares with a double, exactly.
pub(super) fn compare_numbers(a: i64, b: f64) -> Ordering {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if b.is_nan() || b >= END {
        return Ordering::Less;
    }
    if b < -END {
        return Ordering::Greater;
    }
    // Rounds toward zero; the fraction decides where the integers are equal.
    let whole = b as i64;
    a.cmp(&whole).then((whole as f64).partial_cmp(&b).unwrap_or(Ordering::Equal))
}
