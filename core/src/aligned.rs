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
        let mut bytes = Self::new();
        bytes.try_reserve(capacity)?;
        Ok(bytes)
    }

    /// Makes room for `additional` bytes more: for no others, or for half as many again as there is
    /// room for, if that is more.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`].
    pub fn try_reserve(&mut self, additional: usize) -> Result<()> {
        let (length, capacity) = (self.0.len(), self.0.capacity());
        if additional <= capacity - length {
            return Ok(());
        }
        // AlignedVec cannot be asked, but what was just given back is there to be had, and what
        // alignment takes.
        let is_there = |bytes: usize| {
            let asked = bytes.checked_add(128).filter(|&bytes| bytes < isize::MAX as usize);
            asked.is_some_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok())
        };
        let needed = length.saturating_add(additional);
        let roomy = needed.max(capacity.saturating_add(capacity / 2));
        let Some(granted) = [roomy, needed].into_iter().find(|&bytes| is_there(bytes)) else {
            return Err(ErrorKind::OutOfMemory { bytes: needed as u64 }.into());
        };
        self.0.reserve_exact(granted - length);
        Ok(())
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
    pub(crate) fn grow(&mut self, count: usize) -> Result<&mut [u8]> {
        self.try_reserve(count)?;
        let length = self.0.len();
        self.0.resize(length + count, 0);
        Ok(&mut self.0[length..])
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
        for more in [usize::MAX, usize::MAX - 164, isize::MAX as usize - 200] {
            let error = bytes.try_reserve(more).unwrap_err();
            let needed = more.saturating_add(100) as u64;
            assert_eq!(*error.kind(), ErrorKind::OutOfMemory { bytes: needed });
        }
        assert_eq!(bytes.as_slice(), [7; 100]);
    }

    #[test]
    fn room_grows_by_halves() {
        let mut bytes = AlignedBytes::new();
        let mut moved = 0;
        for at in 0..100_000_usize {
            let before = bytes.as_slice().as_ptr();
            bytes.grow(3).unwrap().fill(at as u8);
            moved += usize::from(bytes.as_slice().as_ptr() != before);
        }
        assert!(moved < 40, "{moved}");
        assert!(
            bytes.as_slice().chunks(3).zip(0_usize..).all(|(three, at)| three == [at as u8; 3])
        );
    }
}
