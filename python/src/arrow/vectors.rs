//! Vectors.

use super::chunks::parts;
use crate::failure::{Failure, Outcome};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use pyo3::prelude::*;
use pyo3::types::PySlice;

/// Vectors that Arrow holds as lists, or some of them.
#[pyclass(frozen, module = "hither._native")]
pub struct ArrowVectors {
    name: String,
    chunks: Vec<hither_rows::ArrowVectors>,
    /// How many rows of the whole stand before.
    first: usize,
    pub rows: usize,
    pub dimensions: usize,
}

impl ArrowVectors {
    /// The vectors of arrays of this type, if that is one of lists of numbers.
    ///
    /// # Errors
    /// Nothing says their dimensions.
    pub fn of(name: &str, data_type: &DataType, arrays: &[ArrayRef]) -> Outcome<Option<Self>> {
        if !hither_rows::ArrowVectors::are(data_type) {
            return Ok(None);
        }
        let chunks = arrays.iter().cloned().filter_map(hither_rows::ArrowVectors::of).collect();
        let rows = arrays.iter().map(Array::len).sum();
        let mut found = Self { name: name.into(), chunks, first: 0, rows, dimensions: 0 };
        found.dimensions = match data_type {
            DataType::FixedSizeList(_, length) => usize::try_from(*length).unwrap_or(0),
            _ => found.first_length()?,
        };
        Ok(Some(found))
    }

    fn first_length(&self) -> Outcome<usize> {
        let mut vector = Vec::new();
        let Some(chunk) = self.chunks.iter().find(|chunk| !chunk.is_empty()) else { return Ok(0) };
        chunk.read(0, None, &mut vector).map_err(|reason| self.refused(0, &reason))?;
        Ok(vector.len())
    }

    /// All of their numbers, row after row.
    ///
    /// # Errors
    /// One that is null, of another length or holds integers that float32 would round.
    pub fn numbers(&self) -> Outcome<Vec<f32>> {
        let mut numbers = Vec::with_capacity(self.rows * self.dimensions);
        let (mut vector, mut row) = (Vec::new(), 0);
        for chunk in &self.chunks {
            for at in 0..chunk.len() {
                let read = chunk.read(at, Some(self.dimensions), &mut vector);
                read.map_err(|reason| self.refused(row, &reason))?;
                numbers.extend_from_slice(&vector);
                row += 1;
            }
        }
        Ok(numbers)
    }

    fn refused(&self, row: usize, reason: &hither_rows::Diagnostic) -> Failure {
        Failure::parameter(format!("{}, row {}: it {reason}", self.name, self.first + row))
    }
}

#[pymethods]
impl ArrowVectors {
    #[getter]
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.dimensions)
    }

    fn __len__(&self) -> usize {
        self.rows
    }

    /// Those of rows that follow on each other. Nothing is copied.
    fn __getitem__(&self, rows: &Bound<'_, PySlice>) -> Outcome<Self> {
        let indices = rows.indices(self.rows as isize)?;
        if indices.step != 1 {
            return Err(Failure::parameter("vectors: their rows follow on each other"));
        }
        let start = usize::try_from(indices.start).unwrap_or(0);
        let end = start + indices.slicelength;
        let lengths = self.chunks.iter().map(hither_rows::ArrowVectors::len);
        let parts = parts(lengths, start, end);
        let chunks = parts.map(|(chunk, from, length)| self.chunks[chunk].slice(from, length));
        let chunks = chunks.collect();
        let (name, first) = (self.name.clone(), self.first + start);
        Ok(Self { name, chunks, first, rows: end - start, dimensions: self.dimensions })
    }
}
