//! Downloading one file to a given place, in as many attempts as it takes.

use crate::error::{Error, ErrorKind, Result};
use crate::note::Note;
use crate::object::Object;
use crate::transfer::{all, receive, rest};
use crate::wait::{Interrupt, wait};
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

impl Object {
    /// Downloads the file into `part`: resumes an earlier call if the server still has the same version,
    /// otherwise starts over. `note` is the file that records the version. `told` is called with the number
    /// of bytes that are there, and the total. Returns how many bytes were there before: these may be of
    /// another version if the server distinguishes versions by dates only, and nothing is verified here.
    ///
    /// # Errors
    /// If the server does not send the file, or not all of it, if the file cannot be written, or
    /// [`Interrupt::stop`] asked to stop. The next call resumes with what has arrived.
    pub fn pull(
        &self,
        part: &mut File,
        note: &Path,
        interrupt: &mut impl Interrupt,
        told: &mut impl FnMut(u64, u64),
    ) -> Result<u64> {
        wait(self.pull_on(part, note, told), interrupt)?
    }

    async fn pull_on(
        &self,
        part: &mut File,
        note: &Path,
        told: &mut impl FnMut(u64, u64),
    ) -> Result<u64> {
        let unusable = |error: &io::Error| unusable(note, error);
        let have = part.metadata().map_err(|error| unusable(&error))?.len();
        let there = Note::read(note);
        if let Some(result) = rest(self, there.clone(), have).await? {
            part.seek(SeekFrom::Start(have)).map_err(|error| unusable(&error))?;
            receive(self, result, have, part, unusable, told).await?;
            return Ok(have);
        }
        // An earlier call may have ended when all bytes were there.
        let whole = there
            .filter(|note| note.url == self.url && note.length == have && note.can_be_resumed());
        let Some(result) = all(self, whole.as_ref()).await? else {
            if whole.is_none() {
                return Err(self.unasked());
            }
            told(have, have);
            return Ok(have);
        };
        // If the process ends between these steps, no bytes are mistaken for those of another version.
        let mut begun = || {
            match fs::remove_file(note) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            part.set_len(0)?;
            part.rewind()?;
            Note::new(&self.url, &result.meta).write(note)
        };
        begun().map_err(|error| unusable(&error))?;
        receive(self, result, 0, part, unusable, told).await?;
        Ok(0)
    }
}

/// The error for a file beside the downloaded one.
fn unusable(beside: &Path, error: &io::Error) -> Error {
    let folder = beside.parent().unwrap_or(beside).display();
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Disk,
        io::ErrorKind::PermissionDenied => ErrorKind::Denied,
        _ => ErrorKind::Folder,
    };
    Error::new(kind, format!("could not write what arrives to \"{folder}\": {error}"))
}
