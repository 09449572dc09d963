//! The results of searches and look-ups.

use crate::arrays::{self, Shape};
use crate::failure::{Failure, Outcome};
use crate::row_values::RowValues;
use crate::search::{Found, Keys, Search};
use crate::{key, value};
use hither::{Key, Value};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use std::sync::Arc;

/// Keys and distances of the rows that a search found: ``keys, distances = index.search(…)``.
#[pyclass(frozen, module = "hither")]
pub struct SearchResult {
    /// Keys, nearest first: ``[found]`` for one query, ``[queries, k]`` for several, padded with -1 (None if
    /// keys are text or UUIDs) where fewer rows were found.
    #[pyo3(get)]
    keys: Py<PyAny>,
    /// Distances, of the same shape; infinite where fewer rows were found.
    #[pyo3(get)]
    distances: Py<PyAny>,
    /// The recall that the calibration reached, if more was wanted.
    #[pyo3(get)]
    reached_recall: Option<f32>,
    found: Found,
    single: bool,
    index: Arc<dyn RowValues>,
    /// The state of the index for which the row ids are valid.
    state: u64,
}

impl SearchResult {
    /// Arranges the answers in arrays; those of several queries are padded to the same length.
    ///
    /// # Errors
    /// An exception raised by Python.
    pub fn new(
        py: Python<'_>,
        found: Found,
        wanted: &Search,
        single: bool,
        index: Arc<dyn RowValues>,
        state: u64,
    ) -> PyResult<Self> {
        let longest = found.counts.iter().copied().max().unwrap_or(0);
        let width = wanted.most().unwrap_or(longest);
        let count = found.counts.len();
        let shape = if single { Shape::Row } else { Shape::Rows(count, width) };
        let full = single || found.counts.iter().all(|&count| count == width);
        let distances = match full {
            true => arrays::numbers(py, &found.distances, "f4", shape)?,
            false => {
                let padded = padded(&found.distances, &found.counts, width, f32::INFINITY);
                arrays::numbers(py, &padded, "f4", shape)?
            }
        };
        let keys = match &found.keys {
            Keys::Numbers(numbers) if full => arrays::numbers(py, numbers, "i8", shape)?,
            Keys::Numbers(numbers) => {
                arrays::numbers(py, &padded(numbers, &found.counts, width, -1), "i8", shape)?
            }
            Keys::Others(keys) => {
                let keys: Vec<Option<Key>> = keys.iter().cloned().map(Some).collect();
                let keys = if full { keys } else { padded(&keys, &found.counts, width, None) };
                arrays::objects(py, &keys, shape)?
            }
        };
        let reached_recall = found.reached_recall;
        let (keys, distances) = (keys.unbind(), distances.unbind());
        Ok(Self { keys, distances, reached_recall, found, single, index, state })
    }
}

/// Pads rows of different lengths to the same length.
fn padded<T: Clone>(values: &[T], counts: &[usize], width: usize, none: T) -> Vec<T> {
    let (mut all, mut at) = (Vec::with_capacity(counts.len() * width), 0);
    for &count in counts {
        all.extend_from_slice(&values[at..at + count]);
        all.resize(all.len() + width - count, none.clone());
        at += count;
    }
    all
}

#[pymethods]
impl SearchResult {
    fn __iter__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let both = PyTuple::new(py, [self.keys.bind(py), self.distances.bind(py)])?;
        Ok(both.call_method0("__iter__")?.unbind())
    }

    fn __len__(&self) -> usize {
        2
    }

    fn __getitem__(&self, py: Python<'_>, at: Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let both = PyTuple::new(py, [self.keys.bind(py), self.distances.bind(py)])?;
        Ok(both.as_any().get_item(at)?.unbind())
    }

    /// The rows with their attributes: a list of ``Hit`` for one query, a list of such lists for several.
    fn hits(&self, py: Python<'_>) -> Outcome<Py<PyAny>> {
        let (columns, values) =
            self.index.values(py, &self.found.rows, &self.found.keys, self.state)?;
        let mut values = values.into_iter();
        let mut hits = Vec::with_capacity(self.found.rows.len());
        for (at, &distance) in self.found.distances.iter().enumerate() {
            let row = values.next().unwrap_or_default();
            let columns = row_columns(py, &columns, &row)?.unbind();
            let key = key::write(py, self.found.keys.get(at))?.unbind();
            hits.push(Py::new(py, Hit { key, distance, columns })?);
        }
        if self.single {
            return Ok(PyList::new(py, hits)?.into_any().unbind());
        }
        let mut hits = hits.into_iter();
        let lists = self
            .found
            .counts
            .iter()
            .map(|&count| PyList::new(py, hits.by_ref().take(count).collect::<Vec<_>>()));
        Ok(PyList::new(py, lists.collect::<PyResult<Vec<_>>>()?)?.into_any().unbind())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (keys, distances) = (self.keys.bind(py).repr()?, self.distances.bind(py).repr()?);
        Ok(format!("SearchResult(keys={keys}, distances={distances})"))
    }
}

fn row_columns<'py>(
    py: Python<'py>,
    names: &[String],
    values: &[Value],
) -> PyResult<Bound<'py, PyDict>> {
    let columns = PyDict::new(py);
    for (name, value) in names.iter().zip(values) {
        columns.set_item(name, value::write(py, value)?)?;
    }
    Ok(columns)
}

fn column<'py>(columns: &Bound<'py, PyDict>, name: &str) -> Outcome<Bound<'py, PyAny>> {
    columns.get_item(name)?.ok_or_else(|| {
        let known: Vec<String> = columns.keys().iter().map(|name| name.to_string()).collect();
        let message = match known.is_empty() {
            true => format!("there is no column \"{name}\": this index has no attribute columns"),
            false => format!("there is no column \"{name}\"; there are: {}", known.join(", ")),
        };
        Failure::new("unknown_column", message)
    })
}

/// A row of an answer.
#[pyclass(frozen, module = "hither")]
pub struct Hit {
    /// Its key: ``int``, ``str`` or ``uuid.UUID``.
    #[pyo3(get)]
    key: Py<PyAny>,
    /// Its distance, as pgvector's operator for the metric gives it.
    #[pyo3(get)]
    distance: f32,
    /// Its attributes by name.
    #[pyo3(get)]
    columns: Py<PyDict>,
}

#[pymethods]
impl Hit {
    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> Outcome<Bound<'py, PyAny>> {
        column(self.columns.bind(py), name)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (key, columns) = (self.key.bind(py).repr()?, self.columns.bind(py).repr()?);
        Ok(format!("Hit(key={key}, distance={}, columns={columns})", self.distance))
    }
}

/// A row as it is stored.
#[pyclass(frozen, module = "hither")]
pub struct Row {
    /// Its key: ``int``, ``str`` or ``uuid.UUID``.
    #[pyo3(get)]
    key: Py<PyAny>,
    /// Its vector, ``[dimensions]``.
    #[pyo3(get)]
    vector: Py<PyAny>,
    /// Its attributes by name.
    #[pyo3(get)]
    columns: Py<PyDict>,
}

impl Row {
    /// A row of an index whose columns have these names.
    ///
    /// # Errors
    /// An exception raised by Python.
    pub fn new(
        py: Python<'_>,
        key: &Key,
        vector: &[f32],
        names: &[String],
        values: &[Value],
    ) -> PyResult<Self> {
        Ok(Self {
            key: key::write(py, key.as_ref())?.unbind(),
            vector: arrays::numbers(py, vector, "f4", Shape::Row)?.unbind(),
            columns: row_columns(py, names, values)?.unbind(),
        })
    }
}

#[pymethods]
impl Row {
    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> Outcome<Bound<'py, PyAny>> {
        column(self.columns.bind(py), name)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (key, columns) = (self.key.bind(py).repr()?, self.columns.bind(py).repr()?);
        Ok(format!("Row(key={key}, columns={columns})"))
    }
}
