//! Spilling: bytes that are put aside until a file is written.

use crate::error::Result;

/// Storage outside of memory, from which bytes are read again when the file is written. With the feature `std`
/// it can be a `std::fs::File` that is empty and open for reading and writing.
///
/// ```
/// use hither::Result;
/// use hither::raw::Spill;
///
/// /// Memory after all, where the limit is that of a test.
/// #[derive(Debug, Default)]
/// struct Kept(Vec<u8>);
///
/// impl Spill for Kept {
///     fn append(&mut self, bytes: &[u8]) -> Result<()> {
///         self.0.extend_from_slice(bytes);
///         Ok(())
///     }
///
///     fn read(&self, at: u64, out: &mut [u8]) -> Result<()> {
///         out.copy_from_slice(&self.0[at as usize..][..out.len()]);
///         Ok(())
///     }
/// }
/// # let mut kept = Kept::default();
/// # kept.append(b"aside").unwrap();
/// # let mut read = [0; 3];
/// # kept.read(1, &mut read).unwrap();
/// # assert_eq!(&read, b"sid");
/// ```
pub trait Spill: core::fmt::Debug + Send + Sync {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// Whatever keeps it from doing so; the build fails.
    fn append(&mut self, bytes: &[u8]) -> Result<()>;

    /// Reads `out.len()` bytes at offset `at`, all of which were appended before.
    ///
    /// # Errors
    /// Whatever keeps it from doing so; nothing more is written.
    fn read(&self, at: u64, out: &mut [u8]) -> Result<()>;
}
