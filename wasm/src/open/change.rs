//! Changing an index of one file, and saving indexes.

use super::{File, OpenIndex};
use crate::builder::building_room;
use crate::failure::{Failure, Outcome};
use crate::memory::{ensure, ensure_in_parts};
use crate::sink::{FileSink, Pieces};
use crate::value::{blob_len, borrowed, from_key, to_key, to_optional_key, to_values};
use hither::{Index, Key, KeyRef, Save, Value, merge};
use js_sys::Array;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

#[wasm_bindgen]
impl OpenIndex {
    /// Inserts a row, with its values in the order of the columns, and returns its key. Without a key it gets
    /// the next row number.
    ///
    /// # Errors
    /// Whatever is wrong with the row, and `unsupported` where several files are open.
    pub fn insert(&mut self, key: &JsValue, vector: &[f32], values: &Array) -> Outcome<JsValue> {
        self.change(|index| {
            let key = to_optional_key(key, index.options().key_type)?;
            let values = to_values(values, 0, index.columns())?;
            let key = index.insert(key.as_ref().map(Key::as_ref), vector, &borrowed(&values))?;
            Ok(from_key(key.as_ref()))
        })
    }

    /// Replaces the row with this key: its vector, and those values that are not undefined.
    ///
    /// # Errors
    /// Those of [`insert`](Self::insert), and `key_not_found`.
    pub fn update(&mut self, key: &JsValue, vector: &[f32], values: &Array) -> Outcome<()> {
        self.change(|index| {
            let key = to_key(key, index.options().key_type)?;
            let mut new = to_values(values, 0, index.columns())?;
            let kept: Vec<usize> =
                (0..new.len()).filter(|&column| values.get(column as u32).is_undefined()).collect();
            keep(index, key.as_ref(), &kept, &mut new)?;
            Ok(index.update(key.as_ref(), vector, &borrowed(&new))?)
        })
    }

    /// Removes the row that has this key; false if there is none.
    ///
    /// # Errors
    /// `key_type`, and `unsupported` where several files are open.
    pub fn remove(&mut self, key: &JsValue) -> Outcome<bool> {
        self.change(|index| {
            let key = to_key(key, index.options().key_type)?;
            Ok(index.remove(key.as_ref())?)
        })
    }

    /// Writes a new file to `sink`: a delta, or compacted; several files are merged.
    ///
    /// # Errors
    /// Those of [`FileBuilder::finish`](crate::FileBuilder::finish), and `unsupported` for a delta of several
    /// files.
    pub fn save(&self, delta: bool, sink: &FileSink) -> Outcome<()> {
        self.ensure_saving(delta)?;
        let (pieces, progress) = (&mut Pieces(sink), &mut |step| sink.tell(step));
        match &self.files[..] {
            [file] => {
                let save = if delta { Save::delta() } else { Save::compact() };
                file.read(|index| index.write_to(pieces, save.threads(1).progress(progress)))?;
            }
            _ if delta => {
                let message = "several files cannot be saved as a delta; use \"compact\"";
                return Err(Failure::new("unsupported", message.into()));
            }
            files => with_all(files, &mut Vec::new(), &mut |indexes| {
                Ok(merge(indexes, 1)?.write_to(pieces, Some(progress))?)
            })?,
        }
        Ok(())
    }
}

impl OpenIndex {
    /// Applies a change to the only file.
    fn change<T>(&mut self, change: impl FnOnce(&mut Index<'_>) -> Outcome<T>) -> Outcome<T> {
        let [file] = &mut self.files[..] else {
            let message = "several files are open as one: open one alone to change it";
            return Err(Failure::new("unsupported", message.into()));
        };
        // Growing rows may move to an allocation with room for twice as many.
        ensure(file.length() / 64 + (1 << 16))?;
        self.changes += 1;
        file.with_dependent_mut(|_, file| {
            file.filter = None;
            change(&mut file.index)
        })
    }

    /// Makes sure that there is memory for a save, which builds the inserted rows, or all.
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
}

/// Fills the columns `kept` with the values of the row with this key; leaves nulls if there is no such row.
fn keep(index: &Index<'_>, key: KeyRef<'_>, kept: &[usize], values: &mut [Value]) -> Outcome<()> {
    let Some(row) = index.find(key)? else { return Ok(()) };
    for &column in kept {
        let value = index.value(row, column)?;
        ensure(blob_len(&value))?;
        values[column] = value.to_owned();
    }
    Ok(())
}

/// Calls `read` with the indexes of all files, borrowed from these.
fn with_all<'i>(
    files: &'i [File],
    indexes: &mut Vec<&'i Index<'i>>,
    read: &mut dyn FnMut(&[&Index<'_>]) -> Outcome<()>,
) -> Outcome<()> {
    indexes.clear();
    indexes.extend(files.iter().map(|file| &file.borrow_dependent().index));
    read(indexes)
}
