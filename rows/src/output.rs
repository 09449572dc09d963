//! Writes rows to files: `.npy`, JSON Lines, CSV, TSV, Parquet or Arrow, in forms that
//! [`Input`](crate::Input) can read again.
//!
//! A file is written under a temporary name next to its final one and renamed when it is complete, so that
//! readers never see a partial file and a failed run leaves nothing behind.

use std::path::Path;

use hither::{KeyRef, Value};

use crate::{Error, Format, csv, jsonl, layout::Layout, npy, packed::Packing, sink::Sink};

/// A file that is being written.
pub struct Output {
    dimensions: usize,
    columns: usize,
    writer: Box<dyn Sink>,
}

impl Output {
    /// Starts a file in the format that its name indicates. `.npy` contains only the vectors. Text is
    /// compressed if the name ends in `.gz` or `.zst`.
    ///
    /// # Errors
    /// If the name does not indicate a format that can be written, or the system rejects the file.
    pub fn create(path: &Path, layout: &Layout) -> Result<Self, Error> {
        let format = Format::named_by(path);
        if let (Some(_), Some(format)) = (Packing::named_by(path), format.filter(|f| !f.is_text()))
        {
            let reason = format!("only text is packed, and .{format} is none");
            return Err(Error::new(path, reason));
        }
        let writer: Box<dyn Sink> = match format {
            Some(Format::Npy) => Box::new(npy::write::Writer::create(path, layout)?),
            Some(Format::Jsonl) => Box::new(jsonl::write::Writer::create(path, layout)?),
            Some(format @ (Format::Csv | Format::Tsv)) => {
                Box::new(csv::write::Writer::create(path, layout, format == Format::Tsv)?)
            }
            #[cfg(feature = "parquet")]
            Some(Format::Parquet) => Box::new(crate::parquet::write::Writer::create(path, layout)?),
            #[cfg(feature = "parquet")]
            Some(Format::Arrow) => Box::new(crate::arrow::write::Writer::create(path, layout)?),
            #[cfg(not(feature = "parquet"))]
            Some(Format::Parquet | Format::Arrow) => return Err(Error::without_parquet(path)),
            _ => {
                return Err(Error::new(
                    path,
                    "rows are written as .npy (vectors alone), .jsonl, .csv, .tsv, .parquet, .arrow or .arrows (a stream); text with .gz or .zst behind that is packed",
                ));
            }
        };
        Ok(Self { dimensions: layout.dimensions, columns: layout.columns.len(), writer })
    }

    /// Writes a row: a key if the layout has a type for it, and a value for each column.
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

    /// Completes the file and renames it to its name.
    pub fn finish(self) -> Result<(), Error> {
        self.writer.finish()
    }
}

#[cfg(test)]
mod tests;
