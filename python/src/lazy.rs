//! An index file on a server that is searched by ranges, as Python has it.

mod search;
mod worker;

use crate::answer::{Row, SearchResult};
use crate::failure::{Count, Failure, Outcome};
use crate::key;
use crate::query::read_filter;
use crate::row_values::RowValues;
use crate::search::{Keys, Search};
use crate::vectors::Vectors;
use hither::{IndexOptions, Metric, RowId, Value};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::Arc;
use worker::Worker;

/// How many bytes of a file are kept, by default.
const CACHE_BYTES: u64 = 256 << 20;

/// Opens the file at `url`, of which up to `cache_bytes` are kept.
///
/// # Errors
/// Those of the server and of the file.
pub fn open(py: Python<'_>, url: &str, cache_bytes: Option<u64>) -> Outcome<LazyIndex> {
    Ok(LazyIndex(Arc::new(Worker::open(py, url, cache_bytes.unwrap_or(CACHE_BYTES))?)))
}

/// An index file on a server, from ``hither.open(url, lazy=True)``: a search requests only the ranges that it reads, and
/// nothing is written to the disk. The file must have been built with ``ranges=True``. Threads may share it; questions
/// are answered one after another.
#[pyclass(frozen, module = "hither", weakref)]
pub struct LazyIndex(Arc<Worker>);

/// What an index on a server has cost since it was opened.
#[pyclass(frozen, module = "hither")]
pub struct Traffic {
    /// Requests, including repeated ones.
    #[pyo3(get)]
    requests: u64,
    /// Bytes of the file that were received.
    #[pyo3(get)]
    bytes: u64,
    /// How often requests were waited for. Several requests may be in flight at once.
    #[pyo3(get)]
    round_trips: u64,
}

#[pymethods]
impl Traffic {
    fn __repr__(&self) -> String {
        let Self { requests, bytes, round_trips } = self;
        format!("Traffic(requests={requests}, bytes={bytes}, round_trips={round_trips})")
    }
}

#[pymethods]
impl LazyIndex {
    /// Find the nearest rows, nearest first, ties by key. Several queries are answered one after another.
    ///
    /// Args:
    ///     queries: One vector ``[dimensions]`` or several ``[queries, dimensions]``, as ``hither.build``
    ///         takes them.
    ///     k: How many rows. Default 10; with ``radius`` all.
    ///     filter: Only rows that match. Reads the columns that it names, whole, once.
    ///     recall: Search as hard as this recall takes, by the file's calibration.
    ///     probes: Lists to look into. Default 28.
    ///     exact: Read the vectors of all rows.
    ///     radius: All rows within this distance, which reads the vectors of all rows; with ``k`` the nearest so
    ///         many, as a search finds them, that are within it.
    ///     metric: Measure by another metric: where all rows have unit length, or with ``exact``.
    ///     like: In place of queries, the key of a row: those nearest to it, without itself. Reads all keys of
    ///         files that were built before there was a directory of them.
    ///
    /// Raises:
    ///     InputError: Queries, filter or options that make no sense (a ValueError).
    ///     KeyNotFoundError: No row has the key ``like`` (a KeyError).
    ///     FileError: The server does not answer, or the file is damaged or was replaced (an OSError).
    #[pyo3(signature = (queries=None, k=None, *, filter=None, recall=None, probes=None, exact=false, radius=None,
        metric=None, like=None))]
    #[allow(clippy::too_many_arguments)] // They are Python's options, each with its name.
    fn search(
        &self,
        py: Python<'_>,
        queries: Option<&Bound<'_, PyAny>>,
        k: Option<Count>,
        filter: Option<&Bound<'_, PyAny>>,
        recall: Option<f32>,
        probes: Option<Count>,
        exact: bool,
        radius: Option<f32>,
        metric: Option<&str>,
        like: Option<&Bound<'_, PyAny>>,
    ) -> Outcome<SearchResult> {
        if exact && (recall.is_some() || probes.is_some()) {
            let message = "exact: it reads all rows; leave recall and probes out";
            return Err(Failure::parameter(message));
        }
        let count = |name, count: Option<Count>| count.map(|count| count.of(name)).transpose();
        let mut wanted = Search {
            k: count("k", k)?,
            radius,
            probes: count("probes", probes)?,
            recall,
            exact,
            metric: metric.map(str::parse::<Metric>).transpose()?,
            ..Search::default()
        };
        if let Some(filter) = filter {
            wanted.filter = Some(read_filter(filter)?);
        }
        let queries = match (queries, like) {
            (Some(queries), None) => Some(Vectors::read(queries, "queries")?),
            (None, Some(like)) => {
                wanted.except = Some(key::read(like, self.options().key_type)?);
                None
            }
            _ => return Err(Failure::parameter("queries: give them, or the key of a row as like")),
        };
        let single = queries.as_ref().is_none_or(|queries| queries.single);
        let (found, wanted) = self.0.ask(py, move |remote, stop| {
            Ok((remote.search(queries.as_ref(), &wanted, stop)?, wanted))
        })?;
        Ok(SearchResult::new(py, found, &wanted, single, self.0.clone(), 0)?)
    }

    /// The row that has this key, or else the default. Reads all keys of files without a directory of them.
    #[pyo3(signature = (key, default=None))]
    fn get(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        default: Option<Py<PyAny>>,
    ) -> Outcome<Option<Py<PyAny>>> {
        let key = key::read(key, self.options().key_type)?;
        let wanted = key.clone();
        let row = self.0.ask(py, move |remote, stop| remote.row(&wanted, stop))?;
        let Some((vector, values)) = row else { return Ok(default) };
        let row = Row::new(py, &key, &vector, &self.names(), &values)?;
        Ok(Some(Py::new(py, row)?.into_any()))
    }

    fn __getitem__(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> Outcome<Py<PyAny>> {
        let missing = || Failure::new("key_not_found", format!("no row has the key {key}"));
        self.get(py, key, None)?.ok_or_else(missing)
    }

    fn __contains__(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> Outcome<bool> {
        // What cannot be a key of this index is none.
        let key = match key::read(key, self.options().key_type) {
            Err(Failure::Coded { code: "key_type", .. }) => return Ok(false),
            key => key?,
        };
        match self.0.ask(py, move |remote, stop| remote.find(&key, stop)) {
            // A negative number is no row's.
            Err(Failure::Coded { code: "key_type", .. }) => Ok(false),
            found => Ok(found?.is_some()),
        }
    }

    fn __len__(&self) -> usize {
        usize::try_from(self.0.facts.rows).unwrap_or(usize::MAX)
    }

    /// What this index has cost since it was opened.
    #[getter]
    fn traffic(&self, py: Python<'_>) -> Outcome<Traffic> {
        let traffic = self.0.ask(py, |remote, _| Ok(remote.file.traffic()))?;
        let hither_remote::LazyTraffic { requests, bytes, round_trips } = traffic;
        Ok(Traffic { requests, bytes, round_trips })
    }

    /// Close connections and free memory. Later calls raise InputError, with the code ``freed``.
    fn close(&self) {
        self.0.close();
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, _error: &Bound<'_, PyTuple>) {
        self.close();
    }

    /// Its URL.
    #[getter(path)]
    fn url(&self) -> &str {
        self.0.url()
    }

    /// Values of a vector.
    #[getter]
    fn dimensions(&self) -> usize {
        self.options().dimensions
    }

    /// What "near" means.
    #[getter]
    fn metric(&self) -> &'static str {
        self.options().metric.name()
    }

    /// How values are stored.
    #[getter]
    fn element(&self) -> &'static str {
        self.options().element.name()
    }

    /// What rows are called by: ``"row number"``, ``"int64"``, ``"uuid"`` or ``"text"``.
    #[getter]
    fn key_type(&self) -> &'static str {
        self.options().key_type.name()
    }

    /// The types of the columns by their names.
    #[getter]
    fn columns<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyDict>> {
        let types = PyDict::new(py);
        for column in &self.options().columns {
            types.set_item(&column.name, column.column_type.name())?;
        }
        Ok(types)
    }

    /// Facts that are kept in the file.
    #[getter]
    fn properties<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyDict>> {
        let named = PyDict::new(py);
        for (name, value) in &self.options().properties {
            named.set_item(name, value)?;
        }
        Ok(named)
    }

    /// Bytes of the file.
    #[getter]
    fn nbytes(&self) -> u64 {
        self.0.facts.bytes
    }

    fn __repr__(&self) -> String {
        let (rows, options) = (self.0.facts.rows, self.options());
        format!(
            "<hither.LazyIndex {:?}: {rows} rows of {} dimensions, {}>",
            self.0.url(),
            options.dimensions,
            options.metric,
        )
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (String, bool))> {
        Ok((py.import("hither")?.getattr("open")?, (self.0.url().into(), true)))
    }
}

impl LazyIndex {
    fn options(&self) -> &IndexOptions {
        &self.0.facts.options
    }

    fn names(&self) -> Vec<String> {
        self.options().columns.iter().map(|column| column.name.clone()).collect()
    }
}

impl RowValues for Worker {
    fn values(
        &self,
        py: Python<'_>,
        rows: &[RowId],
        _: &Keys,
        _: u64,
    ) -> Outcome<(Vec<String>, Vec<Vec<Value>>)> {
        let rows = rows.to_vec();
        let values = self.ask(py, move |remote, stop| remote.values(&rows, stop))?;
        let names = self.facts.options.columns.iter().map(|column| column.name.clone());
        Ok((names.collect(), values))
    }
}
