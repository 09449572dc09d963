//! A one-dimensional `.npy` array as a column: integers, floats, Booleans or strings.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::PathBuf,
};

use hither::{ColumnType, Value};

use super::{
    each,
    header::{Dtype, Header},
    keys::{integer, text, whole},
};
use crate::{Diagnostic, Error, Setting, source::Source};

/// A one-dimensional array with one element per row.
pub struct Column {
    path: PathBuf,
    file: BufReader<File>,
    name: String,
    dtype: Dtype,
    bytes: Vec<u8>,
    row: u64,
    /// The type of its values.
    pub column_type: ColumnType,
}

impl Column {
    /// Opens an array. Integers that are wanted as text keep their digits.
    pub fn open(
        source: &mut Source,
        name: &str,
        wanted: Option<ColumnType>,
    ) -> Result<Self, Error> {
        let (file, header) = Header::open(source)?;
        let path = source.path().to_owned();
        let dtype = header.dtype;
        let column_type = match (dtype.kind, dtype.size) {
            (b'i' | b'u', 1 | 2 | 4 | 8) if wanted == Some(ColumnType::Text) => ColumnType::Text,
            (b'i' | b'u', 1 | 2 | 4 | 8) => ColumnType::Int64,
            (b'f', 2 | 4 | 8) => ColumnType::Float64,
            (b'b', 1) => ColumnType::Bool,
            (b'S' | b'U', 1..) => ColumnType::Text,
            _ => {
                let reason = format!("it holds {dtype}, which no column type holds; leave it out");
                return Err(Error::new(&path, reason));
            }
        };
        header.check_length(&path, &file)?;
        let (name, bytes) = (name.to_owned(), vec![0; dtype.size]);
        Ok(Self { path, file, name, dtype, bytes, row: 0, column_type })
    }

    /// The next value.
    pub fn next(&mut self) -> Result<Value, Error> {
        let read = self.file.read_exact(&mut self.bytes);
        read.map_err(|error| Error::io(&self.path, &error))?;
        self.row += 1;
        let value = self.value();
        value.map_err(|reason| Error::at_row(&self.path, self.row - 1, reason))
    }

    fn value(&self) -> Result<Value, Diagnostic> {
        let (dtype, bytes) = (self.dtype, &self.bytes[..]);
        Ok(match (dtype.kind, dtype.size) {
            (b'i' | b'u', _) if self.column_type == ColumnType::Text => {
                Value::Text(whole(dtype, bytes).to_string())
            }
            (b'i' | b'u', _) => Value::Int64(integer(dtype, bytes).ok_or_else(|| {
                let number = whole(dtype, bytes);
                let reason = format!(
                    "\"{}\" is {number}, which is beyond int64; asked for as text it keeps its digits",
                    self.name
                );
                Diagnostic::with(reason, Setting::Type(self.name.clone(), ColumnType::Text))
            })?),
            (b'f', 2) => Value::Float64(one(bytes, dtype, |b| half::f16::from_le_bytes(b).to_f64())),
            (b'f', 4) => Value::Float64(one(bytes, dtype, |b| f32::from_le_bytes(b).into())),
            (b'f', _) => Value::Float64(one(bytes, dtype, f64::from_le_bytes)),
            (b'b', _) => Value::Bool(bytes[0] != 0),
            _ => Value::Text(text(dtype, bytes).ok_or("the text is no valid Unicode")?),
        })
    }
}

/// The only number in these bytes.
fn one<const N: usize>(bytes: &[u8], dtype: Dtype, number: impl Fn([u8; N]) -> f64) -> f64 {
    each(bytes, dtype).next().map_or(f64::NAN, number)
}
