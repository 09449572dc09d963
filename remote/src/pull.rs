//! Bringing one file to a place of its own, in as many attempts as it takes.

use crate::error::{Error, ErrorKind, Result};
use crate::note::Note;
use crate::object::Object;
use crate::transfer::{all, receive, rest};
use crate::wait::{Interrupt, wait};
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

impl Object {
    /// Brings the file into `part`, from where an earlier call ended if the server has the same version still, else
    /// from its start; `note` is where it is written down which version that is. `told` hears how many bytes of how
    /// many are there. Gives how many were there before: those may be of another version of a server that tells versions
    /// apart by dates, and nothing is verified here.
    ///
    /// # Errors
    /// The server does not give it, or gives it in part, or the file cannot be written; [`Interrupt::stop`] said so. What
    /// arrived is there for the next call.
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
        // It may have ended when all was there.
        let whole = there
            .filter(|note| note.url == self.url && note.length == have && note.can_be_resumed());
        let Some(result) = all(self, whole.as_ref()).await? else {
            if whole.is_none() {
                return Err(self.unasked());
            }
            told(have, have);
            return Ok(have);
        };
        // Whenever it ends between these, no bytes are taken for those of another version.
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

/// The error of a file beside that which is brought.
fn unusable(beside: &Path, error: &io::Error) -> Error {
    let folder = beside.parent().unwrap_or(beside).display();
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Disk,
        io::ErrorKind::PermissionDenied => ErrorKind::Denied,
        _ => ErrorKind::Folder,
    };
    Error::new(kind, format!("could not write what arrives to \"{folder}\": {error}"))
}
