//! Errors as Postgres reports them: SQLSTATE, message, hint.

use crate::sql::charset::of_error;
use hither_core::{Error, ErrorKind};
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::PgLogLevel;
use std::path::Path;

/// An error that has not been raised yet. Functions return it, callbacks raise it.
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

    /// Adds the name of the file to the message.
    pub fn about(self, path: &Path) -> Self {
        Self { message: format!("index file \"{}\": {}", path.display(), self.message), ..self }
    }

    /// Adds the column and the row's key to the message.
    pub fn of_value(self, column: &str, key: impl std::fmt::Display) -> Self {
        let message = format!("column \"{column}\" of the row with key {key}: {}", self.message);
        Self { message, ..self }
    }

    /// Whether a file was not found.
    pub fn is_missing(&self) -> bool {
        self.code == Code::ERRCODE_UNDEFINED_FILE
    }

    /// Whether the cache has no room for a file.
    pub fn is_about_room(&self) -> bool {
        self.code == Code::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED
    }

    /// Whether a given value is at fault.
    pub fn is_about_data(&self) -> bool {
        self.code == Code::ERRCODE_DATA_EXCEPTION
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    /// The error for files that have changed since planning; all cached plans become invalid.
    pub fn outdated() -> Self {
        // SAFETY: invalidates cached plans, within a transaction.
        unsafe { pgrx::pg_sys::ResetPlanCache() };
        let message = "the files of the table changed since the statement was planned";
        Self::new(Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, message)
            .hint("Run the statement again: it will be planned anew.")
    }

    /// The error of a search: about the query if that is at fault, otherwise about the file.
    pub fn from_search(error: Error, path: &Path) -> Self {
        match error.kind() {
            ErrorKind::DimensionMismatch { .. } | ErrorKind::NonFinite { .. } => Self::from(error),
            _ => Self::from(error).about(path),
        }
    }

    /// Reports the failure as a warning.
    pub fn warn(self) {
        self.report().report(PgLogLevel::WARNING);
    }

    /// Raises the error: Rust's stack is unwound, then Postgres aborts the statement.
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
            | ErrorKind::MissingStructure { .. }
            | ErrorKind::Unlike { .. }
            | ErrorKind::Unsupported { .. } => Code::ERRCODE_FEATURE_NOT_SUPPORTED,
            ErrorKind::NotAnIndex => Code::ERRCODE_WRONG_OBJECT_TYPE,
            _ => Code::ERRCODE_FDW_ERROR,
        };
        Self::new(code, error.to_string())
    }
}

/// Names settings as SQL does; the crate leaves their names to its callers.
impl From<hither_remote::Error> for Failure {
    fn from(error: hither_remote::Error) -> Self {
        use hither_remote::ErrorKind as E;
        let code = match error.kind() {
            E::Location
            | E::Secret
            | E::NotAbsolute
            | E::Bucket
            | E::Scheme
            | E::NotOneFile
            | E::NotEncrypted => Code::ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE,
            E::Nothing | E::Missing => Code::ERRCODE_UNDEFINED_FILE,
            E::RefusedByS3 | E::Refused | E::Denied => Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
            E::Answer => Code::ERRCODE_PROTOCOL_VIOLATION,
            E::Unreachable | E::Cut | E::Elsewhere | E::NotGiven => {
                Code::ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION
            }
            E::Damaged => Code::ERRCODE_DATA_CORRUPTED,
            E::NotAnIndex => Code::ERRCODE_WRONG_OBJECT_TYPE,
            E::Unsupported | E::NoRanges => Code::ERRCODE_FEATURE_NOT_SUPPORTED,
            E::Unreadable => Code::ERRCODE_FDW_ERROR,
            E::TooLarge | E::Full | E::Share(_) => Code::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
            E::Removed | E::Replaced => Code::ERRCODE_OBJECT_IN_USE,
            E::Disk => Code::ERRCODE_DISK_FULL,
            E::Folder => Code::ERRCODE_IO_ERROR,
            E::System => Code::ERRCODE_SYSTEM_ERROR,
            E::Interrupted => Code::ERRCODE_QUERY_CANCELED,
        };
        let message = match error.kind() {
            E::Share(bytes) => {
                format!("the files of the table take more than its cache_size, {bytes} bytes")
            }
            _ => error.to_string(),
        };
        let hint = match error.kind() {
            E::Secret => Some(
                "Everybody may read locations. What a server wants to hear belongs into CREATE USER MAPPING … OPTIONS (user '…', password '…'), (authorization '…') or (query '…').",
            ),
            E::NotAbsolute => {
                Some("Write it from the root, or give the server a location that it is beneath.")
            }
            E::NotOneFile => Some(
                "HTTP lists no folders: name the files, separated by commas, in the option shards.",
            ),
            E::NotEncrypted => {
                Some("ALTER SERVER … OPTIONS (ADD allow_http 'on') if that is meant.")
            }
            E::RefusedByS3 => Some(
                "Keys of S3 belong into CREATE USER MAPPING … OPTIONS (access_key_id '…', secret_access_key '…').",
            ),
            E::Refused => Some(
                "What an HTTP server wants to hear belongs into CREATE USER MAPPING … OPTIONS (user '…', password '…'), (authorization '…') or (query '…'). It goes to hosts that the server itself names.",
            ),
            E::Unreachable => Some("Is it reachable from the machine that Postgres runs on?"),
            E::Elsewhere => Some("Is the option region of the server that of the bucket?"),
            E::TooLarge => Some("A superuser may raise hither.cache_size."),
            E::Full => Some(
                "The files of a table must fit together. A superuser may raise hither.cache_size.",
            ),
            E::Share(_) => Some("Raise or drop the option cache_size of the table or its server."),
            E::Removed => Some("Raise hither.cache_size."),
            E::Disk => Some(
                "Free some, lower hither.cache_size, or choose another hither.cache_directory.",
            ),
            E::Denied | E::Folder => {
                Some("The user of Postgres must be able to write hither.cache_directory.")
            }
            _ => error.hint(),
        };
        let failure = Self::new(code, message);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
