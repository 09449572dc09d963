//! Converts keys from and to Python: `int`, `str` and `uuid.UUID`.

use crate::failure::{Failure, Outcome};
use hither::{Key, KeyRef, KeyType, parse_uuid};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyInt, PyString, PyType};

static UUID: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Converts a Python object to a key of this type.
///
/// # Errors
/// If it is not such a key.
pub fn read(object: &Bound<'_, PyAny>, key_type: KeyType) -> Outcome<Key> {
    let refused = |got: &str| {
        let message = format!("the keys of this index are {}, not {got}", key_type.name());
        Err(Failure::new("key_type", message))
    };
    let is_number = matches!(key_type, KeyType::RowNumber | KeyType::Int64);
    let key = if let Ok(text) = object.cast::<PyString>() {
        let text = text.to_str()?;
        match key_type {
            KeyType::Uuid => match parse_uuid(text) {
                Some(uuid) => Key::Uuid(uuid),
                None => return refused(&format!("text such as {text:?}")),
            },
            _ => Key::Text(text.into()),
        }
    } else if object.is_instance(UUID.import(object.py(), "uuid", "UUID")?)? {
        let bytes = object.getattr("bytes")?;
        Key::Uuid(bytes.extract()?)
    } else if !object.is_instance_of::<PyBool>()
        && let Ok(number) = object.call_method0("__index__")
        && let Ok(number) = number.cast_into::<PyInt>()
    {
        match number.extract() {
            Ok(number) => Key::Int64(number),
            Err(_) if is_number => {
                return Err(Failure::new("key_type", format!("the key {number} is beyond int64")));
            }
            Err(_) => return refused("int64"),
        }
    } else {
        let name = object.get_type().name()?;
        return refused(&format!("{name}; keys are int, str or uuid.UUID"));
    };
    let fits = key.as_ref().fits(key_type) || (is_number && matches!(key, Key::Int64(_)));
    if fits { Ok(key) } else { refused(key.as_ref().type_name()) }
}

/// Converts a key to a Python object.
///
/// # Errors
/// An exception raised by Python.
pub fn write<'py>(py: Python<'py>, key: KeyRef<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match key {
        KeyRef::Int64(number) => number.into_pyobject(py)?.into_any(),
        KeyRef::Text(text) => PyString::new(py, text).into_any(),
        KeyRef::Uuid(bytes) => {
            let named = PyDict::new(py);
            named.set_item("bytes", PyBytes::new(py, &bytes))?;
            UUID.import(py, "uuid", "UUID")?.call((), Some(&named))?
        }
    })
}
