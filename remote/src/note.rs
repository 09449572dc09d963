//! Which version of an object a file is that was brought or is read, in a few lines of text.

use object_store::{GetOptions, ObjectMeta};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a server said of a file.
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

    /// Writes it whole or not at all.
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

    /// Whether it is the version that a listing or an answer is about.
    pub fn is_of(&self, meta: &ObjectMeta) -> bool {
        let other = Self::new(&self.url, meta);
        let same_time = self.modified == other.modified;
        self.length == other.length
            && match (&self.etag, &other.etag) {
                // A weak tag is that of versions that mean the same, byte for byte or not.
                (Some(ours), Some(theirs)) => ours == theirs && (self.is_certain() || same_time),
                _ => same_time,
            }
    }

    /// Whether two versions cannot have the same note.
    pub fn is_certain(&self) -> bool {
        self.etag.as_ref().is_some_and(|etag| !etag.starts_with("W/"))
    }

    /// Whether a server can be asked for the rest of just this version.
    pub fn can_be_resumed(&self) -> bool {
        self.is_certain() || self.modified > 0
    }

    /// The conditions under which a server gives a part of just this version.
    pub fn conditions(&self) -> GetOptions {
        let certain = self.is_certain();
        GetOptions {
            if_match: self.etag.clone().filter(|_| certain),
            if_unmodified_since: self.modified().filter(|_| !certain).map(Into::into),
            ..GetOptions::default()
        }
    }

    /// When the version was made, for a server that has no ETag.
    pub fn modified(&self) -> Option<SystemTime> {
        (self.modified > 0).then(|| UNIX_EPOCH + Duration::from_secs(self.modified))
    }
}
