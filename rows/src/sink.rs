//! A file that only appears when it is complete, and the trait of its writers.

use std::path::Path;

use hither::raw::AtomicFile;
use hither::{ErrorKind, KeyRef, Value};

use crate::Error;

/// Writes one format.
pub trait Sink: Send {
    fn write(
        &mut self,
        key: Option<KeyRef<'_>>,
        vector: &[f32],
        values: &[Value],
    ) -> Result<(), Error>;

    fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// Creates a file that only appears when it is complete.
///
/// # Errors
///
/// If the system rejects it, or its name is `-`: a partial file cannot be taken back from standard output.
pub fn create(path: &Path) -> Result<AtomicFile, Error> {
    if path == Path::new("-") {
        let reason = "nothing is written to standard output; name a file (./- for one called so)";
        return Err(Error::new(path, reason));
    }
    AtomicFile::create(path).map_err(|error| failed(path, error))
}

/// An error of the library about a file that is being written.
pub fn failed(path: &Path, error: hither::Error) -> Error {
    match error.kind() {
        ErrorKind::Io { reason, .. } => {
            Error::new(path, reason.split(" (os error").next().unwrap_or(reason))
        }
        _ => Error::new(path, error.to_string()),
    }
}

/// The error of a library that writes a format, without the kind of the error before the message and
/// without the system's error number after it.
#[cfg(feature = "parquet")]
pub fn refused(path: &Path, error: impl std::fmt::Display) -> Error {
    let text = error.to_string();
    let text = text.split_once(": ").map_or(text.as_str(), |(_, reason)| reason);
    let reason = text.split(" (os error").next().unwrap_or(text);
    Error::new(path, format!("it cannot be written: {reason}"))
}
