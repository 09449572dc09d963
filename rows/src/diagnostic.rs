//! A message about an input, and the setting that would solve the problem.

use std::fmt;

use hither::ColumnType;

/// One of the [`Options`](crate::Options), or something else that determines how an input is read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Setting {
    /// [`Options::vector_column`](crate::Options::vector_column).
    VectorColumn,
    /// [`Options::key_column`](crate::Options::key_column).
    KeyColumn,
    /// [`Options::format`](crate::Options::format).
    Format,
    /// [`Options::attributes_format`](crate::Options::attributes_format).
    AttributesFormat,
    /// [`Options::keys`](crate::Options::keys) and [`Options::attributes`](crate::Options::attributes).
    Beside,
    /// [`Options::column_names`](crate::Options::column_names).
    ColumnNames,
    /// A type for this column in [`Options::column_types`](crate::Options::column_types).
    Type(String, ColumnType),
    /// The URL of the server that runs the query.
    Server,
    /// A feature that this crate was compiled without.
    Feature(&'static str),
}

/// A sentence for users, and the setting that it is about, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    text: String,
    setting: Option<Setting>,
}

impl Diagnostic {
    /// A sentence about a problem that a setting would solve.
    pub fn with(text: impl Into<String>, setting: Setting) -> Self {
        Self { text: text.into(), setting: Some(setting) }
    }

    /// The setting that would solve the problem.
    pub fn setting(&self) -> Option<&Setting> {
        self.setting.as_ref()
    }

    /// The same message with some words before it, such as its subject.
    pub(crate) fn behind(self, words: &str) -> Self {
        Self { text: format!("{words} {}", self.text), ..self }
    }
}

impl From<String> for Diagnostic {
    fn from(text: String) -> Self {
        Self { text, setting: None }
    }
}

impl From<&str> for Diagnostic {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
