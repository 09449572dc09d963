//! Opening index files: mapped, or read into memory where the name leads to what can be read only once,
//! such as a pipe.

use crate::failure::Failure;
use hither::{ErrorKind, IndexFile};
use std::fs;
use std::path::{Path, PathBuf};

/// Opens an index file; `-` is standard input.
pub fn open(path: &Path) -> Result<IndexFile, Failure> {
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
