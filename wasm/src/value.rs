//! Keys and column values, between JavaScript and the library.

use crate::failure::{Failure, Outcome};
use crate::token::{SAFE, Token, Tokens, Writer};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use hither::{ColumnSchema, ColumnType, Json, KeyRef, KeyType, Value, ValueRef};
use hither::{format_timestamp, format_uuid, parse_timestamp, parse_uuid};

/// A whole number, given as a number or a bigint.
pub(crate) fn integer(value: Token<'_>) -> Option<i64> {
    match value {
        Token::Number(number) => {
            let whole = number as i64;
            (whole as f64 == number && whole.unsigned_abs() <= SAFE).then_some(whole)
        }
        Token::Integer(number) => Some(number),
        _ => None,
    }
}

/// A value as messages show it.
fn shown(value: Token<'_>) -> String {
    match value {
        Token::None | Token::Kept => "missing".into(),
        Token::Bool(_) => "a boolean".into(),
        Token::Number(_) => "a number that is no whole one within ±2⁵³".into(),
        Token::Integer(_) => "a bigint".into(),
        Token::Text(text) => format!("\"{text}\""),
        Token::Other(name) => name.into(),
        Token::Bytes(_) | Token::List(_) | Token::Object(_) => "an object".into(),
    }
}

/// Reads parsed JSON.
pub(crate) fn to_json(tokens: &mut Tokens<'_>) -> Json {
    match tokens.read() {
        Token::Bool(value) => Json::Bool(value),
        Token::Number(number) => {
            let whole = number as i64;
            let is_whole = whole as f64 == number && whole < i64::MAX;
            if is_whole { Json::Int64(whole) } else { Json::Float64(number) }
        }
        Token::Integer(number) => Json::Int64(number),
        Token::Text(text) => Json::Text(text.into()),
        Token::List(count) => Json::Array((0..count).map(|_| to_json(tokens)).collect()),
        Token::Object(count) => {
            let entry = |_| {
                let name = if let Token::Text(name) = tokens.read() { name } else { "" };
                (name.into(), to_json(tokens))
            };
            Json::Object((0..count).map(entry).collect())
        }
        Token::None | Token::Kept | Token::Bytes(_) | Token::Other(_) => Json::Null,
    }
}

pub(crate) fn to_key(value: Token<'_>, key_type: KeyType) -> Outcome<KeyRef<'_>> {
    let key = match (key_type, value) {
        (KeyType::RowNumber | KeyType::Int64, _) => integer(value).map(KeyRef::Int64),
        (KeyType::Uuid, Token::Text(text)) => parse_uuid(text).map(KeyRef::Uuid),
        (KeyType::Text, Token::Text(text)) => Some(KeyRef::Text(text)),
        (KeyType::Uuid | KeyType::Text, _) => None,
    };
    key.filter(|key| key.fits(key_type)).ok_or_else(|| {
        let got = shown(value);
        let message = format!("the keys of this index are {}, not {got}", key_type.name());
        Failure::new("key_type", message)
    })
}

pub(crate) fn write_key(key: KeyRef<'_>, out: &mut Writer) {
    match key {
        KeyRef::Int64(number) => out.integer(number),
        KeyRef::Uuid(bytes) => out.text(&format_uuid(&bytes)),
        KeyRef::Text(text) => out.text(text),
    }
}

/// A column's value: JavaScript has made text of dates and JSON.
fn to_value<'a>(value: Token<'a>, column: &ColumnSchema) -> Outcome<ValueRef<'a>> {
    let made = match (column.column_type, value) {
        (_, Token::None) => Some(ValueRef::Null),
        (ColumnType::Bool, Token::Bool(value)) => Some(ValueRef::Bool(value)),
        (ColumnType::Int64, _) => integer(value).map(ValueRef::Int64),
        (ColumnType::Float64, Token::Number(number)) => Some(ValueRef::Float64(number)),
        (ColumnType::Text, Token::Text(text)) => Some(ValueRef::Text(text)),
        (ColumnType::Timestamp, Token::Text(text)) => {
            parse_timestamp(text).map(ValueRef::Timestamp)
        }
        (ColumnType::Uuid, Token::Text(text)) => parse_uuid(text).map(ValueRef::Uuid),
        (ColumnType::Bytes, Token::Bytes(bytes)) => Some(ValueRef::Bytes(bytes)),
        (ColumnType::Json, Token::Text(text)) => Some(ValueRef::Json(text)),
        _ => None,
    };
    made.ok_or_else(|| {
        let got = shown(value);
        let (name, expected) = (&column.name, column.column_type.name());
        let message = format!("column \"{name}\" is {expected} and does not go with {got}");
        Failure::new("column_type", message)
    })
}

/// A column's value: JavaScript parses JSON.
pub(crate) fn write_value(value: ValueRef<'_>, out: &mut Writer) -> Outcome<()> {
    out.reserve(blob_len(&value))?;
    match value {
        ValueRef::Null => out.none(),
        ValueRef::Bool(value) => out.bool(value),
        ValueRef::Int64(number) => out.integer(number),
        ValueRef::Float64(number) => out.number(number),
        ValueRef::Text(text) | ValueRef::Json(text) => out.text(text),
        ValueRef::Timestamp(micros) => out.text(&format_timestamp(micros)),
        ValueRef::Uuid(bytes) => out.text(&format_uuid(&bytes)),
        ValueRef::Bytes(bytes) => out.bytes(bytes),
    }
    Ok(())
}

/// Bytes of a value that has no fixed size.
pub(crate) fn blob_len(value: &ValueRef<'_>) -> usize {
    match value {
        ValueRef::Text(text) | ValueRef::Json(text) => text.len(),
        ValueRef::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}

/// A row's values, in the order of the schema. Where a value is kept, it is that of `kept`.
pub(crate) fn to_values<'a>(
    tokens: &mut Tokens<'a>,
    columns: &[ColumnSchema],
    kept: &'a [Value],
) -> Outcome<Vec<ValueRef<'a>>> {
    let mut values = Vec::with_capacity(columns.len());
    for (number, column) in columns.iter().enumerate() {
        values.push(match (tokens.read(), kept.get(number)) {
            (Token::Kept, Some(value)) => value.as_ref(),
            (value, _) => to_value(value, column)?,
        });
    }
    Ok(values)
}

/// Which columns are kept, of the values that come next.
pub(crate) fn kept(mut tokens: Tokens<'_>, columns: &[ColumnSchema]) -> Vec<bool> {
    columns.iter().map(|_| tokens.read() == Token::Kept).collect()
}
