//! Building an index file from rows.

use crate::bytes::{Taker, ensure, ensure_in_parts, room};
use crate::failure::{Failure, Outcome};
use crate::options::{self, Options};
use crate::value::{to_key, to_values};
use alloc::vec::Vec;
use hither::{Codes, ErrorKind, FLAT_ROWS, IndexBuilder, IndexOptions, Progress, Value, ValueRef};
use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// Rows on their way to a file.
#[wasm_bindgen]
pub struct Building {
    options: Options,
    builder: IndexBuilder,
    staged: Vec<f32>,
    /// Bytes of all text, bytes and JSON.
    blobs: usize,
}

#[wasm_bindgen]
impl Building {
    /// From options as `js/options.js` gives them.
    #[wasm_bindgen(constructor)]
    pub fn new(options: Vec<JsValue>) -> Outcome<Building> {
        let options = options::read(&options);
        let builder = IndexBuilder::new(options.index.clone())?;
        Ok(Self { options, builder, staged: Vec::new(), blobs: 0 })
    }

    /// Where so many numbers are to be written, for `push`.
    pub fn stage(&mut self, length: usize) -> Outcome<usize> {
        room(&mut self.staged, length)?;
        self.staged.resize(length, 0.0);
        Ok(self.staged.as_ptr() as usize)
    }

    /// Makes room for so many rows more.
    pub fn reserve(&mut self, rows: usize) -> Outcome<()> {
        Ok(self.builder.reserve(rows)?)
    }

    /// Appends rows: the staged vectors; `keys` has one for each, or none; `values` has all values
    /// of the first row, then of the next.
    pub fn push(&mut self, keys: Vec<JsValue>, values: Vec<JsValue>) -> Outcome<()> {
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
        ensure((64 * rows * (1 + columns)).saturating_add(2 * self.blobs))?;
        for (row, vector) in self.staged.chunks_exact(dimensions).enumerate() {
            let key = keys.get(row).filter(|key| !key.is_undefined());
            let key = key.map(|key| to_key(key, index.key_type)).transpose();
            let values = to_values(&values[row * columns..][..columns], &index.columns);
            for value in values.iter().flatten() {
                self.blobs += match value {
                    Value::Text(text) | Value::Json(text) => text.len(),
                    Value::Bytes(bytes) => bytes.len(),
                    _ => 0,
                };
            }
            let push = || {
                let (key, values) = (key?, values?);
                let values: Vec<ValueRef<'_>> = values.iter().map(|value| value.as_ref()).collect();
                let key = key.as_ref().map(|key| key.as_ref());
                Ok::<_, Failure>(self.builder.push(key, vector, &values)?)
            };
            push().map_err(|failure| failure.in_row(first + row))?;
        }
        Ok(())
    }

    /// How many rows there are.
    pub fn rows(&self) -> u32 {
        self.builder.rows()
    }

    /// Builds the file. `take` takes it: first how many bytes it has, then how many come and where
    /// they lie. `progress` takes stage, done and total, and gives true to stop.
    pub fn finish(&mut self, progress: &Function, take: &Function) -> Outcome<()> {
        let rows = self.builder.rows();
        if self.options.by_rows {
            let graph = u64::from(rows) > FLAT_ROWS;
            self.builder.set_structures(graph.then_some(self.options.hnsw), None)?;
        }
        ensure_in_parts(building_room(&self.options.index, rows as usize))?;
        self.builder.write_to(&mut Taker(take), &mut |step| report(progress, step))?;
        Ok(())
    }
}

/// About how much memory it takes to build a file of rows that are there: their codes, a graph and
/// what it is built by, and keys in order.
pub(crate) fn building_room(options: &IndexOptions, rows: usize) -> usize {
    let coded =
        options.hnsw.is_some() || options.ivf.is_some() || options.codes == Some(Codes::Sq8Only);
    let codes = if coded { options.dimensions } else { 0 };
    let links = 12 * options.hnsw.map_or(0, |hnsw| hnsw.m) as usize;
    rows.saturating_mul(codes + links + 96)
}

/// Tells JavaScript how far a build is. It answers true to stop, and so does an error in it.
pub(crate) fn report(progress: &Function, step: Progress) -> hither::Result<()> {
    let (stage, done, total) =
        (JsValue::from_str(step.stage), (step.done as f64).into(), (step.total as f64).into());
    match progress.call3(&JsValue::NULL, &stage, &done, &total) {
        Ok(answer) if !answer.is_truthy() => Ok(()),
        _ => Err(ErrorKind::Cancelled.into()),
    }
}
