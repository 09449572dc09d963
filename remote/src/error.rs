//! Errors about remote files: a kind, a sentence, and a hint what to do.

use std::fmt;
use std::str::FromStr;

/// A result with an [`Error`].
pub type Result<T> = core::result::Result<T, Error>;

/// An index file that cannot be located, fetched or kept. The text says which file and why, and contains no
/// secret; [`Error::hint`] says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// The kind of an error. Programs that take locations, keys and limits from users know what these are
/// called there, and can say so in place of [`Error::hint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A location that cannot be parsed, or is not beneath the one that it is relative to.
    Location,
    /// A location that contains what may be a secret. The text does not repeat it.
    Secret,
    /// A relative path without a base.
    NotAbsolute,
    /// A location of S3 that does not begin with a bucket.
    Bucket,
    /// A URL of another scheme than `http`, `https` and `s3`.
    Scheme,
    /// A folder or a pattern on an HTTP server, which cannot list files.
    NotOneFile,
    /// A request would be sent over HTTP without encryption, and
    /// [`Access::allow_http`](crate::Access::allow_http) is not set.
    NotEncrypted,
    /// A folder, a prefix or a pattern without any index file.
    Nothing,
    /// The server says that there is no such file.
    Missing,
    /// S3 refuses access.
    RefusedByS3,
    /// An HTTP server refuses access.
    Refused,
    /// The server's answer does not match the request.
    Answer,
    /// The server cannot be reached, or does not answer in time.
    Unreachable,
    /// The connection was cut.
    Cut,
    /// The bucket is elsewhere: usually the region is wrong.
    Elsewhere,
    /// The server did not send the file for another reason.
    NotGiven,
    /// The server now has another version of the file than the one that was opened.
    Replaced,
    /// The server sends no ranges of files.
    NoRanges,
    /// The file is damaged.
    Damaged,
    /// It is no index file.
    NotAnIndex,
    /// It is an index file with an unknown version or an unknown section.
    Unsupported,
    /// The file cannot be opened for another reason.
    Unreadable,
    /// The file is larger than the limit of the whole cache.
    TooLarge,
    /// All the room in the cache is taken by files in use.
    Full,
    /// The files take more than [`CacheOptions::share`](crate::CacheOptions::share), which is this number
    /// of bytes.
    Share(u64),
    /// The file was removed from the cache while it arrived.
    Removed,
    /// The disk of the cache is full.
    Disk,
    /// There is no permission to read or write the folder of the cache.
    Denied,
    /// The folder of the cache cannot be read or written for another reason.
    Folder,
    /// The system provides no way to wait for the network.
    System,
    /// [`Interrupt::stop`](crate::Interrupt::stop) asked for it.
    Interrupted,
}

use ErrorKind::*;

/// The names of kinds where errors are saved for other processes. The name of [`Share`] is followed by its
/// bytes.
const NAMES: [(ErrorKind, &str); 30] = [
    (Location, "location"),
    (Secret, "secret"),
    (NotAbsolute, "not-absolute"),
    (Bucket, "bucket"),
    (Scheme, "scheme"),
    (NotOneFile, "not-one-file"),
    (NotEncrypted, "not-encrypted"),
    (Nothing, "nothing"),
    (Missing, "missing"),
    (RefusedByS3, "refused-by-s3"),
    (Refused, "refused"),
    (Answer, "answer"),
    (Unreachable, "unreachable"),
    (Cut, "cut"),
    (Elsewhere, "elsewhere"),
    (NotGiven, "not-given"),
    (Replaced, "replaced"),
    (NoRanges, "no-ranges"),
    (Damaged, "damaged"),
    (NotAnIndex, "not-an-index"),
    (Unsupported, "unsupported"),
    (Unreadable, "unreadable"),
    (TooLarge, "too-large"),
    (Full, "full"),
    (Removed, "removed"),
    (Disk, "disk"),
    (Denied, "denied"),
    (Folder, "folder"),
    (System, "system"),
    (Interrupted, "interrupted"),
];
const SHARE: &str = "share ";

impl ErrorKind {
    /// Whether a server did not answer, or not completely: a later request may succeed.
    pub fn is_network(self) -> bool {
        matches!(self, Unreachable | Cut | Elsewhere | NotGiven)
    }

    /// Whether the file is damaged, or no index file.
    pub fn is_damage(self) -> bool {
        matches!(self, Damaged | NotAnIndex)
    }

    /// Whether it is about a limit, which other processes may not have.
    pub fn is_limit(self) -> bool {
        matches!(self, TooLarge | Full | Share(_))
    }
}

/// The form in which it is saved.
impl fmt::Display for ErrorKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Share(bytes) = self {
            return write!(out, "{SHARE}{bytes}");
        }
        let name = NAMES.iter().find(|(kind, _)| kind == self).map_or("", |(_, name)| name);
        out.write_str(name)
    }
}

impl FromStr for ErrorKind {
    type Err = ();

    fn from_str(text: &str) -> core::result::Result<Self, ()> {
        if let Some(bytes) = text.strip_prefix(SHARE) {
            return bytes.parse().map(Share).map_err(|_| ());
        }
        NAMES.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind).ok_or(())
    }
}

impl Error {
    /// An error with this text.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// A folder, prefix or glob without any index file.
    pub fn nothing_at(pattern: impl fmt::Display) -> Self {
        Self::new(Nothing, format!("there is no index file at \"{pattern}\""))
    }

    /// An error of the library about the file at `url`.
    pub(crate) fn of_file(url: &str, error: &hither::Error) -> Self {
        use hither::ErrorKind as E;
        let kind = match error.kind() {
            E::Corrupt { .. } | E::ChecksumMismatch { .. } | E::Truncated { .. } => Damaged,
            E::NotAnIndex => NotAnIndex,
            E::UnsupportedVersion { .. } | E::UnsupportedSection { .. } | E::Unsupported { .. } => {
                Unsupported
            }
            _ => Unreadable,
        };
        Self::new(kind, format!("index file \"{url}\": {error}"))
    }

    /// The server did not send the file at `url`.
    pub(crate) fn not_given(kind: ErrorKind, url: &str, reason: impl fmt::Display) -> Self {
        Self::new(kind, format!("could not get \"{url}\": {reason}"))
    }

    /// The server has another version of the file at `url`.
    pub(crate) fn replaced(url: &str) -> Self {
        Self::new(Replaced, format!("\"{url}\" was replaced by another file while it was read"))
    }

    /// The server of the file at `url` only sends whole files.
    pub(crate) fn no_ranges(url: &str) -> Self {
        Self::not_given(NoRanges, url, "the server sends no parts of files")
    }

    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to do, if that is known: one or more sentences.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self.kind {
            Secret => "Give it apart from the location, which errors show.",
            NotAbsolute => "Write it from the root.",
            Bucket => "Write s3://bucket/key or s3://bucket/prefix/.",
            Scheme => "It may be a path, or begin with https://, http:// or s3://.",
            NotOneFile => "HTTP lists no folders: name the files.",
            NotEncrypted => "Allow HTTP without encryption if that is meant.",
            Nothing => "Make one with `hither build`; their names end in .hither.",
            Missing => {
                "The server answers that it does not exist, or hides it from who has no right."
            }
            RefusedByS3 => "It may want other keys.",
            Refused => "It may want to hear who asks.",
            Unreachable => "Is it reachable from this machine?",
            Cut => {
                "What arrived is kept: the next attempt goes on from there, if the server lets it."
            }
            Replaced => "Open it again: the new one is not mixed with what was read.",
            NoRanges => "Bring it whole.",
            Elsewhere => "Is the region that of the bucket?",
            TooLarge | Removed => "Let the cache be larger.",
            Full => "Files that are used together must fit together. Let the cache be larger.",
            Share(_) => "Let them have a larger share of the cache.",
            Disk => "Free some, let the cache be smaller, or choose another folder for it.",
            Denied | Folder => "Whoever runs this must be able to write there.",
            Location | Answer | NotGiven | Damaged | NotAnIndex | Unsupported | Unreadable
            | System | Interrupted => return None,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::{ErrorKind, NAMES};

    #[test]
    fn a_kind_that_was_written_down_is_the_same() {
        let kinds = NAMES.iter().map(|(kind, _)| *kind).chain([ErrorKind::Share(30_720)]);
        for kind in kinds {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        for text in ["", "share", "share -1", "33816706", "Missing"] {
            assert_eq!(text.parse::<ErrorKind>(), Err(()), "{text}");
        }
    }
}
