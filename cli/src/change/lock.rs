//! A lock, so that one command at a time changes a file: of two that read it and then both write it, the
//! changes of one would be lost.

use crate::failure::Failure;
use crate::opened;
use crate::progress::Bar;
use hither::IndexFile;
use std::fs::File;
use std::path::Path;

/// An index file, and the lock that keeps other commands from changing it meanwhile.
pub struct LockedFile {
    pub file: IndexFile,
    pub lock: Option<File>,
}

impl LockedFile {
    /// Opens a file that stays as it is.
    pub fn without(path: &Path) -> Result<Self, Failure> {
        Ok(Self { file: opened::open(path)?, lock: None })
    }

    /// Opens a file that will be replaced, when no other command is changing it any more.
    ///
    /// # Errors
    /// Those of opening it, and that somebody wants the command to end.
    #[cfg(unix)]
    pub fn open(path: &Path, bar: &Bar) -> Result<Self, Failure> {
        use crate::replace::{is_same, wait_for_lock};
        use std::fs::{self, TryLockError};

        let mut told = false;
        loop {
            // What cannot be opened is told below.
            let Ok(lock) = File::open(path) else { return Self::without(path) };
            if let Err(TryLockError::WouldBlock) = lock.try_lock() {
                wait_for_lock(bar, &mut told, "changes", path)?;
                continue;
            }
            let file = opened::open(path)?;
            // Who had the lock before has replaced the file that this one is of.
            let (Ok(locked), Ok(there)) = (lock.metadata(), fs::metadata(path)) else { continue };
            if is_same(&locked, &there) {
                return Ok(Self { file, lock: Some(lock) });
            }
        }
    }

    /// Elsewhere a lock keeps readers away, too.
    #[cfg(not(unix))]
    pub fn open(path: &Path, _: &Bar) -> Result<Self, Failure> {
        Self::without(path)
    }
}
