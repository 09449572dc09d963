//! Factors: a number for each row.

use crate::distance::prefetch;
use crate::error::{OrCorrupt, Result};

/// A number for each row, by which its rank is corrected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factors<'a> {
    /// Little-endian f32, beginning with that of the first row.
    pub bytes: &'a [u8],
    /// Bytes from one row's factor to the next.
    pub stride: usize,
}

impl Factors<'_> {
    /// Prefetches the factor of a row.
    #[inline]
    pub fn prefetch(&self, row: u32) {
        let start = row as usize * self.stride;
        if let Some(bytes) = self.bytes.get(start..start + 4) {
            prefetch(bytes);
        }
    }

    #[inline]
    pub fn get(&self, row: u32) -> Result<f32> {
        let start = row as usize * self.stride;
        let bytes = self.bytes.get(start..).and_then(|rest| rest.first_chunk());
        bytes.map(|bytes| f32::from_le_bytes(*bytes)).or_corrupt("the factor of a row")
    }
}
