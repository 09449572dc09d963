//! Requests for a byte range of a file: the answer is exactly that range, and arrives completely or not at
//! all.
//!
//! A [`Piece`] is attached to such a request. object_store does not retry it: the caller decides about
//! retries, and learns from the error what the server answered.

use super::bad_answer::{BadAnswer, check_encoding};
use futures_util::TryStreamExt;
use object_store::client::{
    HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderName, RANGE, RETRY_AFTER};
use reqwest::{Client, StatusCode};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long to wait for the next bytes, and how much of a whole file to accept instead of a range.
#[derive(Clone, Debug)]
pub struct Piece {
    patience: Duration,
    /// The largest whole file to accept from a server that sends no ranges, in bytes.
    most_whole: u64,
    whole: Arc<Mutex<Option<Vec<u8>>>>,
}

impl Piece {
    pub fn new(patience: Duration, most_whole: u64) -> Self {
        Self { patience, most_whole, whole: Arc::default() }
    }

    /// The whole file, if the server sent that.
    pub fn take_whole(&self) -> Option<Vec<u8>> {
        self.whole.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take()
    }

    /// Sends the request and returns a complete answer: the requested range, as far as the file has it.
    pub(super) async fn ask(
        &self,
        client: &Client,
        request: HttpRequest,
    ) -> Result<HttpResponse, HttpError> {
        let Some(asked) = asked(request.headers()) else {
            return Err(BadAnswer::Answer("no part was asked for".into()).into());
        };
        let (mut parts, body) = self.in_time(client.call(request)).await?.into_parts();
        let (status, headers) = (parts.status, &parts.headers);
        match status {
            StatusCode::PARTIAL_CONTENT => check_encoding(headers)?,
            StatusCode::OK => {
                check_encoding(headers)?;
                return Err(self.keep_whole(says_length(headers), body).await?.into());
            }
            StatusCode::RANGE_NOT_SATISFIABLE => {
                return Err(BadAnswer::Beyond(total(headers)).into());
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                return Err(busy(status, headers).into());
            }
            _ if status.is_server_error() => return Err(busy(status, headers).into()),
            _ if status.is_success() => {
                let what = format!("it answered {status} to who asks for a part of the file");
                return Err(BadAnswer::Answer(what).into());
            }
            // object_store reports what these statuses say about the file and its versions.
            _ => return Ok(HttpResponse::from_parts(parts, Vec::new().into())),
        }
        let length = check_range(headers, &asked)?;
        let Some(bytes) = self.read(body, length).await? else {
            return Err(BadAnswer::Answer(format!("it sends more than {length} bytes")).into());
        };
        let arrived = bytes.len() as u64;
        if arrived != length {
            return Err(BadAnswer::Short { arrived, length }.into());
        }
        parts.headers.insert(CONTENT_LENGTH, length.into());
        Ok(HttpResponse::from_parts(parts, bytes.into()))
    }

    /// Keeps a file that is sent whole, if it is not too large.
    async fn keep_whole(
        &self,
        said: Option<u64>,
        body: HttpResponseBody,
    ) -> Result<BadAnswer, HttpError> {
        if self.most_whole > 0 && said.is_none_or(|said| said <= self.most_whole) {
            let whole = self.read(body, self.most_whole).await?;
            *self.whole.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = whole;
        }
        Ok(BadAnswer::Whole)
    }

    /// Reads a body; `None` if it has more than `most` bytes. Allocates only as much memory as has arrived.
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

    /// Waits no longer than `patience`; the caller decides about retries.
    async fn in_time<T>(
        &self,
        future: impl Future<Output = Result<T, HttpError>>,
    ) -> Result<T, HttpError> {
        match tokio::time::timeout(self.patience, future).await {
            Ok(result) => result.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error)),
            Err(_) => Err(BadAnswer::Stalled(self.patience).into()),
        }
    }
}

/// The range that a request asks for.
fn asked(headers: &HeaderMap) -> Option<Range<u64>> {
    let (first, last) =
        headers.get(RANGE)?.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
    Some(first.parse().ok()?..last.parse::<u64>().ok()?.checked_add(1)?)
}

/// Checks that an answer has the requested range, as far as the file has it, and returns its length.
fn check_range(headers: &HeaderMap, asked: &Range<u64>) -> Result<u64, BadAnswer> {
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
        return Err(BadAnswer::Answer(what));
    };
    let length = last - first + 1;
    match says_length(headers) {
        Some(said) if said != length => {
            Err(BadAnswer::Answer(format!("it says that {length} bytes have the length {said}")))
        }
        _ => Ok(length),
    }
}

fn says_length(headers: &HeaderMap) -> Option<u64> {
    text(headers, CONTENT_LENGTH)?.parse().ok()
}

/// The length of a file that does not have the requested range.
fn total(headers: &HeaderMap) -> Option<u64> {
    text(headers, CONTENT_RANGE)?.strip_prefix("bytes */")?.parse().ok()
}

/// The error of a server that asks for a retry. A date in `Retry-After` is ignored, because clocks differ.
fn busy(status: StatusCode, headers: &HeaderMap) -> BadAnswer {
    let seconds = text(headers, RETRY_AFTER).and_then(|seconds| seconds.trim().parse().ok());
    BadAnswer::Busy { status, after: seconds.map(Duration::from_secs) }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
