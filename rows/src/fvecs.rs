//! Vectors in `.fvecs`, `.bvecs` and `.ivecs`: for each row its length as u32, then that many f32, bytes or
//! i32, all little-endian.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use crate::{
    Error, Row,
    element::Element,
    source::Source,
    table::{Rows, Table},
};

/// Opens vectors.
pub fn open(source: &mut Source, element: Element) -> Result<Table, Error> {
    let records = Records::open(source, element.size())?;
    let (count, dimensions) = (records.rows, records.columns);
    Ok(Table {
        count,
        dimensions,
        rows: Box::new(Vectors { element, records, bytes: Vec::new() }),
        ..Table::default()
    })
}

/// The bytes of rows that all have the same length.
pub struct Records {
    path: PathBuf,
    file: BufReader<File>,
    size: usize,
    row: u64,
    /// `None` for a stream, whose length is only known at its end.
    pub rows: Option<u64>,
    pub columns: usize,
    /// The length of the next row, if it has already been read.
    length: Option<u32>,
}

impl Records {
    /// Opens a file whose values take `size` bytes each.
    pub fn open(source: &mut Source, size: usize) -> Result<Self, Error> {
        let file = source.start()?;
        let path = source.path();
        let io = |error| Error::io(path, &error);
        let bytes = match source.is_stream() {
            // For a stream, the size of the longest possible row: no more is allocated for one.
            true => 4 + hither::limits::MAX_DIMENSIONS as u64 * size as u64,
            false => file.metadata().map_err(io)?.len(),
        };
        let mut file = BufReader::with_capacity(1 << 17, file);
        if file.fill_buf().map_err(io)?.is_empty() {
            return Err(Error::new(path, "the file is empty"));
        }
        let columns = length(&mut file).map_err(io)?;
        let record = 4 + u64::from(columns) * size as u64;
        // Checked before anything of that length is allocated.
        if columns == 0 || record > bytes {
            return Err(Error::new(
                path,
                format!(
                    "its first number says that vectors have {columns} dimensions, and the file has {bytes} bytes: it is damaged, cut, or of another format"
                ),
            ));
        }
        let path = path.to_owned();
        let start = Self {
            path,
            file,
            size,
            row: 0,
            rows: None,
            columns: columns as usize,
            length: Some(columns),
        };
        if source.is_stream() {
            return Ok(start);
        }
        let Self { path, mut file, .. } = start;
        let io = |error| Error::io(&path, &error);
        let rows = bytes / record;
        if bytes % record != 0 {
            return Err(uneven(&path, &mut file, columns, record, rows).unwrap_or_else(io));
        }
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        let (rows, columns) = (Some(rows), columns as usize);
        Ok(Self { path, file, size, row: 0, rows, columns, length: None })
    }

    /// Reads the next row's bytes; false at the end.
    pub fn next(&mut self, bytes: &mut Vec<u8>) -> Result<bool, Error> {
        let io = |error| Error::io(&self.path, &error);
        let ended = match self.rows {
            Some(rows) => rows == self.row,
            None => self.length.is_none() && self.file.fill_buf().map_err(io)?.is_empty(),
        };
        if ended {
            return Ok(false);
        }
        let found = match self.length.take() {
            Some(found) => found,
            None => length(&mut self.file).map_err(io)?,
        };
        if found as usize != self.columns {
            return Err(Error::at_row(&self.path, self.row, changed(found, self.columns)));
        }
        bytes.resize(self.columns * self.size, 0);
        self.file.read_exact(bytes).map_err(|error| Error::io(&self.path, &error))?;
        self.row += 1;
        Ok(true)
    }
}

fn length(file: &mut BufReader<File>) -> std::io::Result<u32> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn changed(found: u32, expected: usize) -> String {
    format!(
        "the vector has {found} dimensions where the first has {expected}; all must have the same, or the file is damaged"
    )
}

/// Explains why the file's length is not a whole number of rows: a row of another length, or a truncated
/// file.
fn uneven(
    path: &Path,
    file: &mut BufReader<File>,
    columns: u32,
    record: u64,
    rows: u64,
) -> std::io::Result<Error> {
    for row in 1..=rows {
        file.seek(SeekFrom::Start(row * record))?;
        let found = match length(file) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            found => found?,
        };
        if found != columns {
            return Ok(Error::at_row(path, row, changed(found, columns as usize)));
        }
    }
    Ok(Error::at_row(
        path,
        rows,
        format!("the file ends within this row: it was cut; the {rows} rows before it are whole"),
    ))
}

struct Vectors {
    element: Element,
    records: Records,
    bytes: Vec<u8>,
}

impl Rows for Vectors {
    fn next(&mut self, row: &mut Row) -> Result<bool, Error> {
        if !self.records.next(&mut self.bytes)? {
            return Ok(false);
        }
        row.vector.clear();
        let decoded = self.element.decode(&self.bytes, &mut row.vector);
        let refuse = |reason| Error::at_row(&self.records.path, self.records.row - 1, reason);
        row.invalid = decoded.err().map(refuse);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Input, Options, matrix,
        testing::{damage, drain, message, scratch},
    };

    fn fvecs(rows: &[&[f32]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for row in rows {
            bytes.extend((row.len() as u32).to_le_bytes());
            row.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        }
        bytes
    }

    fn vectors(path: &Path) -> Result<Vec<Vec<f32>>, Error> {
        let rows = drain(Input::open(path, &Options::default())?)?;
        Ok(rows.into_iter().map(|row| row.vector).collect())
    }

    #[test]
    fn rows_of_each_format() {
        let folder = scratch("fvecs");
        let (f, b, i) = (folder.join("a.fvecs"), folder.join("a.bvecs"), folder.join("a.ivecs"));
        std::fs::write(&f, fvecs(&[&[1.5, -2.0], &[f32::NAN, 0.0]])).unwrap();
        let rows = vectors(&f).unwrap();
        assert_eq!(rows[0], [1.5, -2.0]);
        assert!(rows[1][0].is_nan(), "passed through: the library counts what is not finite");
        std::fs::write(&b, [2, 0, 0, 0, 7, 255]).unwrap();
        assert_eq!(vectors(&b).unwrap(), [[7.0, 255.0]]);
        assert_eq!(matrix::read_matrix_f32(&b, None).unwrap(), (vec![7.0, 255.0], 1, 2));
        std::fs::write(&i, [1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255]).unwrap();
        assert_eq!(matrix::read_matrix_i64(&i).unwrap(), (vec![9, -1], 2, 1));
        assert_eq!(vectors(&i).unwrap(), [[9.0], [-1.0]]);
        std::fs::write(&i, [&[1, 0, 0, 0][..], &16_777_217_i32.to_le_bytes()].concat()).unwrap();
        let text = message(vectors(&i));
        assert!(text.contains("row 0 (from 0): value 0") && text.contains("round"), "{text}");
    }

    #[test]
    fn refusals() {
        let folder = scratch("fvecs-refusals");
        let path = folder.join("a.fvecs");
        let mut huge = fvecs(&[&[1.0, 2.0]]);
        huge[..4].copy_from_slice(&2_000_000_000_u32.to_le_bytes());
        for (bytes, part) in [
            (Vec::new(), "empty"),
            (vec![1, 0], "ends too early"),
            (huge, "2000000000 dimensions"),
            (fvecs(&[&[], &[]]), "0 dimensions"),
            (fvecs(&[&[1.0, 2.0], &[1.0]]), "row 1"),
            (fvecs(&[&[1.0, 2.0], &[1.0], &[1.0, 2.0]]), "row 1"),
            // Lengths that happen to add up to whole rows.
            (fvecs(&[&[1.0, 2.0], &[1.0], &[1.0, 2.0, 3.0]]), "row 1 (from 0): the vector has 1"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let text = message(vectors(&path));
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn damage_never_panics() {
        let folder = scratch("fvecs-damage");
        let bytes = fvecs(&[&[1.0, 2.0], &[3.0, 4.0], &[5.0, 6.0]]);
        damage(&folder.join("a.fvecs"), &bytes, |path| vectors(path).map(|rows| rows.len()));
        // The format has no row count: only truncation between rows goes unnoticed.
        let path = folder.join("t.fvecs");
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert_eq!(vectors(&path).is_ok(), length > 0 && length % 12 == 0, "{length}");
        }
    }
}
