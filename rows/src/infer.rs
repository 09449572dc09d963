//! Infers the type of a column of text from its values.
//!
//! A type is inferred only where the values keep their meaning in it: integers without leading zeros
//! (so `007` stays text), UUIDs in lower case with hyphens where RFC 9562 puts them (so a hash of 32
//! digits stays text), bytes in Postgres's `\x` form, RFC 3339 timestamps with an offset. Integers that
//! neither int64 nor float64 can represent exactly are rejected: the user must choose a type.

use hither::{ColumnType, Key, KeyType, Value, parse_timestamp, parse_uuid};

use crate::diagnostic::{Diagnostic, Setting};

/// What was found in a column so far.
#[derive(Clone, Debug)]
pub struct Evidence {
    bools: u64,
    integers: u64,
    floats: u64,
    texts: u64,
    nested: u64,
    /// Whether every text so far could be of these types.
    moments: bool,
    uuids: bool,
    bytes: bool,
    non_finite: bool,
    /// Whether some text was a timestamp other than ±infinity.
    finite_moment: bool,
    /// The first integer beyond int64, and the first that float64 cannot represent exactly.
    wide: Option<String>,
    inexact: Option<String>,
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            bools: 0,
            integers: 0,
            floats: 0,
            texts: 0,
            nested: 0,
            moments: true,
            uuids: true,
            bytes: true,
            non_finite: true,
            finite_moment: false,
            wide: None,
            inexact: None,
        }
    }
}

impl Evidence {
    /// Counts a Boolean.
    pub fn bool(&mut self) {
        self.bools += 1;
    }

    /// Counts a number, in its written form.
    pub fn number(&mut self, text: &str) {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.bytes().all(|c| c.is_ascii_digit()) {
            self.floats += 1;
            return;
        }
        self.integers += 1;
        if text.parse::<i64>().is_err() && self.wide.is_none() {
            self.wide = Some(text.into());
        }
        if self.inexact.is_none() && !is_exact(text) {
            self.inexact = Some(text.into());
        }
    }

    /// Counts a list or an object.
    pub fn nested(&mut self) {
        self.nested += 1;
    }

    /// Counts a text.
    pub fn text(&mut self, text: &str) {
        self.texts += 1;
        if self.moments {
            let moment = parse_moment(text);
            self.moments = moment.is_some();
            self.finite_moment |= moment.is_some_and(|m| m != i64::MIN && m != i64::MAX);
        }
        self.uuids = self.uuids && canonical_uuid(text).is_some();
        self.bytes = self.bytes && parse_bytes(text).is_some();
        self.non_finite = self.non_finite && parse_non_finite(text).is_some();
    }

    /// Counts a cell of a text table; an empty one is null and ignored.
    pub fn cell(&mut self, cell: &str) {
        if cell.is_empty() {
        } else if parse_bool(cell).is_some() {
            self.bool();
        } else if is_plain_number(cell) {
            self.number(cell);
        } else {
            self.text(cell);
        }
    }

    /// The number of values, without nulls.
    pub fn values(&self) -> u64 {
        self.bools + self.integers + self.floats + self.texts + self.nested
    }

    /// The type that can represent every value; `mixed` if no other can. Text if there are no values.
    pub fn column_type(&self, mixed: ColumnType) -> ColumnType {
        let (all, numbers) = (self.values(), self.integers + self.floats);
        if all == self.texts {
            match self.text_kinds() {
                _ if all == 0 => ColumnType::Text,
                (true, _, _) => ColumnType::Timestamp,
                (_, true, _) => ColumnType::Uuid,
                (_, _, true) => ColumnType::Bytes,
                _ => ColumnType::Text,
            }
        } else if all == self.bools {
            ColumnType::Bool
        } else if all == self.integers && self.wide.is_none() {
            ColumnType::Int64
        } else if all == numbers || (all == numbers + self.texts && self.non_finite) {
            ColumnType::Float64
        } else {
            mixed
        }
    }

    fn text_kinds(&self) -> (bool, bool, bool) {
        (self.moments && self.finite_moment, self.uuids, self.bytes)
    }

    /// Says what to do about an integer that the inferred type of this column cannot represent exactly.
    pub fn check_digits(&self, name: &str, inferred: ColumnType) -> Result<(), Diagnostic> {
        let lost = if self.floats == 0 { &self.wide } else { &self.inexact };
        match lost {
            Some(number) if inferred == ColumnType::Float64 => {
                let why = if self.floats == 0 { "is beyond int64" } else { "float64 would round" };
                let reason = format!(
                    "the column \"{name}\" holds {number}, which {why}; name its type: text keeps the digits, float64 rounds them"
                );
                Err(Diagnostic::with(reason, Setting::Type(name.into(), ColumnType::Text)))
            }
            _ => Ok(()),
        }
    }

    /// Says why these values cannot be the keys of `rows` rows.
    pub fn no_key(&self, rows: u64) -> String {
        match (rows - self.values(), &self.wide) {
            (1.., _) if self.values() == 0 => "no row has one".into(),
            (missing @ 1.., _) => format!("{missing} of {rows} rows have none"),
            (0, Some(number)) => format!("it holds {number}, which is beyond int64"),
            _ if self.nested > 0 => "it holds lists or objects".into(),
            _ if self.floats > 0 => "it holds numbers that are not whole".into(),
            _ if self.bools > 0 => "it holds truth values".into(),
            _ => "some of its values are numbers and some are text".into(),
        }
    }

    /// The type of these values as keys; `None` if they have different types or a type that keys cannot
    /// have.
    pub fn key_type(&self) -> Option<KeyType> {
        match self.values() {
            0 => None,
            all if all == self.integers && self.wide.is_none() => Some(KeyType::Int64),
            all if all == self.texts && self.uuids => Some(KeyType::Uuid),
            all if all == self.texts => Some(KeyType::Text),
            _ => None,
        }
    }
}

/// Parses text as a value of a type; `None` if it is not one.
pub fn value_from_text(text: &str, column_type: ColumnType) -> Option<Value> {
    Some(match column_type {
        ColumnType::Bool => Value::Bool(parse_bool(text)?),
        ColumnType::Int64 => Value::Int64(text.parse().ok()?),
        ColumnType::Float64 => {
            Value::Float64(parse_non_finite(text).or_else(|| parse_float(text))?)
        }
        ColumnType::Text => Value::Text(text.to_owned()),
        ColumnType::Timestamp => Value::Timestamp(parse_timestamp(text)?),
        ColumnType::Uuid => Value::Uuid(parse_uuid(text)?),
        ColumnType::Bytes => Value::Bytes(parse_bytes(text)?),
        ColumnType::Json => {
            serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
            Value::Json(text.to_owned())
        }
    })
}

/// Whether text is an integer that a column of this type would round.
pub fn rounds(text: &str, column_type: ColumnType) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_integer = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
    column_type == ColumnType::Float64 && is_integer && !is_exact(text)
}

/// Parses a float64; `None` if the number is out of range, because infinity would be another number.
fn parse_float(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Whether float64 represents this integer exactly.
fn is_exact(integer: &str) -> bool {
    let float: f64 = integer.parse().unwrap_or(f64::NAN);
    integer.len() < 16 || format!("{float:.0}") == integer
}

/// Parses text as a key of a type; `None` if it is not one.
pub fn key_from_text(text: &str, key_type: KeyType) -> Option<Key> {
    match key_type {
        KeyType::RowNumber | KeyType::Int64 => text.parse().ok().map(Key::Int64),
        KeyType::Uuid => parse_uuid(text).map(Key::Uuid),
        KeyType::Text => Some(Key::Text(text.to_owned())),
    }
}

/// Parses an unambiguous timestamp: one with a time and an offset.
fn parse_moment(text: &str) -> Option<i64> {
    let time = text.split_once(['T', 't', ' ']).map_or("", |(_, time)| time);
    let whole = time.contains(['Z', 'z', '+', '-']) || text.ends_with("infinity");
    parse_timestamp(text).filter(|_| whole)
}

/// Whether a timestamp has digits that are lost when it is rounded to microseconds.
pub fn is_rounded(timestamp: &str) -> bool {
    let fraction = timestamp.split_once('.').map_or("", |(_, fraction)| fraction);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit);
    digits.skip(6).any(|digit| digit != b'0')
}

/// Parses a UUID in canonical spelling, in which it would also be written.
pub fn canonical_uuid(text: &str) -> Option<[u8; 16]> {
    let canonical = text.len() == 36
        && text.bytes().enumerate().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == b'-',
            _ => matches!(c, b'0'..=b'9' | b'a'..=b'f'),
        });
    if canonical { parse_uuid(text) } else { None }
}

/// Parses bytes in Postgres's format: `\x` and two hexadecimal digits for each byte.
pub fn parse_bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    if digits.len() % 2 != 0 {
        return None;
    }
    let digit = |c: u8| char::from(c).to_digit(16);
    digits.chunks(2).map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8)).collect()
}

/// Formats bytes as [`parse_bytes`] reads them.
pub fn format_bytes(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("\\x"), |text, byte| text + &format!("{byte:02x}"))
}

/// Parses the numbers that JSON cannot represent.
pub fn parse_non_finite(text: &str) -> Option<f64> {
    match text {
        "NaN" | "nan" => Some(f64::NAN),
        "Infinity" | "inf" => Some(f64::INFINITY),
        "-Infinity" | "-inf" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Parses `true` and `false`, also as written by Python and spreadsheets.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// Whether text is a number that JSON would allow, too: without leading zeros or plus, and with digits on
/// both sides of the point. A code such as `007` is not one.
fn is_plain_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let mantissa = text.split(['e', 'E']).next().unwrap_or("");
    let whole = mantissa.split('.').next().unwrap_or("");
    let plain = !whole.is_empty()
        && whole.bytes().all(|c| c.is_ascii_digit())
        && (whole == "0" || !whole.starts_with('0'))
        && !mantissa.ends_with('.');
    plain && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(cells: &[&str]) -> ColumnType {
        let mut evidence = Evidence::default();
        cells.iter().for_each(|cell| evidence.cell(cell));
        evidence.column_type(ColumnType::Text)
    }

    #[test]
    fn types_of_cells() {
        let uuid = "0189d3e4-7c6b-7000-8000-0123456789ab";
        for (values, expected) in [
            (&["1", "", "-20"][..], ColumnType::Int64),
            (&["1", "2.5", "1e9"], ColumnType::Float64),
            (&["1", "NaN", "-inf"], ColumnType::Float64),
            (&["1.5", "9007199254740992"], ColumnType::Float64),
            (&["007", "012"], ColumnType::Text),
            (&["1", "x"], ColumnType::Text),
            (&["true", "", "FALSE"], ColumnType::Bool),
            (&["true", "1"], ColumnType::Text),
            (&[uuid, uuid], ColumnType::Uuid),
            (&["0189D3E4-7C6B-7000-8000-0123456789AB"], ColumnType::Text),
            (&["0189d3e47c6b700080000123456789ab"], ColumnType::Text),
            (&["2024-01-01T00:00:00Z", "infinity"], ColumnType::Timestamp),
            (&["infinity"], ColumnType::Text),
            (&["+12024-01-01T00:00:00Z"], ColumnType::Timestamp),
            (&["2024-01-01"], ColumnType::Text),
            (&["2024-01-01T00:00:00"], ColumnType::Text),
            (&["-0044-03-15"], ColumnType::Text),
            (&["\\x00ff", "\\x"], ColumnType::Bytes),
            (&["", ""], ColumnType::Text),
            (&["1.", ".5", "+1"], ColumnType::Text),
        ] {
            assert_eq!(cells(values), expected, "{values:?}");
        }
    }

    #[test]
    fn digits_that_would_be_lost() {
        for (values, lost) in [
            (&["1", "9223372036854775807", "-9223372036854775808"][..], false),
            (&["1", "9223372036854775808"], true),
            // float64 represents a power of two exactly, but the column's other values are integers.
            (&["18446744073709551616"], true),
            (&["0.5", "18446744073709551616"], false),
            (&["0.5", "18446744073709551617"], true),
            (&["0.5", "9007199254740992"], false),
            (&["9007199254740993", "NaN", "0.5"], true),
            (&["0.1234567890123456789"], false),
            (&["x", "18446744073709551617"], false),
        ] {
            let mut evidence = Evidence::default();
            values.iter().for_each(|cell| evidence.cell(cell));
            let inferred = evidence.column_type(ColumnType::Text);
            assert_eq!(evidence.check_digits("n", inferred).is_err(), lost, "{values:?}");
        }
        assert_eq!(value_from_text("1e400", ColumnType::Float64), None);
    }
}
