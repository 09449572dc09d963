//! Files: opened memory-mapped, written whole or not at all.
#![allow(unsafe_code, reason = "mapping a file")]

use crate::archive::write::Sink;
use crate::error::{Error, Result};
use crate::index::Index;
use memmap2::{Advice, Mmap};
use std::format;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::string::ToString;

fn io_error(path: &Path, error: &std::io::Error) -> Error {
    Error::Io { path: path.display().to_string(), reason: error.to_string() }
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

impl IndexFile {
    /// Opens and maps a file.
    ///
    /// # Errors
    /// [`Error::Io`], and those of [`Index::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| io_error(path, &error))?;
        let metadata = file.metadata().map_err(|error| io_error(path, &error))?;
        if metadata.is_dir() {
            let (path, reason) = (path.display().to_string(), "this is a directory".into());
            return Err(Error::Io { path, reason });
        }
        // An empty file cannot be mapped.
        if metadata.len() == 0 {
            return Err(Error::NotAnIndex);
        }
        // SAFETY: the map is read only, and files are replaced by rename, never written in place
        // (the type's text says what happens otherwise); whatever the bytes are, reading them is
        // defined.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| io_error(path, &error))?;
        // Searches read scattered rows: reading ahead would only fetch what nobody asked for.
        let _ = map.advise(Advice::Random);
        Self::from_bytes(Bytes::Mapped(map))
    }

    /// Reads a file into memory, for one that may be changed in place.
    ///
    /// # Errors
    /// [`Error::Io`], and those of [`Index::open`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|error| io_error(path, &error))?;
        Self::from_bytes(Bytes::Read(crate::AlignedBytes::copy_of(&bytes)))
    }

    fn from_bytes(bytes: Bytes) -> Result<Self> {
        MappedIndex::try_new(bytes, |bytes| Index::open(bytes.as_slice())).map(Self)
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

struct FileSink<'a> {
    file: BufWriter<File>,
    path: &'a Path,
}

impl Sink for FileSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| io_error(self.path, &error))
    }
}

/// Removes the unfinished file if writing does not come to its end.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Removes what writers of this file left behind that were killed: their processes are gone.
fn remove_stale(path: &Path, name: &str) {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else { return };
    let processes = Path::new("/proc");
    for entry in entries.flatten() {
        let entry_name = entry.file_name();
        let process = entry_name
            .to_str()
            .and_then(|entry| entry.strip_prefix('.')?.strip_prefix(name)?.strip_prefix('.'))
            .and_then(|rest| rest.strip_suffix(".tmp")?.parse::<u32>().ok());
        // Where there is no /proc, nobody can tell, and the file stays.
        if let Some(process) = process
            && processes.join("self").exists()
            && !processes.join(process.to_string()).exists()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Writes a file whole or not at all: to a temporary name beside it, synced, then renamed.
///
/// # Errors
/// [`Error::Io`], and those of `write`.
///
/// ```
/// use hither::{Error, IndexFile, write_file};
///
/// let path = std::env::temp_dir().join("hither-example-write-file.hither");
/// let cut_short = write_file(&path, |sink| {
///     sink.write(b"half of it")?;
///     Err(Error::Cancelled)
/// });
/// assert_eq!(cut_short, Err(Error::Cancelled));
/// assert!(!path.exists());
/// ```
pub fn write_file(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Sink) -> Result<()>,
) -> Result<()> {
    let path = path.as_ref();
    // Renamed over, a device or a pipe would be gone, for everybody.
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        let reason = "this is no regular file; name one that may be replaced".into();
        return Err(Error::Io { path: path.display().to_string(), reason });
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    remove_stale(path, &name);
    let unfinished = Unfinished(temporary.clone());
    let file = File::create(&temporary).map_err(|error| io_error(path, &error))?;
    let mut sink = FileSink { file: BufWriter::with_capacity(1 << 20, file), path };
    write(&mut sink)?;
    let file = sink.file.into_inner().map_err(|error| io_error(path, error.error()))?;
    file.sync_all().map_err(|error| io_error(path, &error))?;
    drop(file);
    fs::rename(&temporary, path).map_err(|error| io_error(path, &error))?;
    core::mem::forget(unfinished);
    // The rename itself is durable once the directory is synced; not every system can.
    #[cfg(unix)]
    if let Some(Ok(directory)) = path.parent().map(|parent| {
        File::open(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
    }) {
        let _ = directory.sync_all();
    }
    Ok(())
}
