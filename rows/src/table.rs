//! What a reader returns of its file: a description, then its rows.

use hither::{ColumnSchema, Key, KeyType, Value};

use crate::{Diagnostic, Error};

/// One row. The caller keeps it, so that its buffers are reused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// One value for each dimension. NaN and infinities are passed through.
    pub vector: Vec<f32>,
    /// Why there is no valid vector: it is null, missing, or has another length.
    pub invalid: Option<Error>,
    /// The key; `None` if rows are identified by their number.
    pub key: Option<Key>,
    /// A value for each column.
    pub attributes: Vec<Value>,
}

/// The key that a value is; `None` for a null among UUIDs, which is replaced by a random one.
///
/// # Errors
/// If it is null and the keys are not UUIDs.
#[cfg(any(feature = "parquet", feature = "postgres"))]
pub fn key(value: Value, key_type: Option<KeyType>) -> Result<Option<Key>, Diagnostic> {
    match value {
        Value::Null if key_type == Some(KeyType::Uuid) => Ok(None),
        Value::Int64(number) => Ok(Some(Key::Int64(number))),
        Value::Uuid(bytes) => Ok(Some(Key::Uuid(bytes))),
        Value::Text(text) => Ok(Some(Key::Text(text))),
        _ => {
            let reason = "is null, and it is the key; name another";
            Err(Diagnostic::with(reason, crate::Setting::KeyColumn))
        }
    }
}

/// A reader of one file.
pub trait Rows: Send {
    /// Sets the vector and the key, and appends the attributes, as far as the file has them. False at the
    /// end, and then nothing is changed.
    fn next(&mut self, row: &mut Row) -> Result<bool, Error>;

    /// The number of timestamps rounded to microseconds so far.
    fn rounded(&self) -> u64 {
        0
    }
}

/// What a reader returns when its file is opened.
pub struct Table {
    pub rows: Box<dyn Rows>,
    pub count: Option<u64>,
    /// 0 if the file has no vectors.
    pub dimensions: usize,
    pub columns: Vec<ColumnSchema>,
    pub vector_column: Option<String>,
    pub key: Option<(String, KeyType)>,
    pub notes: Vec<Diagnostic>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            rows: Box::new(NoRows),
            count: None,
            dimensions: 0,
            columns: Vec::new(),
            vector_column: None,
            key: None,
            notes: Vec::new(),
        }
    }
}

struct NoRows;

impl Rows for NoRows {
    fn next(&mut self, _: &mut Row) -> Result<bool, Error> {
        Ok(false)
    }
}
