//! The conditions of a request: for which version of a file it wants an answer. RFC 9110, section 13.

use super::folder::OpenFile;
use hyper::header::{
    HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE,
};
use std::time::SystemTime;

/// The result of a request's conditions.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// Answer the request.
    Answer,
    /// The client already has this version: 304.
    Unchanged,
    /// The client expects another version: 412.
    Failed,
}

/// Evaluates the conditions in the order of section 13.2.2.
pub fn decide(headers: &HeaderMap, file: &OpenFile) -> Decision {
    let tags = |name: HeaderName, weakly: bool| {
        let mut values = headers.get_all(name).iter().peekable();
        values.peek()?;
        Some(values.any(|value| matches(value.to_str().unwrap_or(""), &file.etag, weakly)))
    };
    let since = |name: HeaderName| date(headers, name).map(|date| file.modified <= date);
    let wanted = tags(IF_MATCH, false).or_else(|| since(IF_UNMODIFIED_SINCE));
    if wanted == Some(false) {
        return Decision::Failed;
    }
    match tags(IF_NONE_MATCH, true).or_else(|| since(IF_MODIFIED_SINCE)) {
        Some(true) => Decision::Unchanged,
        _ => Decision::Answer,
    }
}

/// Whether a range may be sent, instead of the whole file. Dates are not accepted here, because they cannot
/// distinguish versions written within the same second.
pub fn is_same_version(headers: &HeaderMap, file: &OpenFile) -> bool {
    headers.get(IF_RANGE).is_none_or(|tag| tag.as_bytes() == file.etag.as_bytes())
}

/// Whether a list contains a tag, or is `*`. Our tags are strong; one that a cache has weakened only
/// matches where weak comparison suffices.
fn matches(list: &str, etag: &str, weakly: bool) -> bool {
    let tags = list.split(',').map(|tag| tag.trim_matches([' ', '\t']));
    let strong = |tag| if weakly { str::strip_prefix(tag, "W/").unwrap_or(tag) } else { tag };
    list.trim() == "*" || tags.map(strong).any(|tag| tag == etag)
}

/// Parses an HTTP date; an invalid one is ignored.
fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}
