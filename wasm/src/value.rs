//! Keys and column values, between JavaScript and the library.

use crate::failure::{Failure, Outcome};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use hither::{ColumnSchema, ColumnType, ErrorKind, Key, KeyRef, KeyType, Value, ValueRef};
use hither::{Json, format_uuid, parse_timestamp, parse_uuid};
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};

/// Integers up to here are exact as JavaScript's numbers.
const SAFE: u64 = (1 << 53) - 1;

/// A whole number, given as a number or a bigint.
pub(crate) fn integer(value: &JsValue) -> Option<i64> {
    if let Some(number) = value.as_f64() {
        let whole = number as i64;
        return (whole as f64 == number && whole.unsigned_abs() <= SAFE).then_some(whole);
    }
    if value.is_bigint() { i64::try_from(value.clone()).ok() } else { None }
}

/// An integer as a number where that is exact, else as a bigint.
pub(crate) fn from_integer(number: i64) -> JsValue {
    if number.unsigned_abs() <= SAFE {
        JsValue::from_f64(number as f64)
    } else {
        JsValue::from(number)
    }
}

fn kind(value: &JsValue) -> &'static str {
    if value.is_null() || value.is_undefined() {
        "missing"
    } else if value.as_bool().is_some() {
        "a boolean"
    } else if value.as_f64().is_some() {
        "a number that is no whole one within ±2⁵³"
    } else if value.is_bigint() {
        "a bigint beyond 64 bits"
    } else if value.is_string() {
        "a string"
    } else {
        "an object"
    }
}

/// A value as messages show it.
fn shown(value: &JsValue) -> String {
    value.as_string().map_or_else(|| kind(value).into(), |text| format!("\"{text}\""))
}

/// Reads what `toTokens` of `js/value.js` makes of parsed JSON: a value is itself, and undefined
/// goes before the count of an array's items, or of an object's entries as -1 less that.
pub(crate) fn to_json(tokens: &mut core::slice::Iter<'_, JsValue>) -> Json {
    let Some(token) = tokens.next() else { return Json::Null };
    if token.is_undefined() {
        let count = tokens.next().and_then(JsValue::as_f64).unwrap_or(0.0);
        if count >= 0.0 {
            return Json::Array((0..count as usize).map(|_| to_json(tokens)).collect());
        }
        let entry = |_| {
            let name = tokens.next().and_then(JsValue::as_string).unwrap_or_default();
            (name, to_json(tokens))
        };
        return Json::Object((0..(-1.0 - count) as usize).map(entry).collect());
    }
    if let Some(value) = token.as_bool() {
        return Json::Bool(value);
    }
    if let Some(number) = token.as_f64() {
        let whole = number as i64;
        let is_whole = whole as f64 == number && whole < i64::MAX;
        return if is_whole { Json::Int64(whole) } else { Json::Float64(number) };
    }
    if token.is_bigint() {
        return i64::try_from(token.clone()).map_or(Json::Null, Json::Int64);
    }
    token.as_string().map_or(Json::Null, Json::Text)
}

pub(crate) fn to_key(value: &JsValue, key_type: KeyType) -> Outcome<Key> {
    let key = match key_type {
        KeyType::RowNumber | KeyType::Int64 => integer(value).map(Key::Int64),
        KeyType::Uuid => value.as_string().and_then(|text| parse_uuid(&text)).map(Key::Uuid),
        KeyType::Text => value.as_string().map(Key::Text),
    };
    key.filter(|key| key.as_ref().fits(key_type)).ok_or_else(|| {
        let got = shown(value);
        let message = format!("the keys of this index are {}, not {got}", key_type.name());
        Failure::new("key_type", message)
    })
}

pub(crate) fn from_key(key: KeyRef<'_>) -> JsValue {
    match key {
        KeyRef::Int64(number) => from_integer(number),
        KeyRef::Uuid(bytes) => JsValue::from_str(&format_uuid(&bytes)),
        KeyRef::Text(text) => JsValue::from_str(text),
    }
}

/// A column's value: JavaScript has made text of dates and JSON.
pub(crate) fn to_value(value: &JsValue, column: &ColumnSchema) -> Outcome<Value> {
    if value.is_null() || value.is_undefined() {
        return Ok(Value::Null);
    }
    let made = match column.column_type {
        ColumnType::Bool => value.as_bool().map(Value::Bool),
        ColumnType::Int64 => integer(value).map(Value::Int64),
        ColumnType::Float64 => value.as_f64().map(Value::Float64),
        ColumnType::Text => value.as_string().map(Value::Text),
        ColumnType::Timestamp => {
            value.as_string().and_then(|text| parse_timestamp(&text)).map(Value::Timestamp)
        }
        ColumnType::Uuid => value.as_string().and_then(|text| parse_uuid(&text)).map(Value::Uuid),
        ColumnType::Bytes => value.dyn_ref::<Uint8Array>().map(|b| Value::Bytes(b.to_vec())),
        ColumnType::Json => value.as_string().map(Value::Json),
    };
    made.ok_or_else(|| {
        let got = shown(value);
        let (name, expected) = (&column.name, column.column_type.name());
        let message = format!("column \"{name}\" is {expected} and does not go with {got}");
        Failure::new("column_type", message)
    })
}

/// A column's value: JavaScript makes dates of a timestamp's bigint, and parses JSON.
pub(crate) fn from_value(value: ValueRef<'_>) -> JsValue {
    match value {
        ValueRef::Null => JsValue::NULL,
        ValueRef::Bool(value) => JsValue::from_bool(value),
        ValueRef::Int64(number) => from_integer(number),
        ValueRef::Float64(number) => JsValue::from_f64(number),
        ValueRef::Text(text) | ValueRef::Json(text) => JsValue::from_str(text),
        ValueRef::Timestamp(micros) => JsValue::from(micros),
        ValueRef::Uuid(bytes) => JsValue::from_str(&format_uuid(&bytes)),
        ValueRef::Bytes(bytes) => Uint8Array::from(bytes).into(),
    }
}

/// A row's values, in the order of the schema.
pub(crate) fn to_values(values: &[JsValue], columns: &[ColumnSchema]) -> Outcome<Vec<Value>> {
    if values.len() != columns.len() {
        let reason = format!("{} values for {} columns", values.len(), columns.len());
        return Err(ErrorKind::Unsupported { reason }.into());
    }
    values.iter().zip(columns).map(|(value, column)| to_value(value, column)).collect()
}
