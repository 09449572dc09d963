//! Parsed JSON that keeps all entries of objects in order, so that a repeated name is noticed.

use crate::limits::MAX_FILTER_DEPTH;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// JSON, parsed by any deserializer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// A number without fraction or exponent that fits in an i64.
    Int64(i64),
    /// Any other number.
    Float64(f64),
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// A filter within another takes an object and, within `$and` and `$or`, an array; a column takes an
/// object and an array of values.
const MAX_DEPTH: usize = 2 * MAX_FILTER_DEPTH + 1;

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Read { left: MAX_DEPTH }.deserialize(deserializer)
    }
}

/// Reads JSON with arrays and objects nested up to this depth: not every parser has a limit of its own, and
/// reading is recursive.
#[derive(Clone, Copy)]
struct Read {
    left: usize,
}

impl Read {
    /// The limit for the values within.
    fn inner<E: Error>(self) -> Result<Self, E> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self { left }),
            None => Err(E::custom(format_args!(
                "invalid filter: it is nested more than {MAX_FILTER_DEPTH} deep"
            ))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Read {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Read {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Int64(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(i64::try_from(number).map_or(Json::Float64(number as f64), Json::Int64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Float64(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let (inner, mut array) = (self.inner()?, Vec::new());
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let (inner, mut object) = (self.inner()?, Vec::new());
        while let Some(name) = entries.next_key()? {
            object.push((name, entries.next_value_seed(inner)?));
        }
        Ok(Json::Object(object))
    }
}
