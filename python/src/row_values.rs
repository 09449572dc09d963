//! Where rows that a search found have their values.

use crate::failure::Outcome;
use crate::search::Keys;
use hither::{RowId, Value};
use pyo3::Python;

/// An index that has rows with values.
pub trait RowValues: Send + Sync {
    /// Names of the columns, and the values of rows as they are now; `state` is that of the index when it called them
    /// so.
    ///
    /// # Errors
    /// Those of reading the index; `key_not_found` for a row that is gone.
    fn values(
        &self,
        py: Python<'_>,
        rows: &[RowId],
        keys: &Keys,
        state: u64,
    ) -> Outcome<(Vec<String>, Vec<Vec<Value>>)>;
}
