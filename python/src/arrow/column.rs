//! Columns of attributes and keys.

use super::chunks::parts;
use super::import::{self, Chunks};
use super::vectors::ArrowVectors;
use crate::failure::{Failure, Outcome};
use crate::value;
use arrow_array::ArrayRef;
use arrow_schema::FieldRef;
use hither::{ColumnSchema, ColumnType, Value};
use hither_rows::{Diagnostic, Setting};
use pyo3::prelude::*;
use pyo3::types::PyList;

/// The columns of a table of Arrow's.
#[pyfunction]
pub fn arrow_table(object: &Bound<'_, PyAny>) -> Outcome<Vec<ArrowColumn>> {
    let columns = import::table(object).map_err(|failure| failure.behind("columns"))?;
    Ok(columns.into_iter().map(ArrowColumn::new).collect())
}

/// Arrays of Arrow's as one column.
#[pyfunction]
pub fn arrow_column(name: &str, arrays: Vec<Bound<'_, PyAny>>) -> Outcome<ArrowColumn> {
    let column = import::arrays(name, &arrays).map_err(|failure| failure.behind(name))?;
    Ok(ArrowColumn::new(column))
}

/// A column of Arrow's, or a part of it.
#[pyclass(frozen, module = "hither._native")]
pub struct ArrowColumn {
    field: FieldRef,
    chunks: Vec<ArrayRef>,
    /// How many rows of the whole stand before.
    first: usize,
    rows: usize,
}

impl ArrowColumn {
    fn new((field, chunks): Chunks) -> Self {
        let rows = chunks.iter().map(|chunk| chunk.len()).sum();
        Self { field, chunks, first: 0, rows }
    }

    /// Its values for a column of the index.
    ///
    /// # Errors
    /// One that the column does not hold as it is.
    pub fn values(&self, column: &ColumnSchema) -> Outcome<Vec<Value>> {
        self.values_as(Some(column.column_type))
    }

    fn values_as(&self, wanted: Option<ColumnType>) -> Outcome<Vec<Value>> {
        let column = self.column(wanted)?;
        let places =
            self.chunks.iter().flat_map(|chunk| (0..chunk.len()).map(move |at| (chunk, at)));
        let values = places.enumerate().map(|(row, (chunk, at))| {
            let refused = |reason: &Diagnostic| {
                let (name, row) = (self.field.name(), self.first + row);
                refused(&format!("column {name:?}, row {row}: it {reason}"), reason)
            };
            match column.value(chunk, at).map_err(|reason| refused(&reason))? {
                (value, false) => Ok(value),
                (_, true) => Err(refused(&"has nanoseconds, and columns hold microseconds".into())),
            }
        });
        values.collect()
    }

    fn column(&self, wanted: Option<ColumnType>) -> Outcome<hither_rows::ArrowColumn<'_>> {
        hither_rows::ArrowColumn::new(&self.field, wanted).map_err(|reason| {
            refused(&format!("column {:?}: it {reason}", self.field.name()), &reason)
        })
    }
}

/// An error of a column, with the option that would mend it.
fn refused(message: &str, reason: &Diagnostic) -> Failure {
    let option = match reason.setting() {
        Some(Setting::Type(name, column_type)) => {
            format!(" (types={{{name:?}: \"{}\"}})", column_type.name())
        }
        _ => String::new(),
    };
    Failure::new("column_type", format!("{message}{option}"))
}

#[pymethods]
impl ArrowColumn {
    #[getter]
    fn name(&self) -> &str {
        self.field.name()
    }

    #[getter]
    fn rows(&self) -> usize {
        self.rows
    }

    /// The type of the index's column, if this one is asked for; another one where Arrow's values do not give it.
    #[pyo3(signature = (wanted=None))]
    fn column_type(&self, wanted: Option<&str>) -> Outcome<&'static str> {
        let column = self.column(wanted.map(str::parse).transpose()?)?;
        match (wanted, column.note()) {
            // Whoever asks for numbers that are rounded has them.
            (None, Some(note)) => Err(refused(&format!("column {note}"), &note)),
            _ => Ok(column.column_type().name()),
        }
    }

    /// Some of its rows. Nothing is copied.
    fn slice(&self, start: usize, end: usize) -> Self {
        let lengths = self.chunks.iter().map(|chunk| chunk.len());
        let parts = parts(lengths, start, end);
        let chunks = parts.map(|(chunk, from, length)| self.chunks[chunk].slice(from, length));
        let column = Self::new((self.field.clone(), chunks.collect()));
        Self { first: self.first + start, ..column }
    }

    /// Its values as Python has them.
    fn to_list<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyList>> {
        let values = self.values_as(None)?;
        let values = values.iter().map(|one| value::write(py, one));
        Ok(PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)?)
    }

    /// Its lists of numbers as vectors; None where it has none.
    fn vectors(&self) -> Outcome<Option<ArrowVectors>> {
        ArrowVectors::of(self.field.name(), self.field.data_type(), &self.chunks)
    }
}
