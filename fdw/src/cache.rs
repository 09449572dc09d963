//! Remote files on this machine: a folder of limited size that all backends share.
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
//! Locks are the system's: those of a backend that dies are gone with it.

mod download;
mod note;
mod room;

use crate::failure::{Failure, Result};
use crate::remembered::Remembered;
use crate::remote::Object;
use note::Note;
use pgrx::PgSqlErrorCode as Code;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often a backend that waits for another one looks whether it is done.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How exactly the time of the last use is kept.
const USE_NOTED: Duration = Duration::from_secs(1);

thread_local! {
    /// Objects that this backend used, and when it last noted that.
    static USED: RefCell<Remembered<String, SystemTime>> = RefCell::default();
}

/// The folder, and what the files of one table may take of it.
pub struct Cache {
    folder: PathBuf,
    /// Most bytes of all files.
    size: u64,
    /// Most bytes of the files of this table, and what of it is taken, by object.
    share: Option<u64>,
    taken: RefCell<HashMap<String, u64>>,
    /// Answers of the server that are younger than this moment are believed.
    believed: SystemTime,
}

/// A file that is not removed from the cache while this lives.
pub struct Held {
    pub path: PathBuf,
    /// When the server last said that it is right.
    pub asked: SystemTime,
    _locked: File,
}

impl Cache {
    /// Opens the folder, and makes it if need be.
    ///
    /// # Errors
    /// It cannot be made or written.
    pub fn open(
        folder: PathBuf,
        size: u64,
        share: Option<u64>,
        believed: SystemTime,
    ) -> Result<Self> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        let cache = Self { folder, size, share, taken: RefCell::default(), believed };
        made.map_err(|error| cache.unusable(&error))?;
        Ok(cache)
    }

    /// The file of an object, brought if it is not there or not the server's any more.
    pub async fn bring(&self, object: &Object) -> Result<Held> {
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
            && let Some(failure) = Failure::load(&failed).filter(|failure| !failure.is_limit())
        {
            return Err(failure);
        }
        match self.refresh(object).await {
            Ok(held) => {
                let _ = fs::remove_file(&failed);
                Ok(held)
            }
            Err(failure) => {
                failure.save(&failed);
                Err(failure)
            }
        }
    }

    /// What is cached of an object: where, and why it could not be brought last time.
    pub fn look(&self, object: &Object) -> (Option<PathBuf>, Option<Failure>) {
        let path = Some(self.path(object, "hither")).filter(|path| path.exists());
        (path, Failure::load(&self.path(object, "error")))
    }

    /// The cached file, if the server said recently enough that it is right.
    fn fresh(&self, object: &Object) -> Result<Option<Held>> {
        let path = self.path(object, "note");
        let Some(note) = Note::read(&path) else { return Ok(None) };
        let asked = fs::metadata(&path).and_then(|metadata| metadata.modified());
        let asked = asked.unwrap_or(SystemTime::UNIX_EPOCH);
        let recent = asked >= self.believed;
        let same = match &object.listed {
            Some(meta) => note.is_of(meta) && (recent || note.is_certain()),
            None => recent,
        };
        if !same {
            return Ok(None);
        }
        // What a listing says was said when the list was asked for.
        let asked = if recent { asked } else { self.believed };
        let Some(held) = self.hold(object, asked) else { return Ok(None) };
        self.take(object, note.length)?;
        note_use(&object.id, &held.path);
        Ok(Some(held))
    }

    /// Locks the cached file against removal; none if there is none, or it is being removed.
    fn hold(&self, object: &Object, asked: SystemTime) -> Option<Held> {
        let path = self.path(object, "hither");
        let file = File::open(&path).ok()?;
        file.try_lock_shared().ok()?;
        // Locked too late, it is a file without a name.
        (file.metadata().ok()?.nlink() > 0).then_some(Held { path, asked, _locked: file })
    }

    /// Counts a file into what the table may take.
    fn take(&self, object: &Object, bytes: u64) -> Result<()> {
        let mut taken = self.taken.borrow_mut();
        taken.insert(object.id.clone(), bytes);
        let taken: u64 = taken.values().sum();
        match self.share {
            Some(share) if taken > share => {
                let message =
                    format!("the files of the table take more than its cache_size, {share} bytes");
                Err(Failure::new(Code::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, message)
                    .hint("Raise or drop the option cache_size of the table or its server."))
            }
            _ => Ok(()),
        }
    }

    /// Locks a file that exists for that alone, looking again and again: a wait for the system
    /// would hear of no cancel.
    async fn lock(&self, path: &Path) -> Result<File> {
        loop {
            if let Some(locked) = try_lock(path).map_err(|error| self.unusable(&error))? {
                return Ok(locked);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn path(&self, object: &Object, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", object.id))
    }

    /// The error of a folder or file of the cache.
    fn unusable(&self, error: &std::io::Error) -> Failure {
        let folder = self.folder.display();
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                let message = format!("no room on the disk of the cache directory \"{folder}\"");
                Failure::new(Code::ERRCODE_DISK_FULL, message).hint(
                    "Free some, lower hither.cache_size, or choose another hither.cache_directory.",
                )
            }
            kind => {
                let code = match kind {
                    std::io::ErrorKind::PermissionDenied => Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                    _ => Code::ERRCODE_IO_ERROR,
                };
                let message = format!("could not use the cache directory \"{folder}\": {error}");
                Failure::new(code, message)
                    .hint("The user of Postgres must be able to write hither.cache_directory.")
            }
        }
    }
}

/// Writes down that a cached file is used now: what was not used longest is removed first.
pub fn note_use(id: &str, path: &Path) {
    let now = SystemTime::now();
    let noted = USED.with_borrow_mut(|used| used.get(id).copied());
    if noted.is_some_and(|then| now.duration_since(then).is_ok_and(|ago| ago < USE_NOTED)) {
        return;
    }
    if let Ok(note) = File::open(path.with_extension("note")) {
        // The order of removal is not worth an error.
        let _ = note.set_times(fs::FileTimes::new().set_accessed(now));
    }
    USED.with_borrow_mut(|used| used.insert(id.to_owned(), now));
}

/// Locks a file, made if need be; none if another has it.
fn try_lock(path: &Path) -> std::io::Result<Option<File>> {
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
