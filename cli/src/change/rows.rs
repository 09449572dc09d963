//! Adds rows of a file to an existing index, or updates its rows.

use super::Changes;
use crate::failure::Failure;
use crate::layout::layout;
use crate::memory::Budget;
use crate::progress::Bar;
use crate::show;
use crate::source::Source;
use hither::{Index, Key, KeyType, Progress, RowId, Value, ValueRef};
use hither_rows::{Error, Input, Options, Row};
use std::path::{Path, PathBuf};

/// What to do with rows by their keys.
#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    /// The key must be new.
    Add,
    /// The key must exist.
    Update,
    /// The row is updated if its key exists, else added.
    Upsert,
}

/// Takes all rows into an index, which messages call `index_name`.
pub fn take(
    index: &mut Index<'_>,
    index_name: &Path,
    source: &Source,
    mode: Mode,
    bar: &mut Bar,
) -> Result<Changes, Failure> {
    let options = Options { layout: Some(layout(index)), ..Options::default() };
    let (input, name) = source.open(options, bar)?;
    let stored = index.info().segments.len() as u32;
    let mut rows = Rows { input, name, index_name, mode, stored, columns: Vec::new() };
    rows.check(index, source)?;
    rows.match_columns(index, bar)?;
    rows.take(index, bar)
}

/// The rows of a file, and the mapping of its columns.
struct Rows<'a> {
    input: Input,
    name: PathBuf,
    index_name: &'a Path,
    mode: Mode,
    /// The number of segments before the change; new rows are in none of these.
    stored: u32,
    /// For each column of the index, the number of the corresponding column in the file.
    columns: Vec<Option<usize>>,
}

impl Rows<'_> {
    /// Rejects files that do not fit the index as a whole.
    fn check(&self, index: &Index<'_>, source: &Source) -> Result<(), Failure> {
        let (found, wanted) = (self.input.dimensions, index.dimensions());
        if found != wanted {
            let column = self.input.vector_column.as_ref();
            let column = column.map_or(String::new(), |name| format!(" (column \"{name}\")"));
            let reason = format!(
                "its vectors{column} have {found} dimensions, and those of {} have {wanted}",
                self.index_name.display()
            );
            return Err(Failure::at(&self.name, reason));
        }
        let key_type = index.options().key_type;
        // Row numbers continue and UUIDs are random; the index cannot assign other keys.
        let gives_keys = matches!(key_type, KeyType::RowNumber | KeyType::Uuid);
        if self.input.key_type == KeyType::RowNumber && !(gives_keys && self.mode == Mode::Add) {
            let keys = match key_type {
                KeyType::RowNumber => "row numbers",
                key_type => key_type.name(),
            };
            let reason = format!(
                "its rows have no keys, and those of {} are {keys}: name their column with --key-column, or give --keys K.npy",
                self.index_name.display()
            );
            return Err(Failure::at(source.keys.as_ref().unwrap_or(&self.name), reason));
        }
        if let Some(rows) = self.input.rows {
            let available = Budget::available();
            let options = index.options();
            // New rows take memory, and again as much in the segment that is built of them.
            let needed = options.memory_needed(rows).saturating_mul(2);
            if available.is_some_and(|available| needed > available) {
                let (rows, needed) = (show::count(rows), show::bytes(needed));
                let reason = format!(
                    "{rows} rows take {needed} of memory, more than there is: take fewer at a time, or build an index of them and merge that"
                );
                return Err(Failure::at(&self.name, reason));
            }
        }
        Ok(())
    }

    /// Finds each column of the index in the file, which may have no others.
    fn match_columns(&mut self, index: &Index<'_>, bar: &Bar) -> Result<(), Failure> {
        let names = |columns: &[hither::ColumnSchema]| {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            names.join(", ")
        };
        let (there, found) = (index.columns(), &self.input.columns);
        let is_there = |name: &str| there.iter().any(|column| column.name == name);
        if let Some(extra) = found.iter().find(|column| !is_there(&column.name)) {
            let index_name = self.index_name.display();
            let known = match there {
                [] => "it has no columns".into(),
                _ => format!("it has: {}", names(there)),
            };
            let reason = format!(
                "the column \"{}\" is none of {index_name}, {known}; leave it out, or name it with --key-column if it is the key",
                extra.name
            );
            return Err(Failure::at(&self.name, reason));
        }
        let place = |name: &str| found.iter().position(|column| column.name == name);
        self.columns = there.iter().map(|column| place(&column.name)).collect();
        let missing = there.iter().zip(&self.columns).filter(|(_, place)| place.is_none());
        let missing: Vec<_> = missing.map(|(column, _)| column.clone()).collect();
        if !missing.is_empty() {
            let what = match self.mode {
                Mode::Add => "null in the new rows",
                Mode::Update => "as they were in updated rows",
                Mode::Upsert => "as they were in updated rows, null in new ones",
            };
            bar.say(&format!("note: not in {}: {}; {what}", self.name.display(), names(&missing)));
        }
        Ok(())
    }

    fn take(&mut self, index: &mut Index<'_>, bar: &mut Bar) -> Result<Changes, Failure> {
        let (mut row, mut number, mut changes) = (Row::default(), 0, Changes::default());
        while self.input.next(&mut row)? {
            if let Some(reason) = row.invalid.take() {
                return Err(reason.into());
            }
            self.take_row(index, &row, &mut changes).map_err(|reason| {
                let key = row.key.as_ref().map_or(String::new(), |key| format!("key {key}: "));
                Error::at_row(&self.name, number, key + &reason)
            })?;
            number += 1;
            if number % 1024 == 0 {
                let total = self.input.rows.unwrap_or_default();
                bar.advance(Progress { stage: "reading", done: number, total })?;
            }
        }
        let rounded = self.input.rounded();
        if rounded > 0 {
            bar.say(&format!(
                "note: {rounded} timestamp(s) had more digits than microseconds and were rounded"
            ));
        }
        Ok(changes)
    }

    /// Takes one row; an error says why that failed.
    fn take_row(
        &self,
        index: &mut Index<'_>,
        row: &Row,
        changes: &mut Changes,
    ) -> Result<(), String> {
        let key = row.key.as_ref().map(Key::as_ref);
        let found = match key {
            Some(key) => index.find(key).map_err(|error| error.to_string())?,
            None => None,
        };
        let index_name = self.index_name.display();
        match (found, self.mode) {
            (Some(row), _) if row.segment >= self.stored => {
                return Err("the key is given twice; a row of it can be taken once".into());
            }
            (Some(_), Mode::Add) => {
                return Err(format!(
                    "{index_name} has a row with this key already; hither update replaces it"
                ));
            }
            (None, Mode::Update) if key.is_none() => {
                return Err("it has no key, and rows are updated by theirs".into());
            }
            (None, Mode::Update) => {
                return Err(format!(
                    "{index_name} has no row with this key; --upsert adds such rows"
                ));
            }
            _ => {}
        }
        let kept = found.map_or(Ok(Vec::new()), |row| self.kept(index, row));
        let kept = kept.map_err(|error| error.to_string())?;
        let values: Vec<ValueRef<'_>> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, place)| match place {
                Some(place) => row.attributes[*place].as_ref(),
                None => kept.get(at).map_or(ValueRef::Null, Value::as_ref),
            })
            .collect();
        let taken = match (found, key) {
            (Some(_), Some(key)) => index.update(key, &row.vector, &values).map(|()| None),
            _ => index.insert(key, &row.vector, &values).map(Some),
        };
        match taken.map_err(|error| error.to_string())? {
            None => changes.updated += 1,
            Some(given) => {
                changes.added += 1;
                if let (None, Key::Int64(number)) = (key, given) {
                    changes.first_number.get_or_insert(number);
                }
            }
        }
        Ok(())
    }

    /// The current values of a row, which are needed if the file lacks columns of the index.
    fn kept(&self, index: &Index<'_>, row: RowId) -> hither::Result<Vec<Value>> {
        if self.columns.iter().all(Option::is_some) {
            return Ok(Vec::new());
        }
        (0..self.columns.len()).map(|column| Ok(index.value(row, column)?.to_owned())).collect()
    }
}
