//! Translates the errors of object stores.

use crate::error::{Error, ErrorKind, ErrorKind::*};
use crate::network::{BadAnswer, READ_TIMEOUT};
use object_store::client::{HttpError, HttpErrorKind};

/// Translates an error of an object store. The bodies of answers are not repeated, because they may contain
/// keys.
pub fn cause(url: &str, error: &object_store::Error) -> Error {
    use object_store::Error as E;
    let refused = if url.starts_with("s3://") { RefusedByS3 } else { Refused };
    match error {
        E::NotFound { .. } => Error::new(Missing, format!("there is no index file at \"{url}\"")),
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
            Error::not_given(refused, url, "the server refuses it")
        }
        error => match bad_answer(error) {
            Some(BadAnswer::File(error)) => Error::of_file(url, error),
            Some(BadAnswer::Whole) => Error::no_ranges(url),
            Some(bad_answer) => {
                let kind = match bad_answer {
                    BadAnswer::Busy { .. } => NotGiven,
                    BadAnswer::Short { .. } => Cut,
                    BadAnswer::Stalled(_) => Unreachable,
                    _ => Answer,
                };
                Error::not_given(kind, url, bad_answer)
            }
            None => {
                let (kind, reason) = transport(error);
                Error::not_given(kind, url, reason)
            }
        },
    }
}

/// The problem with an answer, if that caused the error.
pub fn bad_answer(error: &object_store::Error) -> Option<&BadAnswer> {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = source {
        if let Some(bad_answer) = inner.downcast_ref() {
            return Some(bad_answer);
        }
        source = inner.source();
    }
    None
}

/// The innermost cause, and its kind.
fn transport(error: &object_store::Error) -> (ErrorKind, String) {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut innermost = error.to_string();
    let mut kind = None;
    while let Some(inner) = source {
        let text = inner.to_string();
        if let Some((_, status)) = text.split_once("non-2xx status code: ") {
            let status = status.split(':').next().unwrap_or(status).trim();
            return (NotGiven, format!("the server answered {status}"));
        }
        if text.contains("redirect without LOCATION") {
            return (Elsewhere, "the server answered that it is elsewhere".into());
        }
        if let Some(http) = inner.downcast_ref::<HttpError>() {
            kind = Some(http.kind());
        }
        innermost = text;
        source = inner.source();
    }
    match kind {
        Some(HttpErrorKind::Timeout) => {
            let seconds = READ_TIMEOUT.as_secs();
            (Unreachable, format!("the server did not answer within {seconds} seconds"))
        }
        Some(HttpErrorKind::Connect) => (Unreachable, format!("could not connect: {innermost}")),
        Some(HttpErrorKind::Interrupted | HttpErrorKind::Request | HttpErrorKind::Decode) => {
            (Cut, "the connection was cut".into())
        }
        _ => (NotGiven, innermost),
    }
}

/// Whether the server answered at all, so that another kind of request may succeed.
pub fn answered(error: &object_store::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = source {
        if inner.downcast_ref::<HttpError>().is_some() {
            return false;
        }
        source = inner.source();
    }
    true
}
