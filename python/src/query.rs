//! Reads queries from Python: a filter, or the row to which others should be similar.

use crate::failure::{Failure, Outcome};
use crate::vectors::Vectors;
use hither::{Filter, Index, Key};
use pyo3::prelude::*;
use pyo3::types::PyString;

/// The vector of the row to which others should be similar.
///
/// # Errors
/// `key_not_found`.
pub fn like_row(index: &Index<'_>, key: Option<&Key>, dimensions: usize) -> Outcome<Vectors> {
    let found = key.map(|key| index.find(key.as_ref())).transpose()?.flatten();
    let Some(row) = found else {
        let key = key.map_or(String::new(), ToString::to_string);
        return Err(Failure::new("key_not_found", format!("no row has the key {key}")));
    };
    let mut values = vec![0.0; dimensions];
    index.vector(row, &mut values)?;
    Ok(Vectors { values, rows: 1, dimensions, single: true })
}

/// A filter, from JSON text or from an object that the package writes as JSON.
///
/// # Errors
/// If it is not a valid filter.
pub fn read_filter(filter: &Bound<'_, PyAny>) -> Outcome<Filter> {
    let text = match filter.cast::<PyString>() {
        Ok(text) => text.clone(),
        Err(_) => {
            let written = filter.py().import("hither._filter")?.call_method1("json", (filter,))?;
            written.cast_into::<PyString>().map_err(PyErr::from)?
        }
    };
    Ok(Filter::from_json(text.to_str()?)?)
}
