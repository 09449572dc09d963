//! Converts an index's values to Postgres's, and literals of queries to an index's.

use crate::sql::encoding::{from_database, to_database, translated};
use crate::sql::failure::{Failure, Result};
use hither_core::{ColumnType, KeyRef, KeyType, Value, ValueRef, format_timestamp};
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::{FromDatum, IntoDatum, PgSqlErrorCode as Code};

/// Microseconds from 1970, hither's epoch, to 2000, Postgres's epoch.
const EPOCH: i64 = 946_684_800_000_000;
/// Microseconds in a day.
pub const DAY: i64 = 86_400_000_000;
/// The first microsecond of Postgres's timestamps and dates, in 4714 BC.
const EARLIEST: i64 = -2_451_545 * DAY;

/// The Postgres types that may show values of a column, the default first.
pub fn types_of(column_type: ColumnType) -> &'static [Oid] {
    match column_type {
        ColumnType::Bool => &[pg_sys::BOOLOID],
        ColumnType::Int64 => &[pg_sys::INT8OID, pg_sys::INT4OID, pg_sys::INT2OID],
        ColumnType::Float64 => &[pg_sys::FLOAT8OID, pg_sys::FLOAT4OID],
        ColumnType::Text => &[pg_sys::TEXTOID, pg_sys::VARCHAROID],
        ColumnType::Timestamp => &[pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPOID, pg_sys::DATEOID],
        ColumnType::Uuid => &[pg_sys::UUIDOID],
        ColumnType::Bytes => &[pg_sys::BYTEAOID],
        ColumnType::Json => &[pg_sys::JSONBOID, pg_sys::JSONOID, pg_sys::TEXTOID],
    }
}

/// The Postgres types that may show keys, the default first.
pub fn types_of_key(key_type: KeyType) -> &'static [Oid] {
    match key_type {
        KeyType::RowNumber | KeyType::Int64 => &[pg_sys::INT8OID, pg_sys::INT4OID, pg_sys::INT2OID],
        KeyType::Uuid => types_of(ColumnType::Uuid),
        KeyType::Text => types_of(ColumnType::Text),
    }
}

/// Whether comparisons of a column that is shown as this type mean the same to the index. Other types round
/// (real, date) or depend on the time zone (timestamp).
pub fn compares_alike(column_type: ColumnType, oid: Oid) -> bool {
    match column_type {
        ColumnType::Float64 => oid == pg_sys::FLOAT8OID,
        ColumnType::Timestamp => oid == pg_sys::TIMESTAMPTZOID,
        ColumnType::Json => false,
        other => types_of(other).contains(&oid),
    }
}

/// A key as a value of this type.
pub fn key_datum(key: KeyRef<'_>, oid: Oid, typmod: i32) -> Result<Datum> {
    let value = match key {
        KeyRef::Int64(number) => ValueRef::Int64(number),
        KeyRef::Uuid(bytes) => ValueRef::Uuid(bytes),
        KeyRef::Text(text) => ValueRef::Text(text),
    };
    // A key is never null.
    Ok(datum(value, oid, typmod)?.unwrap_or(Datum::from(0)))
}

/// A value as one of type `oid`, which is among those of [`types_of`]; `None` for null.
pub fn datum(value: ValueRef<'_>, oid: Oid, typmod: i32) -> Result<Option<Datum>> {
    let out_of_range = |value: &dyn std::fmt::Display, name: &str| {
        let message = format!("{value} is out of range for type {name}");
        Failure::new(Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, message)
            .hint("Give the column of the foreign table a wider type.")
    };
    Ok(match value {
        ValueRef::Null => None,
        ValueRef::Bool(value) => value.into_datum(),
        ValueRef::Int64(value) => match oid {
            pg_sys::INT2OID => {
                i16::try_from(value).map_err(|_| out_of_range(&value, "smallint"))?.into_datum()
            }
            pg_sys::INT4OID => {
                i32::try_from(value).map_err(|_| out_of_range(&value, "integer"))?.into_datum()
            }
            _ => value.into_datum(),
        },
        ValueRef::Float64(value) if oid == pg_sys::FLOAT4OID => {
            let narrow = value as f32;
            if (narrow.is_infinite() && value.is_finite()) || (narrow == 0.0 && value != 0.0) {
                return Err(out_of_range(&format_args!("{value:e}"), "real"));
            }
            narrow.into_datum()
        }
        ValueRef::Float64(value) => value.into_datum(),
        ValueRef::Text(value) => {
            // The type modifier of varchar is its length in characters plus the 4 bytes of the varlena
            // header.
            let longest = usize::try_from(typmod - 4).ok().filter(|_| oid == pg_sys::VARCHAROID);
            if let Some(longest) = longest.filter(|longest| value.chars().count() > *longest) {
                let message = format!("value too long for type character varying({longest})");
                return Err(Failure::new(Code::ERRCODE_STRING_DATA_RIGHT_TRUNCATION, message));
            }
            to_database(value)?.as_ref().into_datum()
        }
        ValueRef::Timestamp(value) => {
            let ours = match value {
                i64::MIN | i64::MAX => value,
                _ => {
                    value.checked_sub(EPOCH).filter(|ours| *ours >= EARLIEST).ok_or_else(|| {
                        let message = format!("{} is before 4714 BC", format_timestamp(value));
                        Failure::new(Code::ERRCODE_DATETIME_FIELD_OVERFLOW, message)
                            .hint("Postgres has no such timestamps and dates.")
                    })?
                }
            };
            match (oid, ours) {
                (pg_sys::DATEOID, i64::MIN) => i32::MIN.into_datum(),
                (pg_sys::DATEOID, i64::MAX) => i32::MAX.into_datum(),
                (pg_sys::DATEOID, _) => (ours.div_euclid(DAY) as i32).into_datum(),
                _ => ours.into_datum(),
            }
        }
        ValueRef::Uuid(bytes) => pgrx::Uuid::from_bytes(bytes).into_datum(),
        ValueRef::Bytes(bytes) => bytes.into_datum(),
        ValueRef::Json(text) => match oid {
            pg_sys::JSONBOID => {
                let mut text = to_database(text)?.into_owned();
                text.push(0);
                let c_string = Some(Datum::from(text.as_ptr()));
                // SAFETY: jsonb_in takes a C string and returns a jsonb.
                translated(|| unsafe {
                    pgrx::direct_function_call_as_datum(pg_sys::jsonb_in, &[c_string])
                })?
            }
            _ => to_database(text)?.as_ref().into_datum(),
        },
    })
}

/// A literal of a query as the index compares it; `None` for unknown types.
///
/// # Safety
/// `datum` is a value of type `oid`, unless `null`.
pub unsafe fn literal(datum: Datum, null: bool, oid: Oid) -> Option<Value> {
    if null {
        return Some(Value::Null);
    }
    // SAFETY: the caller's promise.
    unsafe {
        Some(match oid {
            pg_sys::BOOLOID => Value::Bool(bool::from_datum(datum, false)?),
            pg_sys::INT2OID => Value::Int64(i16::from_datum(datum, false)?.into()),
            pg_sys::INT4OID => Value::Int64(i32::from_datum(datum, false)?.into()),
            pg_sys::INT8OID => Value::Int64(i64::from_datum(datum, false)?),
            pg_sys::FLOAT4OID => Value::Float64(f32::from_datum(datum, false)?.into()),
            pg_sys::FLOAT8OID => Value::Float64(f64::from_datum(datum, false)?),
            pg_sys::TEXTOID | pg_sys::VARCHAROID => {
                // pgrx would assume that a text is UTF-8; its bytes can be read as those of a bytea.
                Value::Text(from_database(&Vec::<u8>::from_datum(datum, false)?))
            }
            pg_sys::UUIDOID => Value::Uuid(*pgrx::Uuid::from_datum(datum, false)?.as_bytes()),
            pg_sys::BYTEAOID => Value::Bytes(Vec::<u8>::from_datum(datum, false)?),
            pg_sys::TIMESTAMPTZOID => {
                let moment = moment(datum.value() as i64);
                moment.unwrap_or_else(|failure| {
                    failure.hint("Compare with that, or with 'infinity'.").raise()
                })
            }
            _ => return None,
        })
    }
}

/// A timestamp or date, in Postgres's microseconds, as an index file stores it.
///
/// # Errors
/// If it is later than what files can represent, because their epoch is thirty years earlier.
pub fn moment(time: i64) -> Result<Value> {
    let since = match time {
        i64::MIN | i64::MAX => Some(time),
        _ => time.checked_add(EPOCH),
    };
    since.map(Value::Timestamp).ok_or_else(|| {
        let last = format_timestamp(i64::MAX - 1);
        let message =
            format!("timestamp out of range: the last that an index file can have is {last}");
        Failure::new(Code::ERRCODE_DATETIME_FIELD_OVERFLOW, message)
    })
}

/// Whether [`literal`] supports a type.
pub fn is_literal_type(oid: Oid) -> bool {
    [
        pg_sys::BOOLOID,
        pg_sys::INT2OID,
        pg_sys::INT4OID,
        pg_sys::INT8OID,
        pg_sys::FLOAT4OID,
        pg_sys::FLOAT8OID,
        pg_sys::TEXTOID,
        pg_sys::VARCHAROID,
        pg_sys::UUIDOID,
        pg_sys::BYTEAOID,
        pg_sys::TIMESTAMPTZOID,
    ]
    .contains(&oid)
}
