//! Records which version of an object a file is, in a few lines of text.

use object_store::{GetOptions, ObjectMeta};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The version of a file, as the server described it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub url: String,
    pub length: u64,
    pub etag: Option<String>,
    /// Seconds since 1970; 0 if the server does not say.
    pub modified: u64,
}

impl Note {
    pub fn new(url: &str, meta: &ObjectMeta) -> Self {
        let modified = SystemTime::from(meta.last_modified).duration_since(UNIX_EPOCH);
        Self {
            url: url.into(),
            length: meta.size,
            etag: meta.e_tag.clone(),
            modified: modified.map_or(0, |since| since.as_secs()),
        }
    }

    pub fn read(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let field =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        Some(Self {
            url: field("location")?.into(),
            length: field("length")?.parse().ok()?,
            etag: field("etag").map(Into::into),
            modified: field("modified")?.parse().ok()?,
        })
    }

    /// Writes the note atomically.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let temporary = path.with_extension("new");
        let mut text = format!(
            "location: {}\nlength: {}\nmodified: {}\n",
            self.url, self.length, self.modified
        );
        if let Some(etag) = &self.etag {
            text.push_str(&format!("etag: {etag}\n"));
        }
        let mut file = fs::File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&temporary, path)
    }

    /// Whether this is the version in a listing or an answer.
    pub fn is_of(&self, meta: &ObjectMeta) -> bool {
        let other = Self::new(&self.url, meta);
        let same_time = self.modified == other.modified;
        self.length == other.length
            && match (&self.etag, &other.etag) {
                // Versions with the same weak tag are equivalent, but need not be equal byte for byte.
                (Some(ours), Some(theirs)) => ours == theirs && (self.is_certain() || same_time),
                _ => same_time,
            }
    }

    /// Whether two different versions cannot have the same note.
    pub fn is_certain(&self) -> bool {
        self.etag.as_ref().is_some_and(|etag| !etag.starts_with("W/"))
    }

    /// Whether the server can be asked for the rest of exactly this version.
    pub fn can_be_resumed(&self) -> bool {
        self.is_certain() || self.modified > 0
    }

    /// The conditions under which a server sends a range of exactly this version only.
    pub fn conditions(&self) -> GetOptions {
        let certain = self.is_certain();
        GetOptions {
            if_match: self.etag.clone().filter(|_| certain),
            if_unmodified_since: self.modified().filter(|_| !certain).map(Into::into),
            ..GetOptions::default()
        }
    }

    /// The modification time of the version, if known.
    pub fn modified(&self) -> Option<SystemTime> {
        (self.modified > 0).then(|| UNIX_EPOCH + Duration::from_secs(self.modified))
    }
}
