//! NumPy's `.npz`: arrays of one archive as the vectors, keys and attributes of the same rows. The vectors
//! are a matrix, keys and attributes are one-dimensional arrays of the same length. Without vectors, the
//! length is that of most one-dimensional arrays.
//!
//! Each array is first copied to a temporary file, because an archive cannot be read at two places at once.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

use hither::ColumnSchema;
use zip::{ZipArchive, result::ZipError};

use crate::{
    Diagnostic, Error, Row,
    columns::key_type,
    npy::{self, column::Column, header::Header, keys::Keys},
    roles::{Roles, list},
    source::Source,
    table::{Rows, Table},
};

/// Opens an archive of vectors, or of attributes alone.
pub fn open(source: &mut Source, roles: &Roles) -> Result<Table, Error> {
    source.spool()?;
    let mut archive = Archive::open(source)?;
    let path = source.path().to_owned();
    let refuse = |reason: Diagnostic| Error::new(&path, reason);
    let names: Vec<String> = archive.arrays.iter().map(|array| array.name.clone()).collect();
    let is_matrix = |at: usize| npy::is_vectors(&archive.arrays[at].header);
    let vector = match roles.vectors {
        true => Some(roles.choose_vector(&names, is_matrix, is_matrix).map_err(refuse)?),
        false => None,
    };
    let mut notes = Vec::new();
    let key = archive.key(roles, vector, &mut notes).map_err(refuse)?;
    let vectors = match vector {
        Some(at) => npy::open(&mut archive.extract(source, at)?)?,
        None => Table { count: Some(archive.rows_of_lists().map_err(refuse)?), ..Table::default() },
    };
    let count = vectors.count;
    let keys = match key {
        None => None,
        Some(at) => {
            let wanted = roles.type_of(&names[at]).and_then(key_type);
            let keys = Keys::open(&mut archive.extract(source, at)?, wanted)?;
            Some((names[at].clone(), keys)).filter(|(_, keys)| Some(keys.count) == count)
        }
    };
    if let (Some(at), None) = (key, &keys) {
        let reason = format!("\"{}\" has not as many elements as there are rows", names[at]);
        return Err(refuse(reason.into()));
    }
    let (mut columns, mut attributes) = (Vec::new(), Vec::new());
    for at in (0..names.len()).filter(|at| Some(*at) != vector && Some(*at) != key) {
        let (name, header) = (&names[at], &archive.arrays[at].header);
        if header.shape.first().copied() != count || header.shape.iter().skip(1).any(|&n| n != 1) {
            let shape = &header.shape;
            let note =
                format!("\"{name}\" has shape {shape:?}, not a value a row, and is left out");
            notes.push(note.into());
            continue;
        }
        let wanted = roles.type_of(name);
        let column = Column::open(&mut archive.extract(source, at)?, name, wanted)?;
        columns.push(ColumnSchema { name: name.clone(), column_type: column.column_type });
        attributes.push(column);
    }
    Ok(Table {
        count,
        dimensions: vectors.dimensions,
        columns,
        vector_column: vector.map(|at| names[at].clone()),
        key: keys.as_ref().map(|(name, keys)| (name.clone(), keys.key_type)),
        notes,
        rows: Box::new(Reader {
            vectors: vector.map(|_| vectors.rows),
            left: count.unwrap_or_default(),
            keys: keys.map(|(_, keys)| keys),
            attributes,
        }),
    })
}

/// An array of the archive.
struct Array {
    /// Its index in the archive.
    at: usize,
    name: String,
    header: Header,
}

struct Archive {
    path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
    arrays: Vec<Array>,
}

impl Archive {
    /// Reads the headers of all arrays.
    fn open(source: &mut Source) -> Result<Self, Error> {
        let path = source.path().to_owned();
        let file = source.start()?;
        if file.metadata().map_err(|error| Error::io(&path, &error))?.len() == 0 {
            return Err(Error::new(&path, "the file is empty"));
        }
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(&path, &error))?;
        let mut archive = Self { path, zip, arrays: Vec::new() };
        for at in 0..archive.zip.len() {
            let mut file =
                archive.zip.by_index(at).map_err(|error| damaged(&archive.path, &error))?;
            let Some(name) = file.name().strip_suffix(".npy").map(str::to_owned) else { continue };
            let header = Header::read(&mut file, &within(&archive.path, &name))?;
            archive.arrays.push(Array { at, name, header });
        }
        Ok(archive)
    }

    /// A temporary file with one array.
    fn extract(&mut self, source: &Source, array: usize) -> Result<Source, Error> {
        let Array { at, name, header } = &self.arrays[array];
        let path = within(&self.path, name);
        let file = self.zip.by_index(*at).map_err(|error| damaged(&path, &error))?;
        // One byte more reveals data after the array; more than that is not decompressed.
        let most = header.length().unwrap_or(header.data).saturating_add(1);
        let file = source.copied(&mut file.take(most))?;
        Ok(Source::of_file(path, file))
    }

    /// The length of most one-dimensional arrays; if several lengths are equally common, the first.
    fn rows_of_lists(&self) -> Result<u64, Diagnostic> {
        let length = |array: &Array| match array.header.shape[..] {
            [length] | [length, 1] => Some(length),
            _ => None,
        };
        let lengths: Vec<u64> = self.arrays.iter().filter_map(length).collect();
        let count = |length: &u64| lengths.iter().filter(|other| *other == length).count();
        // `max_by_key` returns the last of several maxima.
        let most = lengths.iter().rev().max_by_key(|length| count(length));
        most.copied().ok_or_else(|| "it holds no list, such as an attribute a row".into())
    }

    /// Which array has the keys.
    fn key(
        &self,
        roles: &Roles,
        vector: Option<usize>,
        notes: &mut Vec<Diagnostic>,
    ) -> Result<Option<usize>, Diagnostic> {
        let find = |wanted: &str| self.arrays.iter().position(|array| array.name == wanted);
        let usable = |at: usize| {
            let Header { dtype, shape, .. } = &self.arrays[at].header;
            let numbers = matches!((dtype.kind, dtype.size), (b'i' | b'u', 1 | 2 | 4 | 8));
            let text = matches!((dtype.kind, dtype.size), (b'S' | b'U', 1..));
            Some(at) != vector && matches!(shape[..], [_] | [_, 1]) && (numbers || text)
        };
        if let Some(wanted) = roles.key_column {
            let at = find(wanted).ok_or_else(|| {
                let all = list(self.arrays.iter().map(|array| array.name.as_str()));
                format!("there is no array \"{wanted}\"; {all}")
            })?;
            return match usable(at) {
                true => Ok(Some(at)),
                false => Err(format!(
                    "the array \"{wanted}\" cannot be the keys: keys are a list of integers or strings"
                )
                .into()),
            };
        }
        for at in roles.key_names().filter_map(find) {
            match usable(at) {
                true => return Ok(Some(at)),
                false if Some(at) == vector => {}
                false => notes.push(
                    format!(
                        "\"{}\" is not the key: keys are a list of integers or strings",
                        self.arrays[at].name
                    )
                    .into(),
                ),
            }
        }
        Ok(None)
    }
}

/// The name of an array of an archive in messages.
fn within(path: &Path, name: &str) -> PathBuf {
    format!("{}: {name}.npy", path.display()).into()
}

fn damaged(path: &Path, error: &ZipError) -> Error {
    Error::new(path, format!("it cannot be read as .npz, or is damaged: {error}"))
}

struct Reader {
    /// `None` for an archive of attributes alone.
    vectors: Option<Box<dyn Rows>>,
    /// The number of remaining rows.
    left: u64,
    keys: Option<Keys>,
    attributes: Vec<Column>,
}

impl Rows for Reader {
    fn next(&mut self, row: &mut Row) -> Result<bool, Error> {
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        if let Some(vectors) = &mut self.vectors
            && !vectors.next(row)?
        {
            return Ok(false);
        }
        if let Some(keys) = &mut self.keys {
            row.key = keys.next()?;
        }
        for column in &mut self.attributes {
            row.attributes.push(column.next()?);
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
