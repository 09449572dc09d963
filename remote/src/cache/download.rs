//! Downloading a file: only if it changed, resuming interrupted downloads, and verified.

use super::{Cache, CachedFile};
use crate::error::{Error, ErrorKind, Result};
use crate::note::Note;
use crate::object::Object;
use crate::transfer::{all, receive, rest};
use hither::IndexFile;
use object_store::GetResult;
use std::fs::{self, File, OpenOptions};
use std::path::Path;
use std::time::SystemTime;

impl Cache {
    /// Asks the server, and downloads the file unless the cached one is current. The caller holds the
    /// object's lock.
    pub(super) async fn refresh(&self, object: &Object) -> Result<CachedFile> {
        if let Some((rest, have)) = self.resume(object).await? {
            match self.download(object, rest, have).await {
                // The part may mix bytes of two versions, so the download starts over.
                Err(error) if error.kind().is_damage() => {}
                done => return done,
            }
        }
        let cached =
            Note::read(&self.path(object, "note")).filter(|_| self.path(object, "hither").exists());
        if let Some(cached) = cached {
            match all(object, Some(&cached)).await? {
                Some(result) => return self.download(object, result, 0).await,
                None => {
                    if let Some(held) = self.unchanged(object)? {
                        return Ok(held);
                    }
                }
            }
        }
        match all(object, None).await? {
            Some(result) => self.download(object, result, 0).await,
            None => Err(object.unasked()),
        }
    }

    /// The rest of a partly downloaded file; `None` if there is no part, or the server has another version
    /// or sends no ranges.
    async fn resume(&self, object: &Object) -> Result<Option<(GetResult, u64)>> {
        let note = Note::read(&self.path(object, "part.note"));
        let have = fs::metadata(self.path(object, "part")).map_or(0, |part| part.len());
        Ok(rest(object, note, have).await?.map(|result| (result, have)))
    }

    /// The cached file, which the server confirmed; `None` if it was removed meanwhile.
    fn unchanged(&self, object: &Object) -> Result<Option<CachedFile>> {
        let path = self.path(object, "note");
        let now = SystemTime::now();
        let Some(held) = self.hold(object, now) else {
            let _ = fs::remove_file(path);
            return Ok(None);
        };
        let times = fs::FileTimes::new().set_accessed(now).set_modified(now);
        let touched =
            File::options().write(true).open(&path).and_then(|file| file.set_times(times));
        touched.map_err(|error| self.unusable(&error))?;
        if let Some(note) = Note::read(&path) {
            self.take(object, note.length)?;
        }
        Ok(Some(held))
    }

    /// Appends what arrives to the `have` bytes that are there, verifies the file, and renames it to its
    /// name.
    async fn download(&self, object: &Object, result: GetResult, have: u64) -> Result<CachedFile> {
        let note = Note::new(&object.url, &result.meta);
        self.take(object, note.length)?;
        self.make_room(object, &note).await?;
        let part = self.path(object, "part");
        let written = self.receive(object, result, have, &part).await;
        if let Err(error) = written {
            // The part is kept to be resumed, unless it is worthless or the disk space is needed.
            let worthless = !error.kind().is_network() || !note.can_be_resumed();
            if worthless {
                self.drop_part(object);
            }
            return Err(error);
        }
        let verified = {
            let part = part.clone();
            tokio::task::spawn_blocking(move || verify(&part)).await
        };
        let verified = verified.unwrap_or_else(|error| {
            let reason = error.to_string();
            Err(hither::ErrorKind::Io { path: object.url.clone(), reason }.into())
        });
        if let Err(error) = verified {
            self.drop_part(object);
            return Err(self.wrong(object, error));
        }
        let named = || {
            // If the process ends between the two steps, the file has no note and is requested again; it
            // never has the wrong note.
            let (path, noted) = (self.path(object, "hither"), self.path(object, "note"));
            let _ = fs::remove_file(&noted);
            fs::rename(&part, &path)?;
            note.write(&noted)?;
            let _ = fs::remove_file(self.path(object, "part.note"));
            Ok(())
        };
        named().map_err(|error: std::io::Error| self.unusable(&error))?;
        self.hold(object, SystemTime::now()).ok_or_else(|| {
            let message = format!("\"{}\" was removed from the cache as it arrived", object.url);
            Error::new(ErrorKind::Removed, message)
        })
    }

    async fn receive(
        &self,
        object: &Object,
        result: GetResult,
        have: u64,
        part: &Path,
    ) -> Result<()> {
        let full = |error: &std::io::Error| self.unusable(error);
        let mut file = OpenOptions::new();
        let mut file = match have {
            0 => file.create(true).write(true).truncate(true).open(part),
            _ => file.append(true).open(part),
        }
        .map_err(|error| full(&error))?;
        receive(object, result, have, &mut file, full, &mut |_, _| {}).await
    }

    fn drop_part(&self, object: &Object) {
        let _ = fs::remove_file(self.path(object, "part"));
        let _ = fs::remove_file(self.path(object, "part.note"));
    }

    /// An error about a downloaded file, which names its URL, not its path.
    fn wrong(&self, object: &Object, error: hither::Error) -> Error {
        if let hither::ErrorKind::Io { reason, .. } = error.kind() {
            return self.unusable(&std::io::Error::other(reason.clone()));
        }
        Error::of_file(&object.url, &error)
    }
}

/// Verifies all checksums of a file.
fn verify(part: &Path) -> hither::Result<()> {
    IndexFile::open(part)?.index().verify()
}
