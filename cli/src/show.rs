//! How values, sizes and rows look to people and to programs.

use crate::failure::Failure;
use crate::input::format_bytes;
use hither::{Index, KeyRef, KeyType, RowId, ValueRef, format_timestamp, format_uuid};
use serde_json::{Map, Value as Json, json};
use std::borrow::Cow;
use std::io::{Write, stdout};

/// Text without what a terminal would obey: control characters are shown as escapes.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let shown = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(shown).collect()
}

/// A line on standard error.
pub fn complain(line: &str) {
    eprintln!("{}", printable(line));
}

/// Writes to standard output; a closed pipe is no error of ours.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// A number with commas: 1,234,567.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A number of bytes in a unit that suits it: 12.3 MB.
pub fn bytes(number: u64) -> String {
    let units = ["B", "KB", "MB", "GB", "TB"];
    let (mut size, mut unit) = (number as f64, 0);
    while size >= 999.95 && unit + 1 < units.len() {
        size /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{number} B") } else { format!("{size:.1} {}", units[unit]) }
}

/// A key as JSON: a number or a string.
pub fn key_json(key: KeyRef<'_>) -> Json {
    match key {
        KeyRef::Int64(number) => number.into(),
        KeyRef::Uuid(bytes) => format_uuid(&bytes).into(),
        KeyRef::Text(text) => text.into(),
    }
}

/// A value as JSON.
pub fn value_json(value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Null => Json::Null,
        ValueRef::Bool(value) => value.into(),
        ValueRef::Int64(number) => number.into(),
        ValueRef::Float64(number) if number.is_finite() => number.into(),
        ValueRef::Float64(number) => number.to_string().into(),
        ValueRef::Text(text) => text.into(),
        ValueRef::Timestamp(micros) => format_timestamp(micros).into(),
        ValueRef::Uuid(bytes) => format_uuid(&bytes).into(),
        ValueRef::Bytes(bytes) => format_bytes(bytes).into(),
        ValueRef::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
    }
}

/// A value as text for a table.
pub fn value_text(value: ValueRef<'_>) -> String {
    match value_json(value) {
        Json::Null => String::new(),
        Json::String(text) => text,
        other => other.to_string(),
    }
}

/// A row of an answer as JSON: key, distance, and its attributes.
pub fn row_json(
    index: &Index<'_>,
    row: RowId,
    key: Json,
    distance: f32,
    columns: &[usize],
) -> Result<Json, hither::Error> {
    let mut object = Map::new();
    object.insert("key".into(), key);
    object.insert("distance".into(), json!(distance));
    for &column in columns {
        let name = index.columns()[column].name.clone();
        object.insert(name, value_json(index.value(row, column)?));
    }
    Ok(object.into())
}

/// The names of an index's structures, of all its segments.
pub fn structures(index: &Index<'_>) -> Vec<&'static str> {
    let mut names: Vec<&str> = Vec::new();
    for segment in index.info().segments {
        for structure in segment.structures {
            if !names.contains(&structure.name()) {
                names.push(structure.name());
            }
        }
    }
    if names.is_empty() {
        names.push("flat");
    }
    names
}

/// Reads a key that was written on the command line.
pub fn parse_key(text: &str, key_type: KeyType) -> Result<hither::Key, Failure> {
    crate::input::key_from_text(text, key_type).ok_or_else(|| {
        format!("\"{text}\" is no key of this index, whose keys are {}", key_type.name()).into()
    })
}
