//! Errors about rows: the file, the place in it, what was found and what to do.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::diagnostic::{Diagnostic, Setting};

/// Where in a file something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Whole,
    /// A row of a binary file, counted from 0, like keys that are row numbers.
    Row(u64),
    /// A line of a text file, counted from 1, as in editors.
    Line(u64),
}

/// An input file that cannot be read, or an output file that cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    path: PathBuf,
    place: Place,
    reason: Diagnostic,
}

impl Error {
    /// An error about the file as a whole.
    pub fn new(path: &Path, reason: impl Into<Diagnostic>) -> Self {
        Self { path: path.to_owned(), place: Place::Whole, reason: reason.into() }
    }

    /// An error about a row of a binary file, counted from 0.
    pub fn at_row(path: &Path, row: u64, reason: impl Into<Diagnostic>) -> Self {
        Self { place: Place::Row(row), ..Self::new(path, reason) }
    }

    /// An error about a line of a text file, counted from 1.
    pub fn at_line(path: &Path, line: u64, reason: impl Into<Diagnostic>) -> Self {
        Self { place: Place::Line(line), ..Self::new(path, reason) }
    }

    /// The error that this build neither reads nor writes Parquet, and does not read Arrow.
    #[cfg(not(feature = "parquet"))]
    pub(crate) fn without_parquet(path: &Path) -> Self {
        let reason = "Parquet and Arrow were left out when this was built; build it with Parquet, or use .jsonl";
        Self::new(path, Diagnostic::with(reason, Setting::Feature("parquet")))
    }

    /// The path of the file, or another name for the source of the rows, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The setting that would solve the problem; the text does not name it.
    pub fn setting(&self) -> Option<&Setting> {
        self.reason.setting()
    }

    /// An error of the operating system, without its number.
    pub fn io(path: &Path, error: &io::Error) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".into(),
            io::ErrorKind::IsADirectory => "this is a folder, not a file".into(),
            io::ErrorKind::UnexpectedEof => {
                "the file ends too early; it was cut, or is still being written".into()
            }
            _ => {
                let text = error.to_string();
                text.split(" (os error").next().unwrap_or(&text).to_lowercase()
            }
        };
        Self::new(path, reason)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.place {
            Place::Whole => write!(f, "{path}: {}", self.reason),
            Place::Row(row) => write!(f, "{path}, row {row} (from 0): {}", self.reason),
            Place::Line(line) => write!(f, "{path}, line {line}: {}", self.reason),
        }
    }
}

impl std::error::Error for Error {}
