//! The parts of a file's rows, and their names.

use hither::{ColumnSchema, ColumnType, KeyType};
#[cfg(feature = "parquet")]
use hither::{Key, Value};

use crate::names::{self, KEY_NAMES, VECTOR_NAMES};

/// The precision of numbers, where the format leaves a choice (`.npy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Half precision, f2.
    F16,
    /// Single precision, f4.
    F32,
}

/// The parts of a file's rows.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The number of values of each vector.
    pub dimensions: usize,
    /// The precision of the numbers in `.npy`.
    pub precision: Precision,
    /// The type of the keys. Row numbers are not written: reading the file yields them again.
    pub key_type: KeyType,
    /// The attributes.
    pub columns: Vec<ColumnSchema>,
}

/// The names of the vector's and the key's column, which reading chooses by default before all others.
pub const VECTOR: &str = VECTOR_NAMES[0];
pub const KEY: &str = KEY_NAMES[0];

/// The names of the attributes' columns beside these.
pub fn attribute_names(layout: &Layout) -> Vec<String> {
    let taken = match layout.key_type {
        KeyType::RowNumber => &[VECTOR][..],
        _ => &[VECTOR, KEY],
    };
    names::beside(&layout.columns, taken)
}

/// The column type for keys of this type.
pub fn key_column_type(key_type: KeyType) -> ColumnType {
    match key_type {
        KeyType::RowNumber | KeyType::Int64 => ColumnType::Int64,
        KeyType::Uuid => ColumnType::Uuid,
        KeyType::Text => ColumnType::Text,
    }
}

/// A key as a value of a column.
#[cfg(feature = "parquet")]
pub fn key_value(key: Key) -> Value {
    match key {
        Key::Int64(number) => Value::Int64(number),
        Key::Uuid(bytes) => Value::Uuid(bytes),
        Key::Text(text) => Value::Text(text),
    }
}
