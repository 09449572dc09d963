//! Arrow's IPC format, as a file or, with the ending `.arrows`, as a stream, a batch of rows at a time.

use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::ArrowError;
use hither::raw::AtomicFile;
use hither::{KeyRef, Value};

use super::batch::BatchBuilder;
use crate::{
    Error,
    layout::Layout,
    sink::{Sink, create, failed, refused},
};

/// Writes batches.
enum Batches {
    File(FileWriter<AtomicFile>),
    Stream(StreamWriter<AtomicFile>),
}

impl Batches {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        match self {
            Self::File(file) => file.write(batch),
            Self::Stream(stream) => stream.write(batch),
        }
    }

    fn finish(self) -> Result<AtomicFile, ArrowError> {
        match self {
            Self::File(mut file) => file.finish().and_then(|()| file.into_inner()),
            Self::Stream(mut stream) => stream.finish().and_then(|()| stream.into_inner()),
        }
    }
}

/// Collects a batch of rows and writes it.
pub struct Writer {
    path: PathBuf,
    batches: Batches,
    rows: BatchBuilder,
}

impl Writer {
    pub fn create(path: &Path, layout: &Layout) -> Result<Self, Error> {
        let rows = BatchBuilder::new(layout, true);
        let (file, schema) = (create(path)?, rows.schema());
        let batches = match path.extension() == Some("arrows".as_ref()) {
            true => StreamWriter::try_new(file, schema).map(Batches::Stream),
            false => FileWriter::try_new(file, schema).map(Batches::File),
        };
        let batches = batches.map_err(|error| refused(path, error))?;
        Ok(Self { path: path.to_owned(), batches, rows })
    }

    fn flush(&mut self) -> Result<(), ArrowError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        self.batches.write(&self.rows.take()?)
    }
}

impl Sink for Writer {
    fn write(
        &mut self,
        key: Option<KeyRef<'_>>,
        vector: &[f32],
        values: &[Value],
    ) -> Result<(), Error> {
        self.rows.push(key, vector, values);
        if !self.rows.is_full() {
            return Ok(());
        }
        self.flush().map_err(|error| refused(&self.path, error))
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        let path = self.path.clone();
        let fail = |error: ArrowError| refused(&path, error);
        self.flush().map_err(fail)?;
        let file = self.batches.finish().map_err(fail)?;
        file.finish().map_err(|error| failed(&path, error))
    }
}
