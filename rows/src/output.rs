//! Rows into files: `.npy`, JSON Lines or Parquet, in forms that [`Input`](crate::Input) reads again.
//!
//! A file is written under a temporary name beside its own and renamed when it is whole, so that a
//! reader never sees half of one and a failed run leaves nothing behind.

use std::path::Path;

use hither::{KeyRef, Value};

use crate::{Error, jsonl, layout::Layout, npy, sink::Sink};

/// A file that is being written.
pub struct Output {
    dimensions: usize,
    columns: usize,
    writer: Box<dyn Sink>,
}

impl Output {
    /// Starts a file in the format that its extension names. `.npy` takes the vectors alone.
    pub fn create(path: &Path, layout: &Layout) -> Result<Self, Error> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        let writer: Box<dyn Sink> = match extension.to_ascii_lowercase().as_str() {
            "npy" => Box::new(npy::write::Writer::create(path, layout)?),
            "jsonl" | "ndjson" => Box::new(jsonl::write::Writer::create(path, layout)?),
            #[cfg(feature = "parquet")]
            "parquet" => Box::new(crate::parquet::write::Writer::create(path, layout)?),
            #[cfg(not(feature = "parquet"))]
            "parquet" => return Err(Error::without_parquet(path)),
            _ => {
                return Err(Error::new(
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
    ) -> Result<(), Error> {
        assert_eq!(
            (vector.len(), values.len()),
            (self.dimensions, self.columns),
            "a row is written as it was laid out"
        );
        self.writer.write(key, vector, values)
    }

    /// Completes the file and gives it its name.
    pub fn finish(self) -> Result<(), Error> {
        self.writer.finish()
    }
}

#[cfg(test)]
mod tests;
