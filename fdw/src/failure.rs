//! What goes wrong, as Postgres reports it: SQLSTATE, message, hint.

use crate::charset::of_error;
use hither_core::{Error, ErrorKind};
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::PgLogLevel;
use std::path::Path;

/// An error that is about to be raised. Functions return it, callbacks raise it.
#[derive(Debug)]
pub struct Failure {
    code: Code,
    message: String,
    hint: Option<String>,
}

pub type Result<T> = core::result::Result<T, Failure>;

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same, naming the file that it is about.
    pub fn about(self, path: &Path) -> Self {
        Self { message: format!("index file \"{}\": {}", path.display(), self.message), ..self }
    }

    /// The same, naming the value that it is about.
    pub fn of_value(self, column: &str, key: impl std::fmt::Display) -> Self {
        let message = format!("column \"{column}\" of the row with key {key}: {}", self.message);
        Self { message, ..self }
    }

    /// Whether it says that a file is damaged, or none.
    pub fn is_damage(&self) -> bool {
        matches!(self.code, Code::ERRCODE_DATA_CORRUPTED | Code::ERRCODE_WRONG_OBJECT_TYPE)
    }

    /// Whether a server did not answer, or not to the end.
    pub fn is_network(&self) -> bool {
        self.code == Code::ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION
    }

    /// Whether it is about a limit that another table or session may not have.
    pub fn is_limit(&self) -> bool {
        self.code == Code::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED
    }

    /// Whether a file is not where it was.
    pub fn is_missing(&self) -> bool {
        self.code == Code::ERRCODE_UNDEFINED_FILE
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    /// Writes it down for other backends. What cannot be written is not known to them.
    pub fn save(&self, path: &Path) {
        let hint = self.hint.as_deref().unwrap_or_default();
        let lines = [&self.message, hint].map(|text| text.replace(['\n', '\r'], " "));
        let text = format!("{}\n{}\n{}\n", self.code as i32, lines[0], lines[1]);
        let _ = std::fs::write(path, text);
    }

    /// Reads what was written down.
    pub fn load(path: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        let mut lines = text.lines();
        let code = lines.next()?.parse::<i32>().ok()?.into();
        let message = lines.next()?.into();
        let hint = lines.next().filter(|hint| !hint.is_empty()).map(Into::into);
        Some(Self { code, message, hint })
    }

    /// The files are not what the plan was made for: cached plans are made anew from now on.
    pub fn outdated() -> Self {
        // SAFETY: marks cached plans, within a transaction.
        unsafe { pgrx::pg_sys::ResetPlanCache() };
        let message = "the files of the table changed since the statement was planned";
        Self::new(Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, message)
            .hint("Run the statement again: it will be planned anew.")
    }

    /// What a search says: of the query if that is wrong, else of the file.
    pub fn from_search(error: Error, path: &Path) -> Self {
        match error.kind() {
            ErrorKind::DimensionMismatch { .. } | ErrorKind::NonFinite { .. } => Self::from(error),
            _ => Self::from(error).about(path),
        }
    }

    /// Says it as a warning, and goes on.
    pub fn warn(self) {
        self.report().report(PgLogLevel::WARNING);
    }

    /// Raises the error: Rust's stack unwinds, then Postgres aborts the statement.
    pub fn raise(self) -> ! {
        self.report().report(PgLogLevel::ERROR);
        unreachable!("an error report of level ERROR does not return")
    }

    fn report(self) -> ErrorReport {
        let report = ErrorReport::new(self.code, of_error(self.message), "hither");
        match self.hint {
            Some(hint) => report.set_hint(of_error(hint)),
            None => report,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match error.kind() {
            ErrorKind::DimensionMismatch { .. }
            | ErrorKind::NonFinite { .. }
            | ErrorKind::VectorOverflow
            | ErrorKind::ZeroVector => Code::ERRCODE_DATA_EXCEPTION,
            ErrorKind::Corrupt { .. }
            | ErrorKind::ChecksumMismatch { .. }
            | ErrorKind::Truncated { .. } => Code::ERRCODE_DATA_CORRUPTED,
            ErrorKind::Io { .. } => Code::ERRCODE_IO_ERROR,
            ErrorKind::InvalidParameter { .. } => Code::ERRCODE_INVALID_PARAMETER_VALUE,
            ErrorKind::UnsupportedVersion { .. }
            | ErrorKind::UnsupportedSection { .. }
            | ErrorKind::Unsupported { .. } => Code::ERRCODE_FEATURE_NOT_SUPPORTED,
            ErrorKind::NotAnIndex => Code::ERRCODE_WRONG_OBJECT_TYPE,
            _ => Code::ERRCODE_FDW_ERROR,
        };
        Self::new(code, error.to_string())
    }
}
