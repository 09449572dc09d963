//! A backend's in-memory copy of the growing rows, which is what searches read.

use crate::access::column::Column;
use crate::access::growing::ChainPosition;
use crate::access::keys::{self, Keys};
use crate::access::metapage::Metapage;
use crate::access::relation::IndexRelation;
use crate::search::lengths::{Lengths, length};
use crate::search::shards::Shard;
use crate::sql::failure::Result;
use hither_core::{IndexBuilder, IndexFile, KeyRef};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;

/// A backend's copy of the growing rows.
#[derive(Clone)]
pub struct GrowingCopy {
    /// The place of the first page of the chain.
    pub first: u32,
    /// The metapage's count of deletions of growing rows.
    pub deletions: u64,
    pub position: ChainPosition,
    pub shard: Shard,
    pub lengths: Lengths,
    /// The TIDs of rows that scans found dead.
    pub dead: Rc<BTreeSet<u64>>,
}

impl GrowingCopy {
    /// An empty copy at the beginning of the chain.
    ///
    /// # Errors
    /// If memory runs out.
    pub fn new(index: IndexRelation, column: &Column, meta: &Metapage) -> Result<Self> {
        Ok(Self {
            first: meta.head.growing_place,
            deletions: meta.head.growing_deletions,
            position: ChainPosition::start(meta),
            shard: empty_shard(index, column)?,
            lengths: Lengths::NONE,
            dead: Rc::default(),
        })
    }

    /// Adds rows: their TIDs, keys, and vectors as the column stores them.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn add(
        &mut self,
        index: IndexRelation,
        column: &Column,
        rows: Vec<(u64, Keys, Vec<u8>)>,
    ) -> Result<()> {
        // A running search keeps its copy.
        if Rc::get_mut(&mut self.shard.file).is_none() {
            self.shard.file = copy_of(&self.shard.file, index, column)?;
        }
        let file = Rc::get_mut(&mut self.shard.file).expect("nobody else has the copy");
        let mut vector = vec![0.0; column.dimensions];
        for (tid, keys, bytes) in rows {
            column.element().decode(&bytes, &mut vector);
            let length = length(&vector);
            self.lengths = self.lengths.and(Lengths { least: length, greatest: length });
            let (key, values) = (KeyRef::Int64(tid as i64), keys::values(&keys));
            let inserted = file.change(|rows| rows.insert(Some(key), &vector, &values));
            // Inserting checked the row, so an error means damage.
            inserted.map_err(|error| index.damaged(&format!("a growing row: {error}")))?;
        }
        Ok(())
    }
}

/// A file without rows, to which growing ones are added in memory.
fn empty_shard(index: IndexRelation, column: &Column) -> Result<Shard> {
    let file = IndexFile::from_bytes(IndexBuilder::new(column.file_options())?.finish()?)?;
    let path = PathBuf::from(format!("growing rows of {}", index.name()));
    Ok(Shard { path, file: Rc::new(file) })
}

/// A copy of growing rows.
fn copy_of(file: &IndexFile, index: IndexRelation, column: &Column) -> Result<Rc<IndexFile>> {
    let mut copy = empty_shard(index, column)?.file;
    let into = Rc::get_mut(&mut copy).expect("new");
    let mut vector = vec![0.0; column.dimensions];
    for row in file.index().rows() {
        file.index().vector(row, &mut vector)?;
        let key = file.index().key(row)?;
        let values = (0..column.keys.len()).map(|number| file.index().value(row, number));
        let values = values.collect::<hither_core::Result<Vec<_>>>()?;
        into.change(|rows| rows.insert(Some(key), &vector, &values))?;
    }
    Ok(copy)
}
