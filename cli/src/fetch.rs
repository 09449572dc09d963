//! Index files on HTTP servers and in S3: downloaded whole into a cache on this machine, and opened there.
//! The server is asked each time whether the file is unchanged.

use crate::failure::Failure;
use crate::interrupt::interrupted;
use crate::memory::parse_size;
use hither::IndexFile;
use hither_remote::{
    Access, Cache, CacheOptions, Error, ErrorKind, Keys, Location, Object, Secret,
};
use hither_remote::{is_header, is_query, location};
use indicatif::ProgressBar;
use std::env;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// The help on files on servers.
pub const HELP: &str = "\
An index file may be on a server: https://…, http://… or s3://bucket/key. It is brought whole,
verified, and kept; each command asks the server whether it is unchanged. hither search --ranges
brings only what it reads, of a file that was built with --ranges.

  HITHER_CACHE          the folder of these files; else hither in XDG_CACHE_HOME or ~/.cache
  HITHER_CACHE_SIZE     most bytes of them together, such as 50G; default 10G
  HITHER_AUTHORIZATION  the header Authorization for HTTP servers, such as: Bearer abc
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL
                        who asks S3, and where it is; without keys, what everybody may read";

const CACHE: &str = "HITHER_CACHE";
const CACHE_SIZE: &str = "HITHER_CACHE_SIZE";
const AUTHORIZATION: &str = "HITHER_AUTHORIZATION";
/// The default limit of the cache in bytes.
const DEFAULT_CACHE_SIZE: u64 = 10_000_000_000;

/// Downloads and opens the index file at `url`.
pub fn fetch(url: &str) -> Result<IndexFile, Failure> {
    let bar = ProgressBar::new_spinner().with_message("fetching");
    bar.enable_steady_tick(Duration::from_millis(200));
    let opened = bring(url, &mut interrupted);
    bar.finish_and_clear();
    opened
}

/// Downloads and opens the index file at `url`, unless `stop` returns true.
///
/// # Errors
/// Problems with the URL, the server, the cache or the file; [`Failure::Interrupted`].
pub fn bring(url: &str, mut stop: &mut dyn FnMut() -> bool) -> Result<IndexFile, Failure> {
    let object = object(url, &mut stop)?;
    let cache = Cache::open(CacheOptions {
        folder: cache_folder()?,
        size: cache_size()?,
        share: None,
        trusted_since: SystemTime::now(),
    })?;
    // The lock keeps the file in the cache until it is open.
    let cached = cache.bring(&[object], &mut stop)?;
    Ok(IndexFile::open(&cached[0].path)?)
}

/// The only file at `url`, accessed with the credentials of the environment.
pub fn object(url: &str, mut stop: impl FnMut() -> bool) -> Result<Object, Failure> {
    let (access, location) = location(url)?;
    let objects = access.objects(&location, &mut stop)?;
    match <[Object; 1]>::try_from(objects) {
        Ok([object]) => Ok(object),
        Err(objects) => {
            Err(format!("{location}: these are {} files; name one", objects.len()).into())
        }
    }
}

/// Parses `url`, and reads the credentials from the environment.
pub fn location(url: &str) -> Result<(Access, Location), Failure> {
    // A location must not contain a secret, so the query, which may be one, is passed separately.
    let (url, query) = match url.split_once('?').filter(|_| !url.starts_with("s3:")) {
        Some((url, query)) => (url, Some(query)),
        None => (url, None),
    };
    if query.is_some_and(|query| !is_query(query)) {
        return Err(format!("{url}: what stands behind its question mark is no query").into());
    }
    let location = location::parse(url, None)?;
    let authorization = variable(AUTHORIZATION);
    if authorization.as_deref().is_some_and(|value| !is_header(value)) {
        return Err(format!("{AUTHORIZATION} is no header, such as: Bearer abc").into());
    }
    let mut access = access()?;
    if authorization.is_some() || query.is_some() {
        access.secret = Some(Secret { authorization, query: query.map(String::from) });
        access.homes.extend(location.origin());
    }
    Ok((access, location))
}

/// Credentials and settings from the same environment variables that other S3 clients use.
fn access() -> Result<Access, Failure> {
    let of = |names: &[&str]| names.iter().find_map(|name| variable(name));
    let mut access = Access {
        endpoint: of(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]),
        // A user who writes http:// wants it.
        allow_http: true,
        ..Access::default()
    };
    if let Some(region) = of(&["AWS_REGION", "AWS_DEFAULT_REGION"]) {
        access.region = region;
    }
    access.keys = match [of(&["AWS_ACCESS_KEY_ID"]), of(&["AWS_SECRET_ACCESS_KEY"])] {
        [Some(access_key_id), Some(secret_access_key)] => {
            let session_token = of(&["AWS_SESSION_TOKEN"]);
            Some(Keys { access_key_id, secret_access_key, session_token })
        }
        [None, None] => None,
        _ => return Err("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together".into()),
    };
    Ok(access)
}

fn cache_folder() -> Result<PathBuf, Failure> {
    let own = variable(CACHE).map(PathBuf::from);
    let of_user = || variable("XDG_CACHE_HOME").map(|folder| PathBuf::from(folder).join("hither"));
    let of_home = || variable("HOME").map(|folder| PathBuf::from(folder).join(".cache/hither"));
    let none = || format!("there is no folder for files that are fetched; name one in {CACHE}");
    Ok(own.or_else(of_user).or_else(of_home).ok_or_else(none)?)
}

fn cache_size() -> Result<u64, Failure> {
    let size = variable(CACHE_SIZE).map(|size| parse_size(&size));
    let size = size.transpose().map_err(|error| format!("{CACHE_SIZE}: {error}"))?;
    Ok(size.unwrap_or(DEFAULT_CACHE_SIZE))
}

/// An environment variable, unless it is empty.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        use ErrorKind as E;
        let hint = match error.kind() {
            E::Interrupted => return Self::Interrupted,
            E::Secret | E::Refused => Some(format!(
                "What the server wants to hear goes into {AUTHORIZATION}, such as: Bearer abc"
            )),
            E::RefusedByS3 => {
                Some("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY say who asks".into())
            }
            E::Elsewhere => Some("AWS_REGION names the region of the bucket".into()),
            E::TooLarge | E::Removed | E::Full => {
                Some(format!("{CACHE_SIZE} lets the cache be larger, such as 50G"))
            }
            E::Disk | E::Denied | E::Folder => Some(format!("{CACHE} names another folder")),
            _ => error.hint().map(|hint| hint.trim_end_matches('.').into()),
        };
        Self::Message(hint.map_or(error.to_string(), |hint| format!("{error}. {hint}")))
    }
}
