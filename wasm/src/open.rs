//! An index that is open: one file or several that answer as one.

mod change;
mod search;

use crate::failure::{Failure, Outcome};
use crate::memory::room;
use crate::token::{Token, Tokens, Writer};
use crate::value::{write_key, write_value};
use alloc::format;
use alloc::vec::Vec;
use hither::{AlignedBytes, Index, IndexFilter, Searcher, ShardNeighbor};

/// An index, and the filter that was bound to it last.
pub(crate) struct Filtered<'a> {
    index: Index<'a>,
    filter: Option<IndexFilter<'a>>,
}

self_cell::self_cell!(
    pub(crate) struct File {
        owner: AlignedBytes,
        #[covariant]
        dependent: Filtered,
    }
);

impl File {
    /// Calls `read` with the index.
    fn read<T>(&self, read: impl FnOnce(&Index<'_>) -> T) -> T {
        self.with_dependent(|_, file| read(&file.index))
    }
}

/// One file or several.
#[derive(Default)]
pub struct Opened {
    files: Vec<File>,
    searcher: Searcher,
    /// The vector that a call takes or gives.
    vector: Vec<f32>,
    /// The last answer.
    found: Vec<ShardNeighbor>,
    distances: Vec<f32>,
    numbers: Vec<i64>,
    /// Values that a call gives.
    written: Writer,
    /// How many rows all files have, once they were counted.
    rows: Option<u64>,
    /// How many times it was changed: no fewer than rows were inserted.
    changes: usize,
}

impl Opened {
    /// Opens a file. `whole` checks all of it; `model` is what its property of that name must be, if
    /// it is a text.
    ///
    /// # Errors
    /// What is wrong with the file, or with having it beside those before it.
    pub fn push(&mut self, bytes: AlignedBytes, whole: bool, model: &[u8]) -> Outcome<()> {
        let file = File::try_new(bytes, |bytes| {
            Ok::<_, hither::Error>(Filtered { index: Index::open(bytes)?, filter: None })
        })?;
        file.read(|index| self.check(index, whole, Tokens(model).read()))?;
        self.files.push(file);
        Ok(())
    }

    fn check(&self, index: &Index<'_>, whole: bool, model: Token<'_>) -> Outcome<()> {
        if let Token::Text(wanted) = model {
            let mut properties = index.options().properties.iter();
            let made =
                properties.find(|(name, _)| name == "model").map(|(_, value)| value.as_str());
            if made != Some(wanted) {
                let made = made.map_or("does not say its model".into(), |m| format!("is of {m}"));
                let message = format!(
                    "the file {made}, and vectors of {wanted} mean nothing to it; build it from that model, with the property model={wanted}"
                );
                return Err(Failure::new("wrong_model", message));
            }
        }
        if let Some(first) = self.files.first()
            && let Some(what) = first.read(|first| first.difference(index))
        {
            let message = format!(
                "file {} has other {what} than the first, so they cannot answer as one",
                self.files.len()
            );
            return Err(Failure::new("unsupported", message));
        }
        if whole {
            index.verify()?;
        }
        Ok(())
    }

    fn first<T>(&self, read: impl FnOnce(&Index<'_>) -> T) -> Outcome<T> {
        match self.files.first() {
            Some(file) => Ok(file.read(read)),
            None => Err(Failure::new("freed", "no file is open".into())),
        }
    }

    /// The vector that a call takes, made so long, to be written.
    ///
    /// # Errors
    /// `out_of_memory`.
    pub fn vector(&mut self, length: usize) -> Outcome<&mut [f32]> {
        room(&mut self.vector, length)?;
        self.vector.resize(length, 0.0);
        Ok(&mut self.vector)
    }

    /// What is in it, as `js/info.js` reads it.
    ///
    /// # Errors
    /// `freed` if no file is open.
    pub fn info(&mut self) -> Outcome<&[u8]> {
        let mut values = core::mem::take(&mut self.written);
        values.clear();
        let unit_length = self.files.iter().all(|file| file.read(|index| index.is_unit_length()));
        self.first(|first| values.index(first, unit_length))?;
        values.number(self.files.len() as f64);
        for file in &self.files {
            file.read(|index| values.file(index, file.borrow_owner().as_slice().len()));
        }
        self.written = values;
        Ok(self.written.as_bytes())
    }

    /// How many rows there are. Of several files with keys of their own it is counted once which rows a
    /// later one replaces: none of these changes.
    ///
    /// # Errors
    /// `corrupt` where a file is damaged.
    pub fn rows(&mut self) -> Outcome<u64> {
        if let [file] = &self.files[..] {
            return Ok(file.read(|index| index.len()));
        }
        let rows = match self.rows {
            Some(rows) => rows,
            None => self.shards()?.rows()?,
        };
        self.rows = Some(rows);
        Ok(rows)
    }

    /// The keys of the last answer.
    pub fn keys(&mut self) -> &[u8] {
        self.written.clear();
        self.found.iter().for_each(|found| write_key(found.key.as_ref(), &mut self.written));
        self.written.as_bytes()
    }

    /// The values of a column, by its number, for the rows of the last answer.
    ///
    /// # Errors
    /// `out_of_memory`, or `corrupt` where the file is damaged.
    pub fn column(&mut self, number: usize) -> Outcome<&[u8]> {
        self.written.clear();
        for found in &self.found {
            self.files[found.shard]
                .read(|index| write_value(index.value(found.row, number)?, &mut self.written))?;
        }
        Ok(self.written.as_bytes())
    }
}
