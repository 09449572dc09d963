//! A column of an index's table, and its values as index files store them.

use crate::access::visible_rows::VisibleRows;
use crate::sql::encoding::{from_database, relation_name, to_database};
use crate::sql::failure::{Failure, Result};
use crate::sql::stored_value::StoredType;
use hither_core::{Key, KeyType, Value};
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys;
use std::ffi::{CStr, CString};

/// A column of a table.
pub struct Attribute {
    pub name: String,
    pub stored: StoredType,
    number: i16,
}

impl Attribute {
    /// # Errors
    /// If there is no such column, or an index file cannot store its values.
    ///
    /// # Safety
    /// The table is open.
    pub unsafe fn find(table: pg_sys::Relation, name: &str) -> Result<Self> {
        // SAFETY: the caller's promise.
        let table = unsafe { (*table).rd_id };
        let absent = || {
            let of = relation_name(table);
            let message = format!("column \"{name}\" of table \"{of}\" does not exist");
            Failure::new(Code::ERRCODE_UNDEFINED_COLUMN, message)
        };
        let unlike = |what: &str| {
            let message = format!("column \"{name}\" {what}");
            Failure::new(Code::ERRCODE_FEATURE_NOT_SUPPORTED, message)
        };
        let own = CString::new(to_database(name)?).map_err(|_| absent())?;
        // SAFETY: catalog look-ups; the name of a type ends with NUL.
        unsafe {
            let number = pg_sys::get_attnum(table, own.as_ptr());
            if number <= 0 {
                return Err(absent());
            }
            #[cfg(feature = "pg18")]
            if pg_sys::get_attgenerated(table, number) as u8 == pg_sys::ATTRIBUTE_GENERATED_VIRTUAL
            {
                return Err(unlike("is generated when it is read, and not stored")
                    .hint("Columns that are generated STORED have values in the table."));
            }
            let oid = pg_sys::get_atttype(table, number);
            let Some(stored) = StoredType::of(oid) else {
                let shown = from_database(CStr::from_ptr(pg_sys::format_type_be(oid)).to_bytes());
                let what = format!("is {shown}, which no column of an index file holds");
                return Err(
                    unlike(&what).hint("Leave it out, or add one that is generated of it as text.")
                );
            };
            Ok(Self { name: name.into(), stored, number })
        }
    }

    /// The type of its values as keys.
    ///
    /// # Errors
    /// If its values cannot be keys.
    pub fn key_type(&self) -> Result<KeyType> {
        self.stored.key_type().ok_or_else(|| {
            let message = format!(
                "column \"{}\" cannot be the key: keys are integers, texts or UUIDs",
                self.name
            );
            Failure::new(Code::ERRCODE_DATATYPE_MISMATCH, message)
        })
    }

    /// Its value in the row that was found last.
    ///
    /// # Errors
    /// If an index file cannot store it.
    pub fn value(&self, rows: &mut VisibleRows) -> Result<Value> {
        let Some(datum) = rows.value(self.number) else { return Ok(Value::Null) };
        // SAFETY: a value of the column, which is of this type.
        rows.within(|| unsafe { self.stored.value(datum) })
    }

    /// The same value as a key; `None` for null.
    ///
    /// # Errors
    /// As for [`value`](Self::value).
    pub fn key(&self, rows: &mut VisibleRows) -> Result<Option<Key>> {
        Ok(match self.value(rows)? {
            Value::Int64(number) => Some(Key::Int64(number)),
            Value::Uuid(bytes) => Some(Key::Uuid(bytes)),
            Value::Text(text) => Some(Key::Text(text)),
            _ => None,
        })
    }
}
