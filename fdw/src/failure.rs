//! What goes wrong, as Postgres reports it: SQLSTATE, message, hint.

use hither_core::Error;
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::PgLogLevel;

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
    pub fn about(self, path: &std::path::Path) -> Self {
        Self { message: format!("index file \"{}\": {}", path.display(), self.message), ..self }
    }

    /// Raises the error: Rust's stack unwinds, then Postgres aborts the statement.
    pub fn raise(self) -> ! {
        let mut report = ErrorReport::new(self.code, self.message, "hither");
        if let Some(hint) = self.hint {
            report = report.set_hint(hint);
        }
        report.report(PgLogLevel::ERROR);
        unreachable!("an error report of level ERROR does not return")
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::DimensionMismatch { .. } | Error::NonFinite { .. } | Error::ZeroVector => {
                Code::ERRCODE_DATA_EXCEPTION
            }
            Error::Corrupt { .. } | Error::ChecksumMismatch { .. } | Error::Truncated { .. } => {
                Code::ERRCODE_DATA_CORRUPTED
            }
            Error::Io { .. } => Code::ERRCODE_IO_ERROR,
            Error::InvalidParameter { .. } => Code::ERRCODE_INVALID_PARAMETER_VALUE,
            Error::UnsupportedVersion { .. }
            | Error::UnsupportedSection { .. }
            | Error::Unsupported { .. } => Code::ERRCODE_FEATURE_NOT_SUPPORTED,
            Error::NotAnIndex => Code::ERRCODE_WRONG_OBJECT_TYPE,
            _ => Code::ERRCODE_FDW_ERROR,
        };
        Self::new(code, error.to_string())
    }
}
