//! The Python class of an open index.

use crate::answer::{Row, SearchResult};
use crate::arrays::{self, Shape};
use crate::arrow::rows::ArrowRows;
use crate::change::{self, Saving};
use crate::failure::{Count, Failure, Outcome};
use crate::key;
use crate::opened::{Opened, kinds, names, row_values};
use crate::query::{like_row, read_filter};
use crate::search::{Keys, Search, search};
use crate::vectors::Vectors;
use crate::watch::Watch;
use hither::{ErrorKind, IndexFile, Key, Metric};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use std::path::PathBuf;
use std::sync::Arc;

/// An open index: memory-mapped, so that rows are read in place. Threads may share it.
#[pyclass(frozen, module = "hither", weakref)]
pub struct Index(pub Arc<Opened>);

#[pymethods]
impl Index {
    /// Find the nearest rows, nearest first, ties by key.
    ///
    /// Args:
    ///     queries: One vector ``[dimensions]`` or several ``[queries, dimensions]``, as ``hither.build``
    ///         takes them.
    ///     k: The number of rows. Default 10; with ``radius`` all.
    ///     filter: Only rows that match, such as ``{"year": {"$gte": 2020}, "lang": "en"}``; as JSON, too.
    ///     recall: Search with the effort that reaches this recall, by the file's calibration.
    ///     ef_search: HNSW: candidates kept during the search. Default 40.
    ///     probes: IVF: lists to look into. Default 16.
    ///     exact: Scan all rows.
    ///     radius: All rows within this distance, by an exact scan; with ``k`` the ``k`` nearest of them, as a
    ///         search finds them.
    ///     metric: Another metric: only if all rows have unit length, or with ``exact``.
    ///     like: Instead of queries, the key of a row: finds the rows nearest to it, without itself.
    ///     threads: Threads for several queries; 0 for all.
    ///
    /// Raises:
    ///     InputError: Invalid queries, filter or options (a ValueError).
    ///     KeyNotFoundError: No row has the key ``like`` (a KeyError).
    ///     FileError: The file is damaged where the search reads (an OSError).
    #[pyo3(signature = (queries=None, k=None, *, filter=None, recall=None, ef_search=None, probes=None,
        exact=false, radius=None, metric=None, like=None, threads=0))]
    #[allow(clippy::too_many_arguments)] // They are Python's options, each with its name.
    fn search(
        &self,
        py: Python<'_>,
        queries: Option<&Bound<'_, PyAny>>,
        k: Option<Count>,
        filter: Option<&Bound<'_, PyAny>>,
        recall: Option<f32>,
        ef_search: Option<Count>,
        probes: Option<Count>,
        exact: bool,
        radius: Option<f32>,
        metric: Option<&str>,
        like: Option<&Bound<'_, PyAny>>,
        threads: i64,
    ) -> Outcome<SearchResult> {
        let index = &self.0;
        if exact && (recall.is_some() || ef_search.is_some() || probes.is_some()) {
            let message = "exact: it scans all rows; leave recall, ef_search and probes out";
            return Err(Failure::parameter(message));
        }
        let metric = metric.map(str::parse::<Metric>).transpose()?;
        let count = |name, count: Option<Count>| count.map(|count| count.of(name)).transpose();
        let mut wanted = Search {
            k: count("k", k)?,
            radius,
            ef_search: count("ef_search", ef_search)?,
            probes: count("probes", probes)?,
            recall,
            exact,
            metric,
            ..Search::default()
        };
        let threads = Count::from(threads).of("threads")?;
        if let Some(filter) = filter {
            wanted.filter = Some(read_filter(filter)?);
        }
        let (shape, queries) = match (queries, like) {
            (Some(queries), None) => (None, Some(Vectors::read(queries, "queries")?)),
            (None, Some(like)) => {
                let (key_type, dimensions) = index.told(py, |file| {
                    (file.index().options().key_type, file.index().dimensions())
                })?;
                wanted.except = Some(key::read(like, key_type)?);
                (Some(dimensions), None)
            }
            _ => return Err(Failure::parameter("queries: give them, or the key of a row as like")),
        };
        let watch = Watch::new(None);
        let done = py.detach(|| {
            index.read(|file| {
                let own;
                let queries = match (&queries, shape, &wanted.except) {
                    (Some(queries), ..) => queries,
                    (None, dimensions, key) => {
                        own = like_row(file.index(), key.as_ref(), dimensions.unwrap_or(0))?;
                        &own
                    }
                };
                let found =
                    search(file.index(), queries, &wanted, threads, &index.searchers, &watch)?;
                Ok((found, queries.single, index.state()))
            })
        });
        let (found, single, state) = watch.outcome(done)?;
        Ok(SearchResult::new(py, found, &wanted, single, index.clone(), state)?)
    }

    /// The row with this key, or the default.
    #[pyo3(signature = (key, default=None))]
    fn get(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        default: Option<Py<PyAny>>,
    ) -> Outcome<Option<Py<PyAny>>> {
        let key_type = self.0.told(py, |file| file.index().options().key_type)?;
        let key = key::read(key, key_type)?;
        let row = py.detach(|| {
            self.0.read(|file| {
                let index = file.index();
                let Some(row) = index.find(key.as_ref())? else { return Ok(None) };
                let mut vector = vec![0.0; index.dimensions()];
                index.vector(row, &mut vector)?;
                Ok(Some((names(index), vector, row_values(index, row)?)))
            })
        })?;
        let Some((names, vector, values)) = row else { return Ok(default) };
        let row = Row::new(py, &key, &vector, &names, &values)?;
        Ok(Some(Py::new(py, row)?.into_any()))
    }

    fn __getitem__(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> Outcome<Py<PyAny>> {
        let missing = || Failure::new("key_not_found", format!("no row has the key {key}"));
        self.get(py, key, None)?.ok_or_else(missing)
    }

    fn __contains__(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> Outcome<bool> {
        let key_type = self.0.told(py, |file| file.index().options().key_type)?;
        // What cannot be a key of this index is none.
        let key = match key::read(key, key_type) {
            Err(Failure::Coded { code: "key_type", .. }) => return Ok(false),
            key => key?,
        };
        py.detach(|| {
            self.0.read(|file| match file.index().find(key.as_ref()) {
                Ok(row) => Ok(row.is_some()),
                // No row has a negative number.
                Err(error) if matches!(error.kind(), ErrorKind::KeyType { .. }) => Ok(false),
                Err(error) => Err(error.into()),
            })
        })
    }

    fn __len__(&self, py: Python<'_>) -> Outcome<usize> {
        self.0.told(py, |file| usize::try_from(file.index().len()).unwrap_or(usize::MAX))
    }

    /// Insert one row or several in memory, all or none; returns the key, or the keys.
    ///
    /// Args:
    ///     vectors: ``[dimensions]`` or ``[rows, dimensions]``.
    ///     keys: A key, or one per row. Not needed if keys are row numbers, which continue, or UUIDs,
    ///         which are random.
    ///     columns: A dict of values, or of lists. A column that is not given is null.
    ///
    /// Raises:
    ///     InputError: A key that already exists, or invalid rows (a ValueError).
    #[pyo3(signature = (vectors, keys=None, columns=None))]
    fn insert(
        &self,
        vectors: &Bound<'_, PyAny>,
        keys: Option<&Bound<'_, PyAny>>,
        columns: Option<&Bound<'_, PyAny>>,
    ) -> Outcome<Py<PyAny>> {
        change::insert(&self.0, vectors, keys, columns)
    }

    /// Replace rows in memory: their vectors, and the given columns.
    ///
    /// If a row's vector is rejected, the rows before it stay updated.
    ///
    /// Raises:
    ///     KeyNotFoundError: No row has this key, and none is updated (a KeyError).
    ///     InputError: Invalid rows (a ValueError).
    #[pyo3(signature = (vectors, keys, columns=None))]
    fn update(
        &self,
        vectors: &Bound<'_, PyAny>,
        keys: &Bound<'_, PyAny>,
        columns: Option<&Bound<'_, PyAny>>,
    ) -> Outcome<()> {
        change::update(&self.0, vectors, keys, columns)
    }

    /// Remove one row or several in memory, all or none; returns their number.
    ///
    /// Raises:
    ///     KeyNotFoundError: No row has this key, and ``missing_ok`` does not allow that (a KeyError).
    #[pyo3(signature = (keys, *, missing_ok=false))]
    fn remove(&self, keys: &Bound<'_, PyAny>, missing_ok: bool) -> Outcome<usize> {
        change::remove(&self.0, keys, missing_ok)
    }

    /// Write the index to its file, or to another; it appears whole or not at all.
    ///
    /// Args:
    ///     path: Another file. Default its own, which is then opened again.
    ///     compact: Build the index anew from its rows, however long that takes. Without it new rows
    ///         become a segment of their own, and removed ones are marked.
    ///     threads: Threads to build with; 0 for all.
    ///     progress: Called with ``(stage, done, total)``. An exception that it raises ends the saving.
    ///     force: Replace a file at ``path`` that is not an index file.
    ///
    /// Raises:
    ///     FileError: The file cannot be written, or another program has changed it (an OSError).
    #[pyo3(signature = (path=None, *, compact=false, threads=0, progress=None, force=false))]
    fn save(
        &self,
        py: Python<'_>,
        path: Option<PathBuf>,
        compact: bool,
        threads: i64,
        progress: Option<Py<PyAny>>,
        force: bool,
    ) -> Outcome<()> {
        let threads = Count::from(threads).of("threads")?;
        change::save(&self.0, py, path, Saving { compact, threads, progress, force })
    }

    /// The bytes of the file that ``save`` would write; ``hither.open`` accepts them.
    ///
    /// Args:
    ///     compact: Build the index anew from its rows. See ``save``.
    ///     threads: Threads to build with; 0 for all.
    #[pyo3(signature = (*, compact=false, threads=0))]
    fn to_bytes<'py>(
        &self,
        py: Python<'py>,
        compact: bool,
        threads: i64,
    ) -> Outcome<Bound<'py, PyBytes>> {
        let threads = Count::from(threads).of("threads")?;
        let bytes = change::bytes(&self.0, py, compact, threads)?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The keys of all rows, or of those that match, ``[rows]``, in storage order. ``iter(index)`` goes
    /// through them.
    #[pyo3(signature = (filter=None))]
    fn keys<'py>(
        &self,
        py: Python<'py>,
        filter: Option<&Bound<'py, PyAny>>,
    ) -> Outcome<Bound<'py, PyAny>> {
        let filter = filter.map(read_filter).transpose()?;
        let keys = py.detach(|| self.0.read(|file| Keys::of(file.index(), filter.as_ref())))?;
        Ok(match keys {
            Keys::Numbers(numbers) => arrays::numbers(py, &numbers, "i8", Shape::Row)?,
            Keys::Others(keys) => {
                let keys: Vec<Option<Key>> = keys.into_iter().map(Some).collect();
                arrays::objects(py, &keys, Shape::Row)?
            }
        })
    }

    /// All rows, or those that match, as a table of Arrow's: ``key``, the columns, and ``vector`` as lists of float32 of one
    /// length. Polars, pandas, pyarrow, DuckDB and others take it without a copy in Python, and read it a batch at a
    /// time; once the index has changed, that fails.
    ///
    /// Args:
    ///     filter: Only rows that match, such as ``{"lang": "en"}``.
    ///     columns: The names of columns. Default all.
    ///     vectors: Whether the vectors are among them.
    ///
    /// Raises:
    ///     InputError: A filter that makes no sense (a ValueError).
    ///     KeyNotFoundError: There is no such column (a KeyError).
    #[pyo3(signature = (*, filter=None, columns=None, vectors=true))]
    fn to_arrow(
        &self,
        py: Python<'_>,
        filter: Option<&Bound<'_, PyAny>>,
        columns: Option<Vec<String>>,
        vectors: bool,
    ) -> Outcome<ArrowRows> {
        let filter = filter.map(read_filter).transpose()?;
        py.detach(|| ArrowRows::of(&self.0, filter.as_ref(), columns.as_deref(), vectors))
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyAny>> {
        Ok(self.keys(py, None)?.call_method0("tolist")?.call_method0("__iter__")?)
    }

    /// Check every checksum, key and id. Raises FileError if the file is damaged.
    fn verify(&self, py: Python<'_>) -> Outcome<()> {
        py.detach(|| self.0.read(|file| Ok(file.index().verify()?)))
    }

    /// Release the file and its memory. Later calls raise InputError, with the code ``freed``.
    fn close(&self, py: Python<'_>) -> Outcome<()> {
        py.detach(|| self.0.replace(|| Ok(None)))
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, py: Python<'_>, _error: &Bound<'_, PyTuple>) -> Outcome<()> {
        self.close(py)
    }

    /// The path or URL of the file; None for an index in memory.
    #[getter(path)]
    fn name(&self) -> Option<String> {
        self.0.path.as_ref().map(|path| path.display().to_string())
    }

    /// The number of values of a vector.
    #[getter]
    fn dimensions(&self, py: Python<'_>) -> Outcome<usize> {
        self.0.told(py, |file| file.index().dimensions())
    }

    /// The metric of distances.
    #[getter]
    fn metric(&self, py: Python<'_>) -> Outcome<&'static str> {
        self.0.told(py, |file| file.index().metric().name())
    }

    /// The type in which values are stored.
    #[getter]
    fn element(&self, py: Python<'_>) -> Outcome<&'static str> {
        self.0.told(py, |file| file.index().options().element.name())
    }

    /// The type of the keys: ``"row number"``, ``"int64"``, ``"uuid"`` or ``"text"``.
    #[getter]
    fn key_type(&self, py: Python<'_>) -> Outcome<&'static str> {
        self.0.told(py, |file| file.index().options().key_type.name())
    }

    /// The types of the columns by name.
    #[getter]
    fn columns<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyDict>> {
        let columns = self.0.told(py, |file| file.index().columns().to_vec())?;
        let types = PyDict::new(py);
        for column in columns {
            types.set_item(column.name, column.column_type.name())?;
        }
        Ok(types)
    }

    /// The properties that are stored in the file.
    #[getter]
    fn properties<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyDict>> {
        let properties = self.0.told(py, |file| file.index().options().properties.clone())?;
        let named = PyDict::new(py);
        for (name, value) in properties {
            named.set_item(name, value)?;
        }
        Ok(named)
    }

    /// The structures to search by.
    #[getter]
    fn kind(&self, py: Python<'_>) -> Outcome<Vec<&'static str>> {
        self.0.told(py, |file| kinds(file.index()))
    }

    /// The size of the file in bytes.
    #[getter]
    fn nbytes(&self, py: Python<'_>) -> Outcome<u64> {
        self.0.told(py, IndexFile::len)
    }

    fn __repr__(&self, py: Python<'_>) -> Outcome<String> {
        let name = self.name().map_or("in memory".into(), |name| format!("{name:?}"));
        let told = self.0.told(py, |file| {
            let index = file.index();
            let codes =
                index.info().segments.first().map_or("none", |segment| segment.codes.name());
            format!(
                "<hither.Index {name}: {} rows of {} dimensions, {}, {}, codes {codes}>",
                index.len(),
                index.dimensions(),
                index.metric(),
                kinds(index).join(" and "),
            )
        });
        match told {
            Err(Failure::Coded { code: "freed", .. }) => {
                Ok(format!("<hither.Index {name}: closed>"))
            }
            told => told,
        }
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Outcome<(Bound<'py, PyAny>, (String,))> {
        let changed = self.0.is_changed();
        match (self.name(), changed) {
            (Some(name), false) => Ok((py.import("hither")?.getattr("open")?, (name,))),
            (None, _) => Err(Failure::new(
                "unsupported",
                "an index in memory cannot be pickled; save it to a file and open that",
            )),
            (Some(_), true) => Err(Failure::new(
                "unsupported",
                "the index has changes that are not in its file; save it before it is pickled",
            )),
        }
    }
}
