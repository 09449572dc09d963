//! Locations of files: paths on this machine, HTTP URLs, S3 objects; one file, several, or a pattern.

use crate::error::{Error, ErrorKind, Result};
use crate::secret::masked;
use reqwest::Url;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

#[cfg(test)]
mod tests;

/// The location of one or more index files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// An absolute path: a file, a folder or a glob.
    Path(PathBuf),
    /// The URL of one file, without user, query and fragment.
    Http(Url),
    /// An object, a prefix that ends in `/`, or a glob.
    S3 {
        /// The bucket's name.
        bucket: String,
        /// The key within the bucket, without a leading slash; may be empty.
        key: String,
    },
}

impl Location {
    /// Scheme, host and port of an HTTP server, in the form of [`Access::homes`](crate::Access::homes).
    pub fn origin(&self) -> Option<String> {
        match self {
            Self::Http(url) => Some(url.origin().ascii_serialization()),
            Self::Path(_) | Self::S3 { .. } => None,
        }
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(out),
            Self::Http(url) => url.fmt(out),
            Self::S3 { bucket, key } => write!(out, "s3://{bucket}/{key}"),
        }
    }
}

/// Whether a text is a URL, not a path.
pub fn is_url(text: &str) -> bool {
    text.as_bytes().windows(3).any(|three| three == b"://")
}

/// Whether a text is a glob, not a name.
pub fn is_glob(text: impl AsRef<OsStr>) -> bool {
    text.as_ref().as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// The elements of a comma-separated list of locations.
pub fn split(list: &str) -> Vec<&str> {
    list.split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// Parses a location; a relative one lies beneath `base`.
///
/// # Errors
/// If it is not a valid location, leads out of `base`, or contains what may be a secret.
pub fn parse(text: &str, base: Option<&str>) -> Result<Location> {
    if is_url(text) {
        return parse_url(text);
    }
    match base {
        Some(base) if is_url(base) && !text.starts_with('/') => {
            let relative = text.strip_prefix("./").unwrap_or(text);
            let relative = if relative == "." { "" } else { relative };
            let base = base.trim_end_matches('/');
            let location = parse_url(&format!("{base}/{relative}"))?;
            // A URL can spell `..` in more ways than a path can.
            if location.to_string().starts_with(&parse_url(&format!("{base}/"))?.to_string()) {
                return Ok(location);
            }
            let message =
                format!("location \"{}\" is not beneath that of the server", masked(text));
            Err(Error::new(ErrorKind::Location, message))
        }
        _ => {
            let base = Path::new(base.unwrap_or(""));
            let path = if text == "." { base.into() } else { base.join(text) };
            if path.is_absolute() {
                return Ok(Location::Path(path));
            }
            let message = format!("location \"{}\" is not an absolute path", masked(text));
            Err(Error::new(ErrorKind::NotAbsolute, message))
        }
    }
}

fn parse_url(text: &str) -> Result<Location> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "s3" => {
            let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
            if bucket.is_empty() || bucket.contains(['@', ':', '*', '[', '?']) {
                let message =
                    format!("location \"s3://…/{}\" does not begin with a bucket", masked(key));
                return Err(Error::new(ErrorKind::Bucket, message));
            }
            Ok(Location::S3 { bucket: bucket.into(), key: key.into() })
        }
        "http" | "https" => {
            let url = Url::parse(text).map_err(|error| {
                let message = format!("a location that begins with {scheme}:// is no URL: {error}");
                Error::new(ErrorKind::Location, message)
            })?;
            let user = !url.username().is_empty() || url.password().is_some();
            if user || url.fragment().is_some() || url.query().is_some() {
                return Err(secret());
            }
            Ok(Location::Http(url))
        }
        _ => {
            let message = format!("location \"{}\" is of an unknown kind", masked(text));
            Err(Error::new(ErrorKind::Scheme, message))
        }
    }
}

/// Rejects a location, as it was written, that may contain a secret, whatever it is relative to. What a
/// query contains cannot be known, so none is accepted; the error does not repeat the text, because errors
/// are logged.
///
/// # Errors
/// If there is a query.
pub fn check_secrets(text: &str) -> Result<()> {
    let query = text.find('?').is_some_and(|at| text[at..].contains('='));
    if query { Err(secret()) } else { Ok(()) }
}

fn secret() -> Error {
    Error::new(ErrorKind::Secret, "the location contains what may be a secret")
}
