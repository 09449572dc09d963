//! What a search can read: local files, or one file on a server.

use super::answers::{Columns, Row};
use crate::failure::Failure;
use hither::{Calibration, IndexOptions, KeyRef};

/// What is searched: local files, or one file on a server.
pub trait Target {
    fn options(&self) -> &IndexOptions;

    /// The columns to print, for each file.
    fn columns(&self) -> &[Columns];

    /// The vector of the row with this key.
    fn vector(&mut self, key: KeyRef<'_>) -> Result<Option<Vec<f32>>, Failure>;

    /// The calibration that did not reach the wanted recall.
    fn unreached_recall(&self) -> Option<&Calibration>;

    /// The nearest rows to query number `number`.
    fn search(&mut self, query: &[f32], number: usize) -> Result<Vec<Row>, Failure>;
}
