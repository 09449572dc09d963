//! Where files are: paths of this machine, URLs of HTTP, objects of S3; one, many, or a pattern.

use crate::failure::{Failure, Result};
use crate::secret::masked;
use pgrx::PgSqlErrorCode as Code;
use reqwest::Url;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// A place that a table or its server names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// An absolute path: a file, a folder or a glob.
    Path(PathBuf),
    /// One file.
    Http(Url),
    /// An object, a prefix that ends in `/`, or a glob.
    S3 { bucket: String, key: String },
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

/// What the location of an option needs of the role that sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Lies beneath what the server's owner chose.
    Nothing,
    /// Names a file of this machine, or has whole folders searched.
    ServerFiles,
    /// Names a host.
    Network,
}

pub fn is_url(text: &str) -> bool {
    text.as_bytes().windows(3).any(|three| three == b"://")
}

/// Whether a text is a glob rather than a name.
pub fn is_glob(text: impl AsRef<OsStr>) -> bool {
    text.as_ref().as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// What naming a location, as written in an option, needs.
pub fn needs(text: &str) -> Needs {
    let path = Path::new(text);
    let leads_up = path.components().any(|part| part == Component::ParentDir);
    // A pattern of files lists one folder, one of folders any number of them.
    let searches = path.parent().is_some_and(is_glob) || text.contains("**");
    if is_url(text) {
        Needs::Network
    } else if path.is_absolute() || leads_up || searches {
        Needs::ServerFiles
    } else {
        Needs::Nothing
    }
}

/// The parts of a list of locations.
pub fn split(list: &str) -> Vec<&str> {
    list.split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// Understands a location; a relative one lies beneath `base`.
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
            // URLs have more ways to write .. than a path has.
            if location.to_string().starts_with(&parse_url(&format!("{base}/"))?.to_string()) {
                return Ok(location);
            }
            Err(invalid(format!("location \"{}\" is not beneath that of the server", masked(text))))
        }
        _ => {
            let base = Path::new(base.unwrap_or(""));
            let path = if text == "." { base.into() } else { base.join(text) };
            if path.is_absolute() {
                return Ok(Location::Path(path));
            }
            let message = format!("location \"{}\" is not an absolute path", masked(text));
            Err(invalid(message)
                .hint("Write it from the root, or give the server a location that it is beneath."))
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
                return Err(invalid(message).hint("Write s3://bucket/key or s3://bucket/prefix/."));
            }
            Ok(Location::S3 { bucket: bucket.into(), key: key.into() })
        }
        "http" | "https" => {
            let url = Url::parse(text).map_err(|error| {
                invalid(format!("a location that begins with {scheme}:// is no URL: {error}"))
            })?;
            let user = !url.username().is_empty() || url.password().is_some();
            if user || url.fragment().is_some() || url.query().is_some() {
                return Err(secret());
            }
            Ok(Location::Http(url))
        }
        _ => Err(invalid(format!("location \"{}\" is of an unknown kind", masked(text)))
            .hint("It may be a path, or begin with https://, http:// or s3://.")),
    }
}

/// Refuses what may be a secret in a location as it is written, whatever it lies beneath. What it
/// is cannot be told, so no query is taken; the text is not repeated, for errors go into logs.
pub fn check_secrets(text: &str) -> Result<()> {
    let query = text.find('?').is_some_and(|at| text[at..].contains('='));
    if query { Err(secret()) } else { Ok(()) }
}

fn secret() -> Failure {
    invalid("the location contains what may be a secret".into()).hint(
        "Everybody may read locations. What a server wants to hear belongs into CREATE USER MAPPING … OPTIONS (user '…', password '…'), (authorization '…') or (query '…').",
    )
}

/// The error of a location that cannot be understood.
pub fn invalid(message: String) -> Failure {
    Failure::new(Code::ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE, message)
}

/// The error of a folder, prefix or glob that means no file.
pub fn nothing_at(pattern: impl std::fmt::Display) -> Failure {
    let message = format!("there is no index file at \"{pattern}\"");
    Failure::new(Code::ERRCODE_UNDEFINED_FILE, message)
        .hint("Make one with `hither build`; their names end in .hither.")
}
