//! Attributes as tab-separated text, as IANA registered it: a header line, no quotes, no escapes.
//!
//! A quote is a character like any other, because definitions and titles begin with quotes, and a
//! reader that honours them joins lines or drops characters. An empty field is null.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::PathBuf,
};

use hither::{ColumnSchema, ColumnType, KeyType, Value};

use crate::{
    Diagnostic, Error, Row, Setting,
    columns::key_type,
    infer::{Evidence, is_rounded, key_from_text, value_from_text},
    roles::{Roles, list},
    source::Source,
    table::{Rows, Table},
};

/// Opens a file of attributes. Read twice, first for the types.
pub fn open(source: &mut Source, roles: &Roles) -> Result<Table, Error> {
    source.spool()?;
    let path = source.path().to_owned();
    let refuse = |reason: Diagnostic| Error::new(&path, reason);
    let mut lines = Lines::open(source)?;
    let names: Vec<String> = match roles.tsv_columns {
        Some(names) => names.to_vec(),
        None if lines.next()? => lines.text()?.split('\t').map(|name| name.trim().into()).collect(),
        None => return Err(refuse("the file is empty; its first line names the columns".into())),
    };
    for (at, name) in names.iter().enumerate() {
        if name.is_empty() || names[..at].contains(name) {
            let reason = format!(
                "column {} is called \"{name}\", and names must be there and differ; if the first line is a row, name the columns",
                at + 1
            );
            return Err(refuse(Diagnostic::with(reason, Setting::TsvColumns)));
        }
    }
    let header = roles.tsv_columns.is_none();
    let mut evidence = vec![Evidence::default(); names.len()];
    let mut count = 0;
    while lines.next()? {
        count += 1;
        lines.cells(names.len(), |at, cell| {
            evidence[at].cell(cell);
            Ok(())
        })?;
    }
    let key = match roles.key_column {
        None => None,
        Some(wanted) => {
            let all = || list(names.iter().map(String::as_str));
            let at = names.iter().position(|name| name == wanted);
            let at = at.ok_or_else(|| {
                refuse(format!("there is no column \"{wanted}\"; {}", all()).into())
            })?;
            if evidence[at].values() != count {
                let reason = format!("the key column \"{wanted}\" is empty in some rows");
                return Err(refuse(reason.into()));
            }
            let key_type = match roles.type_of(wanted) {
                // Cells that look like anything else are text all the same; what cannot be a key is
                // refused where types are taken.
                None => evidence[at].key_type().unwrap_or(KeyType::Text),
                Some(wanted) => key_type(wanted).unwrap_or(KeyType::Text),
            };
            Some((at, key_type))
        }
    };
    let mut types = Vec::with_capacity(names.len());
    for (at, (name, seen)) in names.iter().zip(&evidence).enumerate() {
        let inferred = seen.column_type(ColumnType::Text);
        let wanted = roles.type_of(name);
        if wanted.is_none() && key.is_none_or(|(key, _)| key != at) {
            seen.check_digits(name, inferred).map_err(refuse)?;
        }
        types.push(wanted.unwrap_or(inferred));
    }
    let mut lines = Lines::open(source)?;
    if header {
        lines.next()?;
    }
    let columns = names.iter().zip(&types).enumerate();
    let columns = columns.filter(|(at, _)| key.is_none_or(|(key, _)| key != *at));
    Ok(Table {
        count: Some(count),
        columns: columns
            .map(|(_, (name, &column_type))| ColumnSchema { name: name.clone(), column_type })
            .collect(),
        key: key.map(|(at, key_type)| (names[at].clone(), key_type)),
        rows: Box::new(Reader { lines, types, key, rounded: 0 }),
        ..Table::default()
    })
}

struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    bytes: Vec<u8>,
    line: u64,
}

impl Lines {
    fn open(source: &mut Source) -> Result<Self, Error> {
        let file = BufReader::with_capacity(1 << 17, source.start()?);
        Ok(Self { path: source.path().to_owned(), file, bytes: Vec::new(), line: 0 })
    }

    /// Reads a line. Blank lines are rows of one empty field: they are not skipped, so that rows
    /// keep their places.
    fn next(&mut self) -> Result<bool, Error> {
        self.bytes.clear();
        let read = self.file.read_until(b'\n', &mut self.bytes);
        if read.map_err(|error| Error::io(&self.path, &error))? == 0 {
            return Ok(false);
        }
        if self.bytes.ends_with(b"\n") {
            self.bytes.pop();
        }
        if self.bytes.ends_with(b"\r") {
            self.bytes.pop();
        }
        self.line += 1;
        if self.line == 1 && self.bytes.starts_with(b"\xef\xbb\xbf") {
            self.bytes.drain(..3);
        }
        Ok(true)
    }

    fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.bytes)
            .map_err(|_| self.refuse("it is no valid UTF-8; convert the file with iconv".into()))
    }

    fn refuse(&self, reason: String) -> Error {
        Error::at_line(&self.path, self.line, reason)
    }

    fn cells(
        &self,
        expected: usize,
        mut take: impl FnMut(usize, &str) -> Result<(), String>,
    ) -> Result<(), Error> {
        let text = self.text()?;
        let found = 1 + text.bytes().filter(|&c| c == b'\t').count();
        if found != expected {
            return Err(self.refuse(format!(
                "it has {found} fields where there are {expected} columns; fields are separated by tabs, and hold neither tabs nor line ends"
            )));
        }
        let mut cells = text.split('\t').enumerate();
        cells.try_for_each(|(at, cell)| take(at, cell)).map_err(|reason| self.refuse(reason))
    }
}

struct Reader {
    lines: Lines,
    types: Vec<ColumnType>,
    key: Option<(usize, KeyType)>,
    rounded: u64,
}

impl Rows for Reader {
    fn next(&mut self, row: &mut Row) -> Result<bool, Error> {
        if !self.lines.next()? {
            return Ok(false);
        }
        self.lines.cells(self.types.len(), |at, cell| {
            let wrong = |name: &str| format!("field {} is \"{cell}\", no {name}", at + 1);
            match self.key {
                Some((key, key_type)) if key == at => {
                    let key = key_from_text(cell, key_type);
                    row.key = Some(key.ok_or_else(|| wrong(key_type.name()))?);
                }
                _ if cell.is_empty() => row.attributes.push(Value::Null),
                _ => {
                    let value = value_from_text(cell, self.types[at]);
                    row.attributes.push(value.ok_or_else(|| wrong(self.types[at].name()))?);
                    let timestamp = self.types[at] == ColumnType::Timestamp;
                    self.rounded += u64::from(timestamp && is_rounded(cell));
                }
            }
            Ok(())
        })?;
        Ok(true)
    }

    fn rounded(&self) -> u64 {
        self.rounded
    }
}

#[cfg(test)]
mod tests;
