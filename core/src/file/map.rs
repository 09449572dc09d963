//! Opening files: mapped, or read into memory.
#![allow(unsafe_code, reason = "mapping a file")]

use super::{Bytes, IndexFile, io_error};
use crate::error::{ErrorKind, Result};
use memmap2::{Advice, MmapOptions};
use std::fs::{self, File};
use std::path::Path;
use std::string::ToString;

/// Files of up to this many bytes keep the kernel's read-ahead. Searches read scattered rows, and the bytes
/// around one are soon read by others: with 146 MB on disk and a cold cache, the first three queries took 200
/// ms together, the fourth 10 ms, later ones 1 ms. Without read-ahead each of dozens took 10 to 40 ms. For a
/// file larger than memory, read-ahead would fetch useless bytes again and again.
const READ_AHEAD: usize = 1 << 30;

impl IndexFile {
    /// Opens and maps a file.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], and those of [`Index::open`](crate::Index::open).
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
        // SAFETY: the map is read-only, and files are replaced by rename, never written in place (the type's
        // documentation says what happens otherwise); reading the bytes is defined whatever they are.
        let map = unsafe { MmapOptions::new().len(length).map(&file) };
        let map = map.map_err(|error| io_error(path, &error))?;
        if length > READ_AHEAD {
            let _ = map.advise(Advice::Random);
        }
        Self::own(Bytes::Mapped(map))
    }

    /// Reads a file into memory: for files that may be changed in place.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], and those of [`Index::open`](crate::Index::open).
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|error| io_error(path, &error))?;
        Self::from_bytes(bytes)
    }
}
