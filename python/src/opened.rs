//! An open index that threads share: searches run concurrently, a change runs alone, and no thread holds
//! the interpreter's lock while it waits for another.

use crate::failure::{Failure, Outcome};
use crate::row_values::RowValues;
use crate::search::{Keys, Searchers};
use hither::{Index, IndexFile, RowId, Structure, Value};
use pyo3::Python;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, RwLock, TryLockError};
use std::thread::{self, ThreadId};

/// An open index file.
pub struct Opened {
    /// `None` once it is closed.
    file: RwLock<Option<IndexFile>>,
    /// The path of the file; `None` for an index in memory.
    pub path: Option<PathBuf>,
    pub searchers: Searchers,
    /// Counts how often the row ids changed.
    state: AtomicU64,
    /// Whether the index differs from its file.
    changed: AtomicBool,
    /// Counts changes of rows and of their numbers.
    changes: AtomicU64,
    /// The thread that is saving the index and calls Python meanwhile.
    saving: Mutex<Option<ThreadId>>,
}

impl Opened {
    /// Wraps an open file.
    pub fn of(file: IndexFile, path: Option<PathBuf>) -> Self {
        Self {
            file: RwLock::new(Some(file)),
            path,
            searchers: Searchers::default(),
            state: AtomicU64::new(0),
            changed: AtomicBool::new(false),
            changes: AtomicU64::new(0),
            saving: Mutex::new(None),
        }
    }

    /// Runs `work` on the file, concurrently with other readers. Must be called without the interpreter's
    /// lock.
    ///
    /// # Errors
    /// `freed` if the index is closed, `busy` if called from its own progress callback, and the errors of
    /// `work`.
    pub fn read<T>(&self, work: impl FnOnce(&IndexFile) -> Outcome<T>) -> Outcome<T> {
        let file = match self.file.try_read() {
            Err(TryLockError::WouldBlock) => {
                self.check_saving()?;
                self.file.read().map_err(|_| crashed())?
            }
            tried => tried.map_err(|_| crashed())?,
        };
        work(file.as_ref().ok_or_else(closed)?)
    }

    /// Reads the index for another library, which may hold the interpreter's lock or not.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn read_anywhere<T: Send>(
        &self,
        work: impl FnOnce(&IndexFile) -> Outcome<T> + Send,
    ) -> Outcome<T> {
        if let Ok(file) = self.file.try_read() {
            return work(file.as_ref().ok_or_else(closed)?);
        }
        // The thread that holds this lock may wait for the interpreter's.
        Python::attach(|py| py.detach(|| self.read(work)))
    }

    /// Changes the index exclusively. Must be called without the interpreter's lock.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn change<T>(&self, work: impl FnOnce(&mut Index<'_>) -> Outcome<T>) -> Outcome<T> {
        self.check_saving()?;
        let mut file = self.file.write().map_err(|_| crashed())?;
        self.changed.store(true, Ordering::Relaxed);
        self.changes.fetch_add(1, Ordering::Relaxed);
        file.as_mut().ok_or_else(closed)?.change(work)
    }

    /// Opens another file in place of this one, or closes it.
    ///
    /// # Errors
    /// As for [`read`](Self::read), and errors of opening the file.
    pub fn replace(&self, by: impl FnOnce() -> Outcome<Option<IndexFile>>) -> Outcome<()> {
        self.check_saving()?;
        let mut file = self.file.write().map_err(|_| crashed())?;
        *file = by()?;
        self.state.fetch_add(1, Ordering::Relaxed);
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.changed.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Runs `work` on the file while it reports progress to Python.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn read_telling<T>(&self, work: impl FnOnce(&IndexFile) -> Outcome<T>) -> Outcome<T> {
        self.check_saving()?;
        self.read(|file| {
            let set = |who| self.saving.lock().map(|mut saving| *saving = who);
            let _ = set(Some(thread::current().id()));
            let done = work(file);
            let _ = set(None);
            done
        })
    }

    /// How often the row ids changed.
    pub fn state(&self) -> u64 {
        self.state.load(Ordering::Relaxed)
    }

    /// How often rows or their numbers changed.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Whether the index differs from its file.
    pub fn is_changed(&self) -> bool {
        self.changed.load(Ordering::Relaxed)
    }

    /// Fails if this thread is saving the index: it would wait for itself forever.
    fn check_saving(&self) -> Outcome<()> {
        let saving = self.saving.lock().map_err(|_| crashed())?;
        match *saving == Some(thread::current().id()) {
            true => Err(Failure::new(
                "busy",
                "the index is being saved by who calls this, in its progress",
            )),
            false => Ok(()),
        }
    }

    /// Reads a property of the file.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn told<T: Send>(
        &self,
        py: Python<'_>,
        what: impl FnOnce(&IndexFile) -> T + Send,
    ) -> Outcome<T> {
        py.detach(|| self.read(|file| Ok(what(file))))
    }
}

impl RowValues for Opened {
    fn values(
        &self,
        py: Python<'_>,
        rows: &[RowId],
        keys: &Keys,
        state: u64,
    ) -> Outcome<(Vec<String>, Vec<Vec<Value>>)> {
        py.detach(|| {
            self.read(|file| {
                let index = file.index();
                let renamed = state != self.state();
                let rows = rows_now(index, rows, keys, renamed)?;
                let values = rows.into_iter().map(|row| row_values(index, row));
                Ok((names(index), values.collect::<Outcome<_>>()?))
            })
        })
    }
}

fn closed() -> Failure {
    Failure::new("freed", "the index is closed; open it again")
}

fn crashed() -> Failure {
    Failure::new("crashed", "a change of this index ended by a bug of ours; open it again")
}

/// The names of the columns.
pub fn names(index: &Index<'_>) -> Vec<String> {
    index.columns().iter().map(|column| column.name.clone()).collect()
}

/// The structures to search by.
pub fn kinds(index: &Index<'_>) -> Vec<&'static str> {
    let segments = index.info().segments;
    let has = |structure: &&Structure| {
        segments.iter().any(|segment| segment.structures.contains(structure))
    };
    let kinds: Vec<&str> = Structure::ALL.iter().filter(has).map(|one| one.name()).collect();
    if kinds.is_empty() { vec![Structure::Flat.name()] } else { kinds }
}

/// The values of a row.
///
/// # Errors
/// If the file is damaged.
pub fn row_values(index: &Index<'_>, row: RowId) -> Outcome<Vec<Value>> {
    let columns = 0..index.columns().len();
    Ok(columns
        .map(|column| Ok(index.value(row, column)?.to_owned()))
        .collect::<hither::Result<_>>()?)
}

/// The current ids of an answer's rows, which are looked up by key if ids have changed since.
///
/// # Errors
/// `key_not_found` for a row that was removed.
fn rows_now(index: &Index<'_>, rows: &[RowId], keys: &Keys, renamed: bool) -> Outcome<Vec<RowId>> {
    if !renamed {
        return Ok(rows.to_vec());
    }
    let found = (0..rows.len()).map(|at| {
        let key = keys.get(at);
        index.find(key)?.ok_or_else(|| {
            let message = format!("the row with the key {key} was removed since the search");
            Failure::new("key_not_found", message)
        })
    });
    found.collect()
}
