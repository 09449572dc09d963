//! Rows into files: `.npy`, JSON Lines or Parquet, in forms that [`crate::input`] reads again.
//!
//! A file is written under a temporary name beside its own and renamed when it is whole, so that a
//! reader never sees half of one and a failed run leaves nothing behind.

use std::{
    fs::File,
    io::{BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use hither::{ColumnSchema, KeyRef, KeyType, Value};

use crate::input::InputError;

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

/// The names of the vector's and the key's column: the first that reading takes by itself and that
/// no attribute has.
fn reserved_names(
    path: &Path,
    layout: &Layout,
) -> Result<(&'static str, &'static str), InputError> {
    let free = |names: &[&'static str]| {
        let taken = |name: &str| layout.columns.iter().any(|column| column.name == name);
        names.iter().copied().find(|&name| !taken(name))
    };
    match (free(&crate::input::VECTOR_NAMES), free(&crate::input::KEY_NAMES)) {
        (Some(vector), Some(key)) => Ok((vector, key)),
        _ => Err(InputError::new(
            path,
            "the attributes take all names that the vector (vector, embedding, embeddings) or the key (key, id) could have; export to .npy",
        )),
    }
}

/// A file under a temporary name, which it loses when it is finished.
struct Draft {
    path: PathBuf,
    temporary: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Draft {
    fn create(path: &Path) -> Result<Self, InputError> {
        // Renamed over, a device or a pipe would be gone, for everybody.
        if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            let reason = "this is no regular file; name one that may be replaced";
            return Err(InputError::new(path, reason));
        }
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().ok_or_else(|| InputError::new(path, "this names no file"))?);
        name.push(format!(".{}.part", std::process::id()));
        let temporary = path.with_file_name(name);
        let file = File::create(&temporary).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                InputError::new(path, "its folder does not exist; make it first")
            }
            _ => InputError::io(path, &error),
        })?;
        let file = Some(BufWriter::with_capacity(1 << 17, file));
        Ok(Self { path: path.to_owned(), temporary, file })
    }

    /// Rewrites the first bytes.
    fn rewrite_start(&mut self, bytes: &[u8]) -> Result<(), InputError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(bytes))
            .map_err(|error| InputError::io(&self.path, &error))
    }

    fn finish(mut self) -> Result<(), InputError> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        let done = file
            .flush()
            .and_then(|()| file.get_ref().sync_all())
            .and_then(|()| std::fs::rename(&self.temporary, &self.path));
        if done.is_err() {
            let _ = std::fs::remove_file(&self.temporary);
        }
        done.map_err(|error| InputError::io(&self.path, &error))
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // What was never finished is of no use to anyone.
        if self.file.take().is_some() {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests;
