//! Key columns: the columns beside the vector in an index, stored as numbers that filters compare within a
//! search.
//!
//! A number compares as its value does. Texts and UUIDs, which are only compared for equality, become
//! hashes. So a filter may let a row through that does not match, but never keeps out one that does: the
//! executor checks the conditions on each row again.

use crate::access::relation::IndexRelation;
use crate::sql::failure::{Failure, Result};
use hither_core::{ColumnSchema, ColumnType, ValueRef};
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys::{self, Datum};
use xxhash_rust::xxh3::xxh3_64;

/// The type of a key column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Date,
    Timestamp,
    Text,
    Uuid,
}

/// The values of a row's key columns; `None` for null.
pub type Keys = Vec<Option<i64>>;

impl KeyKind {
    /// The kind for a type; `None` if a key column cannot have it.
    pub fn of(type_oid: pg_sys::Oid) -> Option<Self> {
        Some(match type_oid {
            pg_sys::BOOLOID => Self::Bool,
            pg_sys::INT2OID => Self::Int2,
            pg_sys::INT4OID => Self::Int4,
            pg_sys::INT8OID => Self::Int8,
            pg_sys::FLOAT4OID => Self::Float4,
            pg_sys::FLOAT8OID => Self::Float8,
            pg_sys::DATEOID => Self::Date,
            pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID => Self::Timestamp,
            pg_sys::TEXTOID => Self::Text,
            pg_sys::UUIDOID => Self::Uuid,
            _ => return None,
        })
    }

    /// The number that stands for a value.
    ///
    /// # Safety
    /// The value is of this type and not null.
    pub unsafe fn encode(self, value: Datum) -> i64 {
        match self {
            Self::Bool => i64::from(value.value() as u8 != 0),
            Self::Int2 => i64::from(value.value() as i16),
            Self::Int4 | Self::Date => i64::from(value.value() as i32),
            Self::Int8 | Self::Timestamp => value.value() as i64,
            Self::Float4 => order(f64::from(f32::from_bits(value.value() as u32))),
            Self::Float8 => order(f64::from_bits(value.value() as u64)),
            // SAFETY: the caller's promise.
            Self::Text => unsafe {
                let text = pg_sys::pg_detoast_datum_packed(value.cast_mut_ptr());
                let hash = xxh3_64(pgrx::varlena_to_byte_slice(text)) as i64;
                if !std::ptr::eq(text, value.cast_mut_ptr()) {
                    pg_sys::pfree(text.cast());
                }
                hash
            },
            // SAFETY: a UUID has sixteen bytes.
            Self::Uuid => unsafe {
                xxh3_64(&value.cast_mut_ptr::<[u8; 16]>().read_unaligned()) as i64
            },
        }
    }
}

/// A number that compares as Postgres compares doubles: both zeros are equal, NaN is the greatest value.
fn order(value: f64) -> i64 {
    if value.is_nan() {
        return i64::MAX;
    }
    // Removes the sign of zero.
    let bits = (value + 0.0).to_bits() as i64;
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

/// The key columns of an index: all columns but the first.
///
/// # Errors
/// If one has a type or a collation that cannot be compared here.
pub fn kinds(index: IndexRelation) -> Result<Vec<KeyKind>> {
    // SAFETY: the index is open, and has as many types and collations as attributes.
    let columns = unsafe {
        let relation = &*index.raw();
        let count = (*relation.rd_index).indnkeyatts as usize;
        let types = std::slice::from_raw_parts(relation.rd_opcintype, count);
        let collations = std::slice::from_raw_parts(relation.rd_indcollation, count);
        types.iter().zip(collations).skip(1)
    };
    let kind = |(type_oid, collation): (&pg_sys::Oid, &pg_sys::Oid)| {
        let Some(kind) = KeyKind::of(*type_oid) else {
            let message = "the first column of an index of hither is the vector, those after it numbers, texts, dates and UUIDs";
            return Err(Failure::new(Code::ERRCODE_FEATURE_NOT_SUPPORTED, message));
        };
        // SAFETY: a collation of the catalogs.
        let is_deterministic = *collation == pg_sys::InvalidOid
            || unsafe { pg_sys::get_collation_isdeterministic(*collation) };
        if !is_deterministic {
            let message = "a nondeterministic collation is not supported in an index of hither";
            return Err(Failure::new(Code::ERRCODE_FEATURE_NOT_SUPPORTED, message)
                .hint("Texts that it calls equal differ in their bytes."));
        }
        Ok(kind)
    };
    columns.map(kind).collect()
}

/// The schema of key columns in index files, where they are named by their numbers in the index.
pub fn schema(kinds: &[KeyKind]) -> Vec<ColumnSchema> {
    let named = |number| ColumnSchema { name: name(number), column_type: ColumnType::Int64 };
    (2..).take(kinds.len()).map(named).collect()
}

/// The name of an index's attribute in its files.
pub fn name(attribute: usize) -> String {
    attribute.to_string()
}

/// Key values as index files take them.
pub fn values(keys: &[Option<i64>]) -> Vec<ValueRef<'static>> {
    keys.iter().map(|key| key.map_or(ValueRef::Null, ValueRef::Int64)).collect()
}

/// The key values of an indexed row.
///
/// # Safety
/// The values of all attributes of the index.
pub unsafe fn of_row(kinds: &[KeyKind], values: *const Datum, nulls: *const bool) -> Keys {
    let encode = |(number, kind): (usize, &KeyKind)| {
        // SAFETY: the caller's promise.
        unsafe { (!*nulls.add(number)).then(|| kind.encode(*values.add(number))) }
    };
    (1..).zip(kinds).map(encode).collect()
}
