//! Arrow's IPC format, as a file (`.arrow`, Feather version 2) or a stream (`.arrows`), one batch of rows
//! at a time. The input is read up to three times: first only the headers of the batches, for the number of
//! rows; then until the first vector, for the dimensions; then as a whole.

use std::{
    io::{BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, Schema};
use hither::{ColumnSchema, KeyType};

use crate::{
    Diagnostic, Error, Row,
    parquet::schema::Kind,
    roles::{Roles, list},
    shield::shield,
    source::Source,
    table::{self, Rows, Table},
};

pub mod batch;
pub mod column;
mod field;
mod headers;
mod lists;
pub mod write;

use headers::{Headers, MAGIC};

type Batches = Box<dyn RecordBatchReader + Send>;

/// Opens a file of vectors, or of attributes alone.
pub fn open(source: &mut Source, roles: &Roles) -> Result<Table, Error> {
    source.spool()?;
    let path = source.path().to_owned();
    shield(&path, || open_file(source, roles))
}

fn open_file(source: &mut Source, roles: &Roles) -> Result<Table, Error> {
    let path = source.path().to_owned();
    let refuse = |reason: Diagnostic| Error::new(&path, reason);
    let is_file = is_file(source)?;
    let mut headers = Headers::open(&path, source.start()?)?;
    let count = if is_file { headers.rows_of_file()? } else { headers.rows_of_stream()? };
    if count == 0 {
        return Err(refuse("it has no rows".into()));
    }
    let batches = batches(source, is_file)?;
    let schema = batches.schema();
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let vector = match roles.vectors {
        true => Some(choose_vector(roles, &schema, &names).map_err(refuse)?),
        false => None,
    };
    let mut notes = Vec::new();
    let key = choose_key(roles, &schema, &names, vector, &mut notes).map_err(refuse)?;
    let (mut columns, mut targets) = (Vec::new(), Vec::new());
    for (at, field) in schema.fields().iter().enumerate() {
        if Some(at) == vector {
            targets.push(Target::Vector);
            continue;
        }
        let name = field.name();
        let kind = field::kind(field)
            .map_err(|reason| refuse(format!("the column \"{name}\" {reason}").into()))?
            .asked_for(roles.type_of(name));
        notes.extend(kind.note(name));
        if key.is_some_and(|(key, _)| key == at) {
            targets.push(Target::Key(kind));
        } else {
            columns.push(ColumnSchema { name: name.clone(), column_type: kind.column_type() });
            targets.push(Target::Column(kind));
        }
    }
    let dimensions = match vector {
        Some(at) => dimensions(&path, batches, at)?,
        None => 0,
    };
    Ok(Table {
        count: Some(count),
        dimensions,
        columns,
        vector_column: vector.map(|at| names[at].clone()),
        key: key.map(|(at, key_type)| (names[at].clone(), key_type)),
        notes,
        rows: Box::new(Reader {
            batches: self::batches(source, is_file)?,
            path,
            batch: None,
            at: 0,
            names,
            targets,
            dimensions,
            row: 0,
            rounded: 0,
        }),
    })
}

/// Whether it is a file with a footer, not a stream.
fn is_file(source: &mut Source) -> Result<bool, Error> {
    let mut file = source.start()?;
    let path = source.path();
    let io = |error| Error::io(path, &error);
    let mut first = Vec::new();
    (&mut file).take(MAGIC.len() as u64).read_to_end(&mut first).map_err(io)?;
    if first.is_empty() {
        return Err(Error::new(path, "the file is empty"));
    }
    if first.starts_with(b"FEA1") {
        let reason = "this is Feather of version 1; write version 2, which is Arrow's own format";
        return Err(Error::new(path, reason));
    }
    if first != MAGIC {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-(MAGIC.len() as i64))).map_err(io)?;
    let mut last = Vec::new();
    file.read_to_end(&mut last).map_err(io)?;
    match last == MAGIC {
        true => Ok(true),
        false => Err(Error::new(path, "the file does not end as Arrow files do: it was cut")),
    }
}

fn batches(source: &mut Source, is_file: bool) -> Result<Batches, Error> {
    let file = BufReader::with_capacity(1 << 17, source.start()?);
    let opened: Result<Batches, ArrowError> = match is_file {
        true => FileReader::try_new(file, None).map(|reader| Box::new(reader) as Batches),
        false => StreamReader::try_new(file, None).map(|reader| Box::new(reader) as Batches),
    };
    opened.map_err(|error| damaged(source.path(), &error))
}

fn damaged(path: &Path, error: &ArrowError) -> Error {
    let text = error.to_string();
    let text = text.split_once(": ").map_or(text.as_str(), |(_, reason)| reason);
    Error::new(path, format!("it cannot be read as Arrow, or is damaged: {text}"))
}

fn choose_vector(roles: &Roles, schema: &Schema, names: &[String]) -> Result<usize, Diagnostic> {
    let is_list = |at: usize| lists::holds_numbers(schema.field(at).data_type());
    let is_text = |at: usize| lists::is_text(schema.field(at).data_type());
    // A text column can only be chosen by name.
    let by_list = roles.choose_vector(names, is_list, is_list);
    by_list.or_else(|reason| roles.choose_vector(names, is_text, |_| false).map_err(|_| reason))
}

fn choose_key(
    roles: &Roles,
    schema: &Schema,
    names: &[String],
    vector: Option<usize>,
    notes: &mut Vec<Diagnostic>,
) -> Result<Option<(usize, KeyType)>, Diagnostic> {
    let find = |wanted: &str| names.iter().position(|name| name == wanted);
    let usable = |at: usize| {
        let kind = field::kind(schema.field(at)).ok().filter(|_| Some(at) != vector)?;
        Some((at, kind.asked_for(roles.type_of(&names[at])).key_type()?))
    };
    if let Some(wanted) = roles.key_column {
        let at = find(wanted).ok_or_else(|| {
            format!("there is no column \"{wanted}\"; {}", list(names.iter().map(String::as_str)))
        })?;
        return usable(at).map(Some).ok_or_else(|| {
            format!("the column \"{wanted}\" cannot be the key: keys are integers, text or UUIDs")
                .into()
        });
    }
    for at in roles.key_names().filter_map(find) {
        match usable(at) {
            Some(key) => return Ok(Some(key)),
            None if Some(at) == vector => {}
            None => notes.push(
                format!("\"{}\" is not the key: keys are integers, text or UUIDs", names[at])
                    .into(),
            ),
        }
    }
    Ok(None)
}

/// The length of the first valid vector.
fn dimensions(path: &Path, batches: Batches, at: usize) -> Result<usize, Error> {
    let (mut vector, mut row, mut first) = (Vec::new(), 0, None);
    for batch in batches {
        let batch = batch.map_err(|error| damaged(path, &error))?;
        for within in 0..batch.num_rows() {
            match lists::read(batch.column(at), within, None, &mut vector) {
                Ok(()) => return Ok(vector.len()),
                Err(reason) => first = first.or(Some(Error::at_row(path, row, reason))),
            }
            row += 1;
        }
    }
    Err(first.unwrap_or_else(|| Error::new(path, "it has no rows")))
}

/// What a column is used for.
enum Target {
    Vector,
    Key(Kind),
    Column(Kind),
}

struct Reader {
    path: PathBuf,
    batches: Batches,
    batch: Option<RecordBatch>,
    /// The number of the next row within the batch.
    at: usize,
    names: Vec<String>,
    targets: Vec<Target>,
    dimensions: usize,
    row: u64,
    rounded: u64,
}

impl Reader {
    fn read(&mut self, row: &mut Row) -> Result<bool, Error> {
        let batch = loop {
            match &self.batch {
                Some(batch) if self.at < batch.num_rows() => break batch,
                _ => {}
            }
            let Some(batch) = self.batches.next() else { return Ok(false) };
            self.batch = Some(batch.map_err(|error| damaged(&self.path, &error))?);
            self.at = 0;
        };
        for ((target, column), name) in self.targets.iter().zip(batch.columns()).zip(&self.names) {
            let refuse = |reason: Diagnostic| {
                let reason = reason.behind(&format!("\"{name}\""));
                Error::at_row(&self.path, self.row, reason)
            };
            let (kind, is_key) = match *target {
                Target::Vector => {
                    let read = lists::read(column, self.at, Some(self.dimensions), &mut row.vector);
                    row.invalid = read.err().map(|reason| refuse(reason.into()));
                    continue;
                }
                Target::Key(kind) => (kind, true),
                Target::Column(kind) => (kind, false),
            };
            let value = field::value(kind, name, column, self.at).map_err(refuse)?;
            self.rounded += u64::from(value.1);
            match is_key {
                true => row.key = table::key(value.0, kind.key_type()).map_err(refuse)?,
                false => row.attributes.push(value.0),
            }
        }
        self.at += 1;
        self.row += 1;
        Ok(true)
    }
}

impl Rows for Reader {
    fn next(&mut self, row: &mut Row) -> Result<bool, Error> {
        let path = self.path.clone();
        shield(&path, || self.read(row))
    }

    fn rounded(&self) -> u64 {
        self.rounded
    }
}

#[cfg(test)]
mod tests;
