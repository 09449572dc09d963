//! Converts fields of a Parquet record to attribute values.

use ::parquet::{data_type::Decimal, record::Field};
use hither::{ColumnType, Value, ValueRef, format_timestamp};
use serde::ser::{Error, Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::schema::Kind;
use crate::{
    columns::written,
    diagnostic::{Diagnostic, Setting},
    infer::format_bytes,
};

/// The message for a time that microseconds in 64 bits cannot represent.
const BEYOND: &str = "is a moment beyond the years that a timestamp holds, -290308 to 294247";

/// Converts a number of days, seconds or fractions of a second since 1970 to microseconds, rounded to the
/// nearest as in text.
fn moment(count: i64, per_second: i64) -> Result<i64, String> {
    match per_second {
        1_000_000_000 => Ok((count.div_euclid(500) + 1).div_euclid(2)),
        _ => count.checked_mul(1_000_000 / per_second).ok_or_else(|| BEYOND.into()),
    }
}

fn date(days: i32) -> Result<i64, String> {
    i64::from(days).checked_mul(86_400_000_000).ok_or_else(|| BEYOND.into())
}

impl Kind {
    /// Whether converting a field to a value rounds it.
    pub fn rounds(self, field: &Field) -> bool {
        matches!((self, field), (Self::Moment(1_000_000_000), Field::Long(count)) if count % 1_000 != 0)
    }

    /// The value of a field of this kind in the column `name`.
    pub fn value(self, name: &str, field: Field) -> Result<Value, Diagnostic> {
        Ok(match (self, field) {
            (_, Field::Null) => Value::Null,
            (Self::Nested, field) => Value::Json(Document(&field).json()?),
            (Self::Date, Field::Date(days)) => Value::Timestamp(date(days)?),
            (Self::Moment(_), Field::TimestampMicros(micros)) => Value::Timestamp(micros),
            (Self::Moment(_), Field::TimestampMillis(millis)) => {
                Value::Timestamp(moment(millis, 1_000)?)
            }
            (Self::Moment(per_second), Field::Long(count)) => {
                Value::Timestamp(moment(count, per_second)?)
            }
            (Self::Time(unit), Field::TimeMillis(count)) => Value::Text(time(count.into(), unit)),
            (Self::Time(unit), Field::TimeMicros(count) | Field::Long(count)) => {
                Value::Text(time(count, unit))
            }
            (Self::Time(unit), Field::Int(count)) => Value::Text(time(count.into(), unit)),
            (Self::Decimal, Field::Decimal(number)) => Value::Float64(decimal(&number)),
            (Self::Digits, Field::Decimal(number)) => Value::Text(digits(&number)?),
            (Self::Whole, Field::Decimal(number)) => Value::Int64(whole(&number)?),
            (Self::Digits, Field::ULong(number)) => Value::Text(number.to_string()),
            (Self::Digits, field) => match integer(&field) {
                Some(number) => Value::Text(number.to_string()),
                None => return Err(format!("is {field}, no integer").into()),
            },
            (Self::Plain(ColumnType::Int64), Field::ULong(number)) => {
                Value::Int64(i64::try_from(number).map_err(|_| {
                    let reason = format!(
                        "is {number}, which is beyond int64; asked for as text it keeps its digits"
                    );
                    Diagnostic::with(reason, Setting::Type(name.into(), ColumnType::Text))
                })?)
            }
            (Self::Plain(column_type), field) => plain(column_type, field)?,
            (kind, field) => {
                return Err(format!("holds {field}, which does not go with {kind:?}").into());
            }
        })
    }
}

fn plain(column_type: ColumnType, field: Field) -> Result<Value, String> {
    Ok(match (column_type, field) {
        (ColumnType::Bool, Field::Bool(value)) => Value::Bool(value),
        (ColumnType::Float64, Field::Double(number)) => Value::Float64(number),
        (ColumnType::Float64, Field::Float(number)) => Value::Float64(number.into()),
        (ColumnType::Float64, Field::Float16(number)) => Value::Float64(number.to_f64()),
        (ColumnType::Text, Field::Str(text)) => Value::Text(text),
        (ColumnType::Json, Field::Str(text)) => Value::Json(text),
        (ColumnType::Bytes, Field::Bytes(bytes)) => Value::Bytes(bytes.data().to_vec()),
        (ColumnType::Uuid, Field::Bytes(bytes)) => {
            Value::Uuid(bytes.data().try_into().map_err(|_| "is no UUID of 16 bytes")?)
        }
        // The logical type alone marks this as text, which the record reader ignores.
        (kind @ (ColumnType::Text | ColumnType::Json), Field::Bytes(bytes)) => {
            let text = String::from_utf8(bytes.data().to_vec());
            let text = text.map_err(|_| "is no valid UTF-8 text")?;
            if kind == ColumnType::Text { Value::Text(text) } else { Value::Json(text) }
        }
        (ColumnType::Int64, field) => match integer(&field) {
            Some(number) => Value::Int64(number),
            None => return Err(format!("is {field}, no integer")),
        },
        (wanted, field) => return Err(format!("is {field}, no {}", wanted.name())),
    })
}

/// An integer of any size, if int64 can represent it.
pub fn integer(field: &Field) -> Option<i64> {
    Some(match *field {
        Field::Byte(n) => n.into(),
        Field::Short(n) => n.into(),
        Field::Int(n) => n.into(),
        Field::Long(n) => n,
        Field::UByte(n) => n.into(),
        Field::UShort(n) => n.into(),
        Field::UInt(n) => n.into(),
        _ => return None,
    })
}

/// The double closest to a decimal number.
fn decimal(number: &Decimal) -> f64 {
    if let Some(unscaled) = unscaled(number) {
        // By way of text, which rounds only once.
        let text = format!("{unscaled}e{}", -i64::from(number.scale()));
        return text.parse().unwrap_or(f64::NAN);
    }
    // The number has far more digits than a double, so the high bytes suffice.
    let bytes = number.data();
    let sign = if bytes[0] >= 0x80 { -1.0 } else { 0.0 };
    let unscaled = bytes.iter().fold(sign, |n, &byte| n * 256.0 + f64::from(byte));
    unscaled / 10_f64.powi(number.scale())
}

/// The two's complement value of big-endian bytes, if it fits in 128 bits.
fn unscaled(number: &Decimal) -> Option<i128> {
    let bytes = number.data();
    let negative = bytes.first().is_some_and(|&byte| byte >= 0x80);
    let (start, filler) = if negative { (-1_i128, 0xff) } else { (0, 0) };
    let (above, below) = bytes.split_at(bytes.len().saturating_sub(16));
    let unscaled = below.iter().fold(start, |n, &byte| n << 8 | i128::from(byte));
    (above.iter().all(|&byte| byte == filler) && (unscaled < 0) == negative).then_some(unscaled)
}

/// A decimal number as text with all digits.
fn digits(number: &Decimal) -> Result<String, String> {
    let Some(unscaled) = unscaled(number).filter(|_| number.scale() >= 0) else {
        return Err("has more than 38 digits or a negative scale".into());
    };
    let scale = number.scale().unsigned_abs() as usize;
    let digits = format!("{:0width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    let point = if scale > 0 { "." } else { "" };
    Ok(format!("{sign}{whole}{point}{fraction}"))
}

/// A decimal number without a fraction, if it fits in int64.
fn whole(number: &Decimal) -> Result<i64, String> {
    let text = digits(number)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let integer = whole.parse().ok().filter(|_| fraction.bytes().all(|digit| digit == b'0'));
    integer.ok_or_else(|| format!("is {text}, decimal that does not become int64"))
}

/// A time of day, `12:30:00` or `12:30:00.000250`.
fn time(count: i64, per_second: i64) -> String {
    let (seconds, fraction) = (count.div_euclid(per_second), count.rem_euclid(per_second));
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction != 0 {
        let digits = per_second.ilog10() as usize;
        text += &format!(".{fraction:0digits$}");
    }
    text
}

/// A field, serialized as JSON, with all digits of decimal numbers. Values that are not numbers become
/// strings.
pub struct Document<'f>(pub &'f Field);

impl Document<'_> {
    /// Its JSON text.
    pub fn json(&self) -> Result<String, String> {
        serde_json::to_string(self).map_err(|error| error.to_string())
    }
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let fail = S::Error::custom::<String>;
        match self.0 {
            Field::Null => to.serialize_unit(),
            Field::Bool(value) => to.serialize_bool(*value),
            Field::ULong(number) => to.serialize_u64(*number),
            Field::Float16(number) => serialize_float(number.to_f64(), to),
            // By way of text, so that 0.1 stays 0.1.
            Field::Float(number) => {
                serialize_float(number.to_string().parse().unwrap_or(f64::NAN), to)
            }
            Field::Double(number) => serialize_float(*number, to),
            Field::Decimal(number) => {
                let digits = RawValue::from_string(digits(number).map_err(fail)?);
                digits.map_err(S::Error::custom)?.serialize(to)
            }
            Field::Group(row) => {
                to.collect_map(row.get_column_iter().map(|(name, it)| (name, Document(it))))
            }
            Field::ListInternal(list) => to.collect_seq(list.elements().iter().map(Document)),
            Field::MapInternal(entries) => {
                let mut map = to.serialize_map(Some(entries.len()))?;
                for (key, value) in entries.entries() {
                    match key {
                        Field::Str(name) => map.serialize_key(name)?,
                        other => map.serialize_key(&Document(other).json().map_err(fail)?)?,
                    }
                    map.serialize_value(&Document(value))?;
                }
                map.end()
            }
            Field::Str(text) => to.serialize_str(text),
            Field::Bytes(bytes) => to.serialize_str(&format_bytes(bytes.data())),
            Field::Date(days) => to.serialize_str(&format_timestamp(date(*days).map_err(fail)?)),
            Field::TimeMillis(count) => to.serialize_str(&time((*count).into(), 1_000)),
            Field::TimeMicros(count) => to.serialize_str(&time(*count, 1_000_000)),
            Field::TimestampMillis(count) => {
                to.serialize_str(&format_timestamp(moment(*count, 1_000).map_err(fail)?))
            }
            Field::TimestampMicros(count) => to.serialize_str(&format_timestamp(*count)),
            other => integer(other).serialize(to),
        }
    }
}

fn serialize_float<S: Serializer>(number: f64, to: S) -> Result<S::Ok, S::Error> {
    if number.is_finite() {
        to.serialize_f64(number)
    } else {
        to.serialize_str(&written(ValueRef::Float64(number)))
    }
}
