//! Changing an index of one file, and saving it.

use super::{File, Opened};
use crate::build::building_room;
use crate::failure::{Failure, Outcome};
use crate::memory::{ensure, ensure_in_parts};
use crate::token::{Token, Tokens};
use crate::value::{blob_len, kept, to_key, to_values, write_key};
use alloc::vec::Vec;
use hither::{Index, KeyRef, OnProgress, Save, Sink, Value, ValueRef, merge};

impl Opened {
    /// Changes the only file.
    fn change<T>(
        &mut self,
        change: impl FnOnce(&mut Index<'_>, &[f32]) -> Outcome<T>,
    ) -> Outcome<T> {
        let [file] = &mut self.files[..] else {
            let message = "several files are open as one: open one alone to change it";
            return Err(Failure::new("unsupported", message.into()));
        };
        // Growing rows may have to move to where there is room for twice as many.
        ensure(file.borrow_owner().as_slice().len() / 64 + (1 << 16))?;
        self.changes += 1;
        let vector = &self.vector;
        file.with_dependent_mut(|_, file| {
            file.filter = None;
            change(&mut file.index, vector)
        })
    }

    /// Makes sure of the memory that it takes to build what a save builds: inserted rows, or all.
    fn ensure_saving(&self, delta: bool) -> Outcome<()> {
        let mut room = 0_usize;
        for file in &self.files {
            let index = &file.borrow_dependent().index;
            let (options, rows) = (index.options(), index.len() as usize);
            let rows = if delta { rows.min(self.changes) } else { rows };
            let copies = rows.saturating_mul(options.dimensions * options.element.size() + 128);
            room = room.saturating_add(copies).saturating_add(building_room(options, rows));
        }
        ensure_in_parts(room)
    }

    /// Inserts a row with the vector that was written, and gives its key. `row` has the key and the
    /// values; a key that is none is the next row number.
    ///
    /// # Errors
    /// Whatever is wrong with the row, and `unsupported` where several files are open.
    pub fn insert(&mut self, row: &[u8]) -> Outcome<&[u8]> {
        let key = self.change(|index, vector| {
            let mut row = Tokens(row);
            let key = match row.read() {
                Token::None => None,
                key => Some(to_key(key, index.options().key_type)?),
            };
            let values = to_values(&mut row, index.columns(), &[])?;
            Ok(index.insert(key, vector, &values)?)
        })?;
        self.written.clear();
        write_key(key.as_ref(), &mut self.written);
        Ok(self.written.as_bytes())
    }

    /// Replaces the row that has the key with which `row` begins: its vector, and of its values those
    /// that are not kept.
    ///
    /// # Errors
    /// As of [`insert`](Self::insert), and `key_not_found`.
    pub fn update(&mut self, row: &[u8]) -> Outcome<()> {
        self.change(|index, vector| {
            let mut row = Tokens(row);
            let key = to_key(row.read(), index.options().key_type)?;
            let old = old_values(index, key, &kept(row, index.columns()))?;
            let values = to_values(&mut row, index.columns(), &old)?;
            Ok(index.update(key, vector, &values)?)
        })
    }

    /// Removes the row that has this key; false if there is none.
    ///
    /// # Errors
    /// `key_type`, and `unsupported` where several files are open.
    pub fn remove(&mut self, key: &[u8]) -> Outcome<bool> {
        self.change(|index, _| {
            Ok(index.remove(to_key(Tokens(key).read(), index.options().key_type)?)?)
        })
    }

    /// Writes a new file, as [`Building::finish`](crate::Building::finish) does: a delta, or
    /// compacted; several files merged.
    ///
    /// # Errors
    /// As of that, and `unsupported` for a delta of several files.
    pub fn save(&self, delta: bool, sink: &mut dyn Sink, progress: OnProgress<'_>) -> Outcome<()> {
        self.ensure_saving(delta)?;
        match &self.files[..] {
            [file] => {
                let form = if delta { Save::Delta } else { Save::Compact };
                file.read(|index| index.write_to(form, 1, sink, progress))?;
            }
            _ if delta => {
                let message = "several files cannot be saved as a delta; use \"compact\"";
                return Err(Failure::new("unsupported", message.into()));
            }
            files => with_all(files, &mut Vec::new(), &mut |indexes| {
                Ok(merge(indexes, 1)?.write_to(sink, progress)?)
            })?,
        }
        Ok(())
    }
}

/// The values of the row with this key, of the columns that are kept; nulls where there is no such row.
fn old_values(index: &Index<'_>, key: KeyRef<'_>, kept: &[bool]) -> Outcome<Vec<Value>> {
    let row = index.find(key)?;
    let mut values = Vec::with_capacity(kept.len());
    for (number, kept) in kept.iter().enumerate() {
        let value = match row.filter(|_| *kept) {
            Some(row) => index.value(row, number)?,
            None => ValueRef::Null,
        };
        ensure(blob_len(&value))?;
        values.push(value.to_owned());
    }
    Ok(values)
}

/// Calls `read` with the indexes of all files, each of which only lends it.
fn with_all<'i>(
    files: &'i [File],
    indexes: &mut Vec<&'i Index<'i>>,
    read: &mut dyn FnMut(&[&Index<'_>]) -> Outcome<()>,
) -> Outcome<()> {
    indexes.clear();
    indexes.extend(files.iter().map(|file| &file.borrow_dependent().index));
    read(indexes)
}
