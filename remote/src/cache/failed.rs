//! Why an object could not be brought, written down for other processes.

use crate::error::Error;
use std::fs;
use std::path::Path;

/// Writes it down. If that fails, they do not know it.
pub fn save(error: &Error, path: &Path) {
    let message = error.to_string().replace(['\n', '\r'], " ");
    let _ = fs::write(path, format!("{}\n{message}\n", error.kind()));
}

/// Reads what was written down.
pub fn load(path: &Path) -> Option<Error> {
    let text = fs::read_to_string(path).ok()?;
    let mut lines = text.lines();
    let kind = lines.next()?.parse().ok()?;
    Some(Error::new(kind, lines.next()?))
}
