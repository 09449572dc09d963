//! What the rows of a file have, and under which names.

use hither::{ColumnSchema, ColumnType, KeyType};
#[cfg(feature = "parquet")]
use hither::{Key, Value};

use crate::names::{self, KEY_NAMES, VECTOR_NAMES};

/// How numbers are written where the format leaves a choice (`.npy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Half precision, f2.
    F16,
    /// Single precision, f4.
    F32,
}

/// What the rows of a file have.
#[derive(Clone, Debug)]
pub struct Layout {
    /// How many values each vector has.
    pub dimensions: usize,
    /// How the numbers of `.npy` are written.
    pub precision: Precision,
    /// Row numbers are not written: reading the file gives them again.
    pub key_type: KeyType,
    /// The attributes.
    pub columns: Vec<ColumnSchema>,
}

/// The names of the vector's and the key's column, which reading takes by themselves, before all
/// others that it would.
pub const VECTOR: &str = VECTOR_NAMES[0];
pub const KEY: &str = KEY_NAMES[0];

/// The names of the attributes beside these.
pub fn attribute_names(layout: &Layout) -> Vec<String> {
    let taken = match layout.key_type {
        KeyType::RowNumber => &[VECTOR][..],
        _ => &[VECTOR, KEY],
    };
    names::beside(&layout.columns, taken)
}

/// The type of column that keys of this type are in.
pub fn key_column_type(key_type: KeyType) -> ColumnType {
    match key_type {
        KeyType::RowNumber | KeyType::Int64 => ColumnType::Int64,
        KeyType::Uuid => ColumnType::Uuid,
        KeyType::Text => ColumnType::Text,
    }
}

/// A key as a value of that column.
#[cfg(feature = "parquet")]
pub fn key_value(key: Key) -> Value {
    match key {
        Key::Int64(number) => Value::Int64(number),
        Key::Uuid(bytes) => Value::Uuid(bytes),
        Key::Text(text) => Value::Text(text),
    }
}
