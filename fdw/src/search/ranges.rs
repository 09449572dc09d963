//! Files on servers, of which only the byte ranges are read that a search needs.
//!
//! `open` opens files, `kept` keeps this backend's open files, `search` finds the nearest rows in them, and
//! `file` fetches ranges. Each [`LazyIndex`] is asked the same question until it answers; the ranges that
//! all of them miss are fetched in one round, six requests at a time.
//!
//! A file is read in one version from its opening on. If another version replaces it, none of its bytes are
//! used: only the opened version is requested from the server, and the content id covers the hash of each
//! piece. The statement then fails, and the next one opens the file again.

mod cache;
mod file;
mod open;
mod search;

pub use file::{RangeFile, Traffic};
pub use open::RangeSet;
pub use search::RangeSearch;

use crate::sql::failure::{Failure, Result};
use file::bring;
use hither_core::fetch::LazyIndex;
use hither_core::{Key, Metric, RowId, Value};
use hither_remote::RangeReader;
use pgrx::PgSqlErrorCode as Code;
use std::cell::Cell;
use std::rc::Rc;
use std::task::Poll;

/// The open files of a table.
pub struct RangeFiles {
    pub files: Vec<Rc<RangeFile>>,
    reader: Rc<RangeReader>,
    traffic: Cell<Traffic>,
}

/// What is read of rows apart from their distances.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    pub key: bool,
    pub vector: bool,
    /// For each column, its number in each of the files.
    pub numbers: Vec<Vec<usize>>,
}

impl RangeFile {
    /// An error of the library. The next statement opens the file again, because only this version may be
    /// damaged.
    fn file_error(&self, error: hither_core::Error) -> Failure {
        cache::discard(self);
        Failure::from(error).about(&self.path)
    }

    /// An error at the start of a search: usually the query is at fault.
    fn search_error(&self, error: hither_core::Error) -> Failure {
        Failure::from_search(error, &self.path)
    }

    /// Whether the file can be searched by this metric.
    pub fn orders_by(&self, metric: Metric) -> bool {
        self.index.orders_by(metric).unwrap_or(false)
    }
}

impl RangeFiles {
    /// The traffic so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic.get()
    }

    /// Asks files, given by their numbers, until each has answered.
    pub fn answers<T>(
        &self,
        numbers: &[usize],
        mut ask: impl FnMut(usize, &LazyIndex) -> hither_core::Result<Poll<T>>,
    ) -> Result<Vec<T>> {
        // Drops the ranges that earlier questions missed, which nobody needs any more.
        numbers.iter().for_each(|number| self.files[*number].index.settle());
        let mut answers: Vec<Option<T>> = numbers.iter().map(|_| None).collect();
        loop {
            pgrx::check_for_interrupts!();
            let mut waiting = Vec::new();
            for (&number, answer) in numbers.iter().zip(&mut answers) {
                let file = &self.files[number];
                if answer.is_none() {
                    match ask(number, &file.index).map_err(|error| file.file_error(error))? {
                        Poll::Ready(came) => *answer = Some(came),
                        Poll::Pending => waiting.push(file),
                    }
                }
            }
            if waiting.is_empty() {
                cache::trim();
                return Ok(answers.into_iter().flatten().collect());
            }
            self.bring(&waiting)?;
        }
    }

    /// Asks one file until it has answered.
    pub fn answer<T>(
        &self,
        number: usize,
        mut ask: impl FnMut(&LazyIndex) -> hither_core::Result<Poll<T>>,
    ) -> Result<T> {
        let mut answers = self.answers(&[number], |_, index| ask(index))?;
        answers.pop().ok_or_else(|| Failure::new(Code::ERRCODE_INTERNAL_ERROR, "no answer"))
    }

    /// Fetches the ranges that these files miss.
    fn bring(&self, files: &[&Rc<RangeFile>]) -> Result<()> {
        let missing = files.iter().map(|file| (&file.remote, &*file.path, &file.index));
        let (traffic, brought) = bring(&self.reader, missing.collect());
        let mut all = self.traffic.get();
        all += traffic;
        self.traffic.set(all);
        brought.inspect_err(|_| {
            files.iter().for_each(|file| cache::discard(file));
        })
    }

    /// The key of a row.
    pub fn key(&self, number: usize, row: RowId) -> Result<Key> {
        self.answer(number, |index| index.key(row))
    }

    /// The value of a row in a column of its file.
    pub fn value(&self, number: usize, row: RowId, column: usize) -> Result<Value> {
        self.answer(number, |index| index.value(row, column))
    }

    /// The vector of a row.
    pub fn vector(&self, number: usize, row: RowId) -> Result<Vec<f32>> {
        self.answer(number, |index| index.vector(row))
    }

    /// Reads what is wanted of these rows at once, so that later calls need not wait for it.
    pub fn expect(&self, rows: &[(usize, RowId)], columns: &Columns) -> Result<()> {
        let mut numbers: Vec<usize> = rows.iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        self.answers(&numbers, |number, index| {
            let mut is_pending = false;
            for (_, row) in rows.iter().filter(|(own, _)| *own == number) {
                is_pending |= columns.vector && index.vector(*row)?.is_pending();
                is_pending |= columns.key && index.key(*row)?.is_pending();
                for column in &columns.numbers {
                    is_pending |= index.value(*row, column[number])?.is_pending();
                }
            }
            Ok(if is_pending { Poll::Pending } else { Poll::Ready(()) })
        })?;
        Ok(())
    }
}
