//! Building an index file from rows.

use crate::failure::{Failure, Outcome};
use crate::memory::{ensure, ensure_in_parts, room};
use crate::options::{self, Options};
use crate::token::{Token, Tokens};
use crate::value::{blob_len, to_key, to_values};
use alloc::vec::Vec;
use hither::{Codes, ErrorKind, FLAT_ROWS, IndexBuilder, IndexOptions, OnProgress, Sink};

/// Rows on their way to a file.
pub struct Building {
    options: Options,
    builder: IndexBuilder,
    staged: Vec<f32>,
    /// Bytes of all text, bytes and JSON.
    blobs: usize,
}

impl Building {
    /// From options as `js/options.js` gives them.
    ///
    /// # Errors
    /// `invalid_parameter` for what an index cannot be.
    pub fn new(options: &[u8]) -> Outcome<Building> {
        let options = options::read(options);
        let builder = IndexBuilder::new(options.index.clone())?;
        Ok(Self { options, builder, staged: Vec::new(), blobs: 0 })
    }

    /// So many numbers to write, for [`push`](Self::push).
    ///
    /// # Errors
    /// `out_of_memory`.
    pub fn stage(&mut self, length: usize) -> Outcome<&mut [f32]> {
        room(&mut self.staged, length)?;
        self.staged.resize(length, 0.0);
        Ok(&mut self.staged)
    }

    /// Makes room for so many rows more.
    ///
    /// # Errors
    /// `out_of_memory`.
    pub fn reserve(&mut self, rows: usize) -> Outcome<()> {
        Ok(self.builder.reserve(rows)?)
    }

    /// Appends rows: the staged vectors; `values` has for each its key, which may be none, and then
    /// its values.
    ///
    /// # Errors
    /// Whatever is wrong with a row, naming it; those before it are in.
    pub fn push(&mut self, values: &[u8]) -> Outcome<()> {
        let index = &self.options.index;
        let (dimensions, columns) = (index.dimensions, index.columns.len());
        if !self.staged.len().is_multiple_of(dimensions) {
            let (expected, got) = (dimensions, self.staged.len());
            return Err(ErrorKind::DimensionMismatch { expected, got }.into());
        }
        let first = self.builder.rows() as usize;
        let rows = first + self.staged.len() / dimensions;
        self.builder.reserve(self.staged.len() / dimensions)?;
        // Keys and values may have to move to where there is room for twice as many.
        ensure((64 * rows * (1 + columns)).saturating_add(2 * (self.blobs + values.len())))?;
        let mut values = Tokens(values);
        for (row, vector) in self.staged.chunks_exact(dimensions).enumerate() {
            let mut push = || {
                let key = match values.read() {
                    Token::None => None,
                    key => Some(to_key(key, index.key_type)?),
                };
                let values = to_values(&mut values, &index.columns, &[])?;
                self.blobs += values.iter().map(blob_len).sum::<usize>();
                Ok::<_, Failure>(self.builder.push(key, vector, &values)?)
            };
            push().map_err(|failure| failure.in_row(first + row))?;
        }
        Ok(())
    }

    /// How many rows there are.
    pub fn rows(&self) -> u32 {
        self.builder.rows() as u32
    }

    /// Builds the file, which `sink` takes.
    ///
    /// # Errors
    /// `out_of_memory`, and what `sink` and `progress` give; the rows stay.
    pub fn finish(&mut self, sink: &mut dyn Sink, progress: OnProgress<'_>) -> Outcome<()> {
        let rows = self.builder.rows();
        if self.options.by_rows {
            let graph = rows > FLAT_ROWS;
            self.builder.set_structures(graph.then_some(self.options.hnsw), None)?;
        }
        ensure_in_parts(building_room(&self.options.index, rows as usize))?;
        Ok(self.builder.write_to(sink, progress)?)
    }
}

/// About how much memory it takes to build a file of rows that are there: their codes, a graph and
/// what it is built by, and keys in order.
pub(crate) fn building_room(options: &IndexOptions, rows: usize) -> usize {
    let coded =
        options.hnsw.is_some() || options.ivf.is_some() || options.codes == Some(Codes::Sq8Only);
    let packed = if options.codes == Some(Codes::Sq4) { options.dimensions / 2 } else { 0 };
    let codes = packed + if coded { options.dimensions } else { 0 };
    let links = 12 * options.hnsw.map_or(0, |hnsw| hnsw.m) as usize;
    rows.saturating_mul(codes + links + 96)
}
