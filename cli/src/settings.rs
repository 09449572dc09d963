//! What the settings of inputs are called on the command line.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use hither::ColumnType;
use hither_rows::{Diagnostic, Format, Setting};

/// Reads the name of a format.
pub fn format() -> impl TypedValueParser<Value = Format> {
    let name = |format: Format| {
        let value = PossibleValue::new(format.name()).hide(!format.is_built_in());
        let value = if format.about().is_empty() { value } else { value.help(format.about()) };
        value.aliases(format.aliases())
    };
    PossibleValuesParser::new(Format::ALL.map(name)).try_map(|name| name.parse::<Format>())
}

/// What is said about rows, with the option that would mend it.
pub fn with_option(text: String, setting: Option<&Setting>) -> String {
    match setting.map(option) {
        Some(option) => format!("{text} ({option})"),
        None => text,
    }
}

/// A note about an input, as the command says it.
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
