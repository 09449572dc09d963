//! Open index files, which own their bytes. With std they are memory-mapped, and written whole or not at all.

#[cfg(feature = "std")]
mod atomic;
#[cfg(feature = "std")]
mod map;
#[cfg(feature = "std")]
mod pieces;
#[cfg(feature = "std")]
mod save;
#[cfg(feature = "std")]
mod spill;
#[cfg(feature = "std")]
mod temporary;

#[cfg(feature = "std")]
pub use atomic::{AtomicFile, write_file};

use crate::aligned::AlignedBytes;
use crate::error::Result;
#[cfg(feature = "std")]
use crate::error::{Error, ErrorKind};
use crate::index::Index;
use crate::key::Key;
#[cfg(feature = "std")]
use alloc::string::ToString;
use alloc::vec::Vec;
#[cfg(feature = "std")]
use std::path::Path;

#[cfg(feature = "std")]
fn io_error(path: &Path, error: &std::io::Error) -> Error {
    ErrorKind::Io { path: path.display().to_string(), reason: error.to_string() }.into()
}

self_cell::self_cell!(
    struct OwnedIndex {
        owner: Bytes,
        #[covariant]
        dependent: Index,
    }
);

/// The bytes of an opened file.
enum Bytes {
    #[cfg(feature = "std")]
    Mapped(memmap2::Mmap),
    Read(AlignedBytes),
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            #[cfg(feature = "std")]
            Self::Mapped(map) => map,
            Self::Read(bytes) => bytes,
        }
    }
}

/// An open index file. `open` maps it, so that rows are read on demand; without a file system it holds its
/// bytes [in memory](Self::from_bytes).
///
/// Replace an index file by renaming a new one over it, as `IndexBuilder::save` and `write_file` do; the
/// mapping keeps the old one. Truncating an open file in place kills programs that have it mapped: where that
/// cannot be ruled out, `read` it instead.
///
/// ```
/// use hither::{IndexBuilder, IndexFile, IndexOptions, KeyRef, Metric};
///
/// let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// builder.push(None, &[1.0, 2.0], &[])?;
/// # #[cfg(feature = "std")]
/// # {
/// let path = std::env::temp_dir().join("hither-example-index-file.hither");
/// builder.save(&path)?;
///
/// let mut file = IndexFile::open(&path)?;
/// assert_eq!(file.index().len(), 1);
/// file.change(|index| index.remove(KeyRef::Int64(0)))?; // in memory; the file stays
/// assert_eq!(file.index().len(), 0);
/// # std::fs::remove_file(path).unwrap();
/// # }
/// # Ok::<(), hither::Error>(())
/// ```
pub struct IndexFile(OwnedIndex);

impl IndexFile {
    /// Opens the bytes of a file, such as a download. Bytes that are not
    /// [`AlignedBytes`](crate::raw::AlignedBytes) are copied.
    ///
    /// # Errors
    /// Those of [`Index::open`].
    ///
    /// ```
    /// # use hither::{IndexBuilder, IndexFile, IndexOptions, Metric};
    /// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
    /// # builder.push(None, &[1.0, 2.0], &[])?;
    /// let file = IndexFile::from_bytes(builder.finish()?)?;
    /// assert_eq!(file.nearest(&[1.0, 0.0], 1)?, [(0.into(), 2.0)]);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn from_bytes(bytes: impl Into<AlignedBytes>) -> Result<Self> {
        Self::own(Bytes::Read(bytes.into()))
    }

    fn own(bytes: Bytes) -> Result<Self> {
        OwnedIndex::try_new(bytes, |bytes| Index::open(bytes.as_slice())).map(Self)
    }

    /// The keys and distances of the `k` nearest rows, nearest first: [`Index::nearest`].
    ///
    /// # Errors
    /// Those of [`Index::search`].
    ///
    /// ```no_run
    /// # #[cfg(feature = "std")]
    /// for (key, distance) in hither::IndexFile::open("words.hither")?.nearest(&[0.9, 0.1, 0.0], 10)? {
    ///     println!("{key} at {distance}");
    /// }
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn nearest(&self, query: &[f32], k: usize) -> Result<Vec<(Key, f32)>> {
        self.index().nearest(query, k)
    }

    /// The index.
    pub fn index(&self) -> &Index<'_> {
        self.0.borrow_dependent()
    }

    /// Changes the index in memory; the file stays as it is.
    pub fn change<T>(&mut self, change: impl FnOnce(&mut Index<'_>) -> T) -> T {
        self.0.with_dependent_mut(|_, index| change(index))
    }

    /// Length of the file in bytes.
    pub fn len(&self) -> u64 {
        self.0.borrow_owner().as_slice().len() as u64
    }

    /// Always false: an index file has a header.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
