//! A file as a spill of finished segments.

use super::io_error;
use crate::archive::spill::Spill;
use crate::error::Result;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

impl Spill for File {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(|error| io_error(Path::new(NAME), &error))
    }

    fn read(&self, at: u64, out: &mut [u8]) -> Result<()> {
        let mut file = self;
        let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(out));
        read.map_err(|error| io_error(Path::new(NAME), &error))
    }
}

/// The name in messages for a file whose name is unknown.
const NAME: &str = "the temporary file of finished segments";
