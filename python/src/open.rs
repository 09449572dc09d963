//! Opens index files: local ones are mapped, those on servers are downloaded first.

use crate::failure::{Count, Failure, Outcome};
use crate::index::Index;
use crate::lazy;
use crate::opened::Opened;
use crate::watch::Watch;
use hither::IndexFile;
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Open an index: a local file, which is memory-mapped, a file on a server, or the bytes of a file.
///
/// Args:
///     path: A path, or ``https://…``, ``http://…`` or ``s3://bucket/key``: such a file is downloaded whole into a
///         cache, as by the command ``hither``, with the same environment variables. Or the bytes of
///         a file, such as ``Index.to_bytes`` returns, which are copied.
///     lazy: Of a URL: leave the file on its server, and request the ranges that a search reads. Such a file was
///         built with ``ranges=True``; see ``LazyIndex``.
///     cache_bytes: Of a lazy index: how many bytes of the file are kept in memory. Default 256 MiB.
///
/// Raises:
///     MissingFileError: There is no such file (a FileNotFoundError).
///     FileError: It cannot be read, is damaged, or is not an index file (an OSError).
#[pyfunction]
#[pyo3(signature = (path, lazy=false, *, cache_bytes=None))]
pub fn open<'py>(
    path: &Bound<'py, PyAny>,
    lazy: bool,
    cache_bytes: Option<Count>,
) -> Outcome<Bound<'py, PyAny>> {
    let py = path.py();
    let cache_bytes = cache_bytes.map(|bytes| bytes.of("cache_bytes")).transpose()?;
    if !lazy {
        return match cache_bytes {
            Some(_) => Err(Failure::parameter("cache_bytes: it goes with lazy=True")),
            None => Ok(Bound::new(py, open_whole(path)?)?.into_any()),
        };
    }
    match path.extract::<String>() {
        Ok(url) if url.contains("://") => {
            Ok(Bound::new(py, lazy::open(py, &url, cache_bytes)?)?.into_any())
        }
        _ => {
            let message = "lazy: it is for https://, http:// and s3://; files of this machine are mapped, and read where they are searched (lazy=False)";
            Err(Failure::parameter(message))
        }
    }
}

fn open_whole(path: &Bound<'_, PyAny>) -> Outcome<Index> {
    let py = path.py();
    if let Ok(bytes) = PyBuffer::<u8>::get(path) {
        let bytes = bytes.to_vec(py)?;
        let file = py.detach(|| IndexFile::from_bytes(&bytes[..]))?;
        return Ok(Index(Arc::new(Opened::of(file, None))));
    }
    let path: PathBuf = path.extract()?;
    let name = path.to_str().filter(|name| name.contains("://")).map(String::from);
    let watch = Watch::new(None);
    let opened = py.detach(|| match &name {
        Some(url) => bring(url, &watch),
        None => Ok(IndexFile::open(&path)?),
    });
    let file = watch.outcome(opened.map_err(|failure| match &name {
        None => named(&path, failure),
        Some(_) => failure,
    }))?;
    Ok(Index(Arc::new(Opened::of(file, Some(path)))))
}

/// Adds the file's name to an error, unless the system's message already has it.
fn named(path: &Path, failure: Failure) -> Failure {
    match failure {
        Failure::Coded { code: "io", .. } => failure,
        failure => failure.behind(&path.display().to_string()),
    }
}

#[cfg(unix)]
fn bring(url: &str, watch: &Watch) -> Outcome<IndexFile> {
    use hither_cli::Failure as Stopped;

    let mut stop = || watch.stopped();
    hither_cli::bring(url, &mut stop).map_err(|failure| match failure {
        Stopped::Message(message) => Failure::new("network", message),
        Stopped::Interrupted => Failure::new("aborted", "interrupted"),
        other => Failure::new("network", other.message()),
    })
}

/// On other systems, files on servers cannot be fetched.
#[cfg(not(unix))]
fn bring(url: &str, _: &Watch) -> Outcome<IndexFile> {
    let message =
        format!("{url}: files of servers are fetched on Unix; fetch it and open the copy");
    Err(Failure::new("unsupported", message))
}
