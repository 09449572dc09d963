//! Checks servers' answers before they are used.
//!
//! All requests of object_store go through here. Whatever a server answers, no more is read than was
//! requested, and an answer that does not match the request becomes an error that says so.

use super::bad_answer::{BadAnswer, check_encoding};
use super::piece::Piece;
use crate::secret::Secret;
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use hither::ErrorKind;
use hither::raw::file_length;
use http_body::Frame;
use http_body_util::StreamBody;
use object_store::client::{HttpError, HttpRequest, HttpResponse, HttpResponseBody, HttpService};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue, RANGE};
use reqwest::{Client, StatusCode};
use std::sync::Mutex;

/// The first bytes of an index file, which identify it and contain its length.
pub const START: usize = 64;
/// The greatest number of pages of a list, of a thousand objects each, and the greatest size of a page.
const MOST_PAGES: usize = 1000;
const MOST_OF_PAGE: usize = 16 << 20;

/// The pages of a list so far.
#[derive(Debug, Default)]
struct Pages {
    count: usize,
    last: Option<String>,
}

/// An HTTP client that checks answers, and adds a secret to requests.
#[derive(Debug)]
pub struct AnswerChecker {
    client: Client,
    secret: Option<Secret>,
    pages: Mutex<Pages>,
}

impl AnswerChecker {
    pub fn new(client: Client, secret: Option<Secret>) -> Self {
        Self { client, secret, pages: Mutex::default() }
    }

    /// Rejects endless lists: one page again and again, or ever new ones.
    fn next_page(&self, address: String) -> Result<(), BadAnswer> {
        let mut pages = self.pages.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if pages.last.as_ref() == Some(&address) {
            return Err(BadAnswer::Answer("its list leads to the same page again".into()));
        }
        pages.count += 1;
        if pages.count > MOST_PAGES {
            return Err(BadAnswer::Answer(format!("its list has more than {MOST_PAGES} pages")));
        }
        pages.last = Some(address);
        Ok(())
    }
}

#[async_trait]
impl HttpService for AnswerChecker {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let in_part = request.headers().contains_key(RANGE);
        let is_list = request.uri().query().is_some_and(|query| query.contains("list-type="));
        let address = request.uri().to_string();
        if let Some(secret) = &self.secret {
            secret.add_to(&mut request);
        }
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(piece) = request.extensions().get::<Piece>().cloned() {
            return piece.ask(&self.client, request).await;
        }
        let (mut parts, body) = self.client.call(request).await?.into_parts();
        if !parts.status.is_success() {
            // The body of an error is not used, and may be endless.
            return Ok(HttpResponse::from_parts(parts, Vec::new().into()));
        }
        if is_list {
            self.next_page(address)?;
            return Ok(HttpResponse::from_parts(parts, whole_page(body).await?.into()));
        }
        check_encoding(&parts.headers)?;
        if in_part {
            // If the answer is a range, its header gives the length.
            parts.headers.entry(CONTENT_LENGTH).or_insert(HeaderValue::from_static("0"));
            return Ok(HttpResponse::from_parts(parts, body));
        }
        if parts.status != StatusCode::OK {
            let what = format!("it answered {} to who asks for the whole file", parts.status);
            return Err(BadAnswer::Answer(what).into());
        }
        let (length, body) = begun(body, says_length(&parts.headers)?).await?;
        parts.headers.insert(CONTENT_LENGTH, length.into());
        Ok(HttpResponse::from_parts(parts, body))
    }
}

/// The length in the answer's header; `None` with chunked encoding, or if the server ends the body by
/// closing the connection.
fn says_length(headers: &HeaderMap) -> Result<Option<u64>, BadAnswer> {
    let Some(length) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    let length = length.to_str().ok().and_then(|length| length.parse().ok());
    length.map(Some).ok_or_else(|| BadAnswer::Answer("it sends a length that is no number".into()))
}

/// Reads the first bytes of an index file, which contain its length even if the answer's header does not.
/// Returns the length, and a body that starts with these bytes.
async fn begun(
    body: HttpResponseBody,
    said: Option<u64>,
) -> Result<(u64, HttpResponseBody), HttpError> {
    let mut rest = body.bytes_stream();
    let (mut start, mut pieces) = (Vec::with_capacity(START), Vec::new());
    while start.len() < START {
        let Some(piece) = rest.try_next().await? else { break };
        start.extend_from_slice(&piece[..piece.len().min(START - start.len())]);
        pieces.push(Ok(piece));
    }
    let length = match file_length(&start) {
        Ok(length) if said.is_none_or(|said| said == length) => length,
        Ok(length) => {
            let kind = ErrorKind::Truncated { expected: length, got: said.unwrap_or_default() };
            return Err(BadAnswer::File(kind.into()).into());
        }
        Err(error) => return Err(BadAnswer::File(error).into()),
    };
    // object_store requires a body that is `Sync`, although only its owner polls it.
    let mut rest = Mutex::new(rest);
    let rest = stream::poll_fn(move |context| {
        rest.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner()).poll_next_unpin(context)
    });
    let body = stream::iter(pieces).chain(rest).map_ok(Frame::data);
    Ok((length, HttpResponseBody::new(StreamBody::new(body))))
}

/// Reads a whole page of a list, as object_store requires.
async fn whole_page(body: HttpResponseBody) -> Result<Vec<u8>, HttpError> {
    let (mut page, mut stream) = (Vec::new(), body.bytes_stream());
    while let Some(bytes) = stream.try_next().await? {
        if page.len() + bytes.len() > MOST_OF_PAGE {
            return Err(BadAnswer::Answer("a page of its list has no end".into()).into());
        }
        page.extend_from_slice(&bytes);
    }
    Ok(page)
}
