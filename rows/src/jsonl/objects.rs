//! The objects of a JSON Lines file, each split into fields without parsing their values.

use std::{borrow::Cow, collections::HashSet, fmt, path::Path};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::{Error, lines::Lines, source::Source};

/// The names and values of a line's fields in order, and the number of the line from 1.
pub struct Fields<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>, pub u64);

/// Reads a file object by object.
pub struct Objects(Lines);

impl Objects {
    pub fn open(source: &mut Source) -> Result<Self, Error> {
        Ok(Self(Lines::open(source)?))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The object of the next line that is not blank; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Fields<'_>>, Error> {
        loop {
            if !self.0.next()? {
                return Ok(None);
            }
            if !self.0.is_blank() {
                break;
            }
        }
        let text = self.0.text()?;
        match serde_json::from_str(text.trim_ascii()) {
            Ok(Object(fields)) => match twice(&fields) {
                None => Ok(Some(Fields(fields, self.0.number()))),
                Some(name) => Err(self
                    .0
                    .refuse(format!("\"{name}\" is there twice, and a row has one value of it"))),
            },
            Err(error) => Err(self.0.refuse(explain(text, &error))),
        }
    }
}

/// A name that occurs twice.
fn twice<'a>(fields: &'a [(Cow<'_, str>, &RawValue)]) -> Option<&'a str> {
    let mut seen = HashSet::with_capacity(fields.len());
    fields.iter().map(|(name, _)| name.as_ref()).find(|name| !seen.insert(*name))
}

fn explain(text: &str, error: &serde_json::Error) -> String {
    // serde_json adds a line number of its own, which is always 1 here.
    let reason = error.to_string();
    let reason = reason.split(" at line").next().unwrap_or(&reason).to_owned();
    if error.is_data() {
        return "a line of JSON Lines is an object, {\"vector\": [0.1, 0.2], …}; jq -c '.[]' makes lines of a list".into();
    }
    let column = error.column();
    let at = text.as_bytes().get(column.saturating_sub(1)..).unwrap_or_default();
    if at.starts_with(b"N") || at.starts_with(b"I") || at.starts_with(b"-I") {
        return format!(
            "column {column}: NaN and Infinity are no JSON; write null, or leave the row out"
        );
    }
    format!("column {column}: {reason}; each line must be one whole JSON object")
}

/// The fields of an object.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A name, which borrows from the line unless it contains escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Take;
        impl<'de> Visitor<'de> for Take {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Take)
    }
}

/// The text of a JSON string.
pub fn text(raw: &str) -> Cow<'_, str> {
    let inside = &raw[1..raw.len() - 1];
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    let whole = serde_json::from_str(raw);
    Cow::Owned(whole.unwrap_or_else(|_| {
        serde_json::from_str(&without_halves(raw)).unwrap_or_else(|_| inside.to_owned())
    }))
}

/// Whether a JSON string contains half of a surrogate pair, which JSON's grammar allows, but which is not
/// valid text.
pub fn has_half(raw: &str) -> bool {
    raw.contains("\\u") && serde_json::from_str::<String>(raw).is_err()
}

/// A JSON string with U+FFFD in place of unpaired surrogates, as JavaScript encodes them.
fn without_halves(raw: &str) -> String {
    let unit = |at: &str| u32::from_str_radix(at.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let (mut text, mut rest) = (String::new(), raw);
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let (length, half) = match (unit(rest), rest.get(6..).and_then(unit)) {
            (None, _) => (2, false),
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, false),
            (Some(0xd800..=0xdfff), _) => (6, true),
            (Some(_), _) => (6, false),
        };
        let (escape, left) = rest.split_at_checked(length).unwrap_or((rest, ""));
        text.push_str(if half { "\u{fffd}" } else { escape });
        rest = left;
    }
    text + rest
}
