//! What `hither.build` gathers rows in, a batch at a time.

use crate::columns;
use crate::failure::{Count, Failure, Outcome};
use crate::index::Index;
use crate::key;
use crate::opened::Opened;
use crate::output::{check_output, spill};
use crate::vectors::Vectors;
use crate::watch::Watch;
use hither::limits::FLAT_ROWS;
use hither::raw::{AlignedBytes, AtomicFile};
use hither::{
    ColumnSchema, HnswParams, IndexBuilder, IndexFile, IndexOptions, IvfParams, Key, KeyRef,
    KeyType, Structure, Value, ValueRef,
};
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Gathers rows and builds an index of them.
#[pyclass(frozen, module = "hither._native")]
pub struct Builder(Mutex<Option<State>>);

struct State {
    builder: IndexBuilder,
    /// The output file; `None` for an index in memory.
    output: Option<(PathBuf, AtomicFile)>,
    kinds: Vec<Structure>,
    hnsw: HnswParams,
    ivf: IvfParams,
    /// Whether the structures depend on the number of rows.
    by_rows: bool,
    skip: bool,
    /// The number of rows so far, including those left out.
    read: u64,
}

#[pymethods]
impl Builder {
    #[new]
    #[allow(clippy::too_many_arguments)] // The package gives each by its name.
    #[pyo3(signature = (*, path, force, rows, dimensions, metric, element, key_type, columns, kinds, codes, m,
        ef_construction, lists, ranges, seed, threads, memory, properties, skip))]
    fn new(
        path: Option<PathBuf>,
        force: bool,
        rows: Option<u64>,
        dimensions: usize,
        metric: &str,
        element: &str,
        key_type: &str,
        columns: Vec<(String, String)>,
        kinds: Vec<String>,
        codes: Option<&str>,
        m: Count,
        ef_construction: Count,
        lists: Option<Count>,
        ranges: bool,
        seed: u64,
        threads: Count,
        memory: Option<Count>,
        properties: Vec<(String, String)>,
        skip: bool,
    ) -> Outcome<Self> {
        let lists: Option<u32> = lists.map(|lists| lists.of("lists")).transpose()?;
        let memory: Option<u64> = memory.map(|memory| memory.of("memory")).transpose()?;
        if lists == Some(0) {
            return Err(Failure::parameter(
                "lists: 0 lists hold no rows; leave it out for the default",
            ));
        }
        let columns = columns.into_iter().map(|(name, column_type)| {
            Ok(ColumnSchema { name, column_type: column_type.parse()? })
        });
        let mut options = IndexOptions {
            element: element.parse()?,
            key_type: key_type.parse()?,
            columns: columns.collect::<hither::Result<_>>()?,
            codes: codes.map(str::parse).transpose()?,
            ranges,
            seed,
            threads: threads.of("threads")?,
            memory,
            properties,
            ..IndexOptions::new(dimensions, metric.parse()?)
        };
        let kinds = kinds.iter().map(|kind| {
            // The library's errors say structure, the package says kind.
            kind.parse().map_err(|error: hither::Error| {
                Failure::parameter(error.to_string().replacen("structure", "kind", 1))
            })
        });
        let kinds = kinds.collect::<Outcome<Vec<Structure>>>()?;
        let hnsw =
            HnswParams { m: m.of("m")?, ef_construction: ef_construction.of("ef_construction")? };
        let ivf = IvfParams { lists: lists.unwrap_or_default() };
        (options.hnsw, options.ivf) = structures(&kinds, hnsw, ivf, rows.unwrap_or(u64::MAX));
        let mut builder = IndexBuilder::new(options)?;
        if let Some(rows) = rows {
            builder.reserve(usize::try_from(rows).unwrap_or(usize::MAX))?;
        }
        // Fails before rows are read if the output cannot be written.
        let output = match path {
            Some(path) => {
                check_output(&path, force)?;
                let file = AtomicFile::create(&path)?;
                Some((path, file))
            }
            None => None,
        };
        if memory.is_some() {
            builder.spill_to(Box::new(spill(output.as_ref().map(|(path, _)| path.as_path()))?));
        }
        let by_rows = rows.is_none();
        let state = State { builder, output, kinds, hnsw, ivf, by_rows, skip, read: 0 };
        Ok(Self(Mutex::new(Some(state))))
    }

    /// Appends rows: their vectors, their keys where they have some, and a list of values a column.
    #[pyo3(signature = (vectors, keys, columns, progress))]
    fn push(
        &self,
        vectors: &Bound<'_, PyAny>,
        keys: Option<&Bound<'_, PyAny>>,
        columns: Vec<Bound<'_, PyAny>>,
        progress: Option<Py<PyAny>>,
    ) -> Outcome<()> {
        let py = vectors.py();
        let mut state = self.0.lock().map_err(|_| finished())?;
        let state = state.as_mut().ok_or_else(finished)?;
        let options = state.builder.options();
        let vectors = Vectors::read_for(vectors, "vectors", options.dimensions)?;
        let key_type = options.key_type;
        let keys = match keys {
            Some(keys) => Some(
                keys.try_iter()?
                    .enumerate()
                    .map(|(row, one)| {
                        let place = format!("keys, row {}", state.read + row as u64);
                        key::read(&one?, key_type).map_err(|failure| failure.behind(&place))
                    })
                    .collect::<Outcome<Vec<Key>>>()?,
            ),
            None => None,
        };
        let columns = columns.iter().zip(&options.columns);
        let columns = columns
            .map(|(values, column)| columns::read(values, column))
            .collect::<Outcome<Vec<_>>>()?;
        let watch = Watch::new(progress);
        let pushed = py.detach(|| state.push(&vectors, keys.as_deref(), &columns, &watch));
        watch.outcome(pushed)
    }

    /// Builds the index and opens it; the builder is then empty.
    #[pyo3(signature = (progress))]
    fn finish(&self, py: Python<'_>, progress: Option<Py<PyAny>>) -> Outcome<Index> {
        let state = self.0.lock().map_err(|_| finished())?.take().ok_or_else(finished)?;
        let watch = Watch::new(progress);
        let built = py.detach(|| state.finish(&watch));
        watch.outcome(built)
    }
}

impl State {
    fn push(
        &mut self,
        vectors: &Vectors,
        keys: Option<&[Key]>,
        columns: &[Vec<Value>],
        watch: &Watch,
    ) -> Outcome<()> {
        for row in 0..vectors.rows {
            self.builder.make_room(Some(&mut |progress| watch.tell(progress)))?;
            let values: Vec<ValueRef<'_>> =
                columns.iter().map(|column| column[row].as_ref()).collect();
            let number = self.read + row as u64;
            // A row's number counts those left out before it.
            let key = match keys {
                Some(keys) => Some(keys[row].as_ref()),
                None if self.builder.options().key_type == KeyType::RowNumber => {
                    Some(KeyRef::Int64(number as i64))
                }
                None => None,
            };
            let Err(error) = self.builder.push(key, vectors.row(row), &values) else { continue };
            let invalid = error.kind().is_of_vector();
            if invalid && self.skip {
                continue;
            }
            let key = keys.map_or(String::new(), |keys| format!(" (key {})", keys[row]));
            let failure = Failure::from(error).behind(&format!("row {number}{key}"));
            return Err(match failure {
                Failure::Coded { code, message } if invalid => Failure::new(
                    code,
                    format!("{message} (on_invalid=\"skip\" leaves such rows out)"),
                ),
                failure => failure,
            });
        }
        self.read += vectors.rows as u64;
        Ok(())
    }

    fn finish(mut self, watch: &Watch) -> Outcome<Index> {
        if self.by_rows && self.builder.segments_aside() == 0 {
            let (hnsw, ivf) = structures(&self.kinds, self.hnsw, self.ivf, self.builder.rows());
            self.builder.set_structures(hnsw, ivf)?;
        }
        let mut progress = |progress| watch.tell(progress);
        match self.output {
            Some((path, mut file)) => {
                self.builder.write_to(&mut file, Some(&mut progress))?;
                file.finish()?;
                Ok(opened(IndexFile::open(&path)?, Some(path)))
            }
            None => {
                let mut bytes = AlignedBytes::new();
                self.builder.write_to(&mut bytes, Some(&mut progress))?;
                Ok(opened(IndexFile::from_bytes(bytes)?, None))
            }
        }
    }
}

fn opened(file: IndexFile, path: Option<PathBuf>) -> Index {
    Index(Arc::new(Opened::of(file, path)))
}

fn finished() -> Failure {
    Failure::new("freed", "this builder has built its index")
}

/// The structures that were asked for, or the default for `rows` rows.
fn structures(
    kinds: &[Structure],
    hnsw: HnswParams,
    ivf: IvfParams,
    rows: u64,
) -> (Option<HnswParams>, Option<IvfParams>) {
    if kinds.is_empty() {
        return ((rows > FLAT_ROWS).then_some(hnsw), None);
    }
    let wanted = |kind: Structure| kinds.contains(&kind);
    (wanted(Structure::Hnsw).then_some(hnsw), wanted(Structure::Ivf).then_some(ivf))
}
