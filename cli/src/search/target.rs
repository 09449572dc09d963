//! What can be searched: files that are at hand, or one that lies elsewhere.

use super::answers::{Columns, Row};
use crate::failure::Failure;
use hither::{Calibration, IndexOptions, KeyRef};

/// What is searched: files that are at hand, or one that lies elsewhere.
pub trait Target {
    fn options(&self) -> &IndexOptions;

    /// The columns to print, of each file.
    fn columns(&self) -> &[Columns];

    /// The vector of the row with this key.
    fn vector(&mut self, key: KeyRef<'_>) -> Result<Option<Vec<f32>>, Failure>;

    /// The calibration that did not reach the recall that is wanted.
    fn unreached_recall(&self) -> Option<&Calibration>;

    /// The rows that are near query number `number`.
    fn search(&mut self, query: &[f32], number: usize) -> Result<Vec<Row>, Failure>;
}
