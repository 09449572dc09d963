//! Comma-separated text as in RFC 4180, or tab-separated text without quotes. Values are written as in JSON
//! Lines: a header line, then the key, the attributes, and the vector as a JSON list. Null is an empty
//! field.

use std::path::{Path, PathBuf};

use ::csv::{ErrorKind, QuoteStyle, Terminator, Writer as Records, WriterBuilder};
use hither::{KeyRef, KeyType, Value};

use crate::{
    Error,
    columns::written,
    json::write_list,
    layout::{KEY, Layout, VECTOR, attribute_names},
    sink::Sink,
    text::TextFile,
};

/// Writes a record for each row.
pub struct Writer {
    path: PathBuf,
    records: Records<TextFile>,
    /// Whether fields are separated by tabs and not quoted.
    tabs: bool,
    has_key: bool,
    names: Vec<String>,
    rows: u64,
    vector: Vec<u8>,
}

impl Writer {
    /// Begins a file, with tabs or commas between fields.
    ///
    /// # Errors
    /// If a column has a name that a header line cannot contain.
    pub fn create(path: &Path, layout: &Layout, tabs: bool) -> Result<Self, Error> {
        let has_key = layout.key_type != KeyType::RowNumber;
        let mut names = attribute_names(layout);
        // Reading trims names, and infers the separator from the first line.
        let fits = |name: &&String| {
            name.trim() == name.as_str() && !name.contains(['\t', '\n', '\r']) && !name.is_empty()
        };
        if let Some(name) = names.iter().find(|name| !fits(name)) {
            let reason = format!(
                "a header line cannot hold the name {name:?}; write .jsonl or .parquet instead"
            );
            return Err(Error::new(path, reason));
        }
        if has_key {
            names.insert(0, KEY.into());
        }
        names.push(VECTOR.into());
        let mut builder = WriterBuilder::new();
        builder.terminator(Terminator::Any(b'\n'));
        if tabs {
            builder.delimiter(b'\t').quote_style(QuoteStyle::Never);
        }
        let mut records = builder.from_writer(TextFile::create(path)?);
        records.write_record(&names).map_err(|error| failed(path, error))?;
        let path = path.to_owned();
        Ok(Self { path, records, tabs, has_key, names, rows: 0, vector: Vec::new() })
    }

    /// Rejects a row with a field that would be read as several.
    fn check(&self, row: &[String]) -> Result<(), Error> {
        let splits = |text: &String| self.tabs && text.contains(['\t', '\n', '\r']);
        match self.names.iter().zip(row).find(|(_, text)| splits(text)) {
            None => Ok(()),
            Some((name, _)) => {
                let reason = format!(
                    "\"{name}\" holds a tab or a line end, which .tsv cannot; write .csv or .jsonl instead"
                );
                Err(Error::at_row(&self.path, self.rows, reason))
            }
        }
    }

    fn write_row(&mut self, row: &[String], vector: &[f32]) -> Result<(), ::csv::Error> {
        for text in row {
            self.records.write_field(text)?;
        }
        self.vector.clear();
        write_list(vector, &mut self.vector)?;
        self.records.write_field(&self.vector)?;
        self.records.write_record(None::<&[u8]>)
    }
}

impl Sink for Writer {
    fn write(
        &mut self,
        key: Option<KeyRef<'_>>,
        vector: &[f32],
        values: &[Value],
    ) -> Result<(), Error> {
        let key = key.filter(|_| self.has_key).map(|key| key.to_string());
        let texts = values.iter().map(|value| match value {
            // The Debug format keeps ".0", which distinguishes a float from an integer.
            Value::Float64(number) if number.is_finite() => format!("{number:?}"),
            value => written(value.as_ref()),
        });
        let row: Vec<String> = key.into_iter().chain(texts).collect();
        self.check(&row)?;
        self.rows += 1;
        self.write_row(&row, vector).map_err(|error| failed(&self.path, error))
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        let file = self.records.into_inner();
        file.map_err(|error| Error::io(&self.path, error.error()))?.finish()
    }
}

fn failed(path: &Path, error: ::csv::Error) -> Error {
    match error.into_kind() {
        ErrorKind::Io(error) => Error::io(path, &error),
        other => Error::new(path, format!("it cannot be written: {other:?}")),
    }
}
