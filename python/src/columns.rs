//! The values of a column, as the package gives them: a list, or a column of Arrow's.

use crate::arrow::column::ArrowColumn;
use crate::failure::Outcome;
use crate::value;
use hither::{ColumnSchema, Value};
use pyo3::prelude::*;

/// The values for a column of the index.
///
/// # Errors
/// If one is of no type that columns have, or does not go with this one.
pub fn read(values: &Bound<'_, PyAny>, column: &ColumnSchema) -> Outcome<Vec<Value>> {
    if let Ok(arrow) = values.cast::<ArrowColumn>() {
        let arrow = arrow.get();
        return values.py().detach(|| arrow.values(column));
    }
    values.try_iter()?.map(|one| value::read(&one?, column)).collect()
}
