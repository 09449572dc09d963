//! Creates NumPy arrays. NumPy is imported when the first one is created.

use crate::key;
use hither::Key;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyList};

static FROM_BUFFER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static OBJECTS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The shape of an array: one row, or several rows of this length.
#[derive(Clone, Copy)]
pub enum Shape {
    Row,
    Rows(usize, usize),
}

/// Numbers as an array.
///
/// # Errors
/// An exception raised by Python.
pub fn numbers<'py, T: bytemuck::Pod>(
    py: Python<'py>,
    values: &[T],
    dtype: &str,
    shape: Shape,
) -> PyResult<Bound<'py, PyAny>> {
    let from_buffer = FROM_BUFFER.import(py, "numpy", "frombuffer")?;
    let bytes = PyByteArray::new(py, bytemuck::cast_slice(values));
    // NumPy rejects empty buffers.
    let array = match values.is_empty() {
        true => py.import("numpy")?.call_method1("empty", (0, dtype))?,
        false => from_buffer.call1((bytes, dtype))?,
    };
    shaped(array, shape)
}

/// An array of objects for keys that are not numbers; `None` for a missing key.
///
/// # Errors
/// An exception raised by Python.
pub fn objects<'py>(
    py: Python<'py>,
    keys: &[Option<Key>],
    shape: Shape,
) -> PyResult<Bound<'py, PyAny>> {
    let written = keys.iter().map(|key| match key {
        Some(key) => key::write(py, key.as_ref()),
        None => Ok(py.None().into_bound(py)),
    });
    let list = PyList::new(py, written.collect::<PyResult<Vec<_>>>()?)?;
    let array = OBJECTS.import(py, "numpy", "array")?.call1((list, "O"))?;
    shaped(array, shape)
}

fn shaped(array: Bound<'_, PyAny>, shape: Shape) -> PyResult<Bound<'_, PyAny>> {
    match shape {
        Shape::Row => Ok(array),
        Shape::Rows(rows, columns) => array.call_method1("reshape", (rows, columns)),
    }
}
