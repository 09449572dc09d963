//! Files: opened memory-mapped, written whole or not at all.
#![allow(unsafe_code, reason = "mapping a file")]

mod atomic;
mod pieces;
mod spill;
mod temporary;

pub use atomic::{AtomicFile, write_file};

use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::key::Key;
use memmap2::{Advice, Mmap, MmapOptions};
use std::fs::{self, File};
use std::path::Path;
use std::string::ToString;
use std::vec::Vec;

fn io_error(path: &Path, error: &std::io::Error) -> Error {
    ErrorKind::Io { path: path.display().to_string(), reason: error.to_string() }.into()
}

self_cell::self_cell!(
    struct MappedIndex {
        owner: Bytes,
        #[covariant]
        dependent: Index,
    }
);

/// The bytes of an opened file.
enum Bytes {
    Mapped(Mmap),
    Read(crate::AlignedBytes),
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Read(bytes) => bytes,
        }
    }
}

/// An index file that is open, memory-mapped: rows are read where they lie when they are needed.
///
/// Replace an index file by renaming a new one over it, as [`write_file`] does; the mapping keeps
/// the old one. Cutting an open file short in place ends programs that have it mapped: where that
/// cannot be ruled out, [`read`](Self::read) it instead.
///
/// ```
/// use hither::{IndexBuilder, IndexFile, IndexOptions, KeyRef, Metric, write_file};
///
/// let path = std::env::temp_dir().join("hither-example-index-file.hither");
/// let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// builder.push(None, &[1.0, 2.0], &[])?;
/// write_file(&path, |sink| builder.write_to(sink, &mut |_| Ok(())))?;
///
/// let mut file = IndexFile::open(&path)?;
/// assert_eq!(file.index().len(), 1);
/// file.change(|index| index.remove(KeyRef::Int64(0)))?; // in memory; the file stays
/// assert_eq!(file.index().len(), 0);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), hither::Error>(())
/// ```
pub struct IndexFile(MappedIndex);

/// Files of up to so many bytes are read ahead of what is touched, as any file is. Searches read
/// scattered rows, and what lies around one will be wanted by the next: of 146 MB that were on disk
/// alone, the first three queries took 200 ms together, the fourth 10 ms, later ones 1 ms. Without
/// reading ahead each of dozens took 10 to 40 ms. Of a file that memory cannot hold it would fetch,
/// again and again, what nobody asked for.
const READ_AHEAD: usize = 1 << 30;

impl IndexFile {
    /// Opens and maps a file.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], and those of [`Index::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| io_error(path, &error))?;
        let metadata = file.metadata().map_err(|error| io_error(path, &error))?;
        let length = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
        if metadata.is_dir() {
            let (path, reason) = (path.display().to_string(), "this is a directory".into());
            return Err(ErrorKind::Io { path, reason }.into());
        }
        // An empty file cannot be mapped.
        if length == 0 {
            return Err(ErrorKind::NotAnIndex.into());
        }
        // SAFETY: the map is read only, and files are replaced by rename, never written in place
        // (the type's text says what happens otherwise); whatever the bytes are, reading them is
        // defined.
        let map = unsafe { MmapOptions::new().len(length).map(&file) };
        let map = map.map_err(|error| io_error(path, &error))?;
        if length > READ_AHEAD {
            let _ = map.advise(Advice::Random);
        }
        Self::from_bytes(Bytes::Mapped(map))
    }

    /// Reads a file into memory, for one that may be changed in place.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], and those of [`Index::open`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|error| io_error(path, &error))?;
        Self::from_bytes(Bytes::Read(crate::AlignedBytes::copy_of(&bytes)))
    }

    fn from_bytes(bytes: Bytes) -> Result<Self> {
        MappedIndex::try_new(bytes, |bytes| Index::open(bytes.as_slice())).map(Self)
    }

    /// The keys and distances of the `k` nearest rows, nearest first: [`Index::nearest`].
    ///
    /// # Errors
    /// Those of [`Index::search`].
    ///
    /// ```no_run
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

    /// Never: an index file has a header.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
