//! Why a command ended early.

use crate::settings::{described, with_option};
use hither_rows::Error;
use std::io;
use std::path::Path;

/// Why a command ended early.
#[derive(Debug)]
pub enum Failure {
    /// One line for people, printed behind `error: `.
    Message(String),
    /// Whoever read the output has enough, such as `head`.
    ClosedPipe,
    /// Ctrl-C; everything was taken back.
    Interrupted,
    /// Ctrl-C; what was begun can be gone on with, as this says.
    Paused(String),
}

impl Failure {
    /// An error of a file.
    pub fn at(path: &Path, error: impl std::fmt::Display) -> Self {
        let (path, error) = (name(path), error.to_string());
        // The system's errors name the path themselves.
        if error.starts_with(&path) {
            Self::Message(error)
        } else {
            Self::Message(format!("{path}: {error}"))
        }
    }

    /// The line for people.
    pub fn message(self) -> String {
        match self {
            Self::Message(message) | Self::Paused(message) => message,
            Self::ClosedPipe => "whoever read the output has enough".into(),
            Self::Interrupted => "interrupted".into(),
        }
    }

    /// An error of a search; one of the query itself names its row.
    pub fn at_query(path: &Path, row: usize, error: hither::Error) -> Self {
        use hither::ErrorKind;
        match error.kind() {
            ErrorKind::NonFinite { .. } | ErrorKind::ZeroVector | ErrorKind::VectorOverflow => {
                Error::at_row(path, row as u64, error.to_string()).into()
            }
            _ => error.into(),
        }
    }
}

/// A file as messages call it: of a URL without what may be a secret.
pub fn name(path: &Path) -> String {
    let name = path.display().to_string();
    #[cfg(all(feature = "remote", unix))]
    if hither_remote::location::is_url(&name) {
        return hither_remote::masked(&name);
    }
    name
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        Self::Message(message.into())
    }
}

impl From<hither::Error> for Failure {
    fn from(error: hither::Error) -> Self {
        Self::Message(described(&error))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Message(with_option(error.to_string(), error.setting()))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Message(format!("cannot write JSON: {error}"))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::Message(format!("cannot write: {error}")),
        }
    }
}
