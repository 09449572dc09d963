//! Remote files on this machine: a folder of limited size that processes share.
//!
//! By the id of an object there are up to five files:
//!
//! | name | what |
//! |---|---|
//! | `ID.hither` | the file, whole and verified; who is about to open it holds a shared lock on it |
//! | `ID.note` | its location and version; changed when the server was last asked, accessed when it was last used |
//! | `ID.part`, `ID.part.note` | what was brought of it so far, and of which version that is |
//! | `ID.error` | why it could not be brought last time |
//! | `ID.lock` | locked by whoever brings it |
//!
//! Locks are the system's: those of a process that dies are gone with it.

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

/// Files that are brought at the same time.
const AT_ONCE: usize = 8;
/// How often a process that waits for another one's download looks whether it is done.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Where files are kept, and how many and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// The folder; all who give it share its files.
    pub folder: PathBuf,
    /// Most bytes of all files together.
    pub size: u64,
    /// Most bytes of the files that are brought through one [`Cache`]; none for no such limit.
    pub share: Option<u64>,
    /// A server's answer is believed if it came after this moment; a file that was last confirmed before is
    /// asked for again.
    pub believed: SystemTime,
}

/// The folder, and how much of it the files of one use, a table or a command, take.
#[derive(Debug)]
pub struct Cache {
    options: CacheOptions,
    /// Bytes of the files of this use, by object.
    taken: RefCell<HashMap<String, u64>>,
}

/// A file that is not removed from the cache while this lives.
#[derive(Debug)]
pub struct CachedFile {
    /// Where it lies.
    pub path: PathBuf,
    /// When the server last confirmed it.
    pub asked: SystemTime,
    _locked: File,
}

impl Cache {
    /// Opens the folder, and makes it if need be.
    ///
    /// # Errors
    /// It cannot be made or written.
    pub fn open(options: CacheOptions) -> Result<Self> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&options.folder);
        let cache = Self { options, taken: RefCell::default() };
        made.map_err(|error| cache.unusable(&error))?;
        Ok(cache)
    }

    /// The files of objects, in their order, brought if they are not there or not the server's any
    /// more: several at a time, each verified whole. What another process is bringing is waited for.
    ///
    /// # Errors
    /// Of the first that cannot be brought. What arrived of it until then is kept, if the rest can
    /// be asked for.
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
        // Whoever had the lock may have brought it, or have found that it cannot be.
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

    /// What is cached of an object: where, and why it could not be brought last time.
    pub fn look(&self, object: &Object) -> (Option<PathBuf>, Option<Error>) {
        let path = Some(self.path(object, "hither")).filter(|path| path.exists());
        (path, failed::load(&self.path(object, "error")))
    }

    /// The cached file, if the server confirmed it recently enough.
    fn fresh(&self, object: &Object) -> Result<Option<CachedFile>> {
        let path = self.path(object, "note");
        let Some(note) = Note::read(&path) else { return Ok(None) };
        let asked = fs::metadata(&path).and_then(|metadata| metadata.modified());
        let asked = asked.unwrap_or(SystemTime::UNIX_EPOCH);
        let recent = asked >= self.options.believed;
        let same = match &object.listed {
            Some(meta) => note.is_of(meta) && (recent || note.is_certain()),
            None => recent,
        };
        if !same {
            return Ok(None);
        }
        // A listing is as old as the request for it.
        let asked = if recent { asked } else { self.options.believed };
        let Some(held) = self.hold(object, asked) else { return Ok(None) };
        self.take(object, note.length)?;
        note_use(&held.path);
        Ok(Some(held))
    }

    /// Locks the cached file against removal; none if there is none, or it is being removed.
    fn hold(&self, object: &Object, asked: SystemTime) -> Option<CachedFile> {
        let path = self.path(object, "hither");
        let file = File::open(&path).ok()?;
        file.try_lock_shared().ok()?;
        // Locked too late, it is a file without a name.
        (file.metadata().ok()?.nlink() > 0).then_some(CachedFile { path, asked, _locked: file })
    }

    /// Counts a file into what the files of this use may take.
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

    /// Locks a file that exists for that alone, looking again and again: a wait for the system
    /// could not be stopped.
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

    /// The error of a folder or file of the cache.
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

/// Writes down that the cached file at this path is used now: what was not used longest is removed
/// first. Bringing it does so, too.
pub fn note_use(path: &Path) {
    if let Ok(note) = File::open(path.with_extension("note")) {
        // The order of removal is not worth an error.
        let _ = note.set_times(fs::FileTimes::new().set_accessed(SystemTime::now()));
    }
}

/// Locks a file, made if need be; none if another has it.
fn try_lock(path: &Path) -> io::Result<Option<File>> {
    loop {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Removed between opening and locking, the lock would be nobody else's.
        if file.metadata()?.nlink() > 0 {
            return Ok(Some(file));
        }
    }
}
