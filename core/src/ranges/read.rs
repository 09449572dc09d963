//! Reads numbers one after another.

use crate::error::{OrCorrupt, Result};

pub(super) const WHAT: &str = "the lists for ranges";

/// A reader of numbers, one after another.
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count).or_corrupt(WHAT)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub fn u32(&mut self) -> Result<u32> {
        let bytes = self.bytes(4)?.first_chunk().or_corrupt(WHAT)?;
        Ok(u32::from_le_bytes(*bytes))
    }

    pub fn f32(&mut self) -> Result<f32> {
        self.u32().map(f32::from_bits)
    }

    pub fn u64(&mut self) -> Result<u64> {
        let bytes = self.bytes(8)?.first_chunk().or_corrupt(WHAT)?;
        Ok(u64::from_le_bytes(*bytes))
    }
}

/// Number `at` of a column of numbers; 0 beyond its end.
pub(super) fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.as_chunks().0.get(at).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}
