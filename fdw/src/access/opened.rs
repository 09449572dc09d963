//! What a backend keeps of an index from one search to the next: its segments, open, a copy of its growing
//! rows, and which rows are deleted.
//!
//! The metapage says what has changed since. A search works on a [`Snapshot`] of that, and reads nothing of
//! the index any more: no page can be recycled under it, and a row that VACUUM removes meanwhile is invisible
//! to whoever searches already.

use crate::access::column::Column;
use crate::access::growing::{self, ChainEnd, ChainPosition};
use crate::access::keys::{self, Keys};
use crate::access::metapage::{Metapage, SegmentEntry};
use crate::access::near_copy;
use crate::access::relation::{IndexRelation, RelationFile};
use crate::access::segment::DeletedRows;
use crate::search::lengths::{Lengths, length};
use crate::search::recent::RecentValues;
use crate::search::shards::Shard;
use crate::sql::failure::Result;
use hither_core::{Codes, Index, IndexBuilder, IndexFile, KeyRef, RowId};
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

/// A segment that is open.
#[derive(Clone)]
pub struct OpenSegment {
    pub entry: SegmentEntry,
    pub shard: Shard,
    pub deleted: Rc<DeletedRows>,
    usual_error: f32,
    places: RowPlaces,
}

/// Numbers of rows among all rows of a file, which may itself have several segments.
#[derive(Clone)]
pub struct RowPlaces(Rc<[u64]>);

impl RowPlaces {
    pub fn new(file: &Index<'_>) -> Self {
        let firsts = file.info().segments.into_iter().scan(0, |first, segment| {
            let own = *first;
            *first += u64::from(segment.rows);
            Some(own)
        });
        Self(firsts.collect())
    }

    pub fn of(&self, row: RowId) -> u64 {
        self.0[row.segment as usize] + u64::from(row.row)
    }
}

impl OpenSegment {
    /// The place of a row among all rows of the file.
    pub fn place(&self, row: RowId) -> u64 {
        self.places.of(row)
    }

    pub fn is_deleted(&self, row: RowId) -> bool {
        self.deleted.count > 0 && self.deleted.contains(self.place(row))
    }
}

/// The growing rows as a backend has them.
#[derive(Clone)]
struct GrowingCopy {
    /// Which page was the first.
    first: u32,
    /// The count of deletions.
    deletions: u64,
    position: ChainPosition,
    shard: Shard,
    lengths: Lengths,
}

impl GrowingCopy {
    /// Adds rows: where they are, their keys, their vectors as the column has them.
    fn add(
        &mut self,
        index: IndexRelation,
        column: &Column,
        rows: Vec<(u64, Keys, Vec<u8>)>,
    ) -> Result<()> {
        // A search that is under way keeps its copy.
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
            // What was not refused when it was inserted.
            inserted.map_err(|error| index.damaged(&format!("a growing row: {error}")))?;
        }
        Ok(())
    }
}

/// What a backend keeps of an index.
struct OpenIndex {
    identity: u64,
    segments: Vec<OpenSegment>,
    growing: Option<GrowingCopy>,
}

thread_local! {
    static OPEN: RefCell<RecentValues<RelationFile, OpenIndex>> = RefCell::default();
}

/// An index as it was at a moment.
pub struct Snapshot {
    pub meta: Metapage,
    pub segments: Vec<OpenSegment>,
    /// The files of the segments, and after them the growing rows.
    pub shards: Vec<Shard>,
    pub lengths: Lengths,
}

impl Snapshot {
    /// Reads what has changed since this backend looked last.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn new(index: IndexRelation, column: &Column) -> Result<Self> {
        let file = index.file();
        let kept = OPEN.with_borrow_mut(|open| open.remove(&file));
        let mut open =
            kept.unwrap_or(OpenIndex { identity: 0, segments: Vec::new(), growing: None });
        let mut before = None;
        loop {
            pgrx::check_for_interrupts!();
            let meta = Metapage::read(index)?;
            // What it names is gone, and it names it still.
            if before.as_ref() == Some(&meta) {
                return Err(index.damaged("its metapage names pages that are none of it"));
            }
            if open.identity != meta.head.identity {
                open =
                    OpenIndex { identity: meta.head.identity, segments: Vec::new(), growing: None };
            }
            if open.refresh(index, column, &meta)? {
                let snapshot = open.snapshot(meta);
                OPEN.with_borrow_mut(|kept| kept.insert(file, open));
                return Ok(snapshot);
            }
            before = Some(meta);
        }
    }

    /// How far vectors are off where only codes are stored, nearly all of them.
    pub fn usual_error(&self) -> f64 {
        self.segments.iter().fold(0.0_f32, |most, segment| most.max(segment.usual_error)).into()
    }

    /// Whether a row of a shard is deleted. Of growing ones those that are were never read.
    pub fn is_deleted(&self, shard: usize, row: RowId) -> bool {
        self.segments.get(shard).is_some_and(|segment| segment.is_deleted(row))
    }
}

impl OpenIndex {
    /// Whether all that the metapage names was there.
    fn refresh(&mut self, index: IndexRelation, column: &Column, meta: &Metapage) -> Result<bool> {
        let mut before = std::mem::take(&mut self.segments);
        let mut brought = false;
        for entry in &meta.segments {
            let known = before.iter().position(|known| {
                known.entry.number == entry.number && known.entry.content == entry.content
            });
            let mut segment = match known {
                Some(known) => before.swap_remove(known),
                None => match open_segment(index, entry)? {
                    Some(segment) => segment,
                    None => return Ok(false),
                },
            };
            brought |= known.is_none();
            if segment.entry.deletions != entry.deletions {
                let Some(deleted) = DeletedRows::read(index, entry)? else { return Ok(false) };
                segment.deleted = Rc::new(deleted);
            }
            segment.entry = *entry;
            self.segments.push(segment);
        }
        if brought {
            // Where nobody merges, as on a standby, those who look see what is left over.
            near_copy::sweep(index, &meta.segments);
        }
        self.refresh_growing(index, column, meta)
    }

    fn refresh_growing(
        &mut self,
        index: IndexRelation,
        column: &Column,
        meta: &Metapage,
    ) -> Result<bool> {
        let (first, deletions) = (meta.head.growing_place, meta.head.growing_deletions);
        let kept = self.growing.take();
        // Rows are added to a copy that no search has.
        let kept = kept.filter(|kept| kept.first == first && kept.deletions == deletions);
        let mut copy = match kept {
            Some(copy) => copy,
            None => GrowingCopy {
                first,
                deletions,
                position: ChainPosition::start(meta),
                shard: empty_shard(index, column)?,
                lengths: Lengths::NONE,
            },
        };
        let (mut position, mut rows) = (copy.position, Vec::new());
        let end = growing::read(index, column, &mut position, None, &mut |row| {
            if !row.deleted {
                rows.push((row.tid, row.keys, row.vector.to_vec()));
            }
            Ok(())
        })?;
        if end == ChainEnd::Recycled {
            return Ok(false);
        }
        copy.position = position;
        if !rows.is_empty() {
            // A row may have been deleted while the chain was read, in it or in the segment that it became, and
            // its place have another by now.
            let now = Metapage::read(index)?.head;
            if (now.growing_place, now.growing_deletions) != (first, deletions) {
                return Ok(false);
            }
            copy.add(index, column, rows)?;
        }
        self.growing = Some(copy);
        Ok(true)
    }

    fn snapshot(&self, meta: Metapage) -> Snapshot {
        let growing = self.growing.as_ref().expect("read");
        let mut shards: Vec<_> =
            self.segments.iter().map(|segment| segment.shard.clone()).collect();
        shards.push(growing.shard.clone());
        let mut lengths = growing.lengths;
        for SegmentEntry { least_length, greatest_length, .. } in &meta.segments {
            let (least, greatest) = ((*least_length).into(), (*greatest_length).into());
            lengths = lengths.and(Lengths { least, greatest });
        }
        Snapshot { meta, segments: self.segments.clone(), shards, lengths }
    }
}

fn open_segment(index: IndexRelation, entry: &SegmentEntry) -> Result<Option<OpenSegment>> {
    let Some(file) = near_copy::open(index, entry)? else { return Ok(None) };
    let deleted = match entry.deleted {
        0 => DeletedRows::default(),
        _ => match DeletedRows::read(index, entry)? {
            Some(deleted) => deleted,
            None => return Ok(None),
        },
    };
    let places = RowPlaces::new(file.index());
    let path = PathBuf::from(format!("segment {} of {}", entry.number, index.name()));
    crate::search::stats::note_open();
    let shard = Shard { path, file };
    let usual_error = usual_error(shard.file.index())?;
    Ok(Some(OpenSegment { entry: *entry, shard, deleted: Rc::new(deleted), usual_error, places }))
}

/// The greatest error of rows spread over a file.
fn usual_error(file: &Index<'_>) -> Result<f32> {
    const SAMPLE: u32 = 4096;
    let mut most = 0.0_f32;
    for (segment, info) in file.info().segments.iter().enumerate() {
        if info.codes != Codes::Sq8Only {
            continue;
        }
        for row in (0..info.rows).step_by(info.rows.div_ceil(SAMPLE).max(1) as usize) {
            most = most.max(file.vector_error(RowId { segment: segment as u32, row })?);
        }
    }
    Ok(most)
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
