//! The served folder: which of its files a request may read, and the version of each.

use crate::failure::Failure;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use percent_encoding::percent_decode_str;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The length of an index file's header, and the position of the content id in it: see FORMAT.md.
const HEADER: u64 = 64;
const CONTENT_ID: std::ops::Range<usize> = 40..56;

/// A folder whose index files are served.
pub struct Folder {
    path: PathBuf,
}

/// An open file and its version. This file is sent even if another one replaces it meanwhile.
pub struct OpenFile {
    pub file: File,
    pub length: u64,
    /// Rounded to seconds, as in HTTP.
    pub modified: SystemTime,
    /// A strong entity tag in quotes.
    pub etag: String,
}

impl Folder {
    /// Opens an existing folder.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let there = fs::metadata(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Failure::at(path, "there is no such folder"),
            _ => Failure::at(path, error),
        })?;
        if !there.is_dir() {
            return Err(Failure::at(path, "this is a file; name the folder that it is in"));
        }
        Dir::open_ambient_dir(path, ambient_authority())
            .map_err(|error| Failure::at(path, error))?;
        Ok(Self { path: path.into() })
    }

    /// Opens the file that a URL's path names. The folder is opened anew each time, so that it can be
    /// replaced by another one with its name.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if nothing is served under this name, [`ErrorKind::PermissionDenied`] if it
    /// leads out of the folder.
    pub fn find(&self, url: &str) -> io::Result<OpenFile> {
        let name = name(url).ok_or(ErrorKind::NotFound)?;
        // Neither paths nor links within it can lead outside.
        let folder = Dir::open_ambient_dir(&self.path, ambient_authority())?;
        // Opening a pipe would block.
        if !folder.metadata(&name)?.is_file() {
            return Err(ErrorKind::NotFound.into());
        }
        let mut file = folder.open(&name)?.into_std();
        let metadata = file.metadata()?;
        let (length, modified) = (metadata.len(), metadata.modified()?);
        let etag = match content_id(&mut file, length)? {
            Some(id) => format!("\"{id:032x}\""),
            None => {
                let time = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
                format!("\"{length:x}-{:x}\"", time.as_nanos())
            }
        };
        Ok(OpenFile { file, length, modified: to_second(modified), etag })
    }
}

/// The content id of an index file, which identifies all its bytes; `None` if it is not an index file, or
/// not a whole one.
fn content_id(file: &mut File, length: u64) -> io::Result<Option<u128>> {
    let mut start = Vec::new();
    file.take(HEADER).read_to_end(&mut start)?;
    if hither::raw::file_length(&start).is_ok_and(|said| said == length) {
        let id = start.get(CONTENT_ID).and_then(|id| id.try_into().ok());
        return Ok(id.map(u128::from_le_bytes));
    }
    Ok(None)
}

/// Modification times in the future, whatever the clocks say, become the current time.
fn to_second(time: SystemTime) -> SystemTime {
    let since = time.min(SystemTime::now()).duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

/// The path within the folder for a URL's path; `None` if nothing is served under such a name.
fn name(url: &str) -> Option<PathBuf> {
    let mut name = PathBuf::new();
    for part in url.strip_prefix('/')?.split('/') {
        let part = percent_decode_str(part).decode_utf8().ok()?;
        if part.is_empty() || part.starts_with('.') || part.contains(['/', '\\', '\0', ':']) {
            return None;
        }
        name.push(&*part);
    }
    name.extension().is_some_and(|extension| extension == "hither").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::name;
    use std::path::Path;

    #[test]
    fn names_of_index_files_alone_are_served_and_none_leads_upwards() {
        for (url, named) in [
            ("/words.hither", "words.hither"),
            ("/a/b/words.hither", "a/b/words.hither"),
            ("/two%20words.hither", "two words.hither"),
            ("/%77ords%2ehither", "words.hither"),
            ("/w%C3%B6rter.hither", "wörter.hither"),
            ("/100%.hither", "100%.hither"),
        ] {
            assert_eq!(name(url).as_deref(), Some(Path::new(named)), "{url}");
        }
        for url in [
            "",
            "*",
            "/",
            "words.hither",
            "/words",
            "/words.hither/",
            "//words.hither",
            "/../words.hither",
            "/a/../../words.hither",
            "/%2e%2e/words.hither",
            "/%2E%2E%2Fwords.hither",
            "/a%2f..%2f..%2fwords.hither",
            "/..%5cwords.hither",
            "/./words.hither",
            "/.words.hither",
            "/.git/words.hither",
            "/words.hither%00",
            "/c:words.hither",
            "/%ff.hither",
            "/words.txt",
            "/.hither",
        ] {
            assert_eq!(name(url), None, "{url}");
        }
    }
}
