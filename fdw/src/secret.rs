//! What HTTP servers want to hear before they give a file, of a user mapping alone.

use crate::failure::{Failure, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use object_store::client::HttpRequest;
use pgrx::PgSqlErrorCode as Code;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use std::fmt;

/// A header `Authorization`, and what is added to the query.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    authorization: Option<String>,
    query: Option<String>,
}

/// Not shown, whoever prints what has one.
impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret")
    }
}

impl Secret {
    /// Of a user mapping, whose options `find` looks up; none if that has none.
    ///
    /// # Errors
    /// One half of user and password, or another `authorization` beside them.
    pub fn new<'o>(find: impl Fn(&'static str) -> Option<&'o str>) -> Result<Option<Self>> {
        let own = |name| find(name).map(str::to_owned);
        let incomplete = |message| {
            Err(Failure::new(Code::ERRCODE_FDW_OPTION_NAME_NOT_FOUND, message)
                .hint("ALTER USER MAPPING … OPTIONS (ADD …) or (DROP …)."))
        };
        let authorization = match (own("user"), own("password"), own("authorization")) {
            (Some(user), Some(password), None) => {
                Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
            }
            (None, None, authorization) => authorization,
            (Some(_), Some(_), Some(_)) => {
                return incomplete("the user mapping has authorization beside user and password");
            }
            _ => return incomplete("the user mapping has one of user and password"),
        };
        let query = own("query");
        let some = authorization.is_some() || query.is_some();
        Ok(some.then_some(Self { authorization, query }))
    }

    /// Adds it to a request.
    pub fn add_to(&self, request: &mut HttpRequest) {
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

    /// What tells it from others, for a digest.
    pub fn parts(&self) -> [&str; 2] {
        [&self.authorization, &self.query].map(|part| part.as_deref().unwrap_or_default())
    }
}

/// Whether a value can be a header.
pub fn is_header(value: &str) -> bool {
    HeaderValue::from_str(value).is_ok() && !value.trim().is_empty()
}

/// Whether a value can be the query of a URL as it is.
pub fn is_query(value: &str) -> bool {
    let url = Url::parse(&format!("https://host/?{value}"));
    url.is_ok_and(|url| url.query() == Some(value)) && !value.is_empty()
}

/// A location as errors may show it, without what stands where secrets do: before a host and
/// behind a question mark.
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
