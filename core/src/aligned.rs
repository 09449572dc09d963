//! Bytes that start at an address that is a multiple of 64.

use crate::error::{ErrorKind, Result};
use alloc::vec::Vec;

const ALIGNMENT: usize = 64;

/// Bytes in memory that start at a multiple of 64, as an index needs them: a cache line, and the widest
/// register.
///
/// ```
/// let bytes = hither::raw::AlignedBytes::copy_of(&[1, 2, 3]);
/// assert_eq!(bytes.as_slice().as_ptr() as usize % 64, 0);
/// assert_eq!(bytes.as_slice(), [1, 2, 3]);
/// ```
#[derive(Debug, Default)]
pub struct AlignedBytes {
    /// Never grows beyond its capacity: that would move the bytes.
    bytes: Vec<u8>,
    /// How many of them come before the first that is at a multiple of 64.
    start: usize,
}

impl AlignedBytes {
    /// No bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// `length` zeros, to be filled.
    pub fn zeroed(length: usize) -> Self {
        let mut bytes = Self::new();
        bytes.reserve(length);
        bytes.bytes.resize(bytes.start + length, 0);
        bytes
    }

    /// Empty, with room for `capacity` bytes, which are then appended without moving.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`].
    pub fn try_with_capacity(capacity: usize) -> Result<Self> {
        let mut bytes = Self::new();
        bytes.try_reserve(capacity)?;
        Ok(bytes)
    }

    /// Makes room for at least `additional` more bytes; grows by half of the capacity if that is more.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`].
    pub fn try_reserve(&mut self, additional: usize) -> Result<()> {
        let room = self.bytes.capacity() - self.start;
        let length = self.as_slice().len();
        if additional <= room - length {
            return Ok(());
        }
        let needed = length.saturating_add(additional);
        let mut bytes = Vec::<u8>::new();
        for wanted in [needed.max(room.saturating_add(room / 2)), needed] {
            if bytes.try_reserve_exact(wanted.saturating_add(ALIGNMENT - 1)).is_ok() {
                let start = bytes.as_ptr().align_offset(ALIGNMENT);
                bytes.resize(start, 0);
                bytes.extend_from_slice(self.as_slice());
                *self = Self { bytes, start };
                return Ok(());
            }
        }
        Err(ErrorKind::OutOfMemory { bytes: needed as u64 }.into())
    }

    /// Like [`try_reserve`](Self::try_reserve), but aborts if memory runs out, as a `Vec` does.
    fn reserve(&mut self, additional: usize) {
        if let Err(error) = self.try_reserve(additional) {
            panic!("{error}");
        }
    }

    /// A copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut copy = Self::new();
        copy.extend_from_slice(bytes);
        copy
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// The bytes, mutable.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }

    /// Appends `bytes`.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends `count` zeros and returns them to be filled.
    pub(crate) fn grow(&mut self, count: usize) -> Result<&mut [u8]> {
        self.try_reserve(count)?;
        let length = self.bytes.len();
        self.bytes.resize(length + count, 0);
        Ok(&mut self.bytes[length..])
    }

    /// Cuts to `length` bytes.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.bytes.truncate(self.start + length);
    }
}

impl Clone for AlignedBytes {
    fn clone(&self) -> Self {
        Self::copy_of(self.as_slice())
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

/// Copies, because a `Vec` may start at any address.
impl From<Vec<u8>> for AlignedBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::copy_of(&bytes)
    }
}

impl From<&[u8]> for AlignedBytes {
    fn from(bytes: &[u8]) -> Self {
        Self::copy_of(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn all_bytes_are_aligned() {
        let mut grown = AlignedBytes::new();
        let mut all = Vec::new();
        for at in 0..300_u16 {
            grown.extend_from_slice(&at.to_le_bytes());
            all.extend_from_slice(&at.to_le_bytes());
            for bytes in [&grown, &grown.clone(), &AlignedBytes::zeroed(at.into())] {
                assert!(bytes.is_empty() || (bytes.as_ptr() as usize).is_multiple_of(64));
            }
            assert_eq!((grown.as_slice(), grown.clone().as_slice()), (&*all, &*all));
        }
        grown.truncate(5);
        assert_eq!(grown.as_slice(), &all[..5]);
        assert_eq!(grown.grow(3).unwrap(), [0; 3]);
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
