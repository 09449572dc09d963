//! The rows of an answer, converted for JavaScript.

use crate::value::from_key;
use hither::{Key, RowId};
use js_sys::Array;

/// A row of the last answer.
pub(crate) struct Hit {
    /// The number of its file, and the row in that file.
    pub file: usize,
    pub row: RowId,
    /// Its key among all files.
    pub key: Key,
    pub distance: f32,
}

pub(crate) fn distances(found: &[Hit]) -> Vec<f32> {
    found.iter().map(|found| found.distance).collect()
}

pub(crate) fn keys(found: &[Hit]) -> Array {
    found.iter().map(|found| from_key(found.key.as_ref())).collect()
}

/// The keys, where they are int64.
pub(crate) fn integers(found: &[Hit]) -> Vec<i64> {
    found.iter().map(|found| integer(&found.key)).collect()
}

/// The keys as doubles, where they are row numbers, which are below 2⁵³.
pub(crate) fn row_numbers(found: &[Hit]) -> Vec<f64> {
    found.iter().map(|found| integer(&found.key) as f64).collect()
}

/// The number of an int64 key; 0 for other keys.
fn integer(key: &Key) -> i64 {
    if let Key::Int64(number) = key { *number } else { 0 }
}
