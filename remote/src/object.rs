//! An index file on a server, and the store to request it from.

use crate::cause::cause;
use crate::error::{Error, ErrorKind, Result};
use crate::network::START;
use crate::wait::{Interrupt, wait};
use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore};
use std::path::Path as FilePath;
use std::sync::Arc;

/// A file on a server, or a file on this machine to be copied to the cache, with the store to request it
/// from.
#[derive(Clone, Debug)]
pub struct Object {
    pub(crate) url: String,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) path: Path,
    /// Its entry in a listing.
    pub(crate) listed: Option<ObjectMeta>,
    pub(crate) id: String,
}

impl Object {
    /// A file on this machine, to be copied to the cache. `version` distinguishes it from later files at
    /// the same path.
    ///
    /// # Errors
    /// If the path is not absolute.
    pub fn local(path: &FilePath, version: &str) -> Result<Self> {
        let url = path.display().to_string();
        let at = Path::from_absolute_path(path).map_err(|error| cause(&url, &error.into()))?;
        let (store, id) = (Arc::new(LocalFileSystem::new()), digest(&[&url, version]));
        Ok(Self { url, store, path: at, listed: None, id })
    }

    /// Its location, as users write it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Identifies the object: the server, and the keys that it is requested with.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Requests only the first bytes and returns the length of the index file that starts with them; `None`
    /// if the server sends no ranges.
    ///
    /// # Errors
    /// If it does not exist, is no index file, or the server does not send it.
    pub fn length(&self, interrupt: &mut impl Interrupt) -> Result<Option<u64>> {
        wait(self.first_bytes(), interrupt)?
    }

    async fn first_bytes(&self) -> Result<Option<u64>> {
        let options =
            GetOptions { range: Some(GetRange::Bounded(0..START as u64)), ..GetOptions::default() };
        let result = match self.store.get_opts(&self.path, options).await {
            // The server sends no ranges, but it answers.
            Err(object_store::Error::NotSupported { .. }) => return Ok(None),
            result => result.map_err(|error| cause(&self.url, &error))?,
        };
        let (mut start, mut stream) = (Vec::new(), result.into_stream());
        while start.len() < START {
            let next = stream.try_next().await;
            let Some(bytes) = next.map_err(|error| cause(&self.url, &error))? else { break };
            start.extend_from_slice(&bytes);
        }
        let length = hither::raw::file_length(&start);
        length.map(Some).map_err(|error| Error::of_file(&self.url, &error))
    }

    /// The error for a server that says that the file is unchanged, although there is no earlier version of
    /// it here.
    pub(crate) fn unasked(&self) -> Error {
        let reason = "the server answered 304 Not Modified to who has no version of it";
        Error::not_given(ErrorKind::Answer, &self.url, reason)
    }
}

/// A hash that identifies these parts.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        digest.update(part.as_bytes());
        digest.update(&[0]);
    }
    let digest = digest.finish();
    digest.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}
