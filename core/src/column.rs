//! Attribute columns: typed, nullable values beside the vectors, which filters and answers read.

mod build;
#[cfg(test)]
pub(crate) mod tests;
mod timestamp;
mod view;
mod zones;

pub(crate) use build::ColumnBuilder;
pub use timestamp::{format_timestamp, parse_timestamp};
pub(crate) use view::{Cells, ColumnView, Layout, number};
pub(crate) use zones::{ZONE_ROWS, Zone, bytes_key, float_key, int_key};

use crate::error::{Error, ErrorKind};
use crate::names::named;
use alloc::{string::String, vec::Vec};

/// The type of an attribute column.
///
/// ```
/// use hither::ColumnType;
///
/// assert_eq!("timestamp".parse::<ColumnType>()?, ColumnType::Timestamp);
/// assert_eq!(ColumnType::Timestamp.name(), "timestamp");
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ColumnType {
    /// True or false.
    Bool = 0,
    /// A 64-bit signed integer.
    Int64 = 1,
    /// An IEEE double; NaN and infinities are values like others.
    Float64 = 2,
    /// UTF-8 text, compared as bytes.
    Text = 3,
    /// Microseconds since 1970-01-01 00:00 UTC; `i64::MIN` and `i64::MAX` stand for ±infinity.
    Timestamp = 4,
    /// A 128-bit UUID, compared as bytes.
    Uuid = 5,
    /// Any bytes, compared as bytes.
    Bytes = 6,
    /// A JSON document as text; it can be read and tested for null, not compared.
    Json = 7,
}

named!(
    ColumnType, "column type":
    Bool = "bool",
    Int64 = "int64",
    Float64 = "float64",
    Text = "text",
    Timestamp = "timestamp",
    Uuid = "uuid",
    Bytes = "bytes",
    Json = "json",
);

/// Name and type of an attribute column.
///
/// ```
/// use hither::{ColumnSchema, ColumnType, IndexBuilder, IndexOptions, Metric, ValueRef};
///
/// let year = ColumnSchema { name: "year".into(), column_type: ColumnType::Int64 };
/// let options = IndexOptions { columns: vec![year], ..IndexOptions::new(2, Metric::L2) };
/// let mut builder = IndexBuilder::new(options)?;
/// builder.push(None, &[1.0, 2.0], &[ValueRef::Int64(2024)])?;
/// builder.push(None, &[3.0, 4.0], &[ValueRef::Null])?;
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSchema {
    /// The name that filters and answers use; unique within an index.
    pub name: String,
    /// The type of its values. Every column may hold nulls.
    pub column_type: ColumnType,
}

/// The error that no column has this name, with the names that there are.
pub(crate) fn unknown_column<'s>(
    columns: impl IntoIterator<Item = &'s ColumnSchema>,
    name: String,
) -> Error {
    let known: Vec<&str> = columns.into_iter().map(|column| column.name.as_str()).collect();
    ErrorKind::UnknownColumn { name, known: known.join(", ") }.into()
}

/// A value of an attribute column, owned.
///
/// ```
/// use hither::{Value, ValueRef};
///
/// let value = Value::Text("red".into());
/// assert_eq!(value.as_ref(), ValueRef::Text("red"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// Of a [`ColumnType::Bool`] column.
    Bool(bool),
    /// Of a [`ColumnType::Int64`] column.
    Int64(i64),
    /// Of a [`ColumnType::Float64`] column.
    Float64(f64),
    /// Of a [`ColumnType::Text`] column.
    Text(String),
    /// Of a [`ColumnType::Timestamp`] column: microseconds since 1970 UTC.
    Timestamp(i64),
    /// Of a [`ColumnType::Uuid`] column.
    Uuid([u8; 16]),
    /// Of a [`ColumnType::Bytes`] column.
    Bytes(Vec<u8>),
    /// Of a [`ColumnType::Json`] column.
    Json(String),
}

/// A value of an attribute column, borrowed from the index.
///
/// ```
/// use hither::{Value, ValueRef};
///
/// assert_eq!(ValueRef::Text("red").to_owned(), Value::Text("red".into()));
/// assert_eq!(ValueRef::Bool(true).type_name(), "bool");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// No value.
    Null,
    /// Of a [`ColumnType::Bool`] column.
    Bool(bool),
    /// Of a [`ColumnType::Int64`] column.
    Int64(i64),
    /// Of a [`ColumnType::Float64`] column.
    Float64(f64),
    /// Of a [`ColumnType::Text`] column.
    Text(&'a str),
    /// Of a [`ColumnType::Timestamp`] column: microseconds since 1970 UTC.
    Timestamp(i64),
    /// Of a [`ColumnType::Uuid`] column.
    Uuid([u8; 16]),
    /// Of a [`ColumnType::Bytes`] column.
    Bytes(&'a [u8]),
    /// Of a [`ColumnType::Json`] column.
    Json(&'a str),
}

impl Value {
    /// The same value, borrowed.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Bool(value) => ValueRef::Bool(*value),
            Self::Int64(value) => ValueRef::Int64(*value),
            Self::Float64(value) => ValueRef::Float64(*value),
            Self::Text(value) => ValueRef::Text(value),
            Self::Timestamp(value) => ValueRef::Timestamp(*value),
            Self::Uuid(value) => ValueRef::Uuid(*value),
            Self::Bytes(value) => ValueRef::Bytes(value),
            Self::Json(value) => ValueRef::Json(value),
        }
    }
}

impl ValueRef<'_> {
    /// The same value, owned.
    pub fn to_owned(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int64(value) => Value::Int64(value),
            Self::Float64(value) => Value::Float64(value),
            Self::Text(value) => Value::Text(value.into()),
            Self::Timestamp(value) => Value::Timestamp(value),
            Self::Uuid(value) => Value::Uuid(value),
            Self::Bytes(value) => Value::Bytes(value.into()),
            Self::Json(value) => Value::Json(value.into()),
        }
    }

    /// Length in bytes of text, bytes or JSON; 0 for other values.
    pub(crate) fn blob_len(self) -> usize {
        match self {
            Self::Text(value) | Self::Json(value) => value.len(),
            Self::Bytes(value) => value.len(),
            _ => 0,
        }
    }

    /// The name of the value's type, for messages; "null" if there is no value.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => ColumnType::Bool.name(),
            Self::Int64(_) => ColumnType::Int64.name(),
            Self::Float64(_) => ColumnType::Float64.name(),
            Self::Text(_) => ColumnType::Text.name(),
            Self::Timestamp(_) => ColumnType::Timestamp.name(),
            Self::Uuid(_) => ColumnType::Uuid.name(),
            Self::Bytes(_) => ColumnType::Bytes.name(),
            Self::Json(_) => ColumnType::Json.name(),
        }
    }
}

/// Conversions from types that fit one type of column only.
macro_rules! from {
    ($($variant:ident: $owned:ty, $borrowed:ty;)*) => {$(
        impl From<$owned> for Value {
            fn from(value: $owned) -> Self {
                Self::$variant(value)
            }
        }

        impl<'a> From<$borrowed> for ValueRef<'a> {
            fn from(value: $borrowed) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}

from!(Bool: bool, bool; Int64: i64, i64; Float64: f64, f64; Text: String, &'a str;);

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> Self {
        value.as_ref()
    }
}

/// `None` is null.
impl<'a, T: Into<Self>> From<Option<T>> for ValueRef<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The sections of one column of one segment, all little-endian; an empty one is absent.
///
/// A column without rows has none of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ColumnSections<T> {
    /// Bitmap, bit `row % 8` of byte `row / 8`: 1 where there is a value. Absent if no row is
    /// null. For a null row the other sections hold zeros, or an empty value.
    pub validity: T,
    /// Bool: a bitmap like `validity`. Int64, Float64, Timestamp: 8 bytes a row. Uuid: 16 bytes a
    /// row. Text, Bytes, Json: the values one after another. Text with a dictionary: codes of 1
    /// byte a row if the dictionary has at most 256 entries, else 2 if at most 65,536, else 4.
    pub values: T,
    /// Text, Bytes and Json without dictionary: rows + 1 offsets into `values`, of 4 bytes if `values` is
    /// shorter than 4 GiB, else 8.
    pub offsets: T,
    /// Only with a dictionary: for each entry, and once more for the end, the offset into `dictionary`, of 4
    /// bytes if that is shorter than 4 GiB, else 8; then, in 4 bytes, how many rows have a smaller entry.
    pub dictionary_offsets: T,
    /// The distinct texts, ascending by bytes, one after another.
    pub dictionary: T,
    /// For each 4,096 rows 24 bytes: least and greatest value in the form of an ordered u64 (see
    /// [`zones`]), how many rows are null in 4 bytes, and 4 zeros.
    pub zones: T,
}

/// Bytes of one offset into `length` bytes.
pub(crate) fn offset_width(length: usize) -> usize {
    if u32::try_from(length).is_ok() { 4 } else { 8 }
}

/// Bytes of one code of a dictionary with `entries` entries.
pub(crate) fn code_width(entries: usize) -> usize {
    match entries {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}
