//! Errors on their way to JavaScript, which makes a `HitherError` of each.

use hither::{Error, ErrorKind};
use wasm_bindgen::prelude::wasm_bindgen;

/// A result that JavaScript gets, or an error.
pub type Outcome<T> = Result<T, Failure>;

/// An error of the library, or one that only this door has: its code and its message.
#[wasm_bindgen]
pub struct Failure {
    code: &'static str,
    message: String,
}

#[wasm_bindgen]
impl Failure {
    /// The code by which programs tell it.
    #[wasm_bindgen(getter)]
    pub fn code(&self) -> String {
        self.code.into()
    }

    /// What people read.
    #[wasm_bindgen(getter)]
    pub fn message(&self) -> String {
        self.message.clone()
    }
}

impl Failure {
    #[cold]
    #[inline(never)]
    pub(crate) fn new(code: &'static str, message: String) -> Self {
        Self { code, message }
    }

    /// The same, saying in which row.
    pub(crate) fn in_row(self, row: usize) -> Self {
        Self { message: format!("row {row}: {}", self.message), ..self }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match error.kind() {
            ErrorKind::DimensionMismatch { .. } => "dimension_mismatch",
            ErrorKind::NonFinite { .. } => "non_finite",
            ErrorKind::HalfOverflow { at } => {
                let message = format!(
                    "value {at} of the vector is beyond half precision (±65504); store these vectors with element \"f32\""
                );
                return Self::new("half_overflow", message);
            }
            ErrorKind::HalfUnderflow => {
                let message = "the vector is too small for half precision, whose least value is 6e-8; store these vectors with element \"f32\"";
                return Self::new("half_underflow", message.into());
            }
            ErrorKind::VectorOverflow => "vector_overflow",
            ErrorKind::VectorUnderflow => "vector_underflow",
            ErrorKind::ZeroVector => "zero_vector",
            ErrorKind::TooMany { .. } => "too_many",
            ErrorKind::InvalidParameter { .. } => "invalid_parameter",
            ErrorKind::DuplicateKey { .. } => "duplicate_key",
            ErrorKind::KeyNotFound { .. } => "key_not_found",
            ErrorKind::KeyType { .. } => "key_type",
            ErrorKind::UnknownColumn { .. } => "unknown_column",
            ErrorKind::ColumnType { .. } => "column_type",
            ErrorKind::InvalidFilter { .. } => "invalid_filter",
            ErrorKind::NotAnIndex => "not_an_index",
            ErrorKind::UnsupportedVersion { .. } | ErrorKind::UnsupportedSection { .. } => {
                "unsupported_version"
            }
            ErrorKind::Truncated { .. } => "truncated",
            ErrorKind::Corrupt { .. }
            | ErrorKind::ChecksumMismatch { .. }
            | ErrorKind::Misaligned => "corrupt",
            ErrorKind::OutOfMemory { .. } => "out_of_memory",
            ErrorKind::Cancelled => "aborted",
            _ => "unsupported",
        };
        Self::new(code, error.to_string())
    }
}

impl From<ErrorKind> for Failure {
    fn from(kind: ErrorKind) -> Self {
        Error::from(kind).into()
    }
}
