//! Errors that are passed to JavaScript, which makes a `HitherError` of each.

use hither::{Error, ErrorKind};
use wasm_bindgen::prelude::wasm_bindgen;

/// A result that JavaScript gets, or an error.
pub type Outcome<T> = Result<T, Failure>;

/// An error of the library, or one that only this crate has: its code and its message.
#[wasm_bindgen]
pub struct Failure {
    code: &'static str,
    message: String,
}

#[wasm_bindgen]
impl Failure {
    /// The code, for programs.
    #[wasm_bindgen(getter)]
    pub fn code(&self) -> String {
        self.code.into()
    }

    /// The message, for people.
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

    /// The same error, with the number of the row in its message.
    pub(crate) fn in_row(self, row: usize) -> Self {
        Self { message: format!("row {row}: {}", self.message), ..self }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = error.kind();
        let hint = match kind {
            ErrorKind::HalfOverflow { .. } | ErrorKind::HalfUnderflow => ": element \"f32\"",
            _ => "",
        };
        Self::new(kind.code(), format!("{error}{hint}"))
    }
}

impl From<ErrorKind> for Failure {
    fn from(kind: ErrorKind) -> Self {
        Error::from(kind).into()
    }
}
