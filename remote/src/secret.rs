//! Credentials for HTTP servers, which errors never show.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use object_store::client::HttpRequest;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use std::fmt;

/// An `Authorization` header, and parameters for the query.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    /// The value of the header, such as `Bearer …` or what [`Secret::basic`] returns; see [`is_header`].
    pub authorization: Option<String>,
    /// The part of a URL after the `?`, percent-encoded; see [`is_query`].
    pub query: Option<String>,
}

/// Shows no secrets.
impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret")
    }
}

impl Secret {
    /// The value of the header for HTTP basic authentication.
    pub fn basic(user: &str, password: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    }

    /// Adds it to a request.
    pub(crate) fn add_to(&self, request: &mut HttpRequest) {
        if let Some(authorization) = &self.authorization
            && let Ok(mut value) = HeaderValue::from_str(authorization)
        {
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        if let Some(query) = &self.query
            && let Ok(address) = format!("{}?{query}", request.uri()).parse()
        {
            *request.uri_mut() = address;
        }
    }

    /// The parts that distinguish it from others, for a digest.
    pub(crate) fn parts(&self) -> [&str; 2] {
        [&self.authorization, &self.query].map(|part| part.as_deref().unwrap_or_default())
    }
}

/// Whether a value can be an endpoint of S3: an HTTP URL without user and query.
pub fn is_endpoint(value: &str) -> bool {
    Url::parse(value).is_ok_and(|url| {
        let user = !url.username().is_empty() || url.password().is_some();
        matches!(url.scheme(), "http" | "https") && !user && url.query().is_none()
    })
}

/// Whether a value can be a header's value.
pub fn is_header(value: &str) -> bool {
    HeaderValue::from_str(value).is_ok() && !value.trim().is_empty()
}

/// Whether a value can be the query of a URL without further encoding.
pub fn is_query(value: &str) -> bool {
    let url = Url::parse(&format!("https://host/?{value}"));
    url.is_ok_and(|url| url.query() == Some(value)) && !value.is_empty()
}

/// A location as errors may show it: without the parts where secrets may be, before a host and after a
/// question mark.
pub fn masked(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let rest = match rest.rfind('@') {
        Some(at) if !scheme.is_empty() => format!("…{}", &rest[at..]),
        _ => rest.to_owned(),
    };
    match rest.find('?').filter(|at| rest[*at..].contains('=') || !scheme.is_empty()) {
        Some(at) => format!("{scheme}{}?…", &rest[..at]),
        None => format!("{scheme}{rest}"),
    }
}
