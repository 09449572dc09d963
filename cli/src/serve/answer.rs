//! Turns a request into its answer.

use super::body::{Body, Part, Tally, of_parts};
use super::conditions::{Decision, decide, is_same_version};
use super::folder::{Folder, OpenFile};
use super::ranges::{Selection, asked};
use crate::show;
use httpdate::fmt_http_date;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The headers of every answer: pages from any origin may read it, and its headers about lengths and
/// ranges.
const EVERYWHERE: [(HeaderName, &str); 4] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Accept-Ranges, Content-Length, Content-Range, ETag"),
    (header::ACCEPT_RANGES, "bytes"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];
/// The headers of the answer to a preflight request of a browser.
const BEFOREHAND: [(HeaderName, &str); 4] = [
    (header::ALLOW, METHODS),
    (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "Range, If-Match, If-None-Match, If-Range, If-Modified-Since, If-Unmodified-Since",
    ),
    (header::ACCESS_CONTROL_MAX_AGE, "86400"),
];
const METHODS: &str = "GET, HEAD, OPTIONS";
const BYTES: &str = "application/octet-stream";

/// Answers requests.
pub struct Answers {
    folder: Arc<Folder>,
    cache_control: String,
    verbose: bool,
}

/// The status, headers and body of an answer.
struct Draft {
    status: StatusCode,
    headers: HeaderMap,
    file: Option<std::fs::File>,
    parts: Vec<Part>,
}

impl Draft {
    fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), file: None, parts: Vec::new() }
    }

    /// An answer with a line of text.
    fn says(status: StatusCode, line: &'static str) -> Self {
        let parts = vec![Part::Text(line.into()), Part::Text("\n".into())];
        let draft = Self { parts, ..Self::new(status) };
        draft.with(header::CONTENT_TYPE, "text/plain; charset=utf-8")
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

impl Answers {
    pub fn new(folder: Folder, max_age: u32, verbose: bool) -> Self {
        // Caches and proxies must not change the bytes.
        let cache_control = match max_age {
            0 => "no-cache, no-transform".into(),
            seconds => format!("public, max-age={seconds}, no-transform"),
        };
        Self { folder: Arc::new(folder), cache_control, verbose }
    }

    /// Answers a request; `client` is the client's name in the log.
    pub async fn answer(&self, request: &Request<Incoming>, client: String) -> Response<Body> {
        let begun = Instant::now();
        let mut draft = self.draft(request).await;
        for (name, value) in EVERYWHERE {
            draft.headers.insert(name, HeaderValue::from_static(value));
        }
        let length: u64 = draft.parts.iter().map(Part::length).sum();
        if !matches!(draft.status, StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT) {
            draft.headers.insert(header::CONTENT_LENGTH, length.into());
        }
        let of_head = *request.method() == Method::HEAD;
        if of_head {
            draft.parts.clear();
        }
        let sent: u64 = if of_head { 0 } else { length };
        let line = self.verbose.then(|| {
            let part = request.headers().get(header::RANGE);
            let part = part.map_or("-", |part| part.to_str().unwrap_or("?"));
            let (method, path) = (request.method(), request.uri().path());
            format!("{client} \"{method} {path}\" {part} {}", draft.status.as_u16())
        });
        let tell = move |taken: u64| {
            if let Some(line) = &line {
                let cut = if taken < sent { " cut" } else { "" };
                let time = begun.elapsed().as_secs_f64() * 1000.0;
                show::complain(&format!("{line} {taken} B {time:.1} ms{cut}"));
            }
        };
        let body = of_parts(draft.file, draft.parts, Tally::new(tell));
        let mut response = Response::new(body);
        *response.status_mut() = draft.status;
        *response.headers_mut() = draft.headers;
        response
    }

    async fn draft(&self, request: &Request<Incoming>) -> Draft {
        match *request.method() {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => {
                let draft = Draft::new(StatusCode::NO_CONTENT);
                return BEFOREHAND
                    .into_iter()
                    .fold(draft, |draft, (name, value)| draft.with(name, value));
            }
            _ => {
                let line = "files are read here, by GET and HEAD";
                return Draft::says(StatusCode::METHOD_NOT_ALLOWED, line)
                    .with(header::ALLOW, METHODS);
            }
        }
        let (folder, path) = (Arc::clone(&self.folder), request.uri().path().to_owned());
        let found = tokio::task::spawn_blocking(move || folder.find(&path)).await;
        match found.map_err(io::Error::other).flatten() {
            Ok(file) => self.of_file(request, file),
            Err(error) => not_found(&error),
        }
    }

    fn of_file(&self, request: &Request<Incoming>, file: OpenFile) -> Draft {
        let headers = request.headers();
        let described = |draft: Draft| {
            draft
                .with(header::ETAG, &file.etag)
                .with(header::LAST_MODIFIED, &fmt_http_date(file.modified))
                .with(header::CACHE_CONTROL, &self.cache_control)
        };
        match decide(headers, &file) {
            Decision::Answer => {}
            Decision::Unchanged => return described(Draft::new(StatusCode::NOT_MODIFIED)),
            Decision::Failed => {
                let line = "the file is another version than the one that is asked for";
                return described(Draft::says(StatusCode::PRECONDITION_FAILED, line));
            }
        }
        // HEAD describes the whole file.
        let range = headers.get(header::RANGE).filter(|_| *request.method() == Method::GET);
        let range = range.filter(|_| is_same_version(headers, &file));
        let asked = range
            .map_or(Selection::Whole, |range| asked(range.to_str().unwrap_or(""), file.length));
        let draft = match asked {
            Selection::Whole => {
                let parts = vec![Part::OfFile(0..file.length)];
                described(Draft { parts, ..Draft::new(StatusCode::OK) })
                    .with(header::CONTENT_TYPE, BYTES)
            }
            Selection::Nothing => {
                let line = "the file has no such bytes";
                described(Draft::says(StatusCode::RANGE_NOT_SATISFIABLE, line))
                    .with(header::CONTENT_RANGE, &format!("bytes */{}", file.length))
            }
            Selection::Parts(ranges) => match &ranges[..] {
                [range] => {
                    let parts = vec![Part::OfFile(range.clone())];
                    described(Draft { parts, ..Draft::new(StatusCode::PARTIAL_CONTENT) })
                        .with(header::CONTENT_RANGE, &content_range(range, file.length))
                        .with(header::CONTENT_TYPE, BYTES)
                }
                ranges => {
                    let boundary = boundary(&file.etag);
                    let parts = multipart(ranges, file.length, &boundary);
                    described(Draft { parts, ..Draft::new(StatusCode::PARTIAL_CONTENT) }).with(
                        header::CONTENT_TYPE,
                        &format!("multipart/byteranges; boundary={boundary}"),
                    )
                }
            },
        };
        Draft { file: Some(file.file), ..draft }
    }
}

/// Says why a file cannot be sent, in a line without paths of this machine.
fn not_found(error: &io::Error) -> Draft {
    use io::ErrorKind as E;
    match error.kind() {
        E::PermissionDenied => {
            Draft::says(StatusCode::FORBIDDEN, "this file may not be read, or lies elsewhere")
        }
        E::NotFound | E::NotADirectory | E::InvalidInput | E::InvalidFilename | E::IsADirectory => {
            Draft::says(
                StatusCode::NOT_FOUND,
                "there is no index file of this name; names end in .hither",
            )
        }
        _ => {
            show::complain(&format!("a file could not be opened: {error}"));
            let line = "the file cannot be read now";
            Draft::says(StatusCode::SERVICE_UNAVAILABLE, line).with(header::RETRY_AFTER, "1")
        }
    }
}

fn content_range(range: &Range<u64>, length: u64) -> String {
    format!("bytes {}-{}/{length}", range.start, range.end - 1)
}

/// The boundary between parts, which practically never occurs in a file.
fn boundary(etag: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("hither-{}-{:x}", etag.trim_matches('"'), now.as_nanos())
}

/// Several parts in one body, each after a head of its own.
fn multipart(ranges: &[Range<u64>], length: u64, boundary: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for range in ranges {
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: {BYTES}\r\nContent-Range: {}\r\n\r\n",
            content_range(range, length)
        );
        parts.extend([Part::Text(head.into()), Part::OfFile(range.clone())]);
    }
    parts.push(Part::Text(format!("\r\n--{boundary}--\r\n").into()));
    parts
}
