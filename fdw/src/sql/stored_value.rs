//! Converts Postgres's values to those of index files.

use crate::sql::encoding::from_database;
use crate::sql::failure::{Failure, Result};
use crate::sql::value::{DAY, moment, types_of};
use hither_core::{ColumnType, KeyType, Value};
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::{FromDatum, PgSqlErrorCode as Code};
use std::ffi::CStr;

/// How values of a Postgres type are stored.
#[derive(Clone, Copy, Debug)]
pub struct StoredType {
    pub column_type: ColumnType,
    /// The type below any domains.
    base: Oid,
}

impl StoredType {
    /// `None` for types that a column cannot store.
    pub fn of(oid: Oid) -> Option<Self> {
        // SAFETY: catalog look-ups.
        let (base, kind) = unsafe {
            let base = pg_sys::getBaseType(oid);
            (base, pg_sys::get_typtype(base) as u8)
        };
        let natural = ColumnType::ALL.iter().find(|stored| types_of(**stored).contains(&base));
        let column_type = match base {
            _ if natural.is_some() => *natural?,
            pg_sys::NUMERICOID => ColumnType::Float64,
            pg_sys::BPCHAROID | pg_sys::CHAROID | pg_sys::NAMEOID => ColumnType::Text,
            _ if kind == pg_sys::TYPTYPE_ENUM => ColumnType::Text,
            _ => return None,
        };
        Some(Self { column_type, base })
    }

    /// The type of keys with such values; `None` if they cannot be keys.
    pub fn key_type(self) -> Option<KeyType> {
        match self.column_type {
            ColumnType::Int64 => Some(KeyType::Int64),
            ColumnType::Text => Some(KeyType::Text),
            ColumnType::Uuid => Some(KeyType::Uuid),
            _ => None,
        }
    }

    /// The value as a file stores it. Leaves temporary allocations in the current memory context.
    ///
    /// # Errors
    /// If it is a timestamp that files cannot represent.
    ///
    /// # Safety
    /// The value is of this type and not null.
    pub unsafe fn value(self, datum: Datum) -> Result<Value> {
        // SAFETY: the caller's promise; these types have the layout of a bytea, so their bytes can be read
        // as one.
        unsafe {
            let bytes = || Vec::<u8>::from_datum(datum, false).unwrap_or_default();
            Ok(match self.base {
                pg_sys::BOOLOID => Value::Bool(datum.value() as u8 != 0),
                pg_sys::INT2OID => Value::Int64((datum.value() as i16).into()),
                pg_sys::INT4OID => Value::Int64((datum.value() as i32).into()),
                pg_sys::INT8OID => Value::Int64(datum.value() as i64),
                pg_sys::FLOAT4OID => Value::Float64(f32::from_bits(datum.value() as u32).into()),
                pg_sys::FLOAT8OID => Value::Float64(f64::from_bits(datum.value() as u64)),
                pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID => {
                    Value::Text(from_database(&bytes()))
                }
                pg_sys::JSONOID => Value::Json(from_database(&bytes())),
                pg_sys::JSONBOID => Value::Json(self.written(datum)),
                pg_sys::BYTEAOID => Value::Bytes(bytes()),
                pg_sys::UUIDOID => Value::Uuid(datum.cast_mut_ptr::<[u8; 16]>().read_unaligned()),
                pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID => moment(datum.value() as i64)?,
                pg_sys::DATEOID => match datum.value() as i32 {
                    i32::MIN => Value::Timestamp(i64::MIN),
                    i32::MAX => Value::Timestamp(i64::MAX),
                    days => moment(i64::from(days).checked_mul(DAY).unwrap_or(i64::MAX - 1))?,
                },
                pg_sys::NUMERICOID => {
                    let written = self.written(datum);
                    Value::Float64(written.parse().map_err(|_| {
                        let message = format!("\"{written}\" is no number");
                        Failure::new(Code::ERRCODE_INVALID_TEXT_REPRESENTATION, message)
                    })?)
                }
                _ => Value::Text(self.written(datum)),
            })
        }
    }

    /// The text that the type's output function returns.
    ///
    /// # Safety
    /// The value is of this type and not null.
    unsafe fn written(self, datum: Datum) -> String {
        let (mut output, mut is_long) = (pg_sys::InvalidOid, false);
        // SAFETY: the caller's promise; an output function of Postgres returns a text that ends with NUL.
        unsafe {
            pg_sys::getTypeOutputInfo(self.base, &raw mut output, &raw mut is_long);
            let text = pg_sys::OidOutputFunctionCall(output, datum);
            from_database(CStr::from_ptr(text).to_bytes())
        }
    }
}
