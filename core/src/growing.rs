//! Growing rows: rows in memory that are in no file yet. Searches scan them; saving makes a segment of them.
//!
//! An index file never changes, and inserting rows into a graph one at a time gives another graph than a build
//! does. So rows that are inserted into an open index gather beside its segments. They have three properties:
//!
//! - **They are found at once, and exactly.** A search scans them all, by their stored vectors, and merges what
//!   it finds with the answers of the segments, as if they were one more segment (`index/merge.rs`). With std
//!   each row also has codes, by which a scan skips rows that are certainly too far. This suits some tens of
//!   thousands of rows; saving makes a segment of them, with the structures of the index's options.
//! - **A key is one row.** Inserting a key that exists replaces its row: a growing row is marked as dead, a row
//!   of a segment is hidden there. A hash table leads from a key to its live row. Rows never move, so that a
//!   search can be resumed.
//! - **An insert that fails has changed nothing.** A vector may be refused for its values, a column's value for
//!   its type, and memory may run out: everything that can fail comes first.
//!
//! Replaced rows take memory until the index is saved, or until `compacted` makes a copy without them.

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
    /// Codes that rule rows out; none where codes cannot, or where memory ran out.
    #[cfg(feature = "std")]
    pub codes: Option<RowCodes>,
    /// Whether each row is live: neither removed nor replaced.
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

    /// The number of rows, including removed ones.
    pub fn rows(&self) -> u32 {
        self.vectors.rows()
    }

    /// The number of live rows.
    pub fn live(&self) -> u32 {
        self.rows_by_key.len() as u32
    }

    /// Whether a row is live.
    pub fn is_live(&self, row: u32) -> bool {
        self.live.get(row as usize) == Some(&true)
    }

    /// The live rows, in the order of their insertion.
    pub fn live_rows(&self) -> impl Iterator<Item = u32> {
        (0..self.rows()).zip(&self.live).filter(|(_, live)| **live).map(|(row, _)| row)
    }

    /// Appends a row and replaces one with the same key. Changes nothing if it fails.
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

    /// A copy with the live rows alone, in the order of their insertion.
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
