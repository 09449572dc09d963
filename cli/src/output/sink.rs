//! A file that appears when it is whole, and what writes it.

use std::path::Path;

use hither::{AtomicFile, Error, ErrorKind, KeyRef, Value};

use crate::input::InputError;

/// A writer of one format.
pub trait Sink: Send {
    fn write(
        &mut self,
        key: Option<KeyRef<'_>>,
        vector: &[f32],
        values: &[Value],
    ) -> Result<(), InputError>;

    fn finish(self: Box<Self>) -> Result<(), InputError>;
}

/// Begins a file that appears when it is whole; an end by a signal removes what is unfinished.
pub fn create(path: &Path) -> Result<AtomicFile, InputError> {
    if path == Path::new("-") {
        let reason = "nothing is written to standard output; name a file (./- for one called so)";
        return Err(InputError::new(path, reason));
    }
    crate::interrupt::remove_unfinished(path);
    AtomicFile::create(path).map_err(|error| failed(path, error))
}

/// What the library said of a file that is written.
pub fn failed(path: &Path, error: Error) -> InputError {
    match error.kind() {
        ErrorKind::Io { reason, .. } => {
            InputError::new(path, reason.split(" (os error").next().unwrap_or(reason))
        }
        _ => InputError::new(path, error.to_string()),
    }
}
