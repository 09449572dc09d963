//! How values, sizes and rows are printed.

use crate::failure::Failure;
use hither::{Index, KeyRef, KeyType, ValueRef, format_uuid};
use hither_rows::{json_line, key_from_text, quoted, written};
use serde::Serialize;
use serde_json::Value as Json;
use std::borrow::Cow;
use std::io::{Write, stdout};

/// Replaces control characters, which a terminal would interpret, by escapes.
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

/// Prints a line to standard error.
pub fn complain(line: &str) {
    eprintln!("{}", printable(line));
}

/// Writes to standard output; a closed pipe is not our error.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Prints a line of JSON to standard output.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(&(serde_json::to_string(value)? + "\n"))
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

/// A number of bytes in a suitable unit: 12.3 MB.
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
fn key_json(key: KeyRef<'_>) -> String {
    match key {
        KeyRef::Int64(number) => number.to_string(),
        KeyRef::Uuid(bytes) => quoted(&format_uuid(&bytes)),
        KeyRef::Text(text) => quoted(text),
    }
}

/// A value as JSON.
fn value_json(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".into(),
        ValueRef::Float64(number) if number.is_finite() => Json::from(number).to_string(),
        ValueRef::Bool(_) | ValueRef::Int64(_) => written(value),
        ValueRef::Json(text) => json_line(text),
        _ => quoted(&written(value)),
    }
}

/// A value as text for a table.
pub fn value_text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Float64(number) if number.is_finite() => value_json(value),
        _ => written(value),
    }
}

/// Escapes those control characters in JSON that JSON allows unescaped, but which a terminal would
/// interpret.
pub fn printable_json(json: &str) -> String {
    let escaped = |c: char| match c {
        '\u{7f}'..='\u{9f}' => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    json.chars().map(escaped).collect()
}

/// A row of an answer as JSON: key, distance, and named values. It is written by hand, because a document
/// is printed unchanged, with digits that a parser would round.
pub fn row_json<'r>(
    key: KeyRef<'_>,
    distance: f32,
    values: impl Iterator<Item = (&'r str, ValueRef<'r>)>,
) -> String {
    let mut object = format!("{{\"key\":{},\"distance\":{}", key_json(key), Json::from(distance));
    for (name, value) in values {
        object += &format!(",{}:{}", quoted(name), value_json(value));
    }
    object + "}"
}

/// The names of the structures in all segments of an index.
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

/// Parses a key from the command line.
pub fn parse_key(text: &str, key_type: KeyType) -> Result<hither::Key, Failure> {
    key_from_text(text, key_type).ok_or_else(|| {
        format!("\"{text}\" is no key of this index, whose keys are {}", key_type.name()).into()
    })
}
