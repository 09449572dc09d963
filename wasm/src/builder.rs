//! Building an index file from rows.

use crate::failure::{Failure, Outcome};
use crate::memory::{ensure, ensure_in_parts};
use crate::options::{self, BuilderOptions, Options};
use crate::sink::{FileSink, Pieces};
use crate::value::{blob_len, borrowed, to_optional_key, to_values};
use hither::limits::FLAT_ROWS;
use hither::{Codes, ErrorKind, IndexBuilder, IndexOptions, Key};
use js_sys::Array;
use wasm_bindgen::prelude::wasm_bindgen;

/// The most bytes that cross at a time: `js/builder.js` hands over no more vectors.
const BATCH: usize = 1 << 21;

/// Gathers rows and builds an index file of them.
#[wasm_bindgen]
pub struct FileBuilder {
    options: Options,
    builder: IndexBuilder,
    /// The bytes of all text, bytes and JSON.
    blobs: usize,
}

#[wasm_bindgen]
impl FileBuilder {
    /// A builder without rows.
    ///
    /// # Errors
    /// `invalid_parameter` for options that no index can have.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &BuilderOptions) -> Outcome<FileBuilder> {
        let options = options::read(options);
        let builder = IndexBuilder::new(options.index.clone())?;
        Ok(Self { options, builder, blobs: 0 })
    }

    /// Makes room for `rows` more rows, and for what crosses of them at a time.
    ///
    /// # Errors
    /// `out_of_memory`.
    pub fn reserve(&mut self, rows: usize) -> Outcome<()> {
        self.builder.reserve(rows)?;
        ensure(2 * BATCH)
    }

    /// Appends rows: `vectors` one after another, and in `values` for each row its key, which may be missing,
    /// and then its column values.
    ///
    /// # Errors
    /// Whatever is wrong with a row, with its number; the rows before it are kept.
    pub fn push(&mut self, vectors: &[f32], values: &Array) -> Outcome<()> {
        let index = &self.options.index;
        let (dimensions, columns) = (index.dimensions, index.columns.len());
        if !vectors.len().is_multiple_of(dimensions) {
            let (expected, got) = (dimensions, vectors.len());
            return Err(ErrorKind::DimensionMismatch { expected, got }.into());
        }
        let first = self.builder.rows() as usize;
        let rows = first + vectors.len() / dimensions;
        self.builder.reserve(rows - first)?;
        for (row, vector) in (first..).zip(vectors.chunks_exact(dimensions)) {
            let mut push = || {
                let at = (row - first) * (1 + columns);
                let key = to_optional_key(&values.get(at as u32), index.key_type)?;
                let values = to_values(values, at + 1, &index.columns)?;
                let values = borrowed(&values);
                self.blobs += values.iter().map(blob_len).sum::<usize>();
                // Keys and values may move to an allocation with room for twice as many.
                ensure((64 * rows * (1 + columns)).saturating_add(2 * self.blobs))?;
                let key = key.as_ref().map(Key::as_ref);
                Ok::<_, Failure>(self.builder.push(key, vector, &values)?)
            };
            push().map_err(|failure| failure.in_row(row))?;
        }
        Ok(())
    }

    /// How many rows there are.
    #[wasm_bindgen(getter)]
    pub fn rows(&self) -> u32 {
        self.builder.rows() as u32
    }

    /// Builds the file and passes it to `sink`.
    ///
    /// # Errors
    /// `out_of_memory`, and `aborted` where `sink` stops the build; the rows are kept.
    pub fn finish(&mut self, sink: &FileSink) -> Outcome<()> {
        let rows = self.builder.rows();
        if self.options.by_rows {
            let graph = rows > FLAT_ROWS;
            self.builder.set_structures(graph.then_some(self.options.hnsw), None)?;
        }
        ensure_in_parts(building_room(&self.options.index, rows as usize))?;
        Ok(self.builder.write_to(&mut Pieces(sink), Some(&mut |step| sink.tell(step)))?)
    }
}

/// About how many bytes of memory it takes to build a file of rows that are in memory already: for their codes,
/// a graph and what it is built with, and sorted keys.
pub(crate) fn building_room(options: &IndexOptions, rows: usize) -> usize {
    let coded =
        options.hnsw.is_some() || options.ivf.is_some() || options.codes == Some(Codes::Sq8Only);
    let codes = if coded { options.dimensions } else { 0 };
    // Two lists, and their records twice: each on its own, and one after another.
    let lists = if options.ranges { options.dimensions / 2 + 64 } else { 0 };
    let links = 12 * options.hnsw.map_or(0, |hnsw| hnsw.m) as usize;
    rows.saturating_mul(codes + lists + links + 96)
}
