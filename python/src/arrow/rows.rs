//! Rows of an index, for libraries that take Arrow's: read a batch at a time, as these ask.

use crate::failure::{Failure, Outcome};
use crate::opened::Opened;
use arrow_array::ffi::FFI_ArrowSchema;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use hither::{Filter, IndexFile, KeyType, RowId, Value};
use hither_rows::{BatchBuilder, Layout, Precision};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use std::sync::Arc;

/// Rows of an index as a table of Arrow's, which whoever takes one reads by the C data interface: ``polars.DataFrame(rows)``,
/// ``pyarrow.table(rows)``, ``pandas.DataFrame.from_arrow(rows)``, DuckDB's ``FROM rows``. They may be read several times.
#[pyclass(frozen, module = "hither", weakref)]
pub struct ArrowRows {
    index: Arc<Opened>,
    rows: Arc<[RowId]>,
    wanted: Arc<Wanted>,
    schema: SchemaRef,
    /// How often the index had changed when the rows were listed.
    changes: u64,
}

/// What is told of each row.
struct Wanted {
    layout: Layout,
    /// The numbers of the columns.
    columns: Vec<usize>,
    vectors: bool,
}

impl ArrowRows {
    /// The rows that match, with these columns, or all. Called without the interpreter's lock.
    ///
    /// # Errors
    /// There is no such column; those of reading the index.
    pub fn of(
        opened: &Arc<Opened>,
        filter: Option<&Filter>,
        columns: Option<&[String]>,
        vectors: bool,
    ) -> Outcome<Self> {
        opened.read(|file| {
            let index = file.index();
            let rows = match filter {
                Some(filter) => index.matching(&index.filter(filter)?)?,
                None => index.rows().collect(),
            };
            let numbers = match columns {
                Some(names) => {
                    names.iter().map(|name| index.column(name)).collect::<Result<_, _>>()?
                }
                None => (0..index.columns().len()).collect::<Vec<usize>>(),
            };
            let layout = Layout {
                dimensions: index.dimensions(),
                precision: Precision::F32,
                key_type: match index.options().key_type {
                    KeyType::RowNumber => KeyType::Int64,
                    key_type => key_type,
                },
                columns: numbers.iter().map(|&at| index.columns()[at].clone()).collect(),
            };
            let schema = BatchBuilder::new(&layout, vectors).schema().clone();
            let wanted = Arc::new(Wanted { layout, columns: numbers, vectors });
            let (index, changes) = (opened.clone(), opened.changes());
            Ok(Self { index, rows: rows.into(), wanted, schema, changes })
        })
    }
}

#[pymethods]
impl ArrowRows {
    /// Arrow's own method: a stream of batches. Another schema than the rows' own is not made.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Whoever gives a stream may leave the wish unheard.
        drop(requested_schema);
        let batches = Batches {
            index: self.index.clone(),
            rows: self.rows.clone(),
            next: 0,
            wanted: self.wanted.clone(),
            schema: self.schema.clone(),
            changes: self.changes,
        };
        let stream = FFI_ArrowArrayStream::new(Box::new(batches));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }

    /// Arrow's own method: names and types of the columns.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(&*self.schema);
        let schema = schema.map_err(|error| Failure::parameter(error.to_string()))?;
        Ok(PyCapsule::new_with_value(py, schema, c"arrow_schema")?)
    }

    fn __len__(&self) -> usize {
        self.rows.len()
    }

    fn __repr__(&self) -> String {
        let fields = self.schema.fields().iter();
        let names: Vec<String> =
            fields.map(|field| format!("{}: {}", field.name(), field.data_type())).collect();
        format!("<hither.ArrowRows: {} rows of {}>", self.rows.len(), names.join(", "))
    }
}

/// Batches of these rows, each read when it is asked for, with the interpreter's lock or without.
struct Batches {
    index: Arc<Opened>,
    rows: Arc<[RowId]>,
    next: usize,
    wanted: Arc<Wanted>,
    schema: SchemaRef,
    changes: u64,
}

impl Batches {
    fn read(&mut self) -> Outcome<Option<RecordBatch>> {
        if self.next == self.rows.len() {
            return Ok(None);
        }
        let (index, wanted, changes) = (&self.index, &self.wanted, self.changes);
        let rows = &self.rows[self.next..];
        let (batch, read) = index.read_anywhere(|file| {
            if index.changes() != changes {
                let message = "the index has changed since to_arrow; call it again";
                return Err(Failure::new("busy", message));
            }
            batch(file, rows, wanted)
        })?;
        self.next += read;
        Ok(Some(batch))
    }
}

/// A batch, and how many rows it has.
fn batch(file: &IndexFile, rows: &[RowId], wanted: &Wanted) -> Outcome<(RecordBatch, usize)> {
    let index = file.index();
    let mut builder = BatchBuilder::new(&wanted.layout, wanted.vectors);
    let mut vector = vec![0.0; if wanted.vectors { index.dimensions() } else { 0 }];
    let mut read = 0;
    for &row in rows {
        if wanted.vectors {
            index.vector(row, &mut vector)?;
        }
        let values = wanted.columns.iter().map(|&column| Ok(index.value(row, column)?.to_owned()));
        let values: Vec<Value> = values.collect::<hither::Result<_>>()?;
        builder.push(Some(index.key(row)?), &vector, &values);
        read += 1;
        if builder.is_full() {
            break;
        }
    }
    let batch = builder.take().map_err(|error| Failure::parameter(error.to_string()))?;
    Ok((batch, read))
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read().transpose()?;
        Some(read.map_err(|failure| {
            // After an error there is nothing more.
            self.next = self.rows.len();
            ArrowError::ExternalError(failure.text().into())
        }))
    }
}

impl RecordBatchReader for Batches {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
