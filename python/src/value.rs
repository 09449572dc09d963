//! Converts column values from and to Python. Timestamps are passed as microseconds, UUIDs as their bytes
//! and documents as JSON: the package converts these from and to Python's types.

use crate::failure::{Failure, Outcome};
use hither::{ColumnSchema, ColumnType, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString};

/// Converts a Python object to a value of a column.
///
/// # Errors
/// If columns cannot have its type.
pub fn read(object: &Bound<'_, PyAny>, column: &ColumnSchema) -> Outcome<Value> {
    let wanted = column.column_type;
    if object.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(text) = object.cast::<PyString>() {
        let text = text.to_str()?.to_owned();
        return Ok(if wanted == ColumnType::Json { Value::Json(text) } else { Value::Text(text) });
    }
    if let Ok(value) = object.cast::<PyBool>() {
        return Ok(Value::Bool(value.is_true()));
    }
    if let Ok(number) = object.cast::<PyFloat>() {
        return Ok(Value::Float64(number.value()));
    }
    if let Ok(number) = object.cast::<PyInt>() {
        let Ok(value) = number.extract() else {
            let message = format!(
                "column \"{}\": {number} is beyond int64; as text it keeps its digits",
                column.name
            );
            return Err(Failure::new("column_type", message));
        };
        return Ok(match wanted {
            ColumnType::Timestamp => Value::Timestamp(value),
            ColumnType::Float64 => exact(value, column)?,
            _ => Value::Int64(value),
        });
    }
    if let Ok(bytes) = object.cast::<PyBytes>() {
        let bytes = bytes.as_bytes();
        return Ok(match (wanted, bytes.try_into()) {
            (ColumnType::Uuid, Ok(uuid)) => Value::Uuid(uuid),
            _ => Value::Bytes(bytes.into()),
        });
    }
    let (name, got) = (&column.name, object.get_type().name()?);
    let message = format!("column \"{name}\" is {} and does not go with {got}", wanted.name());
    Err(Failure::new("column_type", message))
}

/// An integer as float64, if that represents it exactly.
fn exact(value: i64, column: &ColumnSchema) -> Outcome<Value> {
    let float = value as f64;
    if float as i128 == i128::from(value) {
        return Ok(Value::Float64(float));
    }
    let message =
        format!("column \"{}\": {value} is an integer that float64 would round", column.name);
    Err(Failure::new("column_type", message))
}

/// Converts a value to a Python object.
///
/// # Errors
/// An exception raised by Python.
pub fn write<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    let made =
        |name: &str, of: Bound<'py, PyAny>| py.import("hither._values")?.call_method1(name, (of,));
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(value) => PyBool::new(py, *value).to_owned().into_any(),
        Value::Int64(number) => number.into_pyobject(py)?.into_any(),
        Value::Float64(number) => PyFloat::new(py, *number).into_any(),
        Value::Text(text) => PyString::new(py, text).into_any(),
        Value::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        Value::Timestamp(micros) => made("moment", micros.into_pyobject(py)?.into_any())?,
        Value::Uuid(bytes) => made("uuid", PyBytes::new(py, bytes).into_any())?,
        Value::Json(text) => made("document", PyString::new(py, text).into_any())?,
    })
}
