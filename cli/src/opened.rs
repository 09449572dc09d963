//! Opens index files: mapped, or read into memory if they can be read only once, like a pipe. Files on
//! servers are downloaded first.

use crate::failure::Failure;
#[cfg(all(feature = "remote", unix))]
use crate::fetch::fetch;
use hither::{ErrorKind, IndexFile};
use std::fs;
use std::path::{Path, PathBuf};

/// Whether a file is named by a URL.
pub fn is_url(path: &Path) -> bool {
    path.to_str().is_some_and(|name| name.contains("://"))
}

/// Opens an index file; `-` is standard input.
pub fn open(path: &Path) -> Result<IndexFile, Failure> {
    if is_url(path) {
        return fetch(&path.to_string_lossy());
    }
    let file = match path == Path::new("-") {
        true => Path::new("/dev/stdin"),
        false => path,
    };
    // A pipe has no length and cannot be mapped.
    let stream = fs::metadata(file).is_ok_and(|there| !there.is_file() && !there.is_dir());
    let opened = if stream { IndexFile::read(file) } else { IndexFile::open(file) };
    opened.map_err(|error| match error.kind() {
        ErrorKind::Io { reason, .. } if file != path => Failure::at(path, reason),
        _ => Failure::at(path, error),
    })
}

/// On other systems, and in a build without that feature, files on servers cannot be fetched.
#[cfg(not(all(feature = "remote", unix)))]
fn fetch(url: &str) -> Result<IndexFile, Failure> {
    let remedy = "on Unix: cargo build --release -p hither-cli --features remote";
    Err(format!("{url}: this hither fetches no files ({remedy})").into())
}

/// The error for indexes that do not fit together, with the file that differs from the first.
pub fn unlike(files: &[PathBuf], error: hither::Error) -> Failure {
    match *error.kind() {
        ErrorKind::Unlike { index, what } => {
            let reason = format!("it has other {what} than the first file; take like with like");
            Failure::at(&files[index], reason)
        }
        _ => error.into(),
    }
}
