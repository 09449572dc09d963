//! Vectors in `.fbin`, `.u8bin` and `.i8bin`, the formats of the big-ann benchmarks: the numbers of rows
//! and of dimensions as u32, then the values row by row, all little-endian.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::PathBuf,
};

use crate::{
    Error, Row,
    element::Element,
    source::Source,
    table::{Rows, Table},
};

/// Bytes before the values.
const HEADER: u64 = 8;

/// Opens vectors.
pub fn open(source: &mut Source, element: Element) -> Result<Table, Error> {
    let mut file = BufReader::with_capacity(1 << 17, source.start()?);
    let path = source.path().to_owned();
    let io = |error| Error::io(&path, &error);
    if file.fill_buf().map_err(io)?.is_empty() {
        return Err(Error::new(&path, "the file is empty"));
    }
    let [rows, columns] = header(&mut file).map_err(io)?;
    if rows == 0 || columns == 0 {
        return Err(Error::new(&path, empty(rows, columns)));
    }
    // Checked before anything of that length is allocated.
    let said = format!("its header says {rows} rows of {columns} dimensions");
    if source.is_stream() {
        if columns as usize > hither::limits::MAX_DIMENSIONS {
            return Err(Error::new(&path, format!("{said}: it is damaged, or of another format")));
        }
    } else {
        let bytes = file.get_ref().metadata().map_err(io)?.len();
        let values = u64::from(rows) * u64::from(columns);
        let needed = values.checked_mul(element.size() as u64).and_then(|n| n.checked_add(HEADER));
        if needed != Some(bytes) {
            let needed = needed.map_or("more than any file has".into(), |n| n.to_string());
            let reason = format!(
                "{said}, {needed} bytes in all, and it has {bytes}: it is cut, damaged, or of another format"
            );
            return Err(Error::new(&path, reason));
        }
    }
    let dimensions = columns as usize;
    Ok(Table {
        count: Some(rows.into()),
        dimensions,
        rows: Box::new(Vectors {
            path,
            file,
            element,
            bytes: vec![0; dimensions * element.size()],
            row: 0,
            rows: rows.into(),
        }),
        ..Table::default()
    })
}

fn header(file: &mut BufReader<File>) -> io::Result<[u32; 2]> {
    let mut bytes = [0; HEADER as usize];
    file.read_exact(&mut bytes)?;
    let [rows, columns] = [0, 4].map(|at| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Ok([rows, columns].map(u32::from_le_bytes))
}

fn empty(rows: u32, columns: u32) -> String {
    format!("it is empty: {rows} rows of {columns} dimensions")
}

/// Reads integers row by row, with the numbers of rows and columns: `.ibin`, the format of true neighbours
/// in these benchmarks. Their distances, which may follow as f32, are ignored.
pub fn read_integers(source: &mut Source) -> Result<(Vec<i64>, u64, usize), Error> {
    source.spool()?;
    let mut file = BufReader::with_capacity(1 << 17, source.start()?);
    let path = source.path();
    let io = |error| Error::io(path, &error);
    let [rows, columns] = header(&mut file).map_err(io)?;
    if rows == 0 || columns == 0 {
        return Err(Error::new(path, empty(rows, columns)));
    }
    let bytes = file.get_ref().metadata().map_err(io)?.len();
    let values = u64::from(rows) * u64::from(columns);
    let fits = |size: u64| values.checked_mul(size).and_then(|n| n.checked_add(HEADER));
    if fits(4) != Some(bytes) && fits(8) != Some(bytes) {
        let reason = format!(
            "its header says {rows} rows of {columns} integers of 4 bytes, and it has {bytes} bytes: it is cut, damaged, or of another format"
        );
        return Err(Error::new(path, reason));
    }
    let mut numbers = Vec::new();
    let mut number = [0; 4];
    for _ in 0..values {
        file.read_exact(&mut number).map_err(io)?;
        numbers.push(i32::from_le_bytes(number).into());
    }
    Ok((numbers, rows.into(), columns as usize))
}

struct Vectors {
    path: PathBuf,
    file: BufReader<File>,
    element: Element,
    bytes: Vec<u8>,
    row: u64,
    rows: u64,
}

impl Rows for Vectors {
    fn next(&mut self, row: &mut Row) -> Result<bool, Error> {
        if self.row == self.rows {
            // The length of a stream is only known at its end.
            let left = self.file.fill_buf().map_err(|error| Error::io(&self.path, &error))?;
            return match left.is_empty() {
                true => Ok(false),
                false => Err(Error::new(
                    &self.path,
                    format!("bytes follow the {} rows that its header says", self.rows),
                )),
            };
        }
        self.file.read_exact(&mut self.bytes).map_err(|error| Error::io(&self.path, &error))?;
        row.vector.clear();
        self.element
            .decode(&self.bytes, &mut row.vector)
            .map_err(|reason| Error::at_row(&self.path, self.row, reason))?;
        self.row += 1;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        Input, Options,
        testing::{damage, drain, message, scratch},
    };

    fn file(rows: u32, columns: u32, values: &[u8]) -> Vec<u8> {
        [&rows.to_le_bytes(), &columns.to_le_bytes(), values].concat()
    }

    fn vectors(path: &Path) -> Result<Vec<Vec<f32>>, Error> {
        let input = Input::open(path, &Options::default())?;
        let rows = input.rows;
        let read: Vec<_> = drain(input)?.into_iter().map(|row| row.vector).collect();
        assert_eq!(rows, Some(read.len() as u64));
        Ok(read)
    }

    #[test]
    fn rows_of_each_type() {
        let folder = scratch("bin");
        let floats = [1.5_f32, f32::MIN_POSITIVE, -0.25, 3e38].map(f32::to_le_bytes).concat();
        for (name, bytes, expected) in [
            ("a.fbin", file(2, 2, &floats), [[1.5, f32::MIN_POSITIVE], [-0.25, 3e38]]),
            ("a.u8bin", file(2, 2, &[0, 255, 7, 128]), [[0.0, 255.0], [7.0, 128.0]]),
            ("a.i8bin", file(2, 2, &[0, 255, 7, 128]), [[0.0, -1.0], [7.0, -128.0]]),
        ] {
            let path = folder.join(name);
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(vectors(&path).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn headers_that_lie() {
        let folder = scratch("bin-header");
        let path = folder.join("a.fbin");
        let huge = u32::MAX;
        for (bytes, part) in [
            (Vec::new(), "the file is empty"),
            (vec![1, 0, 0, 0, 1], "ends too early"),
            (file(0, 4, &[]), "0 rows of 4 dimensions"),
            (file(4, 0, &[]), "4 rows of 0 dimensions"),
            (file(2, 1, &[0; 4]), "16 bytes in all, and it has 12"),
            (file(1, 1, &[0; 8]), "12 bytes in all, and it has 16"),
            (file(1, huge, &[0; 8]), "1 rows of 4294967295 dimensions"),
            (file(huge, huge, &[0; 8]), "more than any file has"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let text = message(vectors(&path));
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn true_neighbours() {
        let folder = scratch("bin-truth");
        let path = folder.join("a.ibin");
        let numbers: Vec<u8> = [5_i32, -1, 7, i32::MAX, 0, 3].map(i32::to_le_bytes).concat();
        let expected = (vec![5, -1, 7, 2_147_483_647, 0, 3], 2, 3);
        // The numbers alone, and followed by a distance for each.
        for distances in [&[][..], &[0; 24]] {
            std::fs::write(&path, file(2, 3, &[&numbers, distances].concat())).unwrap();
            assert_eq!(crate::read_matrix_i64(&path).unwrap(), expected);
        }
        for (bytes, part) in [
            (Vec::new(), "ends too early"),
            (file(0, 3, &[]), "0 rows"),
            (file(2, 3, &numbers[1..]), "2 rows of 3 integers of 4 bytes, and it has 31 bytes"),
            (file(u32::MAX, u32::MAX, &numbers), "cut, damaged"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let text = message(crate::read_matrix_i64(&path));
            assert!(text.contains(part), "{text}");
        }
        damage(&path, &file(2, 3, &numbers), |path| {
            crate::read_matrix_i64(path).map(|(_, rows, _)| rows)
        });
    }

    #[test]
    fn damage_never_panics() {
        let folder = scratch("bin-damage");
        let bytes = file(2, 3, &[1, 2, 3, 4, 5, 6]);
        damage(&folder.join("a.u8bin"), &bytes, |path| vectors(path).map(|rows| rows.len()));
        let path = folder.join("cut.u8bin");
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(vectors(&path).is_err(), "{length}");
        }
    }
}
