//! The one error of the library. Every message says what is wrong, where, and what to do.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// An error. Its [kind](Self::kind) tells a program what went wrong, its text tells a person what to do.
///
/// Bad input and damaged files give an error; a panic is always a bug of ours. An error is one pointer wide, so
/// that a result costs little where nothing fails.
///
/// ```
/// use hither::{ErrorKind, Index};
///
/// let error = Index::open(b"not an index file").unwrap_err();
/// assert_eq!(*error.kind(), ErrorKind::NotAnIndex);
/// assert!(error.to_string().contains("hither build"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Error(Box<ErrorKind>);

impl Error {
    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// What went wrong, taken out.
    pub fn into_kind(self) -> ErrorKind {
        *self.0
    }
}

impl From<ErrorKind> for Error {
    #[cold]
    #[inline(never)]
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for Error {}

/// What went wrong: the kind of an [`Error`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A vector has another number of dimensions than the index.
    DimensionMismatch {
        /// Dimensions of the index.
        expected: usize,
        /// Dimensions of the vector that was given.
        got: usize,
    },
    /// A vector holds NaN or an infinity.
    NonFinite {
        /// Position of the value within its vector, from 0.
        at: usize,
    },
    /// A value is beyond what half precision can hold (±65504).
    HalfOverflow {
        /// Position of the value within its vector, from 0.
        at: usize,
    },
    /// A vector, or every one, is too small for half precision: its values round to zero, or to so
    /// few digits that its direction is lost.
    HalfUnderflow,
    /// A vector is longer than 2⁶² (4.6·10¹⁸), so that distances from it would overflow single precision.
    VectorOverflow,
    /// No vector is longer than 2⁻⁵⁰ (8.9·10⁻¹⁶), so that distances between them would underflow
    /// single precision.
    VectorUnderflow,
    /// A vector of length zero has no direction, so cosine distance is undefined for it.
    ZeroVector,
    /// More rows, dimensions or segments than the format can number.
    TooMany {
        /// What exceeds the limit.
        what: &'static str,
        /// The greatest number that is allowed.
        limit: u64,
    },
    /// A parameter is outside its range, or contradicts another.
    InvalidParameter {
        /// The parameter's name.
        name: &'static str,
        /// What is wrong with its value, and what would be right.
        reason: String,
    },
    /// Keys are unique, and this one was given twice.
    DuplicateKey {
        /// The key as text.
        key: String,
    },
    /// No row has this key.
    KeyNotFound {
        /// The key as text.
        key: String,
    },
    /// A key of another type than the index has.
    KeyType {
        /// The type of the index's keys.
        expected: &'static str,
        /// The type that was given.
        got: &'static str,
    },
    /// No column has this name.
    UnknownColumn {
        /// The name that was asked for.
        name: String,
        /// The columns that there are, separated by commas; empty if there are none.
        known: String,
    },
    /// A value's type does not fit its column.
    ColumnType {
        /// The column's name.
        column: String,
        /// The column's type.
        expected: &'static str,
        /// The type of the value that was given.
        got: &'static str,
    },
    /// A filter cannot be read.
    InvalidFilter {
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// The bytes are no index file.
    NotAnIndex,
    /// The file was written by a version of the format that this library does not read.
    UnsupportedVersion {
        /// The format version that this library reads.
        expected: u32,
        /// The format version of the file.
        got: u32,
    },
    /// The file holds a section that this library does not know and may not skip.
    UnsupportedSection {
        /// The section's kind.
        kind: u32,
    },
    /// The file is shorter or longer than its header says: an interrupted download or copy.
    Truncated {
        /// Length in bytes that the header gives.
        expected: u64,
        /// Length in bytes that there is.
        got: u64,
    },
    /// The file is damaged.
    Corrupt {
        /// The part that is damaged.
        what: &'static str,
    },
    /// A block's checksum does not match its bytes.
    ChecksumMismatch {
        /// The part that is damaged.
        what: &'static str,
        /// Offset of the block in the file, in bytes.
        offset: u64,
        /// Length of the block in bytes.
        length: u64,
    },
    /// The bytes do not start at an address that is a multiple of 16.
    Misaligned,
    /// A search asked for a structure that the index does not have.
    MissingStructure {
        /// The structure's name.
        name: &'static str,
    },
    /// Indexes that should be merged, or searched as one, are not alike.
    Unlike {
        /// The number of the first index that differs from index 0.
        index: usize,
        /// In what it differs, as [`Difference`](crate::Difference) names it.
        what: &'static str,
    },
    /// The index does not have what the call needs.
    Unsupported {
        /// What is missing and what to do about it.
        reason: String,
    },
    /// The operating system refused to read or write.
    #[cfg(feature = "std")]
    Io {
        /// The file.
        path: String,
        /// The system's reason.
        reason: String,
    },
    /// There is not enough memory.
    OutOfMemory {
        /// How many bytes were asked for at once.
        bytes: u64,
    },
    /// The caller asked to stop.
    Cancelled,
    /// [`SearchParams::interrupt`](crate::SearchParams::interrupt) asked a search to pause. Nothing is lost:
    /// calling `next_batch` again continues the search.
    Interrupted,
}

impl ErrorKind {
    /// Whether the values of a vector are at fault, so that a build may skip the row and go on.
    ///
    /// ```
    /// # use hither::{IndexBuilder, IndexOptions, Metric};
    /// let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::Cosine))?;
    /// let error = builder.push(None, &[f32::NAN, 0.0], &[]).unwrap_err();
    /// assert!(error.kind().is_of_vector());
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn is_of_vector(&self) -> bool {
        matches!(
            self,
            Self::NonFinite { .. }
                | Self::ZeroVector
                | Self::HalfOverflow { .. }
                | Self::HalfUnderflow
                | Self::VectorOverflow
        )
    }

    /// A code for programs, the same in every language. Kinds that call for the same reaction share one.
    ///
    /// ```
    /// assert_eq!(hither::Index::open(b"x").unwrap_err().kind().code(), "not_an_index");
    /// ```
    pub fn code(&self) -> &'static str {
        match self {
            Self::DimensionMismatch { .. } => "dimension_mismatch",
            Self::NonFinite { .. } => "non_finite",
            Self::HalfOverflow { .. } => "half_overflow",
            Self::HalfUnderflow => "half_underflow",
            Self::VectorOverflow => "vector_overflow",
            Self::VectorUnderflow => "vector_underflow",
            Self::ZeroVector => "zero_vector",
            Self::TooMany { .. } => "too_many",
            Self::InvalidParameter { .. } => "invalid_parameter",
            Self::DuplicateKey { .. } => "duplicate_key",
            Self::KeyNotFound { .. } => "key_not_found",
            Self::KeyType { .. } => "key_type",
            Self::UnknownColumn { .. } => "unknown_column",
            Self::ColumnType { .. } => "column_type",
            Self::InvalidFilter { .. } => "invalid_filter",
            Self::NotAnIndex => "not_an_index",
            Self::UnsupportedVersion { .. } | Self::UnsupportedSection { .. } => {
                "unsupported_version"
            }
            Self::Truncated { .. } => "truncated",
            Self::Corrupt { .. } | Self::ChecksumMismatch { .. } | Self::Misaligned => "corrupt",
            Self::MissingStructure { .. } | Self::Unlike { .. } | Self::Unsupported { .. } => {
                "unsupported"
            }
            #[cfg(feature = "std")]
            Self::Io { .. } => "io",
            Self::OutOfMemory { .. } => "out_of_memory",
            Self::Cancelled => "aborted",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A result with this library's [`Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DimensionMismatch { expected, got } => {
                write!(f, "expected {expected} dimensions, not {got}")
            }
            Self::NonFinite { at } => {
                write!(f, "value {at} of the vector is NaN, infinite or beyond float32 (±3.4e38)")
            }
            Self::HalfOverflow { at } => write!(
                f,
                "value {at} of the vector is beyond half precision (±65504); store these vectors as f32"
            ),
            Self::HalfUnderflow => f.write_str(
                "the vector is too small for half precision, whose least value is 6e-8; store these vectors as f32",
            ),
            Self::VectorOverflow => f.write_str(
                "the vector is longer than 4.6e18, so its distances overflow single precision; divide all vectors by the same number, or use the cosine metric",
            ),
            Self::VectorUnderflow => f.write_str(
                "no vector is longer than 8.9e-16, so distances between them underflow single precision; multiply all vectors by the same number, or use the cosine metric",
            ),
            Self::ZeroVector => write!(
                f,
                "the vector is zero, which has no direction and so no cosine distance; leave it out or use another metric"
            ),
            Self::TooMany { what, limit } => write!(f, "too many {what}: at most {limit}"),
            Self::InvalidParameter { name, reason } => write!(f, "{name}: {reason}"),
            Self::DuplicateKey { key } => {
                write!(f, "key {key} is given twice; keys must be unique")
            }
            Self::KeyNotFound { key } => write!(f, "no row has the key {key}"),
            Self::KeyType { expected, got } => {
                write!(f, "the keys of this index are {expected}, not {got}")
            }
            Self::UnknownColumn { name, known } if known.is_empty() => {
                write!(f, "there is no column \"{name}\": this index has no attribute columns")
            }
            Self::UnknownColumn { name, known } => {
                write!(f, "there is no column \"{name}\"; there are: {known}")
            }
            Self::ColumnType { column, expected, got } => {
                write!(f, "column \"{column}\" is {expected} and does not go with {got}")
            }
            Self::InvalidFilter { reason } => write!(f, "invalid filter: {reason}"),
            Self::NotAnIndex => write!(
                f,
                "this is not a hither index file (its first bytes are not those of one); make one with `hither build`"
            ),
            Self::UnsupportedVersion { expected, got } if got > expected => write!(
                f,
                "the file has format version {got}, and this library reads version {expected}: update the library"
            ),
            Self::UnsupportedVersion { expected, got } => write!(
                f,
                "the file has format version {got}, and this library reads version {expected}: build the file again"
            ),
            Self::UnsupportedSection { kind } => write!(
                f,
                "the file holds a section of kind {kind} that this library does not know and may not skip: update the library"
            ),
            Self::Truncated { expected, got } => write!(
                f,
                "the file has {got} bytes where its header says {expected}: it was cut or changed; fetch or build it again"
            ),
            Self::Corrupt { what } => {
                write!(f, "the file is damaged: {what}; fetch or build it again")
            }
            Self::ChecksumMismatch { what, offset, length } => write!(
                f,
                "the file is damaged: the checksum of {what} does not match at bytes {offset}..{}; fetch or build it again",
                offset + length
            ),
            Self::Misaligned => write!(
                f,
                "the bytes must start at an address that is a multiple of 16: map the file, or copy it into an AlignedBytes"
            ),
            Self::MissingStructure { name } => {
                write!(f, "the index has no {name} structure; build it with one")
            }
            Self::Unlike { index, what } => write!(
                f,
                "index {index} has other {what} than the first, so they do not go together; take like with like"
            ),
            Self::Unsupported { reason } => f.write_str(reason),
            #[cfg(feature = "std")]
            Self::Io { path, reason } => write!(f, "{path}: {reason}"),
            Self::OutOfMemory { bytes } => write!(
                f,
                "out of memory: {bytes} bytes are not to be had; free what is open, or use a smaller file"
            ),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Interrupted => {
                f.write_str("the search was interrupted; ask for the same batch again to go on")
            }
        }
    }
}

/// Turns missing bytes into an error. `ok_or` would build the error first and drop it where all is well, for
/// every row that a search reads: a twentieth of its time in WebAssembly.
pub(crate) trait OrCorrupt<T> {
    /// The value, or [`ErrorKind::Corrupt`].
    fn or_corrupt(self, what: &'static str) -> Result<T>;
}

impl<T> OrCorrupt<T> for Option<T> {
    #[inline(always)]
    fn or_corrupt(self, what: &'static str) -> Result<T> {
        match self {
            Some(value) => Ok(value),
            None => Err(corrupt(what)),
        }
    }
}

/// [`ErrorKind::Corrupt`], built out of the hot path.
#[cold]
#[inline(never)]
pub(crate) fn corrupt(what: &'static str) -> Error {
    ErrorKind::Corrupt { what }.into()
}

/// Collects values up to the first error. `collect` does so too, but compiled for size it becomes four
/// functions at every place that calls it.
pub(crate) fn try_collect<T>(values: impl Iterator<Item = Result<T>>) -> Result<Vec<T>> {
    let mut list = Vec::with_capacity(values.size_hint().0);
    for value in values {
        list.push(value?);
    }
    Ok(list)
}
