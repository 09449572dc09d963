//! Files that are written whole or not at all.

use super::io_error;
use super::pieces::PieceWriter;
use crate::archive::write::Sink;
use crate::error::{ErrorKind, Result};
use std::format;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::string::ToString;

/// A file that is written under a temporary name beside its own, which it gets when it is whole.
/// Dropped before that, it is removed.
///
/// ```
/// use hither::AtomicFile;
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
    path: PathBuf,
    temporary: PathBuf,
    /// None once it is finished.
    file: Option<PieceWriter<File>>,
}

impl AtomicFile {
    /// Begins a file. What writers of the same file left behind that were killed is removed.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], also where `path` is no regular file.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        // Renamed over, a device or a pipe would be gone, for everybody.
        if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            let reason = "this is no regular file; name one that may be replaced".into();
            return Err(ErrorKind::Io { path: path.display().to_string(), reason }.into());
        }
        remove_stale(path);
        let temporary = Self::temporary_path(path);
        let file = File::create(&temporary).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                let reason = "its folder does not exist; make it first".into();
                ErrorKind::Io { path: path.display().to_string(), reason }.into()
            }
            _ => io_error(path, &error),
        })?;
        let file = Some(PieceWriter::new(file));
        Ok(Self { path: path.into(), temporary, file })
    }

    /// Where this process writes the file `path` until it is whole: beside it, `.NAME.PID.tmp`.
    pub fn temporary_path(path: &Path) -> PathBuf {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
    }

    /// Syncs the file and gives it its name.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]; the file is then removed, and what had its name stays.
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
        if let Ok(directory) = File::open(folder(&self.path)) {
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
            // What was not written yet is of no use to anyone.
            drop(file.abandon());
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes what writers of this file left behind that were killed: their processes are gone.
fn remove_stale(path: &Path) {
    let Ok(entries) = fs::read_dir(folder(path)) else { return };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let processes = Path::new("/proc");
    for entry in entries.flatten() {
        let entry_name = entry.file_name();
        let process = entry_name
            .to_str()
            .and_then(|entry| entry.strip_prefix('.')?.strip_prefix(&*name)?.strip_prefix('.'))
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
