//! A cache of remote files on this machine: a folder of limited size that processes share.
//!
//! Each object has up to five files, named by its id:
//!
//! | name | content |
//! |---|---|
//! | `ID.hither` | the file, whole and verified; a process that is about to open it holds a shared lock on it |
//! | `ID.note` | its location and version; modified when the server was last asked, accessed when it was last used |
//! | `ID.part`, `ID.part.note` | the part that was downloaded so far, and its version |
//! | `ID.error` | why the last download failed |
//! | `ID.lock` | locked by the process that downloads it |
//!
//! Locks are the system's: it releases those of a process that dies.

mod download;
mod failed;
mod room;

use crate::error::{Error, ErrorKind, Result};
use crate::note::Note;
use crate::object::Object;
use crate::wait::{Interrupt, wait};
use futures_util::{StreamExt, TryStreamExt};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Files that are downloaded at the same time.
const AT_ONCE: usize = 8;
/// How often a process that waits for another's download checks whether it is done.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Where files are kept, how many bytes they may take, and for how long they are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// The folder; all who use it share its files.
    pub folder: PathBuf,
    /// The most bytes of all files together.
    pub size: u64,
    /// The most bytes of the files that are used through one [`Cache`]; `None` for no such limit.
    pub share: Option<u64>,
    /// Answers of servers after this moment are trusted; files that were last confirmed before it are
    /// checked with the server again.
    pub trusted_since: SystemTime,
}

/// The cache folder, and how much of it one user of the cache, a table or a command, takes.
#[derive(Debug)]
pub struct Cache {
    options: CacheOptions,
    /// The sizes in bytes of the files of this user, by object.
    taken: RefCell<HashMap<String, u64>>,
}

/// A file that is not removed from the cache while this value lives.
#[derive(Debug)]
pub struct CachedFile {
    /// Its path.
    pub path: PathBuf,
    /// When the server last confirmed it.
    pub asked: SystemTime,
    _locked: File,
}

impl Cache {
    /// Opens the folder, and creates it if it does not exist.
    ///
    /// # Errors
    /// If it cannot be created or written.
    pub fn open(options: CacheOptions) -> Result<Self> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&options.folder);
        let cache = Self { options, taken: RefCell::default() };
        made.map_err(|error| cache.unusable(&error))?;
        Ok(cache)
    }

    /// The files of objects, in their order. Files that are missing, or no longer the server's version, are
    /// downloaded, several at a time, and each is verified as a whole. If another process is already
    /// downloading one, this waits for it.
    ///
    /// # Errors
    /// The first error of a download. What has arrived so far is kept, if the rest can be requested later.
    pub fn bring(
        &self,
        objects: &[Object],
        interrupt: &mut impl Interrupt,
    ) -> Result<Vec<CachedFile>> {
        let brought = futures_util::stream::iter(objects)
            .map(|object| self.bring_one(object))
            .buffered(AT_ONCE)
            .try_collect();
        wait(brought, interrupt)?
    }

    async fn bring_one(&self, object: &Object) -> Result<CachedFile> {
        let begun = SystemTime::now();
        if let Some(held) = self.fresh(object)? {
            return Ok(held);
        }
        let _lock = self.lock(&self.path(object, "lock")).await?;
        // The previous holder of the lock may have downloaded it, or may have failed to.
        if let Some(held) = self.fresh(object)? {
            return Ok(held);
        }
        let failed = self.path(object, "error");
        if let Ok(metadata) = fs::metadata(&failed)
            && metadata.modified().is_ok_and(|then| then >= begun)
            && let Some(error) = failed::load(&failed).filter(|error| !error.kind().is_limit())
        {
            return Err(error);
        }
        match self.refresh(object).await {
            Ok(held) => {
                let _ = fs::remove_file(&failed);
                Ok(held)
            }
            Err(error) => {
                failed::save(&error, &failed);
                Err(error)
            }
        }
    }

    /// The path of an object's cached file, if there is one, and why its last download failed.
    pub fn look(&self, object: &Object) -> (Option<PathBuf>, Option<Error>) {
        let path = Some(self.path(object, "hither")).filter(|path| path.exists());
        (path, failed::load(&self.path(object, "error")))
    }

    /// The cached file, if the server has confirmed it recently enough.
    fn fresh(&self, object: &Object) -> Result<Option<CachedFile>> {
        let path = self.path(object, "note");
        let Some(note) = Note::read(&path) else { return Ok(None) };
        let asked = fs::metadata(&path).and_then(|metadata| metadata.modified());
        let asked = asked.unwrap_or(SystemTime::UNIX_EPOCH);
        let recent = asked >= self.options.trusted_since;
        let same = match &object.listed {
            Some(meta) => note.is_of(meta) && (recent || note.is_certain()),
            None => recent,
        };
        if !same {
            return Ok(None);
        }
        // A listing was confirmed when it was requested.
        let asked = if recent { asked } else { self.options.trusted_since };
        let Some(held) = self.hold(object, asked) else { return Ok(None) };
        self.take(object, note.length)?;
        note_use(&held.path);
        Ok(Some(held))
    }

    /// Locks the cached file against removal; `None` if it does not exist or is being removed.
    fn hold(&self, object: &Object, asked: SystemTime) -> Option<CachedFile> {
        let path = self.path(object, "hither");
        let file = File::open(&path).ok()?;
        file.try_lock_shared().ok()?;
        // If the file was removed before it was locked, it has no name any more.
        (file.metadata().ok()?.nlink() > 0).then_some(CachedFile { path, asked, _locked: file })
    }

    /// Counts a file against the limit of this user's files.
    fn take(&self, object: &Object, bytes: u64) -> Result<()> {
        let mut taken = self.taken.borrow_mut();
        taken.insert(object.id.clone(), bytes);
        let taken: u64 = taken.values().sum();
        match self.options.share {
            Some(share) if taken > share => {
                let message =
                    format!("the files take more than their share of the cache, {share} bytes");
                Err(Error::new(ErrorKind::Share(share), message))
            }
            _ => Ok(()),
        }
    }

    /// Locks a file that exists only to be locked, polling: a blocking wait could not be interrupted.
    async fn lock(&self, path: &Path) -> Result<File> {
        loop {
            if let Some(locked) = try_lock(path).map_err(|error| self.unusable(&error))? {
                return Ok(locked);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn path(&self, object: &Object, extension: &str) -> PathBuf {
        self.options.folder.join(format!("{}.{extension}", object.id))
    }

    /// The error for a file or folder of the cache.
    fn unusable(&self, error: &io::Error) -> Error {
        let folder = self.options.folder.display();
        let kind = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                let message = format!("no room on the disk of the cache directory \"{folder}\"");
                return Error::new(ErrorKind::Disk, message);
            }
            io::ErrorKind::PermissionDenied => ErrorKind::Denied,
            _ => ErrorKind::Folder,
        };
        Error::new(kind, format!("could not use the cache directory \"{folder}\": {error}"))
    }
}

/// Records that the cached file at this path is used now, as the least recently used files are removed
/// first. [`Cache::bring`] does so, too.
pub fn note_use(path: &Path) {
    if let Ok(note) = File::open(path.with_extension("note")) {
        // A wrong order of removal is not worth an error.
        let _ = note.set_times(fs::FileTimes::new().set_accessed(SystemTime::now()));
    }
}

/// Locks a file, which is created if it does not exist; `None` if another process holds the lock.
fn try_lock(path: &Path) -> io::Result<Option<File>> {
    loop {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // If the file was removed between opening and locking, nobody else would see the lock.
        if file.metadata()?.nlink() > 0 {
            return Ok(Some(file));
        }
    }
}
