//! Comma-separated text with quotes, as in RFC 4180: a header line; a field between quotes may contain
//! commas, line ends, and doubled quotes. Blank lines are skipped. If the first line has tabs, they
//! separate the fields; if it has neither tabs nor commas, semicolons do.

use std::{
    io::{self, BufRead, Cursor, Read},
    path::PathBuf,
};

use ::csv::{ErrorKind, ReaderBuilder, StringRecord};

use crate::{
    Diagnostic, Error,
    cells::{self, Cells},
    lines::LONGEST,
    packed::unpacked,
    roles::Roles,
    source::Source,
    table::Table,
};

/// Opens a file of vectors, or of attributes alone.
pub fn open(source: &mut Source, roles: &Roles) -> Result<Table, Error> {
    cells::open(source, roles, |source| Ok(Box::new(Records::open(source)?)))
}

pub mod write;

struct Records {
    path: PathBuf,
    reader: ::csv::Reader<Text>,
    record: StringRecord,
}

impl Records {
    fn open(source: &mut Source) -> Result<Self, Error> {
        let path = source.path().to_owned();
        let io = |error: io::Error| Error::io(&path, &error);
        let mut file = unpacked(source.start()?).map_err(io)?;
        let mut first = Vec::new();
        (&mut file).take(LONGEST).read_until(b'\n', &mut first).map_err(io)?;
        let delimiter = match |c| first.contains(&c) {
            has if has(b'\t') => b'\t',
            has if has(b',') || !has(b';') => b',',
            _ => b';',
        };
        let text =
            Text { file: Cursor::new(first).chain(file), left: LONGEST, read: 0, tail: TAIL };
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(delimiter);
        let reader = builder.from_reader(text);
        Ok(Self { path, reader, record: StringRecord::new() })
    }
}

impl Cells for Records {
    fn next(&mut self) -> Result<bool, Error> {
        self.reader.get_mut().left = LONGEST;
        let found = self.reader.read_record(&mut self.record).map_err(|error| {
            let line = error.position().map_or(1, ::csv::Position::line);
            match error.kind() {
                ErrorKind::Io(error) => Error::io(&self.path, error),
                ErrorKind::Utf8 { .. } => {
                    let reason = "it is no valid UTF-8; convert the file with iconv";
                    Error::at_line(&self.path, line, reason)
                }
                _ => Error::at_line(&self.path, line, error.to_string()),
            }
        })?;
        let text = self.reader.get_ref();
        let within_tail = self.reader.position().byte() == text.read + TAIL.len() as u64;
        if found && text.tail.is_empty() && within_tail {
            return match self.record.len() == 1 && &self.record[0] == "!\n" {
                true => Ok(false),
                false => Err(self.refuse(
                    "a quote is opened in this row and not closed: the file is cut, or a quote within a field is not doubled".into(),
                )),
            };
        }
        Ok(found)
    }

    fn count(&self) -> usize {
        self.record.len()
    }

    fn each(
        &self,
        take: &mut dyn FnMut(usize, &str) -> Result<(), Diagnostic>,
    ) -> Result<(), Error> {
        let mut cells = self.record.iter().enumerate();
        cells.try_for_each(|(at, cell)| take(at, cell)).map_err(|reason| self.refuse(reason))
    }

    fn refuse(&self, reason: Diagnostic) -> Error {
        let line = self.record.position().map_or(1, ::csv::Position::line);
        Error::at_line(&self.path, line, reason)
    }

    fn rule(&self) -> &'static str {
        "a field that holds the separator, a line end or a quote stands between quotes"
    }
}

/// Appended to the text to detect a file that was cut within quotes, which the parser would accept as a
/// field. If all quotes of the file are closed, this is a record of its own: `!` and a line end. If the
/// last quote is open, this closes it and becomes the end of the last record.
const TAIL: &[u8] = b"\n\"!\n";

/// The text of a file, followed by its tail.
struct Text {
    file: io::Chain<Cursor<Vec<u8>>, Box<dyn BufRead + Send>>,
    /// How many more bytes the current row may have.
    left: u64,
    /// How many bytes of the file were read.
    read: u64,
    /// The part of the tail that was not read yet.
    tail: &'static [u8],
}

impl Read for Text {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let reason = "a row is longer than 256 MiB; is a quote opened and not closed?";
            return Err(io::Error::other(reason));
        }
        let found = self.file.read(bytes)?;
        self.read += found as u64;
        self.left = self.left.saturating_sub(found as u64);
        match found {
            0 => self.tail.read(bytes),
            found => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests;
