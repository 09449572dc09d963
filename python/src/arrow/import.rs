//! What another library holds, by the methods that Arrow names for that: `__arrow_c_stream__` and
//! `__arrow_c_array__`.

use crate::failure::{Failure, Outcome};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchReader, make_array};
use arrow_pyarrow::FromPyArrow;
use arrow_schema::{Field, FieldRef};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use std::sync::Arc;

/// A field, and its values in one array or several.
pub type Chunks = (FieldRef, Vec<ArrayRef>);

/// The columns of a table or a batch.
///
/// # Errors
/// It is none, or what it gives contradicts itself.
pub fn table(object: &Bound<'_, PyAny>) -> Outcome<Vec<Chunks>> {
    let py = object.py();
    let (schema, batches) = if object.hasattr("__arrow_c_stream__")? {
        let reader = arrow_array::ffi_stream::RecordBatchStreamReader::from_pyarrow_bound(object)
            .map_err(|error| refused(py, error))?;
        let schema = reader.schema();
        let batches: Result<Vec<RecordBatch>, _> = reader.collect();
        (schema, batches.map_err(|error| Failure::parameter(error.to_string()))?)
    } else {
        let batch = RecordBatch::from_pyarrow_bound(object).map_err(|error| refused(py, error))?;
        (batch.schema(), vec![batch])
    };
    let fields = schema.fields().iter().enumerate();
    let columns = fields.map(|(at, field)| {
        let arrays = batches.iter().map(|batch| checked(batch.column(at).clone()));
        Ok((field.clone(), arrays.collect::<Outcome<_>>()?))
    });
    columns.collect()
}

/// Arrays of one type, as a column of this name.
///
/// # Errors
/// There is none, one is no array, or contradicts itself.
pub fn arrays(name: &str, objects: &[Bound<'_, PyAny>]) -> Outcome<Chunks> {
    let Some(first) = objects.first() else { return Err(Failure::parameter("there is no array")) };
    let py = first.py();
    let arrays = objects.iter().map(|object| {
        let data = arrow_data(object).map_err(|error| refused(py, error))?;
        checked(data)
    });
    let arrays: Vec<ArrayRef> = arrays.collect::<Outcome<_>>()?;
    // Only what stands beside an array says that its bytes are UUIDs, or its text JSON.
    let told = [first.clone()].into_iter().chain(first.getattr("type").ok());
    let field = told
        .filter(|teller| teller.hasattr("__arrow_c_schema__").unwrap_or(false))
        .find_map(|teller| Field::from_pyarrow_bound(&teller).ok())
        .filter(|field| field.data_type() == arrays[0].data_type())
        .unwrap_or_else(|| Field::new("", arrays[0].data_type().clone(), true));
    if arrays.iter().any(|array| array.data_type() != field.data_type()) {
        return Err(Failure::parameter("its parts are of different types"));
    }
    Ok((Arc::new(field.with_name(name)), arrays))
}

fn arrow_data(object: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    FromPyArrow::from_pyarrow_bound(object).map(make_array)
}

/// An array whose offsets lead nowhere else, and whose text is UTF-8.
fn checked(array: ArrayRef) -> Outcome<ArrayRef> {
    let valid = array.to_data().validate_full();
    valid.map_err(|error| Failure::parameter(error.to_string()))?;
    Ok(array)
}

/// What the other library says, as an error of ours; not what ends the program.
fn refused(py: Python<'_>, error: PyErr) -> Failure {
    match error.is_instance_of::<PyException>(py) {
        true => Failure::parameter(error.value(py).to_string()),
        false => error.into(),
    }
}
