//! Creates the files for building and saving indexes.

use crate::failure::{Failure, Outcome};
use hither::ErrorKind;
use hither::raw::AtomicFile;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// An unnamed file for segments that do not fit in memory, beside the output.
///
/// # Errors
/// Errors of the system.
pub fn spill(output: Option<&Path>) -> Outcome<File> {
    let beside = output.map(AtomicFile::temporary_path);
    let folder = beside.as_deref().and_then(Path::parent);
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    let file = match (folder, output) {
        (Some(folder), _) => tempfile::tempfile_in(folder),
        (None, Some(_)) => tempfile::tempfile_in("."),
        (None, None) => tempfile::tempfile(),
    };
    file.map_err(|error| Failure::new("io", format!("a file for segments put aside: {error}")))
}

/// Refuses to replace a file that is not an index file, unless `force` is set.
///
/// # Errors
/// `file_exists`.
pub fn check_output(path: &Path, force: bool) -> Outcome<()> {
    if force || !fs::metadata(path).is_ok_and(|there| there.is_file()) {
        return Ok(());
    }
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(64).read_to_end(&mut start));
    let not_one = |error: hither::Error| *error.kind() == ErrorKind::NotAnIndex;
    if read.is_ok() && !hither::raw::file_length(&start).is_err_and(not_one) {
        return Ok(());
    }
    let message = format!(
        "{}: there is a file of this name, no index file; force=True replaces it",
        path.display()
    );
    Err(Failure::new("file_exists", message))
}
