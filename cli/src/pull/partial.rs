//! The partly downloaded file, beside its final place: locked, so that only one command at a time writes
//! it, and kept for the next command, however this one ends.

use crate::failure::Failure;
use crate::progress::Bar;
use crate::replace::{is_same, wait_for_lock};
use hither::raw::AtomicFile;
use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// The files `.NAME.part`, which becomes NAME, and `.NAME.part.note`, which records the version.
pub struct Partial {
    pub file: File,
    pub path: PathBuf,
    pub note: PathBuf,
    /// The final path, with symbolic links resolved.
    target: PathBuf,
    /// A file with the owner and the mode that the new file gets.
    like: Metadata,
}

impl Partial {
    /// Opens the partial file for `path`, once no other command is downloading it.
    pub fn open(path: &Path, bar: &Bar) -> Result<Self, Failure> {
        let at = |error: std::io::Error| Failure::at(path, error);
        // Another output file would be created beside `path`, too, with the owner and mode that the new
        // file should have.
        let model = AtomicFile::create(path)?;
        let temporary = AtomicFile::temporary_path(path);
        let like = fs::metadata(&temporary).map_err(at)?;
        drop(model);
        let name = temporary.file_name().unwrap_or_default().to_string_lossy();
        let end = format!(".{}.tmp", std::process::id());
        let name = name.strip_prefix('.').and_then(|name| name.strip_suffix(&end));
        let name = name.ok_or_else(|| Failure::at(path, "this is no name of a file"))?;
        let beside = |end: &str| temporary.with_file_name(format!(".{name}{end}"));
        let (part, note) = (beside(".part"), beside(".part.note"));
        let mut told = false;
        loop {
            let mut options = OpenOptions::new();
            // While it is incomplete, only the owner may read it.
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let file = options.open(&part).map_err(at)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::Error(error)) => return Err(at(error)),
                Err(TryLockError::WouldBlock) => {
                    wait_for_lock(bar, &mut told, "brings", path)?;
                    continue;
                }
            }
            // The previous holder of the lock may have renamed the file.
            let (Ok(locked), Ok(there)) = (file.metadata(), fs::metadata(&part)) else { continue };
            if is_same(&locked, &there) {
                let target = temporary.with_file_name(name);
                return Ok(Self { file, path: part, note, target, like });
            }
        }
    }

    /// Discards what has arrived.
    pub fn clear(&mut self) -> Result<(), Failure> {
        let _ = fs::remove_file(&self.note);
        self.file.set_len(0).map_err(|error| Failure::at(&self.path, error))
    }

    /// Moves the file to its final place, with the owner and mode of the file that it replaces.
    pub fn finish(self) -> Result<(), Failure> {
        let done = || {
            let _ = fchown(&self.file, Some(self.like.uid()), Some(self.like.gid()));
            self.file.set_permissions(Permissions::from_mode(self.like.mode() & 0o777))?;
            self.file.sync_all()?;
            fs::rename(&self.path, &self.target)
        };
        done().map_err(|error| Failure::at(&self.target, error))?;
        let _ = fs::remove_file(&self.note);
        // The rename is durable once the directory is synced, which not every system supports.
        if let Some(Ok(folder)) = self.target.parent().map(File::open) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}
