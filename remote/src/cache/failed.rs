//! Records why an object could not be downloaded, for other processes.

use crate::error::Error;
use std::fs;
use std::path::Path;

/// Saves the error. If that fails, other processes do not learn of it.
pub fn save(error: &Error, path: &Path) {
    let message = error.to_string().replace(['\n', '\r'], " ");
    let _ = fs::write(path, format!("{}\n{message}\n", error.kind()));
}

/// Loads the saved error.
pub fn load(path: &Path) -> Option<Error> {
    let text = fs::read_to_string(path).ok()?;
    let mut lines = text.lines();
    let kind = lines.next()?.parse().ok()?;
    Some(Error::new(kind, lines.next()?))
}
