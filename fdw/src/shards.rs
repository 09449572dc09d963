//! From locations to opened index files, which a backend keeps.

use crate::failure::{Failure, Result};
use hither_core::IndexFile;
use pgrx::PgSqlErrorCode as Code;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Most files that a backend keeps open beside those in use.
const MOST_OPEN: usize = 1024;

/// One file of a table, open.
#[derive(Clone)]
pub struct Shard {
    pub path: PathBuf,
    pub file: Rc<IndexFile>,
}

/// What tells a file from one that was renamed over it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    size: u64,
    mapped: bool,
}

thread_local! {
    static OPENED: RefCell<HashMap<PathBuf, (Identity, Rc<IndexFile>)>> = RefCell::default();
}

/// Opens a file, or takes the one that this backend has open if it is still the same.
pub fn open(path: &Path, mapped: bool) -> Result<Shard> {
    let metadata = fs::metadata(path).map_err(|error| missing(path, &error))?;
    let identity = Identity {
        device: metadata.dev(),
        inode: metadata.ino(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        size: metadata.size(),
        mapped,
    };
    let known = OPENED.with_borrow(|opened| {
        opened.get(path).filter(|(known, _)| *known == identity).map(|(_, file)| Rc::clone(file))
    });
    if let Some(file) = known {
        return Ok(Shard { path: path.into(), file });
    }
    let opened = if mapped { IndexFile::open(path) } else { IndexFile::read(path) };
    let file = Rc::new(opened.map_err(|error| damaged(path, error))?);
    OPENED.with_borrow_mut(|opened| {
        if opened.len() >= MOST_OPEN {
            // Files in use stay open by their own count.
            opened.clear();
        }
        opened.insert(path.into(), (identity, Rc::clone(&file)));
    });
    Ok(Shard { path: path.into(), file })
}

/// An error of the library, with the file that it is about.
pub fn damaged(path: &Path, error: hither_core::Error) -> Failure {
    match error {
        error @ hither_core::Error::Io { .. } => Failure::from(error),
        error => Failure::from(error).about(path),
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
        _ => error.to_string(),
    };
    Failure::new(code, format!("could not open index file \"{}\": {reason}", path.display()))
        .hint("The path is one of the machine that Postgres runs on, and its user must be able to read it.")
}

/// The files that locations mean: a path, a directory's `*.hither`, or a glob; relative ones
/// beneath `base`. Sorted by name within a location.
pub fn list<'l>(
    locations: impl Iterator<Item = &'l str>,
    base: Option<&str>,
) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for location in locations {
        if location.contains("://") {
            let message = format!("location \"{location}\" is not a path");
            return Err(Failure::new(Code::ERRCODE_FEATURE_NOT_SUPPORTED, message).hint(
                "Files over HTTP and S3 cannot be read yet: copy the file to this machine.",
            ));
        }
        let path = Path::new(base.unwrap_or("")).join(location);
        if !path.is_absolute() {
            let message = format!("location \"{location}\" is not an absolute path");
            return Err(Failure::new(Code::ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE, message).hint(
                "Write it from the root, or give the server a location that it is beneath.",
            ));
        }
        let before = paths.len();
        let pattern = if path.is_dir() { path.join("*.hither") } else { path.clone() };
        let text = pattern.to_string_lossy();
        if !text.contains(['*', '?', '[']) {
            paths.push(path);
            continue;
        }
        let matches = glob::glob(&text).map_err(|error| {
            let message = format!("location \"{location}\": {error}");
            Failure::new(Code::ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE, message)
        })?;
        paths.extend(matches.flatten().filter(|path| path.is_file()));
        if paths.len() == before {
            let message = format!("there is no index file at \"{}\"", pattern.display());
            return Err(Failure::new(Code::ERRCODE_UNDEFINED_FILE, message)
                .hint("Make one with `hither build`; their names end in .hither."));
        }
    }
    Ok(paths)
}
