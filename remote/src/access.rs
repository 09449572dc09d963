//! Access to servers: credentials and settings, and the objects that a location refers to.

use crate::cause::cause;
use crate::error::{Error, ErrorKind, Result};
use crate::location::{Location, is_glob};
use crate::network::Connector;
use crate::object::{Object, digest};
use crate::secret::Secret;
use crate::wait::{Interrupt, wait};
use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectMeta, ObjectStore, RetryConfig};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How servers are contacted, and with which credentials. Nothing is taken from this machine's environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// The region of S3, by default `us-east-1`.
    pub region: String,
    /// The URL of a server with the API of S3; `None` for the server of the region.
    pub endpoint: Option<String>,
    /// Whether an endpoint, or a server that receives a secret, may be contacted without encryption.
    pub allow_http: bool,
    /// Whether the bucket's name is part of the path, not of the host: by default it is.
    pub path_style: bool,
    /// The keys for S3; `None` for objects that are public.
    pub keys: Option<Keys>,
    /// The secret for HTTP servers.
    pub secret: Option<Secret>,
    /// The origins that receive the secret, as [`Location::origin`] returns them; no other server does.
    pub homes: Vec<String>,
    /// The `User-Agent` of requests, by default `hither/` and the version.
    pub user_agent: String,
}

/// Keys of S3.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Keys {
    /// The id of the account's key.
    pub access_key_id: String,
    /// The key that signs requests.
    pub secret_access_key: String,
    /// The token of temporary keys.
    pub session_token: Option<String>,
}

/// Shows no secrets.
impl fmt::Debug for Keys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Keys")
    }
}

impl Default for Access {
    fn default() -> Self {
        Self {
            region: "us-east-1".into(),
            endpoint: None,
            allow_http: false,
            path_style: true,
            keys: None,
            secret: None,
            homes: Vec::new(),
            user_agent: concat!("hither/", env!("CARGO_PKG_VERSION")).into(),
        }
    }
}

impl Access {
    /// Distinguishes objects with the same name that are requested with other keys or from other servers.
    /// So a cached file is only found by those who could have fetched it.
    fn id(&self, url: &str) -> String {
        let keys = self.keys.as_ref();
        digest(&[
            url,
            self.endpoint.as_deref().unwrap_or(""),
            keys.map_or("", |keys| &keys.access_key_id),
            keys.map_or("", |keys| &keys.secret_access_key),
        ])
    }

    /// The secret to send with a request for this URL: none, unless its server is one of `homes`.
    fn secret_for(&self, url: &reqwest::Url) -> Result<Option<&Secret>> {
        let home = self.homes.contains(&url.origin().ascii_serialization());
        let secret = self.secret.as_ref().filter(|_| home);
        if secret.is_some() && url.scheme() == "http" && !self.allow_http {
            return Err(not_encrypted("location", url.as_str()));
        }
        Ok(secret)
    }

    fn bucket(&self, bucket: &str, kept: usize) -> Result<Arc<dyn ObjectStore>> {
        let host = self.endpoint.as_deref().and_then(|url| {
            let url = reqwest::Url::parse(url).ok()?;
            url.host_str().map(str::to_owned)
        });
        // This machine's environment, and its role in a cloud, are not used as credentials.
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(&self.region)
            .with_allow_http(self.allow_http)
            .with_virtual_hosted_style_request(!self.path_style)
            .with_retry(retries())
            .with_http_connector(Connector {
                host: host.unwrap_or_default(),
                kept,
                follow_redirects: false,
                user_agent: self.user_agent.clone(),
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
        let store = builder.build().map_err(|error| cause(&format!("s3://{bucket}"), &error))?;
        Ok(Arc::new(store))
    }

    /// The files at a remote location; none for a path. Prefixes and globs are listed by the server, sorted
    /// by name.
    ///
    /// # Errors
    /// If the location cannot be requested, there is no file, or the server does not answer.
    pub fn objects(
        &self,
        location: &Location,
        interrupt: &mut impl Interrupt,
    ) -> Result<Vec<Object>> {
        self.objects_kept(location, 0, interrupt)
    }

    /// Like [`objects`](Self::objects), but keeps up to `kept` connections to each server.
    pub(crate) fn objects_kept(
        &self,
        location: &Location,
        kept: usize,
        interrupt: &mut impl Interrupt,
    ) -> Result<Vec<Object>> {
        let url = location.to_string();
        match location {
            Location::Path(_) => Ok(Vec::new()),
            Location::Http(http) => {
                if http.path().ends_with('/') || http.path().contains('*') {
                    let message = format!("location \"{url}\" is not one file");
                    return Err(Error::new(ErrorKind::NotOneFile, message));
                }
                let secret = self.secret_for(http)?;
                let store = HttpBuilder::new()
                    .with_url(http.as_str())
                    .with_retry(retries())
                    .with_http_connector(Connector {
                        host: http.host_str().unwrap_or_default().into(),
                        kept,
                        follow_redirects: true,
                        user_agent: self.user_agent.clone(),
                        secret: secret.cloned(),
                    })
                    .build()
                    .map_err(|error| cause(&url, &error))?;
                let id = match secret.map(Secret::parts) {
                    None => self.id(&url),
                    Some([authorization, query]) => digest(&[&url, authorization, query]),
                };
                let store = Arc::new(store);
                Ok(vec![Object { url, store, path: Path::default(), listed: None, id }])
            }
            Location::S3 { bucket, key } => {
                let store = self.bucket(bucket, kept)?;
                let pattern = match key.as_str() {
                    "" => "*.hither".into(),
                    prefix if prefix.ends_with('/') => format!("{prefix}*.hither"),
                    key => key.to_owned(),
                };
                if is_glob(&pattern) {
                    return self.list(&store, bucket, &pattern, interrupt);
                }
                let path = Path::parse(key).map_err(|error| cause(&url, &error.into()))?;
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
        interrupt: &mut impl Interrupt,
    ) -> Result<Vec<Object>> {
        let url = format!("s3://{bucket}/{pattern}");
        let glob = glob::Pattern::new(pattern).map_err(|error| {
            let message = format!("location \"{url}\": {error}");
            Error::new(ErrorKind::Location, message)
        })?;
        // The part before the first wildcard is the prefix to list.
        let wild = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
        let prefix = pattern[..wild].rsplit_once('/').map(|(folder, _)| Path::from(folder));
        let deep = pattern[wild..].contains('/');
        let listed = async {
            if deep {
                store.list(prefix.as_ref()).try_collect::<Vec<_>>().await
            } else {
                store.list_with_delimiter(prefix.as_ref()).await.map(|result| result.objects)
            }
        };
        let listed = wait(listed, interrupt)?;
        let rules = glob::MatchOptions { require_literal_separator: true, ..Default::default() };
        let mut found = listed.map_err(|error| cause(&url, &error))?;
        found.retain(|meta| glob.matches_with(meta.location.as_ref(), rules));
        found.sort_by(|a, b| a.location.cmp(&b.location));
        if found.is_empty() {
            return Err(Error::nothing_at(&url));
        }
        let object = |meta: ObjectMeta| {
            let url = format!("s3://{bucket}/{}", meta.location);
            let (id, path, store) = (self.id(&url), meta.location.clone(), Arc::clone(store));
            Object { url, store, path, listed: Some(meta), id }
        };
        Ok(found.into_iter().map(object).collect())
    }
}

fn not_encrypted(what: &str, url: &str) -> Error {
    let message = format!("the {what} \"{url}\" is not encrypted");
    Error::new(ErrorKind::NotEncrypted, message)
}

/// Requests that fail temporarily are retried for some seconds, not for minutes.
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
