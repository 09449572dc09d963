//! A file that appears when it is whole, and what writes it.

use std::path::Path;

use hither::raw::AtomicFile;
use hither::{ErrorKind, KeyRef, Value};

use crate::Error;

/// A writer of one format.
pub trait Sink: Send {
    fn write(
        &mut self,
        key: Option<KeyRef<'_>>,
        vector: &[f32],
        values: &[Value],
    ) -> Result<(), Error>;

    fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// Begins a file that appears when it is whole.
///
/// # Errors
///
/// If the system refuses it, or it is called `-`: what is not whole cannot be taken back from
/// standard output.
pub fn create(path: &Path) -> Result<AtomicFile, Error> {
    if path == Path::new("-") {
        let reason = "nothing is written to standard output; name a file (./- for one called so)";
        return Err(Error::new(path, reason));
    }
    AtomicFile::create(path).map_err(|error| failed(path, error))
}

/// An error of the library about a file that is written.
pub fn failed(path: &Path, error: hither::Error) -> Error {
    match error.kind() {
        ErrorKind::Io { reason, .. } => {
            Error::new(path, reason.split(" (os error").next().unwrap_or(reason))
        }
        _ => Error::new(path, error.to_string()),
    }
}

/// What a library that writes a format said: without the name of the kind of error before it, and the
/// system's number behind it.
#[cfg(feature = "parquet")]
pub fn refused(path: &Path, error: impl std::fmt::Display) -> Error {
    let text = error.to_string();
    let text = text.split_once(": ").map_or(text.as_str(), |(_, reason)| reason);
    let reason = text.split(" (os error").next().unwrap_or(text);
    Error::new(path, format!("it cannot be written: {reason}"))
}
