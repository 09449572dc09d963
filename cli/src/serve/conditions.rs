//! Conditions of a request: on which version of a file it wants an answer. RFC 9110, section 13.

use super::folder::OpenFile;
use hyper::header::{
    HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE,
};
use std::time::SystemTime;

/// What conditions leave of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is answered.
    Answer,
    /// The client has this version: 304.
    Unchanged,
    /// The client wants another version: 412.
    Failed,
}

/// Decides, in the order of section 13.2.2.
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

/// Whether a part may be sent, or the whole must be. A date never tells versions apart that were written in
/// one second.
pub fn is_same_version(headers: &HeaderMap, file: &OpenFile) -> bool {
    headers.get(IF_RANGE).is_none_or(|tag| tag.as_bytes() == file.etag.as_bytes())
}

/// Whether a list has a tag, or is `*`. No tag of ours is weak; one that a cache made weak is found where
/// that will do.
fn matches(list: &str, etag: &str, weakly: bool) -> bool {
    let tags = list.split(',').map(|tag| tag.trim_matches([' ', '\t']));
    let strong = |tag| if weakly { str::strip_prefix(tag, "W/").unwrap_or(tag) } else { tag };
    list.trim() == "*" || tags.map(strong).any(|tag| tag == etag)
}

/// A date of HTTP; one that is none counts as not said.
fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}
