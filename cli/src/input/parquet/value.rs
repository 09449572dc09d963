//! Fields of a Parquet record as attribute values.

use ::parquet::{data_type::Decimal, record::Field};
use hither::{ColumnType, Value, ValueRef, format_timestamp};
use serde_json::{Number, Value as Json};

use super::{
    super::{columns::written, infer::format_bytes},
    schema::Kind,
};

/// What a moment that microseconds in 64 bits do not hold is refused with.
const BEYOND: &str = "is a moment beyond the years that a timestamp holds, -290308 to 294247";

/// Microseconds of so many days, seconds or parts of one since 1970, rounded to the nearest as
/// text is.
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
    /// Whether the value of a field is not all that the field holds.
    pub fn rounds(self, field: &Field) -> bool {
        matches!((self, field), (Self::Moment(1_000_000_000), Field::Long(count)) if count % 1_000 != 0)
    }

    /// The value of a field of this kind.
    pub fn value(self, field: Field) -> Result<Value, String> {
        Ok(match (self, field) {
            (_, Field::Null) => Value::Null,
            (Self::Nested, field) => {
                let mut document = String::new();
                write_json(&field, &mut document)?;
                Value::Json(document)
            }
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
                None => return Err(format!("is {field}, no integer")),
            },
            (Self::Plain(column_type), field) => plain(column_type, field)?,
            (kind, field) => {
                return Err(format!("holds {field}, which does not go with {kind:?}"));
            }
        })
    }
}

fn plain(column_type: ColumnType, field: Field) -> Result<Value, String> {
    Ok(match (column_type, field) {
        (ColumnType::Bool, Field::Bool(value)) => Value::Bool(value),
        (ColumnType::Int64, Field::ULong(number)) => {
            Value::Int64(i64::try_from(number).map_err(|_| {
                format!("is {number}, which is beyond int64; --type NAME=text keeps it")
            })?)
        }
        (ColumnType::Float64, Field::Double(number)) => Value::Float64(number),
        (ColumnType::Float64, Field::Float(number)) => Value::Float64(number.into()),
        (ColumnType::Float64, Field::Float16(number)) => Value::Float64(number.to_f64()),
        (ColumnType::Text, Field::Str(text)) => Value::Text(text),
        (ColumnType::Json, Field::Str(text)) => Value::Json(text),
        (ColumnType::Bytes, Field::Bytes(bytes)) => Value::Bytes(bytes.data().to_vec()),
        (ColumnType::Uuid, Field::Bytes(bytes)) => {
            Value::Uuid(bytes.data().try_into().map_err(|_| "is no UUID of 16 bytes")?)
        }
        // Text by its logical type alone, which the record reader does not look at.
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

fn integer(field: &Field) -> Option<i64> {
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

/// The double nearest to a decimal number.
fn decimal(number: &Decimal) -> f64 {
    if let Some(unscaled) = unscaled(number) {
        // By way of text, which is rounded once.
        let text = format!("{unscaled}e{}", -i64::from(number.scale()));
        return text.parse().unwrap_or(f64::NAN);
    }
    // More digits than a double has by far: the high bytes decide.
    let bytes = number.data();
    let sign = if bytes[0] >= 0x80 { -1.0 } else { 0.0 };
    let unscaled = bytes.iter().fold(sign, |n, &byte| n * 256.0 + f64::from(byte));
    unscaled / 10_f64.powi(number.scale())
}

/// What two's complement says, the high byte first, if 128 bits hold it.
fn unscaled(number: &Decimal) -> Option<i128> {
    let bytes = number.data();
    let negative = bytes.first().is_some_and(|&byte| byte >= 0x80);
    let (start, filler) = if negative { (-1_i128, 0xff) } else { (0, 0) };
    let (above, below) = bytes.split_at(bytes.len().saturating_sub(16));
    let unscaled = below.iter().fold(start, |n, &byte| n << 8 | i128::from(byte));
    (above.iter().all(|&byte| byte == filler) && (unscaled < 0) == negative).then_some(unscaled)
}

/// All digits of a decimal number.
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

/// A decimal number that has no fraction, if int64 holds it.
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

/// Appends a field as JSON, with all digits of decimal numbers. What is no number is a text.
fn write_json(field: &Field, out: &mut String) -> Result<(), String> {
    let text = |text: &str| Json::from(text).to_string();
    let float = |number: f64| match Number::from_f64(number) {
        Some(number) => number.to_string(),
        None => text(&written(ValueRef::Float64(number))),
    };
    *out += &match field {
        Field::Null => "null".into(),
        Field::Bool(value) => value.to_string(),
        Field::ULong(number) => number.to_string(),
        Field::Float16(number) => float(number.to_f64()),
        // By way of text, so that 0.1 stays 0.1.
        Field::Float(number) => float(number.to_string().parse().unwrap_or(f64::NAN)),
        Field::Double(number) => float(*number),
        Field::Decimal(number) => digits(number)?,
        Field::Str(value) => text(value),
        Field::Bytes(bytes) => text(&format_bytes(bytes.data())),
        Field::Date(days) => text(&format_timestamp(date(*days)?)),
        Field::TimeMillis(count) => text(&time((*count).into(), 1_000)),
        Field::TimeMicros(count) => text(&time(*count, 1_000_000)),
        Field::TimestampMillis(count) => text(&format_timestamp(moment(*count, 1_000)?)),
        Field::TimestampMicros(count) => text(&format_timestamp(*count)),
        Field::Group(row) => {
            let fields = row.get_column_iter().map(|(name, field)| (text(name), field));
            return write_list(out, ['{', '}'], fields, |(name, field), out| {
                *out += &name;
                out.push(':');
                write_json(field, out)
            });
        }
        Field::ListInternal(list) => {
            return write_list(out, ['[', ']'], list.elements(), write_json);
        }
        Field::MapInternal(map) => {
            return write_list(out, ['{', '}'], map.entries(), |(key, value), out| {
                match key {
                    Field::Str(name) => *out += &text(name),
                    other => {
                        let mut name = String::new();
                        write_json(other, &mut name)?;
                        *out += &text(&name);
                    }
                }
                out.push(':');
                write_json(value, out)
            });
        }
        other => integer(other).map_or_else(|| "null".into(), |number| number.to_string()),
    };
    Ok(())
}

/// Appends items between brackets, separated by commas.
fn write_list<T>(
    out: &mut String,
    [begin, end]: [char; 2],
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(T, &mut String) -> Result<(), String>,
) -> Result<(), String> {
    out.push(begin);
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(item, out)?;
    }
    out.push(end);
    Ok(())
}
