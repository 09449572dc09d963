//! Rows into files: `.npy`, JSON Lines, CSV, TSV, Parquet or Arrow, in forms that
//! [`Input`](crate::Input) reads again.
//!
//! A file is written under a temporary name beside its own and renamed when it is whole, so that a
//! reader never sees half of one and a failed run leaves nothing behind.

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
    /// Starts a file in the format that its name says. `.npy` takes the vectors alone. Text is packed
    /// where the name ends in `.gz` or `.zst`.
    ///
    /// # Errors
    /// If the name says no format that is written, or the system refuses the file.
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
