//! The size limit of the cache: the least recently used files are removed.

use super::{Cache, try_lock};
use crate::error::{Error, ErrorKind, Result};
use crate::note::Note;
use crate::object::Object;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long errors of downloads are kept.
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

/// The files of one object.
#[derive(Default)]
struct Entry {
    whole: u64,
    part: u64,
    used: Option<SystemTime>,
}

impl Cache {
    /// Reserves room for a file: removes the least recently used files until there is enough, no more than
    /// necessary, and none that is about to be opened or being downloaded.
    pub(super) async fn make_room(&self, object: &Object, note: &Note) -> Result<()> {
        let (length, size) = (note.length, self.options.size);
        if length > size {
            let message = format!(
                "\"{}\" has {length} bytes, more than the whole cache may have: {}",
                object.url, size
            );
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        // One process at a time adds up sizes and removes files.
        let _lock = self.lock(&self.options.folder.join("lock")).await?;
        let mut entries = self.entries().map_err(|error| self.unusable(&error))?;
        entries.remove(&object.id);
        // The version that will be replaced is kept until then, if both fit.
        let mut own = fs::metadata(self.path(object, "hither")).map_or(0, |old| old.len());
        let mut total: u64 = entries.values().map(|entry| entry.whole + entry.part).sum();
        let mut oldest: Vec<_> = entries.iter().collect();
        oldest.sort_by_key(|(_, entry)| entry.used);
        let long_ago = SystemTime::now().checked_sub(FORGOTTEN).unwrap_or(UNIX_EPOCH);
        for (id, entry) in oldest {
            // An object that was never downloaded leaves a lock and an error.
            if entry.whole + entry.part == 0 && entry.used.is_some_and(|used| used < long_ago) {
                self.remove(id);
                continue;
            }
            if total + own + length <= size {
                continue;
            }
            if self.remove(id) {
                total -= entry.whole + entry.part;
            }
        }
        if total + own + length > size && own > 0 {
            let _ = fs::remove_file(self.path(object, "note"));
            let _ = fs::remove_file(self.path(object, "hither"));
            own = 0;
        }
        if total + own + length > size {
            let message = format!(
                "no room in the cache of {} bytes for \"{}\" with {length}: the rest is in use",
                size, object.url
            );
            return Err(Error::new(ErrorKind::Full, message));
        }
        note.write(&self.path(object, "part.note")).map_err(|error| self.unusable(&error))
    }

    /// The objects in the cache, by id.
    fn entries(&self) -> std::io::Result<BTreeMap<String, Entry>> {
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        for file in fs::read_dir(&self.options.folder)? {
            let file = file?;
            let name = file.file_name();
            let Some((id, kind)) = name.to_str().and_then(|name| name.split_once('.')) else {
                continue;
            };
            // The process that downloads the object may have removed the file meanwhile.
            let Ok(metadata) = file.metadata() else { continue };
            let entry = entries.entry(id.to_owned()).or_default();
            match kind {
                "hither" => entry.whole = metadata.len(),
                "part" => entry.part = entry.part.max(metadata.len()),
                "part.note" => {
                    // A file that is being downloaded counts with its full size.
                    let reserved = Note::read(&file.path()).map_or(0, |note| note.length);
                    let brought = matches!(
                        try_lock(&self.options.folder.join(format!("{id}.lock"))),
                        Ok(None)
                    );
                    entry.part = entry.part.max(if brought { reserved } else { 0 });
                    entry.used = entry.used.max(metadata.modified().ok());
                }
                "note" => entry.used = entry.used.max(metadata.accessed().ok()),
                _ => entry.used = entry.used.max(metadata.modified().ok()),
            }
        }
        Ok(entries)
    }

    /// Removes an object's files, unless a process is downloading it or about to open it.
    fn remove(&self, id: &str) -> bool {
        let path = |extension: &str| self.options.folder.join(format!("{id}.{extension}"));
        let Ok(Some(_lock)) = try_lock(&path("lock")) else { return false };
        let whole = path("hither");
        let _locked = match File::open(&whole) {
            Ok(file) if file.try_lock().is_err() => return false,
            file => file.ok(),
        };
        for extension in ["note", "hither", "part.note", "part", "error", "lock"] {
            let _ = fs::remove_file(path(extension));
        }
        true
    }
}
