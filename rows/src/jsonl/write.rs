//! JSON Lines from which reading infers the same types: floats keep a point or an exponent, timestamps are
//! RFC 3339, bytes are `\x` and hexadecimal digits, and nulls are omitted after the first row.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use hither::{KeyRef, KeyType, Value, format_timestamp, format_uuid};

use crate::layout::{KEY, Layout, VECTOR, attribute_names};
use crate::sink::Sink;
use crate::text::TextFile;
use crate::{
    Error,
    infer::format_bytes,
    json::{json_line, quoted, write_list},
};

/// Writes an object for each row.
pub struct Writer {
    file: TextFile,
    path: PathBuf,
    key: Option<String>,
    vector: String,
    /// Names as JSON, each followed by a colon.
    names: Vec<String>,
    line: Vec<u8>,
    first: bool,
}

impl Writer {
    pub fn create(path: &Path, layout: &Layout) -> Result<Self, Error> {
        let name = |name: &str| format!("{}:", quoted(name));
        Ok(Self {
            file: TextFile::create(path)?,
            path: path.to_owned(),
            key: (layout.key_type != KeyType::RowNumber).then(|| name(KEY)),
            vector: name(VECTOR),
            names: attribute_names(layout).iter().map(|column| name(column)).collect(),
            line: Vec::new(),
            first: true,
        })
    }
}

impl Sink for Writer {
    fn write(
        &mut self,
        key: Option<KeyRef<'_>>,
        vector: &[f32],
        values: &[Value],
    ) -> Result<(), Error> {
        self.line.clear();
        self.line.push(b'{');
        if let (Some(name), Some(key)) = (&self.key, key) {
            self.line.extend(name.as_bytes());
            let key = match key {
                KeyRef::Int64(number) => number.to_string(),
                KeyRef::Uuid(bytes) => quoted(&format_uuid(&bytes)),
                KeyRef::Text(text) => quoted(text),
            };
            self.line.extend(key.as_bytes());
            self.line.push(b',');
        }
        for (name, value) in self.names.iter().zip(values) {
            let value = match value {
                // The first row names every column, so that reading finds all of them, in order.
                Value::Null if self.first => "null".into(),
                Value::Null => continue,
                Value::Bool(value) => value.to_string(),
                Value::Int64(number) => number.to_string(),
                Value::Float64(number) => float(*number),
                Value::Text(text) => quoted(text),
                Value::Timestamp(micros) => quoted(&format_timestamp(*micros)),
                Value::Uuid(bytes) => quoted(&format_uuid(bytes)),
                Value::Bytes(bytes) => quoted(&format_bytes(bytes)),
                Value::Json(text) => json_line(text),
            };
            self.line.extend(name.as_bytes());
            self.line.extend(value.as_bytes());
            self.line.push(b',');
        }
        self.line.extend(self.vector.as_bytes());
        let fail = |error| Error::io(&self.path, &error);
        write_list(vector, &mut self.line).map_err(fail)?;
        self.line.extend(b"}\n");
        self.first = false;
        self.file.write_all(&self.line).map_err(fail)
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        self.file.finish()
    }
}

/// A float as JSON. NaN and infinities, which JSON lacks, become the words that reading knows.
fn float(number: f64) -> String {
    match number {
        _ if number.is_nan() => "\"NaN\"".into(),
        f64::INFINITY => "\"Infinity\"".into(),
        f64::NEG_INFINITY => "\"-Infinity\"".into(),
        // The Debug format keeps ".0", which distinguishes a float from an integer.
        _ => format!("{number:?}"),
    }
}
