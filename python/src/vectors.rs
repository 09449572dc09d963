//! Reads vectors from Python.

use crate::arrow::vectors::ArrowVectors;
use crate::failure::{Failure, Outcome};
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;

/// One vector or several, concatenated.
pub struct Vectors {
    pub values: Vec<f32>,
    pub rows: usize,
    pub dimensions: usize,
    /// Whether a single vector was given, not a list of one.
    pub single: bool,
}

impl Vectors {
    /// Reads `name`: a buffer of float32 in any layout, Arrow's vectors, or an object that the package converts to
    /// one of these. The values are copied, because Python may change them meanwhile.
    ///
    /// # Errors
    /// If it is neither, or its shape is not that of one vector or of several.
    pub fn read(object: &Bound<'_, PyAny>, name: &str) -> Outcome<Self> {
        let py = object.py();
        if let Ok(arrow) = object.cast::<ArrowVectors>() {
            let arrow = arrow.get();
            let (rows, dimensions) = (arrow.rows, arrow.dimensions);
            let values = py.detach(|| arrow.numbers())?;
            return Ok(Self { values, rows, dimensions, single: false });
        }
        let buffer = match PyBuffer::<f32>::get(object) {
            Ok(buffer) => buffer,
            Err(_) => {
                let made = py.import("hither._vectors")?.call_method1("float32", (object, name))?;
                if made.cast::<ArrowVectors>().is_ok() {
                    return Self::read(&made, name);
                }
                PyBuffer::<f32>::get(&made)?
            }
        };
        let (rows, dimensions) = match *buffer.shape() {
            [dimensions] => (1, dimensions),
            [rows, dimensions] => (rows, dimensions),
            ref shape => {
                return Err(Failure::parameter(format!(
                    "{name}: the shape {shape:?} is neither one vector's [dimensions] nor that of several, [rows, dimensions]"
                )));
            }
        };
        let single = buffer.dimensions() == 1;
        Ok(Self { values: buffer.to_vec(py)?, rows, dimensions, single })
    }

    /// Like [`read`](Self::read), for an index with this number of dimensions.
    ///
    /// # Errors
    /// As for [`read`](Self::read), and if the number of dimensions differs.
    pub fn read_for(object: &Bound<'_, PyAny>, name: &str, dimensions: usize) -> Outcome<Self> {
        let read = Self::read(object, name)?;
        if read.dimensions != dimensions {
            let message =
                format!("{name}: expected {dimensions} dimensions, not {}", read.dimensions);
            return Err(Failure::new("dimension_mismatch", message));
        }
        Ok(read)
    }

    /// The vector of a row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dimensions..][..self.dimensions]
    }
}
