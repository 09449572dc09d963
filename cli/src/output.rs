//! Rows into files: `.npy`, JSON Lines or Parquet, in forms that [`crate::input`] reads again.
//!
//! A file is written under a temporary name beside its own and renamed when it is whole, so that a
//! reader never sees half of one and a failed run leaves nothing behind.

use std::path::Path;

use hither::{AtomicFile, ColumnSchema, Error, ErrorKind, KeyRef, KeyType, Value};

use crate::input::{InputError, KEY_NAMES, VECTOR_NAMES};
use crate::names;

mod jsonl;
mod npy;
#[cfg(feature = "parquet")]
mod parquet;

pub use npy::write_npy_i64;

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
    pub dimensions: usize,
    pub precision: Precision,
    /// Row numbers are not written: reading the file gives them again.
    pub key_type: KeyType,
    pub columns: Vec<ColumnSchema>,
}

/// A file that is being written.
pub struct Output {
    dimensions: usize,
    columns: usize,
    writer: Box<dyn Sink>,
}

/// A writer of one format.
trait Sink: Send {
    fn write(
        &mut self,
        key: Option<KeyRef<'_>>,
        vector: &[f32],
        values: &[Value],
    ) -> Result<(), InputError>;

    fn finish(self: Box<Self>) -> Result<(), InputError>;
}

impl Output {
    /// Starts a file in the format that its extension names. `.npy` takes the vectors alone.
    pub fn create(path: &Path, layout: &Layout) -> Result<Self, InputError> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        let writer: Box<dyn Sink> = match extension.to_ascii_lowercase().as_str() {
            "npy" => Box::new(npy::Writer::create(path, layout)?),
            "jsonl" | "ndjson" => Box::new(jsonl::Writer::create(path, layout)?),
            #[cfg(feature = "parquet")]
            "parquet" => Box::new(parquet::Writer::create(path, layout)?),
            #[cfg(not(feature = "parquet"))]
            "parquet" => return Err(InputError::new(path, crate::input::WITHOUT_PARQUET)),
            _ => {
                return Err(InputError::new(
                    path,
                    "rows are written as .npy (vectors alone), .jsonl, .ndjson or .parquet",
                ));
            }
        };
        Ok(Self { dimensions: layout.dimensions, columns: layout.columns.len(), writer })
    }

    /// Writes a row: a key where the layout has a type for it, and a value for each column.
    pub fn write(
        &mut self,
        key: Option<KeyRef<'_>>,
        vector: &[f32],
        values: &[Value],
    ) -> Result<(), InputError> {
        assert_eq!(
            (vector.len(), values.len()),
            (self.dimensions, self.columns),
            "a row is written as it was laid out"
        );
        self.writer.write(key, vector, values)
    }

    /// Completes the file and gives it its name.
    pub fn finish(self) -> Result<(), InputError> {
        self.writer.finish()
    }
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

/// Begins a file that appears when it is whole; an end by a signal removes what is unfinished.
pub fn create(path: &Path) -> Result<AtomicFile, InputError> {
    if path == Path::new("-") {
        let reason = "nothing is written to standard output; name a file (./- for one called so)";
        return Err(InputError::new(path, reason));
    }
    crate::interrupt::remove_unfinished(path);
    AtomicFile::create(path).map_err(|error| failed(path, error))
}

/// What the library said of a file that is written.
fn failed(path: &Path, error: Error) -> InputError {
    match error.kind() {
        ErrorKind::Io { reason, .. } => {
            InputError::new(path, reason.split(" (os error").next().unwrap_or(reason))
        }
        _ => InputError::new(path, error.to_string()),
    }
}

#[cfg(test)]
mod tests;
