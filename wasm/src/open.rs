//! An open index: one file, or several that answer as one.

mod change;
mod search;

use crate::answer::{self, Hit};
use crate::bytes::FileBytes;
use crate::failure::{Failure, Outcome};
use crate::info::{FileInfo, check_model, info};
use crate::tally::Tally;
use crate::value::from_value;
use hither::raw::AlignedBytes;
use hither::{Index, IndexFilter, SearchStats, Searcher};
use js_sys::Array;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

/// An index, and the filter that was last bound to it.
pub(crate) struct FilteredIndex<'a> {
    index: Index<'a>,
    filter: Option<IndexFilter<'a>>,
}

self_cell::self_cell!(
    pub(crate) struct File {
        owner: AlignedBytes,
        #[covariant]
        dependent: FilteredIndex,
    }
);

impl File {
    /// Calls `read` with the index.
    fn read<T>(&self, read: impl FnOnce(&Index<'_>) -> T) -> T {
        self.with_dependent(|_, file| read(&file.index))
    }

    fn length(&self) -> usize {
        self.borrow_owner().as_slice().len()
    }
}

/// One open file or several.
#[wasm_bindgen]
pub struct OpenIndex {
    files: Vec<File>,
    searcher: Searcher,
    /// The vector of the last query, or of the row that was last read.
    vector: Vec<f32>,
    /// The last answer, and what its search did.
    found: Vec<Hit>,
    stats: SearchStats,
    reached: Option<f32>,
    /// How many rows all files have, once they are counted.
    rows: Option<u64>,
    /// How many changes were made: at least as many as rows were inserted.
    changes: usize,
    tally: Tally,
}

impl Default for OpenIndex {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            searcher: Searcher::new(),
            vector: Vec::new(),
            found: Vec::new(),
            stats: SearchStats::default(),
            reached: None,
            rows: None,
            changes: 0,
            tally: Tally::new(),
        }
    }
}

#[wasm_bindgen]
impl OpenIndex {
    /// An index without files.
    #[wasm_bindgen(constructor)]
    pub fn new() -> OpenIndex {
        Self::default()
    }

    /// Opens a file. `whole` checks all of it. If `model` is given, the file's property of that name must equal
    /// it.
    ///
    /// # Errors
    /// Whatever is wrong with the file, or keeps it from answering together with those before it.
    pub fn push(&mut self, bytes: FileBytes, whole: bool, model: Option<String>) -> Outcome<()> {
        let file = File::try_new(bytes.0, |bytes| {
            Ok::<_, hither::Error>(FilteredIndex { index: Index::open(bytes)?, filter: None })
        })?;
        file.read(|index| self.check(index, whole, model.as_deref()))?;
        self.files.push(file);
        self.tally.keep(self.files.iter().map(File::length).sum());
        Ok(())
    }

    /// What is in it, as an object.
    ///
    /// # Errors
    /// `freed` if no file is open.
    pub fn info(&mut self) -> Outcome<JsValue> {
        let rows = self.count_rows()?;
        let files = self.files.iter().map(|file| {
            let index = &file.borrow_dependent().index;
            FileInfo {
                options: index.options(),
                info: index.info(),
                content_id: index.content_id(),
                unit_length: index.is_unit_length(),
                rows: index.len(),
                bytes: file.length() as u64,
            }
        });
        let files: Vec<FileInfo<'_>> = files.collect();
        self.first(|_| info(rows, &files))
    }

    /// How many rows there are. Which rows of several files a later file replaces, where keys are their own, is
    /// counted once: such files do not change.
    ///
    /// # Errors
    /// `corrupt` where a file is damaged.
    #[wasm_bindgen(js_name = countRows)]
    pub fn count_rows(&mut self) -> Outcome<f64> {
        let rows = match (&self.files[..], self.rows) {
            ([file], _) => file.read(|index| index.len()),
            (_, Some(rows)) => rows,
            _ => self.shards()?.rows()?,
        };
        self.rows = Some(rows);
        Ok(rows as f64)
    }

    /// The keys of the last answer.
    pub fn keys(&self) -> Array {
        answer::keys(&self.found)
    }

    /// The values of the column with this number, for the rows of the last answer.
    ///
    /// # Errors
    /// `corrupt` where the file is damaged.
    pub fn column(&self, number: usize) -> Outcome<Array> {
        let values = Array::new();
        for found in &self.found {
            self.files[found.file].read(|index| {
                values.push(&from_value(index.value(found.row, number)?));
                Ok::<_, Failure>(())
            })?;
        }
        Ok(values)
    }
}

impl OpenIndex {
    fn check(&self, index: &Index<'_>, whole: bool, model: Option<&str>) -> Outcome<()> {
        check_model(index.property("model"), model)?;
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
}
