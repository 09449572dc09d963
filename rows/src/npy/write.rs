//! NumPy's `.npy`, format version 1.0, little-endian, in C order.

use std::{
    io::{Seek, SeekFrom, Write},
    path::Path,
};

use hither::raw::AtomicFile;
use hither::{KeyRef, Value};

use crate::Error;
use crate::layout::{Layout, Precision};
use crate::sink::{Sink, create, failed};

/// The header's length: enough for the largest row count, so that the count can be filled in at the end.
const HEADER: usize = 128;

/// Writes vectors alone: a matrix has no place for keys and attributes.
pub struct Writer {
    file: AtomicFile,
    path: std::path::PathBuf,
    precision: Precision,
    dimensions: usize,
    rows: u64,
    bytes: Vec<u8>,
}

impl Writer {
    pub fn create(path: &Path, layout: &Layout) -> Result<Self, Error> {
        let mut file = create(path)?;
        file.write_all(&[0; HEADER]).map_err(|error| Error::io(path, &error))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            precision: layout.precision,
            dimensions: layout.dimensions,
            rows: 0,
            bytes: Vec::new(),
        })
    }
}

impl Sink for Writer {
    fn write(&mut self, _: Option<KeyRef<'_>>, vector: &[f32], _: &[Value]) -> Result<(), Error> {
        self.bytes.clear();
        match self.precision {
            Precision::F16 => {
                let halves = vector.iter().map(|&value| half::f16::from_f32(value).to_le_bytes());
                self.bytes.extend(halves.flatten());
            }
            Precision::F32 => {
                self.bytes.extend(vector.iter().flat_map(|value| value.to_le_bytes()))
            }
        }
        self.rows += 1;
        self.file.write_all(&self.bytes).map_err(|error| Error::io(&self.path, &error))
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        let descr = match self.precision {
            Precision::F16 => "<f2",
            Precision::F32 => "<f4",
        };
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.write_all(&header(descr, self.rows, self.dimensions)))
            .map_err(|error| Error::io(&self.path, &error))?;
        self.file.finish().map_err(|error| failed(&self.path, error))
    }
}

fn header(descr: &str, rows: u64, columns: usize) -> Vec<u8> {
    let dictionary =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((HEADER as u16 - 10).to_le_bytes());
    bytes.extend(format!("{dictionary:<width$}\n", width = HEADER - 11).as_bytes());
    bytes
}

/// Writes a whole matrix of i64, row by row.
pub fn write_npy_i64(path: &Path, data: &[i64], rows: usize, columns: usize) -> Result<(), Error> {
    whole(path, "<i8", data.iter().map(|n| n.to_le_bytes()), (data.len(), rows, columns))
}

fn whole<const N: usize>(
    path: &Path,
    descr: &str,
    numbers: impl Iterator<Item = [u8; N]>,
    (length, rows, columns): (usize, usize, usize),
) -> Result<(), Error> {
    assert_eq!(length, rows * columns, "a matrix is rows times columns");
    let mut file = create(path)?;
    let mut write = |bytes: &[u8]| file.write_all(bytes);
    write(&header(descr, rows as u64, columns))
        .and_then(|()| numbers.into_iter().try_for_each(|number| write(&number)))
        .map_err(|error| Error::io(path, &error))?;
    file.finish().map_err(|error| failed(path, error))
}
