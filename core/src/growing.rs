//! Rows in memory that are in no file yet. Searches scan them; saving makes a segment of them.
//!
//! An index file never changes, and a graph that takes rows one at a time is another graph than the one that a
//! build makes. So rows that are inserted into an open index gather beside its segments. Three
//! things are wanted of them:
//!
//! - **They are found at once, and exactly.** A search scans them all, by their stored vectors, and joins what it
//!   finds with what the segments gave, as if they were one more segment (`index/merge.rs`). With std each row has
//!   codes, too, by which a scan leaves out what is too far for certain. That is right for some tens of thousands;
//!   saving makes a segment of them, with the structures that the index was asked for.
//! - **A key is one row.** Inserting a key that is there replaces its row: the one that grows is marked as not
//!   alive, one in a segment is hidden there. A table of hashes leads from a key to its live row. Rows are
//!   never moved, so that a search that goes on keeps its place.
//! - **An insert that fails has changed nothing.** A vector may be refused for its values, a column's
//!   value for its type, memory may end: all that can fail comes first, and what cannot, last.
//!
//! Rows that were replaced still take memory until they are saved, or until `compacted` makes a copy without
//! them.

use crate::column::{ColumnBuilder, ColumnSchema, ValueRef};
use crate::error::{ErrorKind, Result};
use crate::key::{Key, KeyRef};
#[cfg(feature = "std")]
use crate::quantize::RowCodes;
use crate::vectors::{Shape, Vectors};
use alloc::format;
use alloc::vec::Vec;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Rows that were inserted since the index was opened.
#[derive(Clone, Debug)]
pub(crate) struct Growing {
    pub vectors: Vectors,
    pub keys: Vec<Key>,
    pub columns: Vec<ColumnBuilder>,
    /// What rules rows out; none where codes cannot, or memory did not hold them.
    #[cfg(feature = "std")]
    pub codes: Option<RowCodes>,
    /// Whether each row was neither removed nor replaced.
    live: Vec<bool>,
    /// The live rows, by the hashes of their keys.
    rows_by_key: HashTable<u32>,
}

impl Growing {
    pub fn new(shape: Shape, schema: &[ColumnSchema]) -> Result<Self> {
        Ok(Self {
            vectors: Vectors::new(shape)?,
            keys: Vec::new(),
            columns: schema.iter().cloned().map(ColumnBuilder::new).collect(),
            #[cfg(feature = "std")]
            codes: shape.metric.takes_codes().then(|| RowCodes::new(shape.dimensions)),
            live: Vec::new(),
            rows_by_key: HashTable::new(),
        })
    }

    /// Rows, removed ones among them.
    pub fn rows(&self) -> u32 {
        self.vectors.rows()
    }

    /// Rows that were not removed or replaced.
    pub fn live(&self) -> u32 {
        self.rows_by_key.len() as u32
    }

    /// Whether a row was neither removed nor replaced.
    pub fn is_live(&self, row: u32) -> bool {
        self.live.get(row as usize) == Some(&true)
    }

    /// Live rows, in the order they came.
    pub fn live_rows(&self) -> impl Iterator<Item = u32> {
        (0..self.rows()).zip(&self.live).filter(|(_, live)| **live).map(|(row, _)| row)
    }

    /// Appends a row; one with the same key is replaced. Changes nothing if it fails.
    pub fn push(&mut self, key: Key, vector: &[f32], values: &[ValueRef<'_>]) -> Result<()> {
        check_values(&self.columns, values)?;
        self.vectors.push(vector)?;
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push(*value)?;
        }
        self.remove(key.as_ref());
        self.keys.push(key);
        self.live.push(true);
        let Self { keys, rows_by_key, .. } = self;
        let hash_row = |&row: &u32| hash(keys[row as usize].as_ref());
        let row = keys.len() as u32 - 1;
        rows_by_key.insert_unique(hash_row(&row), row, hash_row);
        #[cfg(feature = "std")]
        if let Some(codes) = &mut self.codes
            && codes.push(&self.vectors.view(), row).is_err()
        {
            self.codes = None;
        }
        Ok(())
    }

    /// The live rows alone, in the order they came.
    pub fn compacted(&self, schema: &[ColumnSchema]) -> Result<Self> {
        let mut compacted = Self::new(self.vectors.shape(), schema)?;
        let mut vector = alloc::vec![0.0; self.vectors.shape().dimensions];
        for row in self.live_rows() {
            self.vectors.view().get(row, &mut vector)?;
            let values: Vec<ValueRef<'_>> =
                (0..schema.len()).map(|column| self.value(column, row)).collect();
            compacted.push(self.keys[row as usize].clone(), &vector, &values)?;
        }
        Ok(compacted)
    }

    pub fn find(&self, key: KeyRef<'_>) -> Option<u32> {
        let has_key = |&row: &u32| self.keys[row as usize].as_ref() == key;
        self.rows_by_key.find(hash(key), has_key).copied()
    }

    /// Removes a row; false if there is none with this key.
    pub fn remove(&mut self, key: KeyRef<'_>) -> bool {
        let has_key = |&row: &u32| self.keys[row as usize].as_ref() == key;
        let Ok(found) = self.rows_by_key.find_entry(hash(key), has_key) else { return false };
        let (row, _) = found.remove();
        self.live[row as usize] = false;
        true
    }

    pub fn value(&self, column: usize, row: u32) -> ValueRef<'_> {
        self.columns.get(column).map_or(ValueRef::Null, |column| column.get(row as usize))
    }
}

fn hash(key: KeyRef<'_>) -> u64 {
    match key {
        KeyRef::Int64(number) => xxh3_64(&number.to_le_bytes()),
        KeyRef::Uuid(bytes) => xxh3_64(&bytes),
        KeyRef::Text(text) => xxh3_64(text.as_bytes()),
    }
}

/// Checks that there is a value for every column and that each fits.
pub(crate) fn check_values(columns: &[ColumnBuilder], values: &[ValueRef<'_>]) -> Result<()> {
    if columns.len() != values.len() {
        return Err(ErrorKind::InvalidParameter {
            name: "values",
            reason: format!("{} values for {} columns", values.len(), columns.len()),
        }
        .into());
    }
    columns.iter().zip(values).try_for_each(|(column, value)| column.check(*value))
}
