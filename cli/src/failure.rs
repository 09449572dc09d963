//! The reasons why a command fails or ends early.

use crate::settings::{described, with_option};
use hither_rows::Error;
use std::io;
use std::path::Path;

/// The reason why a command fails or ends early.
#[derive(Debug)]
pub enum Failure {
    /// A line for users, printed after `error: `.
    Message(String),
    /// The reader of the output, such as `head`, has closed it.
    ClosedPipe,
    /// Ctrl-C; everything that was begun was undone.
    Interrupted,
    /// Ctrl-C; the message says how to resume.
    Paused(String),
}

impl Failure {
    /// An error about a file.
    pub fn at(path: &Path, error: impl std::fmt::Display) -> Self {
        let (path, error) = (name(path), error.to_string());
        // Errors of the system already contain the path.
        if error.starts_with(&path) {
            Self::Message(error)
        } else {
            Self::Message(format!("{path}: {error}"))
        }
    }

    /// The line for users.
    pub fn message(self) -> String {
        match self {
            Self::Message(message) | Self::Paused(message) => message,
            Self::ClosedPipe => "whoever read the output has enough".into(),
            Self::Interrupted => "interrupted".into(),
        }
    }

    /// An error of a search; if the query is at fault, it names the query's row.
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

/// The name of a file in messages; for a URL without what may be a secret.
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
