//! Bytes that start at an address that is a multiple of 64.

use crate::error::{ErrorKind, Result};
use alloc::vec::Vec;
use rkyv::util::AlignedVec;

/// Bytes in memory that start at a multiple of 64, as an index wants them: a cache line, and the
/// widest register.
///
/// ```
/// let bytes = hither::AlignedBytes::copy_of(&[1, 2, 3]);
/// assert_eq!(bytes.as_slice().as_ptr() as usize % 64, 0);
/// assert_eq!(bytes.as_slice(), [1, 2, 3]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct AlignedBytes(AlignedVec<64>);

impl AlignedBytes {
    /// No bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// `length` zeros, to be filled.
    pub fn zeroed(length: usize) -> Self {
        let mut bytes = AlignedVec::with_capacity(length);
        bytes.resize(length, 0);
        Self(bytes)
    }

    /// No bytes, and room for `capacity`: bytes up to so many are appended where they will stay.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`].
    pub fn try_with_capacity(capacity: usize) -> Result<Self> {
        // AlignedVec cannot be asked, but what was just given back is there to be had.
        let asked = capacity.checked_add(64).filter(|&bytes| bytes < isize::MAX as usize);
        let granted = asked.is_some_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok());
        if !granted {
            return Err(ErrorKind::OutOfMemory { bytes: capacity as u64 }.into());
        }
        Ok(Self(AlignedVec::with_capacity(capacity)))
    }

    /// A copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut copy = AlignedVec::with_capacity(bytes.len());
        copy.extend_from_slice(bytes);
        Self(copy)
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Appends `bytes`.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Appends `count` zeros and gives them to be filled.
    pub(crate) fn grow(&mut self, count: usize) -> &mut [u8] {
        let length = self.0.len();
        self.0.resize(length + count, 0);
        &mut self.0[length..]
    }

    /// Cuts to `length` bytes.
    pub(crate) fn truncate(&mut self, length: usize) {
        if length < self.0.len() {
            self.0.resize(length, 0);
        }
    }
}

impl core::ops::Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for AlignedBytes {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::AlignedBytes;
    use crate::error::ErrorKind;

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        let mut bytes = AlignedBytes::try_with_capacity(100).unwrap();
        let place = bytes.as_slice().as_ptr();
        bytes.extend_from_slice(&[7; 100]);
        assert_eq!((bytes.as_slice(), bytes.as_slice().as_ptr()), ([7; 100].as_slice(), place));
        for bytes in [usize::MAX, usize::MAX - 64, isize::MAX as usize - 200] {
            let error = AlignedBytes::try_with_capacity(bytes).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::OutOfMemory { bytes: bytes as u64 });
        }
    }
}
