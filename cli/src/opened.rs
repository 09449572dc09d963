//! Opening index files: mapped, or read into memory where the name leads to what can be read only once,
//! such as a pipe; those of servers are brought first.

use crate::failure::Failure;
#[cfg(all(feature = "remote", unix))]
use crate::fetch::fetch;
use hither::{ErrorKind, IndexFile};
use std::fs;
use std::path::{Path, PathBuf};

/// Whether a file is named by where it is on a server.
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

/// Elsewhere, and in a command without that part, there is nobody who could.
#[cfg(not(all(feature = "remote", unix)))]
fn fetch(url: &str) -> Result<IndexFile, Failure> {
    let remedy = "on Unix: cargo build --release -p hither-cli --features remote";
    Err(format!("{url}: this hither fetches no files ({remedy})").into())
}

/// An error of indexes that were to go together, with the file that is not like the first.
pub fn unlike(files: &[PathBuf], error: hither::Error) -> Failure {
    match *error.kind() {
        ErrorKind::Unlike { index, what } => {
            let reason = format!("it has other {what} than the first file; take like with like");
            Failure::at(&files[index], reason)
        }
        _ => error.into(),
    }
}
