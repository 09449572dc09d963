//! Whole matrices in memory: queries as f32, and true neighbours of queries as row numbers.

use std::path::Path;

use crate::{
    Error, Format, Input, Options, Row, bin,
    fvecs::Records,
    npy,
    npy::Matrix,
    source::{Source, extension},
};

/// Reads queries from any file that [`Input`] reads. Returns the values row by row, and the numbers of rows
/// and dimensions.
pub fn read_matrix_f32(
    path: &Path,
    format: Option<Format>,
) -> Result<(Vec<f32>, usize, usize), Error> {
    let mut input = Input::open(path, &Options { format, ..Options::default() })?;
    let (mut values, mut rows, mut row) = (Vec::new(), 0, Row::default());
    while input.next(&mut row)? {
        if let Some(reason) = row.invalid {
            return Err(reason);
        }
        values.extend_from_slice(&row.vector);
        rows += 1;
    }
    Ok((values, rows, input.dimensions))
}

/// Reads row numbers from `.npy` (integers of 4 or 8 bytes), `.ivecs` or `.ibin`. Returns them row by row,
/// and the numbers of rows and columns. A file without such an ending is read as `.npy`.
pub fn read_matrix_i64(path: &Path) -> Result<(Vec<i64>, usize, usize), Error> {
    let (mut values, mut bytes) = (Vec::new(), Vec::new());
    let mut source = Source::open(path, None)?;
    let (rows, columns) = match extension(path).as_str() {
        "npy" | "" => {
            let mut matrix = Matrix::open(&mut source, "neighbours", |dtype| {
                let fits = matches!((dtype.kind, dtype.size), (b'i' | b'u', 4 | 8));
                (!fits).then(|| format!("it holds {dtype}, and row numbers are i4, i8, u4 or u8"))
            })?;
            let mut row = 0;
            while matrix.next(&mut bytes)? {
                for number in bytes.chunks_exact(matrix.dtype.size) {
                    values.push(
                        npy::keys::integer(matrix.dtype, number).ok_or_else(|| {
                            Error::at_row(path, row, "a row number is beyond int64")
                        })?,
                    );
                }
                row += 1;
            }
            (matrix.rows, matrix.columns)
        }
        "ivecs" => {
            source.spool()?;
            let mut records = Records::open(&mut source, 4)?;
            while records.next(&mut bytes)? {
                let numbers = bytes.as_chunks().0.iter();
                values.extend(numbers.map(|&b| i64::from(i32::from_le_bytes(b))));
            }
            (records.rows.unwrap_or_default(), records.columns)
        }
        "ibin" => {
            let (numbers, rows, columns) = bin::read_integers(&mut source)?;
            values = numbers;
            (rows, columns)
        }
        _ => return Err(Error::new(path, "true neighbours are read from .npy, .ivecs or .ibin")),
    };
    Ok((values, rows as usize, columns))
}
