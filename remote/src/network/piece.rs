//! Answers to who asks for a part of a file: it is just that part, and comes whole or not at all.
//!
//! A [`Piece`] rides with such a request. object_store asks once: who asked decides whether to ask again,
//! and learns from the error what the server said.

use super::wrong::{Wrong, check_encoding};
use futures_util::TryStreamExt;
use object_store::client::{
    HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderName, RANGE, RETRY_AFTER};
use reqwest::{Client, StatusCode};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long is waited for the next bytes, and what may come instead of a part.
#[derive(Clone, Debug)]
pub struct Piece {
    patience: Duration,
    /// Most bytes of the whole file, which a server sends that knows no parts.
    most_whole: u64,
    whole: Arc<Mutex<Option<Vec<u8>>>>,
}

impl Piece {
    pub fn new(patience: Duration, most_whole: u64) -> Self {
        Self { patience, most_whole, whole: Arc::default() }
    }

    /// The file, if it came whole.
    pub fn take_whole(&self) -> Option<Vec<u8>> {
        self.whole.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take()
    }

    /// Asks, and gives an answer that has all that was asked for, as far as the file has it.
    pub(super) async fn ask(
        &self,
        client: &Client,
        request: HttpRequest,
    ) -> Result<HttpResponse, HttpError> {
        let Some(asked) = asked(request.headers()) else {
            return Err(Wrong::Answer("no part was asked for".into()).into());
        };
        let (mut parts, body) = self.in_time(client.call(request)).await?.into_parts();
        let (status, headers) = (parts.status, &parts.headers);
        match status {
            StatusCode::PARTIAL_CONTENT => check_encoding(headers)?,
            StatusCode::OK => {
                check_encoding(headers)?;
                return Err(self.keep_whole(says_length(headers), body).await?.into());
            }
            StatusCode::RANGE_NOT_SATISFIABLE => return Err(Wrong::Beyond(total(headers)).into()),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                return Err(busy(status, headers).into());
            }
            _ if status.is_server_error() => return Err(busy(status, headers).into()),
            _ if status.is_success() => {
                let what = format!("it answered {status} to who asks for a part of the file");
                return Err(Wrong::Answer(what).into());
            }
            // What these say of the file and its versions, object_store tells.
            _ => return Ok(HttpResponse::from_parts(parts, Vec::new().into())),
        }
        let length = check_range(headers, &asked)?;
        let Some(bytes) = self.read(body, length).await? else {
            return Err(Wrong::Answer(format!("it sends more than {length} bytes")).into());
        };
        let arrived = bytes.len() as u64;
        if arrived != length {
            return Err(Wrong::Short { arrived, length }.into());
        }
        parts.headers.insert(CONTENT_LENGTH, length.into());
        Ok(HttpResponse::from_parts(parts, bytes.into()))
    }

    /// Keeps a file that comes whole, if that is not too much.
    async fn keep_whole(
        &self,
        said: Option<u64>,
        body: HttpResponseBody,
    ) -> Result<Wrong, HttpError> {
        if self.most_whole > 0 && said.is_none_or(|said| said <= self.most_whole) {
            let whole = self.read(body, self.most_whole).await?;
            *self.whole.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = whole;
        }
        Ok(Wrong::Whole)
    }

    /// Reads a body; none if it has more than so many bytes. It takes no more memory than what arrives.
    async fn read(&self, body: HttpResponseBody, most: u64) -> Result<Option<Vec<u8>>, HttpError> {
        let (mut bytes, mut stream) = (Vec::new(), body.bytes_stream());
        while let Some(more) = self.in_time(stream.try_next()).await? {
            if (bytes.len() + more.len()) as u64 > most {
                return Ok(None);
            }
            bytes.extend_from_slice(&more);
        }
        Ok(Some(bytes))
    }

    /// Waits no longer than is meant, and leaves it to who asked whether it is tried again.
    async fn in_time<T>(
        &self,
        future: impl Future<Output = Result<T, HttpError>>,
    ) -> Result<T, HttpError> {
        match tokio::time::timeout(self.patience, future).await {
            Ok(result) => result.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error)),
            Err(_) => Err(Wrong::Stalled(self.patience).into()),
        }
    }
}

/// The part that a request asks for.
fn asked(headers: &HeaderMap) -> Option<Range<u64>> {
    let (first, last) =
        headers.get(RANGE)?.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
    Some(first.parse().ok()?..last.parse::<u64>().ok()?.checked_add(1)?)
}

/// Checks that what comes is what was asked for, as far as the file has it, and gives its length.
fn check_range(headers: &HeaderMap, asked: &Range<u64>) -> Result<u64, Wrong> {
    let said = text(headers, CONTENT_RANGE).unwrap_or("no Content-Range");
    let range = said.strip_prefix("bytes ").and_then(|said| {
        let (range, total) = said.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let total = total.parse::<u64>().ok()?;
        Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?, total))
    });
    let is_it = |&(first, last, total): &(u64, u64, u64)| {
        first == asked.start && first <= last && last == asked.end.min(total).wrapping_sub(1)
    };
    let Some((first, last, _)) = range.filter(is_it) else {
        let (start, end) = (asked.start, asked.end - 1);
        let what = format!("it sends \"{said}\" to who asks for bytes {start}-{end}");
        return Err(Wrong::Answer(what));
    };
    let length = last - first + 1;
    match says_length(headers) {
        Some(said) if said != length => {
            Err(Wrong::Answer(format!("it says that {length} bytes have the length {said}")))
        }
        _ => Ok(length),
    }
}

fn says_length(headers: &HeaderMap) -> Option<u64> {
    text(headers, CONTENT_LENGTH)?.parse().ok()
}

/// How long a file is that does not have what was asked for.
fn total(headers: &HeaderMap) -> Option<u64> {
    text(headers, CONTENT_RANGE)?.strip_prefix("bytes */")?.parse().ok()
}

/// A server that wants to be asked later; of a date it is not said when that is, for clocks differ.
fn busy(status: StatusCode, headers: &HeaderMap) -> Wrong {
    let seconds = text(headers, RETRY_AFTER).and_then(|seconds| seconds.trim().parse().ok());
    Wrong::Busy { status, after: seconds.map(Duration::from_secs) }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
