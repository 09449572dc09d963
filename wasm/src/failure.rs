//! Errors on their way to JavaScript.

use alloc::format;
use alloc::string::{String, ToString};
use hither::Error;
use wasm_bindgen::JsValue;

/// A result that JavaScript gets, or a text that it makes an error of.
pub type Outcome<T> = Result<T, Failure>;

/// An error of the library, or one that only this door has.
pub struct Failure {
    code: &'static str,
    message: String,
}

impl Failure {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The same, saying in which row.
    pub(crate) fn in_row(self, row: usize) -> Self {
        Self { message: format!("row {row}: {}", self.message), ..self }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::DimensionMismatch { .. } => "dimension_mismatch",
            Error::NonFinite { .. } => "non_finite",
            Error::HalfOverflow { at } => {
                let message = format!(
                    "value {at} of the vector is beyond half precision (±65504); store these vectors with element \"f32\""
                );
                return Self::new("half_overflow", message);
            }
            Error::ZeroVector => "zero_vector",
            Error::TooMany { .. } => "too_many",
            Error::InvalidParameter { .. } => "invalid_parameter",
            Error::DuplicateKey { .. } => "duplicate_key",
            Error::KeyNotFound { .. } => "key_not_found",
            Error::KeyType { .. } => "key_type",
            Error::UnknownColumn { .. } => "unknown_column",
            Error::ColumnType { .. } => "column_type",
            Error::InvalidFilter { .. } => "invalid_filter",
            Error::NotAnIndex => "not_an_index",
            Error::UnsupportedVersion { .. } | Error::UnsupportedSection { .. } => {
                "unsupported_version"
            }
            Error::Truncated { .. } => "truncated",
            Error::Corrupt { .. } | Error::ChecksumMismatch { .. } | Error::Misaligned => "corrupt",
            Error::OutOfMemory { .. } => "out_of_memory",
            Error::Cancelled => "aborted",
            _ => "unsupported",
        };
        Self::new(code, error.to_string())
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        Self::from_str(&format!("{}\n{}", failure.code, failure.message))
    }
}
