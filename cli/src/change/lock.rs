//! A lock that lets only one command at a time change a file: if two read it and then both wrote it, the
//! changes of one would be lost.

use crate::failure::Failure;
use crate::opened;
use crate::progress::Bar;
use hither::IndexFile;
use std::fs::File;
use std::path::Path;

/// An index file with the lock that keeps other commands from changing it.
pub struct LockedFile {
    pub file: IndexFile,
    pub lock: Option<File>,
}

impl LockedFile {
    /// Opens a file that will not be changed.
    pub fn without(path: &Path) -> Result<Self, Failure> {
        Ok(Self { file: opened::open(path)?, lock: None })
    }

    /// Opens a file that will be replaced, once no other command is changing it.
    ///
    /// # Errors
    /// If it cannot be opened, or the command is interrupted.
    #[cfg(unix)]
    pub fn open(path: &Path, bar: &Bar) -> Result<Self, Failure> {
        use crate::replace::{is_same, wait_for_lock};
        use std::fs::{self, TryLockError};

        let mut told = false;
        loop {
            // Opening the index file reports the error.
            let Ok(lock) = File::open(path) else { return Self::without(path) };
            if let Err(TryLockError::WouldBlock) = lock.try_lock() {
                wait_for_lock(bar, &mut told, "changes", path)?;
                continue;
            }
            let file = opened::open(path)?;
            // The previous holder of the lock may have replaced the file that was locked.
            let (Ok(locked), Ok(there)) = (lock.metadata(), fs::metadata(path)) else { continue };
            if is_same(&locked, &there) {
                return Ok(Self { file, lock: Some(lock) });
            }
        }
    }

    /// On other systems a lock would keep readers away, too.
    #[cfg(not(unix))]
    pub fn open(path: &Path, _: &Bar) -> Result<Self, Failure> {
        Self::without(path)
    }
}
