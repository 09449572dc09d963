//! Enums whose variants have names: one list of them, for options, messages and files.

/// Implements for an enum with `repr(u8)`, from a list of its variants in the order of their numbers, `ALL`,
/// `name`, [`Display`](core::fmt::Display), [`FromStr`](core::str::FromStr) and `TryFrom<u8>`, and with the
/// feature `serde` `Serialize`. A list that repeats or misses a variant does not compile.
macro_rules! named {
    ($type:ident, $what:literal: $($variant:ident = $name:literal),+ $(,)?) => {
        impl $type {
            /// All variants, in the order of their numbers in files.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name that options, messages and schemas use.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.name())
            }
        }

        /// Parses the name.
        impl core::str::FromStr for $type {
            type Err = $crate::error::Error;

            fn from_str(name: &str) -> $crate::error::Result<Self> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    _ => Err($crate::names::unknown($what, name, &[$($name),+])),
                }
            }
        }

        /// Decodes the number that files store.
        impl TryFrom<u8> for $type {
            type Error = $crate::error::Error;

            fn try_from(number: u8) -> $crate::error::Result<Self> {
                let found = Self::ALL.iter().find(|variant| **variant as u8 == number);
                match found {
                    Some(variant) => Ok(*variant),
                    None => Err($crate::error::corrupt(concat!("the number of a ", $what))),
                }
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    };
}

pub(crate) use named;

use crate::error::{Error, ErrorKind};
use alloc::format;

/// The error for a name that is none of `names`.
#[cold]
pub(crate) fn unknown(what: &'static str, name: &str, names: &[&str]) -> Error {
    let reason = format!("there is no \"{name}\"; there are: {}", names.join(", "));
    ErrorKind::InvalidParameter { name: what, reason }.into()
}

#[cfg(test)]
mod tests {
    use crate::{Codes, ColumnType, Element, KeyType, Metric, Structure};
    use alloc::string::ToString;

    macro_rules! check {
        ($($type:ident)*) => {$(
            for (number, one) in $type::ALL.iter().copied().enumerate() {
                assert_eq!(number, one as usize);
                assert_eq!($type::try_from(number as u8), Ok(one));
                assert_eq!(one.to_string().parse(), Ok(one));
            }
            assert!($type::try_from($type::ALL.len() as u8).is_err());
            let message = "nonsense".parse::<$type>().unwrap_err().to_string();
            assert!(message.contains(&$type::ALL[0].to_string()), "{message}");
        )*};
    }

    #[test]
    fn names_and_numbers_are_read_as_they_are_written() {
        check!(Metric Element KeyType ColumnType Codes Structure);
        let message = "l3".parse::<Metric>().unwrap_err().to_string();
        assert_eq!(message, "metric: there is no \"l3\"; there are: l2, cosine, ip, l1");
    }
}
