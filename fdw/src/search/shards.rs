//! Opens the index files at locations; a backend keeps them open.

use crate::search::backend::Backend;
use crate::search::listing::list_files;
use crate::search::recent::RecentValues;
use crate::search::stats;
use crate::sql::failure::{Failure, Result};
use crate::sql::settings::{Caching, Mapping};
use hither_core::{ErrorKind, IndexFile};
use hither_remote::{Access, CachedFile, Location, Object};
use pgrx::PgSqlErrorCode as Code;
use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

/// The precision of the recorded last use of a cached file.
const USE_NOTED: Duration = Duration::from_secs(1);
/// How many times opening is tried if another backend removes files from the cache.
const ATTEMPTS: usize = 3;

/// An open file of a table.
#[derive(Clone)]
pub struct Shard {
    /// Its location, as shown to users: a path or a URL.
    pub path: PathBuf,
    pub file: Rc<IndexFile>,
}

/// Distinguishes a file from another one that was renamed over it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    size: u64,
    mapped: bool,
}

/// The objects at a location, and when they were listed.
type List = (Vec<Object>, SystemTime);

thread_local! {
    /// By path, as text, which is compared faster than its components.
    static OPENED: RefCell<RecentValues<OsString, (Identity, Rc<IndexFile>)>> = RefCell::default();
    /// The paths of objects in the cache, and when their servers were last asked, by object id.
    static BROUGHT: RefCell<RecentValues<String, (PathBuf, SystemTime)>> = RefCell::default();
    /// When this backend last recorded the use of an object, by id.
    static USED: RefCell<RecentValues<String, SystemTime>> = RefCell::default();
    /// Lists by location and access.
    static LISTED: RefCell<RecentValues<(String, Access), List>> = RefCell::default();
}

/// The locations of a table's files, and what is needed to open them.
pub struct FileSet<'o> {
    pub locations: &'o [Location],
    pub access: &'o Access,
    pub caching: &'o Caching,
    pub mapping: Mapping,
}

/// A file at a location, on this machine or remote.
enum Entry {
    Path(PathBuf),
    Object(Object),
}

impl FileSet<'_> {
    /// Opens all files. Remote ones are fetched first, several at a time.
    pub fn open(&self) -> Result<Vec<Shard>> {
        let mut found = Vec::new();
        for location in self.locations {
            found.extend(self.list(location)?);
        }
        let objects: Vec<Object> = found
            .iter()
            .filter_map(|found| match found {
                Entry::Object(object) => Some(object.clone()),
                Entry::Path(_) => None,
            })
            .collect();
        let mut attempt = 1;
        loop {
            // The locks on cached files are held until all are open, so that fetching one evicts none of
            // the others.
            let (paths, _cached) = self.bring(&objects)?;
            let mut paths = paths.iter();
            let shards = found.iter().map(|found| match found {
                Entry::Path(path) => open_file(path, path, self.is_mapped()),
                Entry::Object(object) => {
                    let none = || unreachable!("every object was brought");
                    let path = paths.next().unwrap_or_else(none);
                    open_file(path, Path::new(object.url()), self.is_mapped()).inspect_err(|_| {
                        BROUGHT.with_borrow_mut(|brought| brought.remove(object.id()));
                    })
                }
            });
            match shards.collect() {
                Err(failure)
                    if attempt < ATTEMPTS && !objects.is_empty() && failure.is_missing() =>
                {
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    fn is_mapped(&self) -> bool {
        self.mapping != Mapping::Never
    }

    /// The files at a location. Lists from servers are trusted as long as files are.
    fn list(&self, location: &Location) -> Result<Vec<Entry>> {
        if let Location::Path(path) = location {
            let paths = list_files(path)?.into_iter();
            if self.mapping != Mapping::Copied {
                return Ok(paths.map(Entry::Path).collect());
            }
            return paths.map(|path| copied(&path).map(Entry::Object)).collect();
        }
        let trusted_since = self.caching.trusted_since();
        let key = (location.to_string(), self.access.clone());
        let known = LISTED.with_borrow_mut(|listed| {
            listed
                .get(&key)
                .filter(|(_, asked)| *asked >= trusted_since)
                .map(|(list, _)| list.clone())
        });
        let objects = match known {
            Some(objects) => objects,
            None => {
                let asked = SystemTime::now();
                let objects = self.access.objects(location, &mut Backend)?;
                LISTED.with_borrow_mut(|listed| listed.insert(key, (objects.clone(), asked)));
                objects
            }
        };
        Ok(objects.into_iter().map(Entry::Object).collect())
    }

    /// The paths of objects on this machine; fetches those that are missing.
    fn bring(&self, objects: &[Object]) -> Result<(Vec<PathBuf>, Vec<CachedFile>)> {
        if objects.is_empty() {
            return Ok(Default::default());
        }
        let trusted_since = self.caching.trusted_since();
        let known = BROUGHT.with_borrow_mut(|brought| {
            let mut known = |object: &Object| {
                let (path, asked) = brought.get(object.id())?;
                (*asked >= trusted_since).then(|| path.clone())
            };
            objects.iter().map(&mut known).collect::<Option<Vec<_>>>()
        });
        if let Some(paths) = known {
            for (object, path) in objects.iter().zip(&paths) {
                note_use(object, path);
            }
            return Ok((paths, Vec::new()));
        }
        let cache = self.caching.cache()?;
        let cached = cache.bring(objects, &mut Backend)?;
        BROUGHT.with_borrow_mut(|brought| {
            for (object, cached) in objects.iter().zip(&cached) {
                brought.insert(object.id().into(), (cached.path.clone(), cached.asked));
            }
        });
        Ok((cached.iter().map(|cached| cached.path.clone()).collect(), cached))
    }

    /// The location of each file, without fetching any.
    pub fn locations(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for location in self.locations {
            names.extend(self.list(location)?.into_iter().map(|found| match found {
                Entry::Path(path) => path.display().to_string(),
                Entry::Object(object) => object.url().into(),
            }));
        }
        Ok(names)
    }

    /// The status of each file, without fetching any.
    pub fn statuses(&self) -> Vec<FileStatus> {
        let mut statuses = Vec::new();
        for location in self.locations {
            match self.list(location) {
                Ok(found) => statuses.extend(found.into_iter().map(|found| self.status_of(&found))),
                Err(failure) => statuses.push(FileStatus::failed(location.to_string(), failure)),
            }
        }
        statuses
    }

    fn status_of(&self, found: &Entry) -> FileStatus {
        let object = match found {
            Entry::Path(path) => {
                return match open_file(path, path, self.is_mapped()) {
                    Ok(shard) => FileStatus::open(shard, None),
                    Err(failure) => FileStatus::failed(path.display().to_string(), failure),
                };
            }
            Entry::Object(object) => object,
        };
        let url = object.url().to_owned();
        let cached = self.caching.cache().map(|cache| cache.look(object));
        let (path, past) = match cached {
            Ok(cached) => cached,
            Err(failure) => return FileStatus::failed(url, failure),
        };
        let now = object.length(&mut Backend);
        let opened = path.map(|path| open_file(&path, Path::new(&url), self.is_mapped()));
        let mut status = match opened {
            Some(Ok(shard)) => FileStatus::open(shard, Some(true)),
            Some(Err(failure)) => FileStatus::failed(url, failure),
            None => FileStatus { cached: Some(false), ..FileStatus::named(url) },
        };
        match now {
            Ok(bytes) => status.bytes = status.bytes.or(bytes),
            Err(error) => status.error = Some(Failure::from(error).message().into()),
        }
        let past = past.map(|error| Failure::from(error).message().into());
        status.error = status.error.or(past);
        status
    }
}

/// The status of a file.
pub struct FileStatus {
    pub location: String,
    pub file: Option<Rc<IndexFile>>,
    pub bytes: Option<u64>,
    /// Whether a remote file is in the cache.
    pub cached: Option<bool>,
    pub error: Option<String>,
}

impl FileStatus {
    fn named(location: String) -> Self {
        Self { location, file: None, bytes: None, cached: None, error: None }
    }

    fn open(shard: Shard, cached: Option<bool>) -> Self {
        let bytes = Some(shard.file.len());
        let location = shard.path.display().to_string();
        Self { location, file: Some(shard.file), bytes, cached, error: None }
    }

    pub fn failed(location: String, failure: Failure) -> Self {
        Self { error: Some(failure.message().into()), ..Self::named(location) }
    }
}

/// A file on this machine as an object to be copied to the cache.
fn copied(path: &Path) -> Result<Object> {
    let Identity { device, inode, modified, size, .. } = identity(path, path, true)?;
    Ok(Object::local(path, &format!("{device} {inode} {modified:?} {size}"))?)
}

/// Records that a cached file is used now, unless this backend did so just before.
fn note_use(object: &Object, path: &Path) {
    let now = SystemTime::now();
    let noted = USED.with_borrow_mut(|used| used.get(object.id()).copied());
    if noted.is_some_and(|then| now.duration_since(then).is_ok_and(|ago| ago < USE_NOTED)) {
        return;
    }
    hither_remote::note_use(path);
    USED.with_borrow_mut(|used| used.insert(object.id().into(), now));
}

/// Opens a file, or returns the one that this backend has open if it is still the same. Errors call it
/// `name`.
fn open_file(path: &Path, name: &Path, mapped: bool) -> Result<Shard> {
    let identity = identity(path, name, mapped)?;
    let known = OPENED.with_borrow_mut(|opened| {
        opened
            .get(path.as_os_str())
            .filter(|(known, _)| *known == identity)
            .map(|(_, file)| Rc::clone(file))
    });
    let file = match known {
        Some(file) => file,
        None => {
            let opened = if mapped { IndexFile::open(path) } else { IndexFile::read(path) };
            let file = Rc::new(opened.map_err(|error| damaged(path, name, error))?);
            stats::note_open();
            let entry = (identity, Rc::clone(&file));
            OPENED.with_borrow_mut(|opened| opened.insert(path.into(), entry));
            file
        }
    };
    Ok(Shard { path: name.into(), file })
}

/// The identity of the file at a path.
fn identity(path: &Path, name: &Path, mapped: bool) -> Result<Identity> {
    let metadata = fs::metadata(path).map_err(|error| missing(name, &error))?;
    if metadata.is_dir() {
        return Err(missing(name, &std::io::ErrorKind::IsADirectory.into()));
    }
    // Reading a pipe or a device would never end.
    if !metadata.is_file() {
        let message = format!("\"{}\" is no regular file", name.display());
        return Err(Failure::new(Code::ERRCODE_WRONG_OBJECT_TYPE, message));
    }
    Ok(Identity {
        device: metadata.dev(),
        inode: metadata.ino(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        size: metadata.size(),
        mapped,
    })
}

/// An error of the library, with the name of the file.
fn damaged(path: &Path, name: &Path, error: hither_core::Error) -> Failure {
    match error.kind() {
        ErrorKind::Io { .. } => match fs::File::open(path) {
            Err(error) => missing(name, &error),
            Ok(_) => Failure::from(error),
        },
        _ => Failure::from(error).about(name),
    }
}

fn missing(path: &Path, error: &std::io::Error) -> Failure {
    let code = match error.kind() {
        std::io::ErrorKind::NotFound => Code::ERRCODE_UNDEFINED_FILE,
        std::io::ErrorKind::PermissionDenied => Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
        _ => Code::ERRCODE_IO_ERROR,
    };
    let reason = match error.kind() {
        std::io::ErrorKind::NotFound => "No such file or directory".into(),
        std::io::ErrorKind::PermissionDenied => "Permission denied".into(),
        std::io::ErrorKind::IsADirectory => "It is a directory".into(),
        _ => error.to_string(),
    };
    Failure::new(code, format!("could not open index file \"{}\": {reason}", path.display()))
        .hint("The path is one of the machine that Postgres runs on, and its user must be able to read it.")
}
