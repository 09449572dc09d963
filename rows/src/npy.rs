//! Vectors in NumPy's `.npy`: a matrix of numbers with one vector per row, in C or Fortran order.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    path::PathBuf,
};

use crate::{
    Error, Row,
    source::Source,
    table::{Rows, Table},
};

pub mod column;
pub mod header;
pub mod keys;
pub mod write;

use header::{Dtype, Header};

/// How many bytes of an array in Fortran order are transposed at a time.
const TURNED_BYTES: usize = 32 << 20;

/// Opens vectors.
pub fn open(source: &mut Source) -> Result<Table, Error> {
    let matrix = Matrix::open(source, "vectors", supported)?;
    let (count, dimensions) = (matrix.rows, matrix.columns);
    Ok(Table {
        count: Some(count),
        dimensions,
        rows: Box::new(Vectors { matrix, bytes: Vec::new() }),
        ..Table::default()
    })
}

/// Whether an array is a matrix of numbers that can be read as vectors.
pub fn is_vectors(header: &Header) -> bool {
    header.shape.len() == 2 && supported(header.dtype).is_none()
}

/// Why arrays of this dtype cannot be vectors; `None` if they can.
fn supported(dtype: Dtype) -> Option<String> {
    let fits = matches!((dtype.kind, dtype.size), (b'f', 2 | 4 | 8) | (b'u' | b'i', 1));
    (!fits).then(|| {
        format!(
            "it holds {dtype}, and vectors are f2, f4, f8, u1 or i1; convert it in NumPy with array.astype('float32')"
        )
    })
}

/// Appends the numbers in `bytes` as f32. Doubles beyond the range of f32 become infinite; the library
/// reports or skips these like all numbers that are not finite.
fn decode_f32(dtype: Dtype, bytes: &[u8], out: &mut Vec<f32>) {
    match (dtype.kind, dtype.size) {
        (b'f', 2) => out.extend(each(bytes, dtype).map(|b| half::f16::from_le_bytes(b).to_f32())),
        (b'f', 4) => out.extend(each(bytes, dtype).map(f32::from_le_bytes)),
        (b'f', _) => out.extend(each(bytes, dtype).map(|b| f64::from_le_bytes(b) as f32)),
        (b'i', _) => out.extend(bytes.iter().map(|&b| f32::from(b.cast_signed()))),
        _ => out.extend(bytes.iter().map(|&b| f32::from(b))),
    }
}

/// The numbers of `N` bytes each, converted to little-endian.
pub fn each<const N: usize>(bytes: &[u8], dtype: Dtype) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().map(move |&(mut number)| {
        if dtype.big_endian {
            number.reverse();
        }
        number
    })
}

/// The bytes of a two-dimensional array, row by row.
pub struct Matrix {
    path: PathBuf,
    file: BufReader<File>,
    pub dtype: Dtype,
    pub rows: u64,
    pub columns: usize,
    data: u64,
    row_bytes: usize,
    row: u64,
    /// Transposed rows of an array in Fortran order, and how many bytes of them were taken.
    turned: Option<(Vec<u8>, usize)>,
    /// Whether the length is only known at the end.
    stream: bool,
}

impl Matrix {
    /// Opens a two-dimensional array for whose dtype `unsupported` returns nothing.
    pub fn open(
        source: &mut Source,
        what: &str,
        unsupported: impl Fn(Dtype) -> Option<String>,
    ) -> Result<Self, Error> {
        let (mut file, mut header) = Header::open(source)?;
        let path = source.path();
        let (rows, columns) = match header.shape[..] {
            [rows, columns] => (rows, columns),
            [length] => {
                return Err(Error::new(
                    path,
                    format!(
                        "it has one dimension (of {length}), and {what} need two, [rows, dimensions]; one vector alone is array[None, :] in NumPy"
                    ),
                ));
            }
            _ => {
                return Err(Error::new(
                    path,
                    format!(
                        "it has {} dimensions {:?}, and {what} need two, [rows, dimensions]; array.reshape(len(array), -1) makes them so in NumPy",
                        header.shape.len(),
                        header.shape
                    ),
                ));
            }
        };
        if let Some(reason) = unsupported(header.dtype) {
            return Err(Error::new(path, reason));
        }
        if rows == 0 || columns == 0 {
            return Err(Error::new(
                path,
                format!("it is empty: {rows} rows of {columns} dimensions"),
            ));
        }
        let mut stream = source.is_stream();
        if stream && header.fortran {
            // The first row extends nearly to the end of the array.
            file = BufReader::new(source.copied(&mut file)?);
            header.data = 0;
            stream = false;
        }
        // The length is checked, so that a row fits in memory if the file does.
        match stream {
            false => header.check_length(path, &file)?,
            true if columns > hither::limits::MAX_DIMENSIONS as u64 => {
                return Err(Error::new(path, format!("its rows have {columns} dimensions")));
            }
            true => {}
        }
        let columns = columns as usize;
        Ok(Self {
            path: path.to_owned(),
            file,
            dtype: header.dtype,
            rows,
            columns,
            data: header.data,
            row_bytes: columns * header.dtype.size,
            row: 0,
            turned: header.fortran.then(|| (Vec::new(), 0)),
            stream,
        })
    }

    /// Reads the next row's bytes; false at the end.
    pub fn next(&mut self, bytes: &mut Vec<u8>) -> Result<bool, Error> {
        if self.row == self.rows {
            let more = self.stream && self.file.fill_buf().is_ok_and(|bytes| !bytes.is_empty());
            return match more {
                true => Err(Error::new(
                    &self.path,
                    "bytes follow the array that the header describes: save one array a file",
                )),
                false => Ok(false),
            };
        }
        bytes.resize(self.row_bytes, 0);
        let read = match &mut self.turned {
            None => self.file.read_exact(bytes),
            Some((rows, taken)) => {
                let read = if *taken == rows.len() {
                    let count = (TURNED_BYTES / self.row_bytes).max(1) as u64;
                    let count = count.min(self.rows - self.row) as usize;
                    rows.resize(count * self.row_bytes, 0);
                    *taken = 0;
                    let from = self.data + self.row * self.dtype.size as u64;
                    turn(&mut self.file, from, self.rows, self.dtype.size, count, rows)
                } else {
                    Ok(())
                };
                bytes.copy_from_slice(&rows[*taken..*taken + self.row_bytes]);
                *taken += self.row_bytes;
                read
            }
        };
        read.map_err(|error| Error::io(&self.path, &error))?;
        self.row += 1;
        Ok(true)
    }
}

/// Reads `count` rows of an array in Fortran order, starting at the row with offset `from`.
fn turn(
    file: &mut BufReader<File>,
    from: u64,
    all_rows: u64,
    size: usize,
    count: usize,
    out: &mut [u8],
) -> std::io::Result<()> {
    let row_bytes = out.len() / count;
    let mut column = vec![0; count * size];
    for at in 0..row_bytes / size {
        file.seek(SeekFrom::Start(from + at as u64 * all_rows * size as u64))?;
        file.read_exact(&mut column)?;
        for (row, number) in column.chunks_exact(size).enumerate() {
            let start = row * row_bytes + at * size;
            out[start..start + size].copy_from_slice(number);
        }
    }
    Ok(())
}

struct Vectors {
    matrix: Matrix,
    bytes: Vec<u8>,
}

impl Rows for Vectors {
    fn next(&mut self, row: &mut Row) -> Result<bool, Error> {
        if !self.matrix.next(&mut self.bytes)? {
            return Ok(false);
        }
        row.vector.clear();
        decode_f32(self.matrix.dtype, &self.bytes, &mut row.vector);
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
