//! The lines of a text file.

use std::{
    io::{BufRead, Read},
    path::{Path, PathBuf},
};

use crate::{Diagnostic, Error, packed::unpacked, source::Source};

/// The longest line in bytes: a compressed file of a few kilobytes may contain a line that fits in no
/// memory.
pub const LONGEST: u64 = 1 << 28;

/// Reads a text file line by line.
pub struct Lines {
    path: PathBuf,
    file: Box<dyn BufRead + Send>,
    bytes: Vec<u8>,
    line: u64,
}

impl Lines {
    /// Opens the text of a source from its beginning.
    pub fn open(source: &mut Source) -> Result<Self, Error> {
        let file = unpacked(source.start()?).map_err(|error| Error::io(source.path(), &error))?;
        Ok(Self { path: source.path().to_owned(), file, bytes: Vec::new(), line: 0 })
    }

    /// The file's name, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the line that was read last, from 1.
    pub fn number(&self) -> u64 {
        self.line
    }

    /// Reads a line, without its line end and without a byte order mark; false at the end.
    pub fn next(&mut self) -> Result<bool, Error> {
        self.bytes.clear();
        let read = (&mut self.file).take(LONGEST + 1).read_until(b'\n', &mut self.bytes);
        if read.map_err(|error| Error::io(&self.path, &error))? == 0 {
            return Ok(false);
        }
        self.line += 1;
        if self.bytes.len() as u64 > LONGEST {
            return Err(self.refuse("it is longer than 256 MiB, and is no line of rows"));
        }
        if self.bytes.ends_with(b"\n") {
            self.bytes.pop();
        }
        if self.bytes.ends_with(b"\r") {
            self.bytes.pop();
        }
        if self.line == 1 && self.bytes.starts_with(b"\xef\xbb\xbf") {
            self.bytes.drain(..3);
        }
        Ok(true)
    }

    /// Whether the line that was read last is blank.
    pub fn is_blank(&self) -> bool {
        self.bytes.trim_ascii().is_empty()
    }

    /// The line that was read last.
    pub fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.bytes)
            .map_err(|_| self.refuse("it is no valid UTF-8; convert the file with iconv"))
    }

    /// The error for the line that was read last.
    pub fn refuse(&self, reason: impl Into<Diagnostic>) -> Error {
        Error::at_line(&self.path, self.line, reason)
    }
}
