//! Files of HTTP servers and of S3: who asks, listing, and what an answer that is an error means.

use crate::failure::{Failure, Result};
use crate::location::{Location, is_glob, nothing_at};
use crate::network::{self, Connector, READ_TIMEOUT, Wrong};
use crate::options::{self, Options, find};
use crate::secret::Secret;
use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectMeta, ObjectStore, RetryConfig};
use pgrx::{PgSqlErrorCode as Code, pg_sys};
use std::error::Error;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

/// One file of a server or one to be copied, and the store that it is asked of.
#[derive(Clone)]
pub struct Object {
    /// As people write it.
    pub url: String,
    pub store: Arc<dyn ObjectStore>,
    pub path: Path,
    /// What a listing said of it.
    pub listed: Option<ObjectMeta>,
    /// What tells it from every other, whoever asks: whom it was got from and with which keys.
    pub id: String,
}

/// How a server is asked, of its options and of the user's mapping.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    region: String,
    endpoint: Option<String>,
    allow_http: bool,
    path_style: bool,
    keys: Option<Keys>,
    secret: Option<Secret>,
    /// Schemes, hosts and ports that the server itself names: the secret goes nowhere else.
    homes: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Keys {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl Access {
    /// Of a server's options and, if there is anyone to ask, with the keys of `asker`: a server
    /// and a user of it.
    ///
    /// # Errors
    /// A mapping that has only one half of a pair of keys, or of user and password.
    pub fn new(server: &Options, asker: Option<(pg_sys::Oid, pg_sys::Oid)>) -> Result<Self> {
        let mapping = asker.map(|(server, user)| user_mapping(server, user)).unwrap_or_default();
        let own = |name| find(&mapping, name).map(str::to_owned);
        let keys = match (own("access_key_id"), own("secret_access_key")) {
            (Some(access_key_id), Some(secret_access_key)) => {
                let session_token = own("session_token");
                Some(Keys { access_key_id, secret_access_key, session_token })
            }
            (None, None) => None,
            _ => {
                let message = "the user mapping has one of access_key_id and secret_access_key";
                return Err(Failure::new(Code::ERRCODE_FDW_OPTION_NAME_NOT_FOUND, message)
                    .hint("ALTER USER MAPPING … OPTIONS (ADD …): both are needed, or neither."));
            }
        };
        let homes = options::locations(&Options::new(), server).unwrap_or_default();
        let homes = homes.iter().filter_map(|location| match location {
            Location::Http(url) => Some(url.origin().ascii_serialization()),
            _ => None,
        });
        Ok(Self {
            secret: Secret::new(|name| find(&mapping, name))?,
            homes: homes.collect(),
            region: find(server, "region").unwrap_or("us-east-1").into(),
            endpoint: find(server, "endpoint").map(Into::into),
            allow_http: options::is_on(server, "allow_http", false),
            path_style: options::is_on(server, "path_style", true),
            keys,
        })
    }

    /// What distinguishes objects of the same name that are asked for with other keys or elsewhere.
    /// A cached file is found only by who could have fetched it.
    fn id(&self, url: &str) -> String {
        let keys = self.keys.as_ref();
        digest(&[
            url,
            self.endpoint.as_deref().unwrap_or(""),
            keys.map_or("", |keys| &keys.access_key_id),
            keys.map_or("", |keys| &keys.secret_access_key),
        ])
    }

    /// What an HTTP server hears from this user: nothing, unless the server of the table names it.
    fn secret_for(&self, url: &reqwest::Url) -> Result<Option<&Secret>> {
        let home = self.homes.contains(&url.origin().ascii_serialization());
        let secret = self.secret.as_ref().filter(|_| home);
        if secret.is_some() && url.scheme() == "http" && !self.allow_http {
            return Err(not_encrypted("location", url.as_str()));
        }
        Ok(secret)
    }

    fn bucket(&self, bucket: &str) -> Result<Arc<dyn ObjectStore>> {
        let host = self.endpoint.as_deref().and_then(|url| {
            let url = reqwest::Url::parse(url).ok()?;
            url.host_str().map(str::to_owned)
        });
        // No part of this machine's environment, nor its role in a cloud: they are not the user's.
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(&self.region)
            .with_allow_http(self.allow_http)
            .with_virtual_hosted_style_request(!self.path_style)
            .with_retry(retries())
            .with_http_connector(Connector {
                host: host.unwrap_or_default(),
                follow_redirects: false,
                secret: None,
            });
        if let Some(endpoint) = &self.endpoint {
            if endpoint.starts_with("http://") && !self.allow_http {
                return Err(not_encrypted("endpoint", endpoint));
            }
            builder = builder.with_endpoint(endpoint);
        }
        builder = match &self.keys {
            None => builder.with_skip_signature(true),
            Some(keys) => {
                let builder = builder
                    .with_access_key_id(&keys.access_key_id)
                    .with_secret_access_key(&keys.secret_access_key);
                match &keys.session_token {
                    Some(token) => builder.with_token(token),
                    None => builder,
                }
            }
        };
        let store = builder.build().map_err(|error| failure(&format!("s3://{bucket}"), &error))?;
        Ok(Arc::new(store))
    }

    /// The files that a remote location means. Prefixes and globs are asked of the server, sorted
    /// by name.
    pub fn objects(&self, location: &Location) -> Result<Vec<Object>> {
        let url = location.to_string();
        match location {
            Location::Path(_) => Ok(Vec::new()),
            Location::Http(http) => {
                if http.path().ends_with('/') || http.path().contains('*') {
                    let message = format!("location \"{url}\" is not one file");
                    return Err(Failure::new(Code::ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE, message)
                        .hint("HTTP lists no folders: name the files, separated by commas, in the option shards."));
                }
                let secret = self.secret_for(http)?;
                let store = HttpBuilder::new()
                    .with_url(http.as_str())
                    .with_retry(retries())
                    .with_http_connector(Connector {
                        host: http.host_str().unwrap_or_default().into(),
                        follow_redirects: true,
                        secret: secret.cloned(),
                    })
                    .build()
                    .map_err(|error| failure(&url, &error))?;
                let id = match secret.map(Secret::parts) {
                    None => self.id(&url),
                    Some([authorization, query]) => digest(&[&url, authorization, query]),
                };
                let store = Arc::new(store);
                Ok(vec![Object { url, store, path: Path::default(), listed: None, id }])
            }
            Location::S3 { bucket, key } => {
                let store = self.bucket(bucket)?;
                let pattern = match key.as_str() {
                    "" => "*.hither".into(),
                    prefix if prefix.ends_with('/') => format!("{prefix}*.hither"),
                    key => key.to_owned(),
                };
                if is_glob(&pattern) {
                    return self.list(&store, bucket, &pattern);
                }
                let path = Path::parse(key).map_err(|error| failure(&url, &error.into()))?;
                let id = self.id(&url);
                Ok(vec![Object { url, store, path, listed: None, id }])
            }
        }
    }

    fn list(
        &self,
        store: &Arc<dyn ObjectStore>,
        bucket: &str,
        pattern: &str,
    ) -> Result<Vec<Object>> {
        let url = format!("s3://{bucket}/{pattern}");
        let glob = glob::Pattern::new(pattern).map_err(|error| {
            let message = format!("location \"{url}\": {error}");
            Failure::new(Code::ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE, message)
        })?;
        // What lies before the first wildcard is the prefix to list.
        let wild = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
        let prefix = pattern[..wild].rsplit_once('/').map(|(folder, _)| Path::from(folder));
        let deep = pattern[wild..].contains('/');
        let listed = network::wait(async {
            if deep {
                store.list(prefix.as_ref()).try_collect::<Vec<_>>().await
            } else {
                store.list_with_delimiter(prefix.as_ref()).await.map(|result| result.objects)
            }
        })?;
        let rules = glob::MatchOptions { require_literal_separator: true, ..Default::default() };
        let mut found = listed.map_err(|error| failure(&url, &error))?;
        found.retain(|meta| glob.matches_with(meta.location.as_ref(), rules));
        found.sort_by(|a, b| a.location.cmp(&b.location));
        if found.is_empty() {
            return Err(nothing_at(&url));
        }
        let object = |meta: ObjectMeta| {
            let url = format!("s3://{bucket}/{}", meta.location);
            let (id, path, store) = (self.id(&url), meta.location.clone(), Arc::clone(store));
            Object { url, store, path, listed: Some(meta), id }
        };
        Ok(found.into_iter().map(object).collect())
    }
}

fn not_encrypted(what: &str, url: &str) -> Failure {
    let message = format!("the {what} \"{url}\" is not encrypted");
    Failure::new(Code::ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE, message)
        .hint("ALTER SERVER … OPTIONS (ADD allow_http 'on') if that is meant.")
}

/// A name for what has these parts, and nothing else.
fn digest(parts: &[&str]) -> String {
    let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        digest.update(part.as_bytes());
        digest.update(&[0]);
    }
    let digest = digest.finish();
    digest.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file of this machine as an object, whose id tells one version from the next.
pub fn local(path: &FilePath, version: &str) -> Result<Object> {
    let url = path.display().to_string();
    let at = Path::from_absolute_path(path).map_err(|error| failure(&url, &error.into()))?;
    let (store, id) = (Arc::new(LocalFileSystem::new()), digest(&[&url, version]));
    Ok(Object { url, store, path: at, listed: None, id })
}

/// The options of a user's mapping, or of everybody's. Unlike `GetUserMapping`, none is no error.
fn user_mapping(server: pg_sys::Oid, user: pg_sys::Oid) -> Options {
    // SAFETY: look-ups in the catalog, within a transaction; the tuple is released after use.
    unsafe {
        for user in [user, pg_sys::InvalidOid] {
            let cache = pg_sys::SysCacheIdentifier::USERMAPPINGUSERSERVER as i32;
            let tuple = pg_sys::SearchSysCache2(cache, user.into(), server.into());
            if tuple.is_null() {
                continue;
            }
            let mut null = false;
            let number = pg_sys::Anum_pg_user_mapping_umoptions as i16;
            let datum = pg_sys::SysCacheGetAttr(cache, tuple, number, &raw mut null);
            let options = if null {
                Options::new()
            } else {
                options::read(pg_sys::untransformRelOptions(datum))
            };
            pg_sys::ReleaseSysCache(tuple);
            return options;
        }
    }
    Options::new()
}

/// A server that stumbles is asked again for some seconds, not for minutes.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: 3,
        retry_timeout: Duration::from_secs(10),
    }
}

/// What an error of a store means. Bodies of answers are not repeated: they may hold keys.
pub fn failure(url: &str, error: &object_store::Error) -> Failure {
    use object_store::Error as E;
    let (code, reason, hint) = match error {
        E::NotFound { .. } => {
            let message = format!("there is no index file at \"{url}\"");
            return Failure::new(Code::ERRCODE_UNDEFINED_FILE, message).hint(
                "The server answers that it does not exist, or hides it from who has no right.",
            );
        }
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => (
            Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
            "the server refuses it".into(),
            if url.starts_with("s3://") {
                "Keys of S3 belong into CREATE USER MAPPING … OPTIONS (access_key_id '…', secret_access_key '…').".into()
            } else {
                "What an HTTP server wants to hear belongs into CREATE USER MAPPING … OPTIONS (user '…', password '…'), (authorization '…') or (query '…'). It goes to hosts that the server itself names.".into()
            },
        ),
        error => {
            if let Some(wrong) = wrong(error) {
                return match wrong {
                    Wrong::File(error) => Failure::from(error.clone()).about(FilePath::new(url)),
                    Wrong::Answer(what) => {
                        let message = format!("could not get \"{url}\": {what}");
                        Failure::new(Code::ERRCODE_PROTOCOL_VIOLATION, message)
                    }
                };
            }
            let code = Code::ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION;
            let (reason, hint) = transport(error);
            (code, reason, hint)
        }
    };
    let failure = Failure::new(code, format!("could not get \"{url}\": {reason}"));
    if hint.is_empty() { failure } else { failure.hint(hint) }
}

/// A server says that a file is unchanged to who has none of it.
pub fn unasked(object: &Object) -> Failure {
    let message = format!(
        "could not get \"{}\": the server answered 304 Not Modified to who has no version of it",
        object.url
    );
    Failure::new(Code::ERRCODE_PROTOCOL_VIOLATION, message)
}

/// What of an answer was wrong, if that is why.
fn wrong(error: &object_store::Error) -> Option<&Wrong> {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(inner) = source {
        if let Some(wrong) = inner.downcast_ref() {
            return Some(wrong);
        }
        source = inner.source();
    }
    None
}

/// The innermost reason, and what to do.
fn transport(error: &object_store::Error) -> (String, String) {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    let mut innermost = error.to_string();
    let mut kind = None;
    while let Some(inner) = source {
        let text = inner.to_string();
        if let Some((_, status)) = text.split_once("non-2xx status code: ") {
            let status = status.split(':').next().unwrap_or(status).trim();
            return (format!("the server answered {status}"), String::new());
        }
        if text.contains("redirect without LOCATION") {
            let hint = "Is the option region of the server that of the bucket?".into();
            return ("the server answered that it is elsewhere".into(), hint);
        }
        if let Some(http) = inner.downcast_ref::<HttpError>() {
            kind = Some(http.kind());
        }
        innermost = text;
        source = inner.source();
    }
    match kind {
        Some(HttpErrorKind::Timeout) => (
            format!("the server did not answer within {} seconds", READ_TIMEOUT.as_secs()),
            "Is it reachable from the machine that Postgres runs on?".into(),
        ),
        Some(HttpErrorKind::Connect) => (
            format!("could not connect: {innermost}"),
            "Is it reachable from the machine that Postgres runs on?".into(),
        ),
        Some(HttpErrorKind::Interrupted | HttpErrorKind::Request | HttpErrorKind::Decode) => (
            "the connection was cut".into(),
            "What arrived is kept: the next attempt goes on from there, if the server lets it."
                .into(),
        ),
        _ => (innermost, String::new()),
    }
}
