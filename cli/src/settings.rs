//! Names of settings and values on the command line.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use hither::{ColumnType, Error, ErrorKind, Structure};
use hither_rows::{Diagnostic, Format, Setting};
use std::str::FromStr;

/// Parses the name of one of these values.
pub fn one_of<T>(all: &'static [T], name: fn(T) -> &'static str) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = Error> + Copy + Send + Sync + 'static,
{
    let values = all.iter().map(|one| PossibleValue::new(name(*one)));
    PossibleValuesParser::new(values).try_map(|name| name.parse::<T>())
}

/// Parses the name of a structure.
pub fn structure() -> impl TypedValueParser<Value = Structure> {
    let values = Structure::ALL.iter().map(|structure| {
        let value = PossibleValue::new(structure.name());
        match structure {
            Structure::Flat => value.help("Exact scan"),
            Structure::Hnsw => value.help("Graph: fast in memory"),
            Structure::Ivf => value.help("Inverted file: quick to build, few reads"),
            _ => value,
        }
    });
    PossibleValuesParser::new(values).try_map(|name| name.parse::<Structure>())
}

/// An error of the library, with the option that would solve the problem.
pub fn described(error: &Error) -> String {
    let option = match error.kind() {
        ErrorKind::HalfOverflow { .. } | ErrorKind::HalfUnderflow => "--element f32".into(),
        ErrorKind::MissingStructure { name } => format!("--kind {name}"),
        _ => return error.to_string(),
    };
    format!("{error} ({option})")
}

/// Parses the name of a format.
pub fn format() -> impl TypedValueParser<Value = Format> {
    let name = |format: Format| {
        let value = PossibleValue::new(format.name()).hide(!format.is_built_in());
        let value = if format.about().is_empty() { value } else { value.help(format.about()) };
        value.aliases(format.aliases())
    };
    PossibleValuesParser::new(Format::ALL.map(name)).try_map(|name| name.parse::<Format>())
}

/// A message about rows, with the option that would solve the problem.
pub fn with_option(text: String, setting: Option<&Setting>) -> String {
    match setting.map(option) {
        Some(option) => format!("{text} ({option})"),
        None => text,
    }
}

/// A note about an input in the command's words.
pub fn note(note: &Diagnostic) -> String {
    format!("note: {}", with_option(note.to_string(), note.setting()))
}

fn option(setting: &Setting) -> String {
    match setting {
        Setting::VectorColumn => "--vector-column".into(),
        Setting::KeyColumn => "--key-column".into(),
        Setting::Format => "--format".into(),
        Setting::AttributesFormat => "--attributes-format".into(),
        Setting::Beside => "--keys K.npy, --attributes FILE".into(),
        Setting::ColumnNames => "--column-names".into(),
        Setting::Type(name, ColumnType::Text) => format!("--type {name}=text keeps the digits"),
        Setting::Type(name, column_type) => format!("--type {name}={}", column_type.name()),
        Setting::Server => "--postgres".into(),
        Setting::Feature(feature) => {
            format!("cargo build --release -p hither-cli --features {feature}")
        }
        other => format!("{other:?}"),
    }
}
