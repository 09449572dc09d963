//! Names and types of columns: those of the input, and those that the options ask for.

use std::path::Path;

use hither::{
    ColumnSchema, ColumnType, Key, KeyType, Value, ValueRef, format_timestamp, format_uuid,
};

use crate::{
    Error, Layout,
    infer::{format_bytes, key_from_text, rounds, value_from_text},
    roles,
};

/// The name under which the options give a type to the keys of a separate file.
const KEYS: &str = "key";

/// Parses `NAME=TYPE`. The name may contain `=`, a type does not.
pub fn parse_type(text: &str) -> Result<(String, ColumnType), String> {
    let (name, wanted) = text.rsplit_once('=').ok_or("write it as NAME=TYPE, such as id=text")?;
    let column_type = wanted.parse().map_err(|error: hither::Error| error.to_string())?;
    Ok((name.into(), column_type))
}

/// The type of keys for a column of this type.
pub fn key_type(column_type: ColumnType) -> Option<KeyType> {
    match column_type {
        ColumnType::Int64 => Some(KeyType::Int64),
        ColumnType::Text => Some(KeyType::Text),
        ColumnType::Uuid => Some(KeyType::Uuid),
        _ => None,
    }
}

/// The type that the options give to the keys of a separate file.
pub fn type_of_keys(types: &[(String, ColumnType)]) -> Result<Option<KeyType>, String> {
    let Some((_, wanted)) = types.iter().find(|(name, _)| name == KEYS) else { return Ok(None) };
    key_type(*wanted).map(Some).ok_or_else(|| no_key(KEYS, *wanted))
}

fn no_key(name: &str, wanted: ColumnType) -> String {
    let wanted = wanted.name();
    format!("\"{name}\" is the key and cannot be {wanted}: keys are int64, text or uuid")
}

/// Conversions of values in files whose own schemas determine their types.
#[derive(Debug, Default)]
pub struct Casts {
    columns: Vec<(usize, ColumnType, Digits)>,
    key: Option<KeyType>,
}

/// What to do with digits that a type cannot store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digits {
    /// Round them, because the options ask for the type.
    Rounded,
    /// Report an error.
    Kept,
}

/// The parts of an input that can be given a type.
pub struct TypeSource<'a> {
    pub columns: &'a mut [ColumnSchema],
    pub vector: Option<&'a str>,
    pub key: Option<&'a str>,
    pub key_type: &'a mut KeyType,
    /// Whether the keys are in a separate file.
    pub keys: bool,
}

impl Casts {
    /// Gives columns the types of the options, or else those of the index that the rows go to. A type for a
    /// column that does not exist is an error: probably a typo.
    pub fn new(
        mut input: TypeSource<'_>,
        types: &[(String, ColumnType)],
        layout: Option<&Layout>,
    ) -> Result<Self, String> {
        let mut casts = Self::asked_for(&mut input, types)?;
        let Some(layout) = layout else { return Ok(casts) };
        let asked = |name: &str| types.iter().any(|(column, _)| column == name);
        for (at, column) in input.columns.iter_mut().enumerate() {
            let there = layout.columns.iter().find(|there| there.name == column.name);
            let Some(there) = there.filter(|_| !asked(&column.name)) else { continue };
            if column.column_type != there.column_type {
                column.column_type = there.column_type;
                casts.columns.push((at, there.column_type, Digits::Kept));
            }
        }
        let wanted = match layout.key_type {
            KeyType::RowNumber => KeyType::Int64,
            key_type => key_type,
        };
        if *input.key_type != KeyType::RowNumber && *input.key_type != wanted {
            *input.key_type = wanted;
            casts.key = Some(wanted);
        }
        Ok(casts)
    }

    fn asked_for(
        input: &mut TypeSource<'_>,
        types: &[(String, ColumnType)],
    ) -> Result<Self, String> {
        let mut casts = Self::default();
        for (at, (name, wanted)) in types.iter().enumerate() {
            if types[..at].iter().any(|before| before.0 == *name) {
                return Err(format!("a type is asked for \"{name}\" twice; leave one out"));
            }
            if input.vector == Some(name) {
                return Err(format!("\"{name}\" is the vector, which has no type to name"));
            }
            if let Some(column) = input.columns.iter().position(|column| column.name == *name) {
                if input.columns[column].column_type != *wanted {
                    input.columns[column].column_type = *wanted;
                    casts.columns.push((column, *wanted, Digits::Rounded));
                }
            } else if input.key == Some(name) || (input.keys && name == KEYS) {
                let wanted = key_type(*wanted).ok_or_else(|| no_key(name, *wanted))?;
                if *input.key_type != wanted {
                    *input.key_type = wanted;
                    casts.key = Some(wanted);
                }
            } else {
                let all = roles::list(input.columns.iter().map(|column| column.name.as_str()));
                return Err(format!(
                    "there is no column \"{name}\" to be {}; {all}",
                    wanted.name()
                ));
            }
        }
        Ok(casts)
    }

    /// Converts the values of a row to the types that were chosen.
    pub fn apply(
        &self,
        key: &mut Option<Key>,
        values: &mut [Value],
        columns: &[ColumnSchema],
    ) -> Result<(), String> {
        if let (Some(wanted), Some(found)) = (self.key, key.as_ref()) {
            let cast = key_from_text(&found.to_string(), wanted);
            *key = Some(cast.ok_or_else(|| format!("the key {found} is no {}", wanted.name()))?);
        }
        for &(at, wanted, digits) in &self.columns {
            let found = std::mem::replace(&mut values[at], Value::Null);
            values[at] = cast(found, wanted, digits)
                .map_err(|reason| format!("\"{}\" {reason}", columns[at].name))?;
        }
        Ok(())
    }
}

/// Converts a value to another type, where that keeps its meaning.
fn cast(value: Value, wanted: ColumnType, digits: Digits) -> Result<Value, String> {
    if digits == Digits::Kept && rounds(&written(value.as_ref()), wanted) {
        return Err(format!("is {}, which float64 would round", written(value.as_ref())));
    }
    let text = match (&value, wanted) {
        (Value::Null, _) => return Ok(Value::Null),
        (Value::Int64(number), ColumnType::Float64) => return Ok(Value::Float64(*number as f64)),
        (Value::Bytes(bytes), ColumnType::Uuid) => match bytes.as_slice().try_into() {
            Ok(uuid) => return Ok(Value::Uuid(uuid)),
            Err(_) => return Err(format!("has {} bytes, and a uuid has 16", bytes.len())),
        },
        (Value::Float64(number), ColumnType::Int64) if number.fract() == 0.0 => {
            format!("{number:.0}")
        }
        _ => written(value.as_ref()),
    };
    let fits = matches!(value, Value::Text(_)) || matches!(wanted, ColumnType::Text);
    let fits = fits || matches!((&value, wanted), (Value::Float64(_), ColumnType::Int64));
    let made = if fits { value_from_text(&text, wanted) } else { None };
    made.ok_or_else(|| {
        format!("is {text}, {} that does not become {}", value.as_ref().type_name(), wanted.name())
    })
}

/// A value as text, in the form that reading accepts.
pub fn written(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Bool(value) => value.to_string(),
        ValueRef::Int64(number) => number.to_string(),
        ValueRef::Float64(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Json(text) => text.to_owned(),
        ValueRef::Timestamp(micros) => format_timestamp(micros),
        ValueRef::Uuid(bytes) => format_uuid(&bytes),
        ValueRef::Bytes(bytes) => format_bytes(bytes),
    }
}

/// Rejects columns without a name, and two columns with the same name.
pub fn check_names(path: &Path, columns: &[ColumnSchema]) -> Result<(), Error> {
    for (at, ColumnSchema { name, .. }) in columns.iter().enumerate() {
        if name.is_empty() {
            let reason = "a column has an empty name (\"\"); give it one, or leave it out";
            return Err(Error::new(path, reason));
        }
        if columns[..at].iter().any(|before| before.name == *name) {
            let reason = format!("two columns are called \"{name}\"; rename one");
            return Err(Error::new(path, reason));
        }
    }
    Ok(())
}

/// The error for two files that have a column of the same name.
pub fn same_name(
    path: &Path,
    columns: &[ColumnSchema],
    others: &[ColumnSchema],
    other: &Path,
) -> Result<(), Error> {
    let twice = columns.iter().find(|column| others.iter().any(|o| o.name == column.name));
    match twice {
        None => Ok(()),
        Some(twice) => Err(Error::new(
            path,
            format!("the column \"{}\" is in {} too", twice.name, other.display()),
        )),
    }
}
