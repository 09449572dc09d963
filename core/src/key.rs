//! Keys: the names by which callers identify rows.

pub(crate) mod directory;
mod random;
mod view;

pub(crate) use random::RandomKeys;
pub(crate) use view::{KeySections, KeysView, MAX_KEY_BITS, encode_keys};

use crate::names::named;
use alloc::{format, string::String};
use core::fmt;

/// The type of an index's keys.
///
/// ```
/// use hither::{IndexBuilder, IndexOptions, KeyRef, KeyType, Metric};
///
/// let options = IndexOptions { key_type: KeyType::Text, ..IndexOptions::new(2, Metric::L2) };
/// let mut builder = IndexBuilder::new(options)?;
/// builder.push(Some(KeyRef::Text("a")), &[1.0, 2.0], &[])?;
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum KeyType {
    /// A row's key is its number in the input, from 0.
    RowNumber = 0,
    /// 64-bit signed integers.
    Int64 = 1,
    /// 128-bit UUIDs.
    Uuid = 2,
    /// UTF-8 text.
    Text = 3,
}

named!(
    KeyType, "key type":
    RowNumber = "row number", Int64 = "int64", Uuid = "uuid", Text = "text",
);

/// A row's key, owned. The keys of an index are of one type, unique, and ordered: numbers by value, UUIDs and
/// text by their bytes.
///
/// ```
/// use hither::{Key, KeyRef};
///
/// let key = Key::Text("a".into());
/// assert_eq!(key.as_ref(), KeyRef::Text("a"));
/// assert_eq!(key.to_string(), "a");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A row number or a 64-bit integer.
    Int64(i64),
    /// A UUID's 16 bytes.
    Uuid([u8; 16]),
    /// Text.
    Text(String),
}

/// A row's key, borrowed from the index.
///
/// ```
/// use hither::{KeyRef, KeyType};
///
/// assert!(KeyRef::Int64(-1).fits(KeyType::Int64));
/// assert!(!KeyRef::Int64(-1).fits(KeyType::RowNumber));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyRef<'a> {
    /// A row number or a 64-bit integer.
    Int64(i64),
    /// A UUID's 16 bytes.
    Uuid([u8; 16]),
    /// Text.
    Text(&'a str),
}

impl Key {
    /// The same key, borrowed.
    pub fn as_ref(&self) -> KeyRef<'_> {
        match self {
            Self::Int64(number) => KeyRef::Int64(*number),
            Self::Uuid(bytes) => KeyRef::Uuid(*bytes),
            Self::Text(text) => KeyRef::Text(text),
        }
    }
}

impl KeyRef<'_> {
    /// The same key, owned.
    pub fn to_owned(self) -> Key {
        match self {
            Self::Int64(number) => Key::Int64(number),
            Self::Uuid(bytes) => Key::Uuid(bytes),
            Self::Text(text) => Key::Text(String::from(text)),
        }
    }

    /// The name of the key's type, for messages.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Int64(_) => KeyType::Int64.name(),
            Self::Uuid(_) => KeyType::Uuid.name(),
            Self::Text(_) => KeyType::Text.name(),
        }
    }

    /// Whether an index with keys of `key_type` can have this key.
    pub fn fits(self, key_type: KeyType) -> bool {
        match self {
            Self::Int64(number) => match key_type {
                KeyType::RowNumber => number >= 0,
                other => other == KeyType::Int64,
            },
            Self::Uuid(_) => key_type == KeyType::Uuid,
            Self::Text(_) => key_type == KeyType::Text,
        }
    }
}

macro_rules! from {
    ($($variant:ident: $owned:ty, $borrowed:ty;)*) => {$(
        impl From<$owned> for Key {
            fn from(key: $owned) -> Self {
                Self::$variant(key)
            }
        }

        impl<'a> From<$borrowed> for KeyRef<'a> {
            fn from(key: $borrowed) -> Self {
                Self::$variant(key)
            }
        }
    )*};
}

from!(Int64: i64, i64; Uuid: [u8; 16], [u8; 16]; Text: String, &'a str;);

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a Key> for KeyRef<'a> {
    fn from(key: &'a Key) -> Self {
        key.as_ref()
    }
}

impl fmt::Display for KeyRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int64(number) => write!(f, "{number}"),
            Self::Uuid(bytes) => f.write_str(&format_uuid(bytes)),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

/// Writes a UUID as RFC 9562 does: 36 characters, lower case.
///
/// ```
/// let bytes = hither::parse_uuid("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
/// assert_eq!(hither::format_uuid(&bytes), "01890a5d-ac96-774b-bcce-b302099a8057");
/// ```
pub fn format_uuid(bytes: &[u8; 16]) -> String {
    let n = u128::from_be_bytes(*bytes);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        n >> 96,
        (n >> 80) & 0xffff,
        (n >> 64) & 0xffff,
        (n >> 48) & 0xffff,
        n & 0xffff_ffff_ffff
    )
}

/// Reads a UUID: 32 hexadecimal digits, with hyphens anywhere or nowhere, as Postgres does.
///
/// ```
/// assert!(hither::parse_uuid("01890a5dac96774bbcceb302099a8057").is_some());
/// assert!(hither::parse_uuid("01890a5d").is_none());
/// ```
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let mut n = 0_u128;
    let mut digits = 0;
    for c in text.bytes().filter(|&c| c != b'-') {
        n = n << 4 | u128::from(char::from(c).to_digit(16)?);
        digits += 1;
        if digits > 32 {
            return None;
        }
    }
    (digits == 32).then(|| n.to_be_bytes())
}
