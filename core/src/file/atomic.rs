//! Files that are written whole or not at all.

use super::io_error;
use super::pieces::PieceWriter;
use super::temporary::{self, follow};
use crate::archive::write::Sink;
use crate::error::{ErrorKind, Result};
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::string::ToString;

/// A file that is written under a temporary name and renamed when it is whole. If it is dropped before, it is
/// removed. A replaced file's mode is kept; if the path is a symbolic link, the link's target is replaced.
///
/// ```
/// use hither::raw::AtomicFile;
/// use std::io::Write;
///
/// let path = std::env::temp_dir().join("hither-example-atomic-file.txt");
/// let mut file = AtomicFile::create(&path)?;
/// file.write_all(b"all of it").unwrap();
/// assert!(!path.exists());
/// file.finish()?;
/// assert_eq!(std::fs::read(&path).unwrap(), b"all of it");
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    /// The path with symbolic links resolved.
    path: PathBuf,
    temporary: PathBuf,
    /// None after finishing.
    file: Option<PieceWriter<File>>,
}

impl AtomicFile {
    /// Begins a file. Removes temporary files that killed writers left in its folder.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], also where `path` is no regular file.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let name = path.as_ref();
        // A rename would replace a device or a pipe for everybody.
        let there = match fs::metadata(name) {
            Ok(there) => Some(there),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // A circle of links would be broken.
            Err(error) => return Err(io_error(name, &error)),
        };
        if there.as_ref().is_some_and(|there| !there.is_file()) {
            let reason = "this is no regular file; name one that may be replaced".into();
            return Err(ErrorKind::Io { path: name.display().to_string(), reason }.into());
        }
        let path = follow(name);
        temporary::remove_stale(&path);
        let temporary = temporary::path(&path);
        let file =
            temporary::create(&temporary, there.as_ref()).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => {
                    let reason = "its folder does not exist; make it first".into();
                    ErrorKind::Io { path: name.display().to_string(), reason }.into()
                }
                _ => io_error(name, &error),
            })?;
        Ok(Self { path, temporary, file: Some(PieceWriter::new(file)) })
    }

    /// The path under which this process writes the file `path`: `.NAME.PID.tmp` in the same folder, or, if
    /// `path` is a symbolic link, in the folder of its target.
    pub fn temporary_path(path: &Path) -> PathBuf {
        temporary::path(&follow(path))
    }

    /// Syncs the file and renames it.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]; the temporary file is then removed, and an existing file stays.
    pub fn finish(mut self) -> Result<()> {
        let done = self.file().and_then(|file| {
            file.flush()?;
            file.get_ref().sync_all()
        });
        done.map_err(|error| io_error(&self.path, &error))?;
        fs::rename(&self.temporary, &self.path).map_err(|error| io_error(&self.path, &error))?;
        self.file = None;
        // The rename itself is durable once the directory is synced; not every system can.
        #[cfg(unix)]
        if let Ok(directory) = File::open(temporary::folder(&self.path)) {
            let _ = directory.sync_all();
        }
        Ok(())
    }

    fn file(&mut self) -> io::Result<&mut PieceWriter<File>> {
        self.file.as_mut().ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file()?.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file()?.seek(to)
    }
}

impl Sink for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(|error| io_error(&self.path, &error))
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // The rest of the buffer is of no use.
            drop(file.abandon());
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Writes a file whole or not at all: to a temporary name beside it, synced, then renamed. For
/// [`IndexBuilder::write_to`](crate::IndexBuilder::write_to), which reports progress;
/// [`IndexBuilder::save`](crate::IndexBuilder::save) does not.
///
/// # Errors
/// [`ErrorKind::Io`], and those of `write`.
///
/// ```
/// use hither::{ErrorKind, IndexFile, write_file};
///
/// let path = std::env::temp_dir().join("hither-example-write-file.hither");
/// let cut_short = write_file(&path, |sink| {
///     sink.write(b"half of it")?;
///     Err(ErrorKind::Cancelled.into())
/// });
/// assert_eq!(cut_short, Err(ErrorKind::Cancelled.into()));
/// assert!(!path.exists());
/// ```
pub fn write_file(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Sink) -> Result<()>,
) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    write(&mut file)?;
    file.finish()
}
