//! Inserts, updates and removes rows, and saves an index.

use crate::failure::{Failure, Outcome};
use crate::opened::Opened;
use crate::output::check_output;
use crate::vectors::Vectors;
use crate::watch::Watch;
use crate::{columns, key};
use hither::raw::{AlignedBytes, AtomicFile};
use hither::{IndexFile, Key, Save, Value, ValueRef};
use pyo3::prelude::*;
use pyo3::types::PyList;
use std::fs::File;
#[cfg(unix)]
use std::fs::TryLockError;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::thread;
#[cfg(unix)]
use std::time::Duration;

/// Rows for an existing index.
struct Rows {
    vectors: Vectors,
    /// `None` if the index assigns the keys.
    keys: Option<Vec<Key>>,
    /// The values of all rows for each column of the index, if they were given.
    columns: Vec<Option<Vec<Value>>>,
}

impl Rows {
    fn read(
        index: &Opened,
        vectors: &Bound<'_, PyAny>,
        keys: Option<&Bound<'_, PyAny>>,
        columns: Option<&Bound<'_, PyAny>>,
    ) -> Outcome<Self> {
        let py = vectors.py();
        let (dimensions, key_type, schema) = py.detach(|| {
            index.read(|file| {
                let index = file.index();
                Ok((index.dimensions(), index.options().key_type, index.columns().to_vec()))
            })
        })?;
        let vectors = Vectors::read_for(vectors, "vectors", dimensions)?;
        let given = (vectors.rows, vectors.single);
        let keys = match keys {
            Some(keys) => {
                let listed =
                    py.import("hither._keys")?.call_method1("listed", (keys, given.0, given.1))?;
                Some(
                    listed
                        .try_iter()?
                        .map(|one| key::read(&one?, key_type))
                        .collect::<Outcome<_>>()?,
                )
            }
            None => None,
        };
        let columns = match columns {
            Some(columns) => {
                let names: Vec<(&str, &str)> = schema
                    .iter()
                    .map(|column| (column.name.as_str(), column.column_type.name()))
                    .collect();
                let listed = py
                    .import("hither._columns")?
                    .call_method1("for_index", (columns, names, given.0, given.1))?;
                let lists: Vec<Option<Bound<'_, PyAny>>> = listed.extract()?;
                let read = lists.into_iter().zip(&schema).map(|(list, column)| {
                    list.map(|list| columns::read(&list, column)).transpose()
                });
                read.collect::<Outcome<_>>()?
            }
            None => schema.iter().map(|_| None).collect(),
        };
        Ok(Self { vectors, keys, columns })
    }

    fn key(&self, row: usize) -> Option<&Key> {
        self.keys.as_ref().map(|keys| &keys[row])
    }

    fn failed(&self, row: usize, error: hither::Error) -> Failure {
        let failure = Failure::from(error);
        if self.vectors.single { failure } else { failure.behind(&format!("row {row}")) }
    }
}

/// Inserts rows, all or none, and returns their keys.
pub fn insert(
    index: &Opened,
    vectors: &Bound<'_, PyAny>,
    keys: Option<&Bound<'_, PyAny>>,
    columns: Option<&Bound<'_, PyAny>>,
) -> Outcome<Py<PyAny>> {
    let py = vectors.py();
    let rows = Rows::read(index, vectors, keys, columns)?;
    let keys = py.detach(|| index.change(|index| insert_all(index, &rows)))?;
    let keys = keys.iter().map(|key| key::write(py, key.as_ref()));
    let mut keys = keys.collect::<PyResult<Vec<_>>>()?;
    match (rows.vectors.single, keys.pop()) {
        (true, Some(key)) => Ok(key.unbind()),
        (_, last) => {
            keys.extend(last);
            Ok(PyList::new(py, keys)?.into_any().unbind())
        }
    }
}

fn insert_all(index: &mut hither::Index<'_>, rows: &Rows) -> Outcome<Vec<Key>> {
    let mut given = Vec::with_capacity(rows.vectors.rows);
    for row in 0..rows.vectors.rows {
        let values: Vec<ValueRef<'_>> = rows
            .columns
            .iter()
            .map(|column| column.as_ref().map_or(ValueRef::Null, |values| values[row].as_ref()))
            .collect();
        let key = rows.key(row).map(Key::as_ref);
        match index.insert(key, rows.vectors.row(row), &values) {
            Ok(key) => given.push(key),
            Err(error) => {
                // Removes the rows that are already inserted.
                for key in &given {
                    index.remove(key.as_ref())?;
                }
                return Err(rows.failed(row, error));
            }
        }
    }
    Ok(given)
}

/// Replaces rows: their vectors, and the given columns.
pub fn update(
    index: &Opened,
    vectors: &Bound<'_, PyAny>,
    keys: &Bound<'_, PyAny>,
    columns: Option<&Bound<'_, PyAny>>,
) -> Outcome<()> {
    let rows = Rows::read(index, vectors, Some(keys), columns)?;
    vectors.py().detach(|| index.change(|index| update_all(index, &rows)))
}

fn update_all(index: &mut hither::Index<'_>, rows: &Rows) -> Outcome<()> {
    let count = rows.vectors.rows;
    let mut found = Vec::with_capacity(count);
    for row in 0..count {
        let key = rows.key(row).map(Key::as_ref);
        let there = key.map(|key| index.find(key)).transpose().map_err(|e| rows.failed(row, e))?;
        match (there.flatten(), key) {
            (Some(there), _) => found.push(there),
            (None, Some(key)) => {
                return Err(Failure::new("key_not_found", format!("no row has the key {key}")));
            }
            (None, None) => return Err(Failure::parameter("keys: rows are updated by theirs")),
        }
    }
    for (row, &there) in found.iter().enumerate() {
        let kept = rows.columns.iter().enumerate().map(|(at, column)| match column {
            Some(values) => Ok(values[row].clone()),
            None => Ok(index.value(there, at)?.to_owned()),
        });
        let kept: Vec<Value> = kept.collect::<hither::Result<_>>()?;
        let values: Vec<ValueRef<'_>> = kept.iter().map(Value::as_ref).collect();
        let Some(key) = rows.key(row) else { continue };
        let updated = index.update(key.as_ref(), rows.vectors.row(row), &values);
        updated.map_err(|error| rows.failed(row, error))?;
    }
    Ok(())
}

/// Removes rows, all or none, and returns their number.
pub fn remove(index: &Opened, keys: &Bound<'_, PyAny>, missing_ok: bool) -> Outcome<usize> {
    let py = keys.py();
    let key_type = py.detach(|| index.read(|file| Ok(file.index().options().key_type)))?;
    let listed = py.import("hither._keys")?.call_method1("several", (keys,))?;
    let keys: Vec<Key> =
        listed.try_iter()?.map(|one| key::read(&one?, key_type)).collect::<Outcome<_>>()?;
    py.detach(|| {
        index.change(|index| {
            for key in &keys {
                if index.find(key.as_ref())?.is_none() && !missing_ok {
                    let message =
                        format!("no row has the key {key} (missing_ok=True passes over such keys)");
                    return Err(Failure::new("key_not_found", message));
                }
            }
            let mut removed = 0;
            for key in &keys {
                removed += usize::from(index.remove(key.as_ref())?);
            }
            Ok(removed)
        })
    })
}

/// How an index is saved.
pub struct Saving {
    pub compact: bool,
    pub threads: usize,
    pub progress: Option<Py<PyAny>>,
    pub force: bool,
}

/// Writes the index to a file. By default this is its own file, which is then opened again.
pub fn save(index: &Opened, py: Python<'_>, path: Option<PathBuf>, how: Saving) -> Outcome<()> {
    let own = index.path.as_ref().filter(|path| !path.to_string_lossy().contains("://"));
    let Some(output) = path.as_ref().or(own) else {
        return Err(Failure::parameter(
            "path: the index has no file of its own; name one to write",
        ));
    };
    let in_place = own.is_some_and(|own| own == output);
    let watch = Watch::new(how.progress);
    let saved = py.detach(|| {
        check_output(output, how.force)?;
        let lock = if in_place { lock(output, &watch)? } else { None };
        index.read_telling(|file| {
            if let (Some(there), true) = (content_id(output), in_place)
                && file.index().content_id() != Some(there)
            {
                let name = output.display();
                let message = format!(
                    "{name}: another program has changed it since it was opened here, which would be lost; open it again, or save to another file"
                );
                return Err(Failure::new("file_changed", message));
            }
            let mut written = AtomicFile::create(output)?;
            let mut progress = |progress| watch.tell(progress);
            let save = if how.compact { Save::compact() } else { Save::delta() };
            file.index()
                .write_to(&mut written, save.threads(how.threads).progress(&mut progress))?;
            written.finish()?;
            Ok(())
        })?;
        drop(lock);
        match in_place {
            true => index.replace(|| Ok(Some(IndexFile::open(output)?))),
            false => Ok(()),
        }
    });
    watch.outcome(saved)
}

/// The bytes of the file that saving would write.
pub fn bytes(
    index: &Opened,
    py: Python<'_>,
    compact: bool,
    threads: usize,
) -> Outcome<AlignedBytes> {
    let watch = Watch::new(None);
    let done = py.detach(|| {
        index.read_telling(|file| {
            let mut bytes = AlignedBytes::new();
            let mut progress = |progress| watch.tell(progress);
            let save = if compact { Save::compact() } else { Save::delta() };
            file.index().write_to(&mut bytes, save.threads(threads).progress(&mut progress))?;
            Ok(bytes)
        })
    });
    watch.outcome(done)
}

/// The content id of the index file at this path, if there is one.
fn content_id(path: &Path) -> Option<u128> {
    IndexFile::open(path).ok()?.index().content_id()
}

/// The lock that the command also takes while it changes a file.
#[cfg(unix)]
fn lock(path: &Path, watch: &Watch) -> Outcome<Option<File>> {
    let Ok(lock) = File::open(path) else { return Ok(None) };
    while let Err(TryLockError::WouldBlock) = lock.try_lock() {
        if watch.stopped() {
            return Err(Failure::new("aborted", "interrupted"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(Some(lock))
}

/// On other systems a lock would keep readers away, too.
#[cfg(not(unix))]
fn lock(_: &Path, _: &Watch) -> Outcome<Option<File>> {
    Ok(None)
}
