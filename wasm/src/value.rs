//! Converts keys and column values between JavaScript and the library.

use crate::failure::{Failure, Outcome};
use crate::memory::ensure;
use hither::{ColumnSchema, ColumnType, Key, KeyRef, KeyType, Value, ValueRef};
use hither::{format_timestamp, format_uuid, parse_timestamp, parse_uuid};
use js_sys::{Array, JsString, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

/// The greatest integer up to which all are exact as numbers of JavaScript.
const SAFE: u64 = (1 << 53) - 1;

/// A whole number, given as a number or a bigint.
fn integer(value: &JsValue) -> Option<i64> {
    match value.as_f64() {
        Some(number) => {
            let whole = number as i64;
            (whole as f64 == number && whole.unsigned_abs() <= SAFE).then_some(whole)
        }
        None => i64::try_from(value.clone()).ok(),
    }
}

/// The text, if the value is one. UTF-8 takes at most 3 bytes for each unit of a string.
fn text(value: &JsValue) -> Outcome<Option<String>> {
    if let Some(string) = value.dyn_ref::<JsString>() {
        ensure(3 * string.length() as usize)?;
    }
    Ok(value.as_string())
}

fn bytes(value: &JsValue) -> Outcome<Option<Vec<u8>>> {
    let Some(array) = value.dyn_ref::<Uint8Array>() else { return Ok(None) };
    ensure(array.length() as usize)?;
    Ok(Some(array.to_vec()))
}

/// A value as it is shown in messages.
fn shown(value: &JsValue) -> String {
    if value.is_null() || value.is_undefined() {
        return "missing".into();
    }
    if value.is_bigint() {
        let is_small = i64::try_from(value.clone()).is_ok();
        return if is_small { "a bigint" } else { "a bigint beyond 64 bits" }.into();
    }
    match (value.as_string(), value.as_f64(), value.as_bool()) {
        (Some(text), ..) => format!("\"{text}\""),
        (_, Some(_), _) => "a number that is no whole one within ±2⁵³".into(),
        (.., Some(_)) => "a boolean".into(),
        _ => "an object".into(),
    }
}

pub(crate) fn to_key(value: &JsValue, key_type: KeyType) -> Outcome<Key> {
    let key = match key_type {
        KeyType::RowNumber | KeyType::Int64 => integer(value).map(Key::Int64),
        KeyType::Uuid => text(value)?.and_then(|text| parse_uuid(&text)).map(Key::Uuid),
        KeyType::Text => text(value)?.map(Key::Text),
    };
    key.filter(|key| key.as_ref().fits(key_type)).ok_or_else(|| {
        let got = shown(value);
        let message = format!("the keys of this index are {}, not {got}", key_type.name());
        Failure::new("key_type", message)
    })
}

/// Like [`to_key`], for a row that may have no key.
pub(crate) fn to_optional_key(value: &JsValue, key_type: KeyType) -> Outcome<Option<Key>> {
    if value.is_null() || value.is_undefined() {
        return Ok(None);
    }
    to_key(value, key_type).map(Some)
}

/// A number where that is exact, else a bigint.
fn from_integer(number: i64) -> JsValue {
    if number.unsigned_abs() <= SAFE { (number as f64).into() } else { number.into() }
}

pub(crate) fn from_key(key: KeyRef<'_>) -> JsValue {
    match key {
        KeyRef::Int64(number) => from_integer(number),
        KeyRef::Uuid(bytes) => format_uuid(&bytes).into(),
        KeyRef::Text(text) => text.into(),
    }
}

/// Converts a column's value from JavaScript, which has already made text of dates and JSON.
fn to_value(value: &JsValue, column: &ColumnSchema) -> Outcome<Value> {
    if value.is_null() || value.is_undefined() {
        return Ok(Value::Null);
    }
    let made = match column.column_type {
        ColumnType::Bool => value.as_bool().map(Value::Bool),
        ColumnType::Int64 => integer(value).map(Value::Int64),
        ColumnType::Float64 => value.as_f64().map(Value::Float64),
        ColumnType::Text => text(value)?.map(Value::Text),
        ColumnType::Timestamp => {
            text(value)?.and_then(|text| parse_timestamp(&text)).map(Value::Timestamp)
        }
        ColumnType::Uuid => text(value)?.and_then(|text| parse_uuid(&text)).map(Value::Uuid),
        ColumnType::Bytes => bytes(value)?.map(Value::Bytes),
        ColumnType::Json => text(value)?.map(Value::Json),
    };
    made.ok_or_else(|| {
        let got = shown(value);
        let (name, expected) = (&column.name, column.column_type.name());
        let message = format!("column \"{name}\" is {expected} and does not go with {got}");
        Failure::new("column_type", message)
    })
}

/// Converts a column's value to JavaScript, which parses JSON itself.
pub(crate) fn from_value(value: ValueRef<'_>) -> JsValue {
    match value {
        ValueRef::Null => JsValue::NULL,
        ValueRef::Bool(value) => value.into(),
        ValueRef::Int64(number) => from_integer(number),
        ValueRef::Float64(number) => number.into(),
        ValueRef::Text(text) | ValueRef::Json(text) => text.into(),
        ValueRef::Timestamp(micros) => format_timestamp(micros).into(),
        ValueRef::Uuid(bytes) => format_uuid(&bytes).into(),
        ValueRef::Bytes(bytes) => Uint8Array::from(bytes).into(),
    }
}

/// The bytes of a text, bytes or JSON value; 0 for others.
pub(crate) fn blob_len(value: &ValueRef<'_>) -> usize {
    match value {
        ValueRef::Text(text) | ValueRef::Json(text) => text.len(),
        ValueRef::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}

/// A row's values in the order of its columns; the first is at index `first`.
pub(crate) fn to_values(
    values: &Array,
    first: usize,
    columns: &[ColumnSchema],
) -> Outcome<Vec<Value>> {
    let numbered = (first as u32..).zip(columns);
    numbered.map(|(at, column)| to_value(&values.get(at), column)).collect()
}

/// Values in the form that the library takes.
pub(crate) fn borrowed(values: &[Value]) -> Vec<ValueRef<'_>> {
    values.iter().map(Value::as_ref).collect()
}
