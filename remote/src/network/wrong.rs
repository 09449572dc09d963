//! Answers that cannot be used.

use object_store::client::{HttpError, HttpErrorKind};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use std::fmt;
use std::time::Duration;

/// An answer that cannot be used.
#[derive(Debug)]
pub enum Wrong {
    /// It is not an index file, or none of that length.
    File(hither::Error),
    /// It is not an answer to what was asked.
    Answer(String),
    /// The whole file to who asked for a part.
    Whole,
    /// The file has nothing of the part; how long it is, if that is said.
    Beyond(Option<u64>),
    /// The server cannot answer now; when to ask again, if that is said.
    Busy { status: StatusCode, after: Option<Duration> },
    /// The answer ended early.
    Short { arrived: u64, length: u64 },
    /// Nothing came for so long.
    Stalled(Duration),
}

impl fmt::Display for Wrong {
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

impl std::error::Error for Wrong {}

impl From<Wrong> for HttpError {
    fn from(wrong: Wrong) -> Self {
        // Of a kind that makes object_store not ask again.
        Self::new(HttpErrorKind::Unknown, wrong)
    }
}

/// Nobody asked for a content encoding.
pub fn check_encoding(headers: &HeaderMap) -> Result<(), Wrong> {
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" && !encoding.is_empty() => {
            let encoding = encoding.to_str().unwrap_or("?");
            Err(Wrong::Answer(format!("it sends the file compressed, in encoding \"{encoding}\"")))
        }
        _ => Ok(()),
    }
}
