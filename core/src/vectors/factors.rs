//! A number beside each row.

use crate::distance::prefetch;
use crate::error::{OrCorrupt, Result};

/// A number for each row, by which its rank is corrected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factors<'a> {
    /// Begins with the first row's; little-endian f32.
    pub bytes: &'a [u8],
    /// Bytes from one row's to the next one's.
    pub stride: usize,
}

impl Factors<'_> {
    /// Brings the number of a row near.
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
