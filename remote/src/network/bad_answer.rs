//! Answers that cannot be used.

use object_store::client::{HttpError, HttpErrorKind};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use std::fmt;
use std::time::Duration;

/// An answer that cannot be used.
#[derive(Debug)]
pub enum BadAnswer {
    /// The file is no index file, or does not have this length.
    File(hither::Error),
    /// The answer does not match the request.
    Answer(String),
    /// The server sent the whole file instead of a range.
    Whole,
    /// The range lies beyond the end of the file; the length of the file, if the server says it.
    Beyond(Option<u64>),
    /// The server cannot answer now; when to try again, if the server says it.
    Busy { status: StatusCode, after: Option<Duration> },
    /// The answer ended too early.
    Short { arrived: u64, length: u64 },
    /// Nothing arrived for this long.
    Stalled(Duration),
}

impl fmt::Display for BadAnswer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(out),
            Self::Answer(what) => out.write_str(what),
            Self::Whole => out.write_str("it sends no parts of files"),
            Self::Beyond(_) => out.write_str("it answered that the file has no such bytes"),
            Self::Busy { status, after: None } => write!(out, "the server answered {status}"),
            Self::Busy { status, after: Some(after) } => {
                let seconds = after.as_secs();
                write!(out, "the server answered {status}, to be asked again after {seconds} s")
            }
            Self::Short { arrived, length } => {
                write!(out, "the connection was cut: {arrived} of {length} bytes arrived")
            }
            Self::Stalled(patience) => {
                write!(out, "the server sent nothing for {} seconds", patience.as_secs_f64())
            }
        }
    }
}

impl std::error::Error for BadAnswer {}

impl From<BadAnswer> for HttpError {
    fn from(answer: BadAnswer) -> Self {
        // Errors of this kind are not retried by object_store.
        Self::new(HttpErrorKind::Unknown, answer)
    }
}

/// Rejects content encodings, because none was requested.
pub fn check_encoding(headers: &HeaderMap) -> Result<(), BadAnswer> {
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" && !encoding.is_empty() => {
            let encoding = encoding.to_str().unwrap_or("?");
            Err(BadAnswer::Answer(format!(
                "it sends the file compressed, in encoding \"{encoding}\""
            )))
        }
        _ => Ok(()),
    }
}
