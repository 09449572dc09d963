//! Merging: growing rows and segments become one segment.
//!
//! One process at a time builds, the one that holds the builder's lock, for which no merge waits. It begins a
//! new growing page, so that those before it are complete, reads what it merges, and writes a segment
//! that nothing names yet. Publishing is one record: the metapage names the new segment instead of
//! what it was made of, whose blocks are free from then on. Rows that VACUUM deleted meanwhile are
//! deleted in the new segment before that, while the metapage is locked.
//!
//! Which segments take part is a matter of size: each is at least [`RATIO`] times as large as all that
//! is newer together, so that a row is built into a segment again only as often as the index grows by that,
//! and there are few of them. One of which a fifth is deleted is built again whatever its size.

use crate::access::blocks::FreeBlocks;
use crate::access::build::SegmentBuilder;
use crate::access::column::Column;
use crate::access::growing::{self, ChainEnd, ChainPosition, Seal};
use crate::access::metapage::{
    LockedMetapage, METAPAGE, MOST_RESERVED, MOST_SEGMENTS, Metapage, SegmentEntry,
};
use crate::access::near_copy;
use crate::access::opened::{OpenSegment, RowPlaces, Snapshot};
use crate::access::page::Lock;
use crate::access::record::{GrowingRow, RecordPosition};
use crate::access::relation::IndexRelation;
use crate::access::segment::{self, DeletedRows};
use crate::access::tid::tid_at;
use crate::sql::failure::{Failure, Result};
use hither_core::{KeyRef, ValueRef};
use pgrx::pg_sys;
use std::collections::BTreeMap;

/// How many times as large as what is newer a segment is left as it is.
const RATIO: u64 = 4;

/// A segment of which one in so many is deleted is built again.
const DELETED: u64 = 5;

/// What is to be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The growing rows, and segments that are small beside them.
    Flush,
    /// Everything.
    All,
}

/// The lock of who builds, until this is dropped.
pub struct BuilderLock(IndexRelation);

impl BuilderLock {
    const MODE: pg_sys::LOCKMODE = pg_sys::ExclusiveLock as pg_sys::LOCKMODE;

    fn try_new(index: IndexRelation) -> Option<Self> {
        // SAFETY: the relation is open.
        let locked = unsafe { pg_sys::ConditionalLockPage(index.raw(), METAPAGE, Self::MODE) };
        locked.then(|| Self(index))
    }

    /// Waits for whoever has it.
    pub fn new(index: IndexRelation) -> Self {
        // SAFETY: the relation is open.
        unsafe { pg_sys::LockPage(index.raw(), METAPAGE, Self::MODE) };
        Self(index)
    }
}

impl Drop for BuilderLock {
    fn drop(&mut self) {
        // After an error the end of the transaction lets go of it.
        if !std::thread::panicking() {
            // SAFETY: locked by this.
            unsafe { pg_sys::UnlockPage(self.0.raw(), METAPAGE, Self::MODE) }
        }
    }
}

/// Merges what is wished; false if somebody else is at it.
///
/// # Errors
/// If the index is damaged, or memory or disk do not hold the new segment.
pub fn merge(index: IndexRelation, column: &Column, wish: Wish) -> Result<bool> {
    let Some(_lock) = BuilderLock::try_new(index) else { return Ok(false) };
    let before = Metapage::read(index)?;
    let end = growing::seal(index, column)?;
    let snapshot = Snapshot::new(index, column)?;
    let sources = sources(&snapshot, end.rows, wish);
    let rows = end.rows + sources.iter().map(|source| source.entry.rows).sum::<u64>();
    let mut builder = SegmentBuilder::new(index, column, rows, false)?;
    let growing = live_records(index, column, &before, end.place)?;
    read_growing(index, column, &before, end.place, &mut |row| match growing.get(&row.tid) {
        Some(live) if *live == row.position => {
            let pushed = builder.push(row.tid, &row.keys, row.vector);
            // What was not refused when it was inserted.
            pushed.map_err(|failure| match failure.is_about_data() {
                true => index.damaged(&format!("a growing row: {}", failure.message())),
                false => failure,
            })
        }
        _ => Ok(()),
    })?;
    for source in &sources {
        push_segment(&mut builder, source, column, &|_| true)?;
    }
    // Building takes long, and VACUUM of any table waits for whoever has a snapshot of the catalogs.
    // SAFETY: where another snapshot is held, it does nothing.
    unsafe { pg_sys::InvalidateCatalogSnapshotConditionally() };
    let number = snapshot.meta.head.next_segment;
    let blocks = FreeBlocks::find(index)?;
    let (new, mut blocks) = if builder.rows() > 0 {
        let (entry, blocks) = builder.finish(number, blocks)?;
        (vec![entry], blocks)
    } else {
        (Vec::new(), blocks)
    };
    publish(index, column, &Merge { sources, growing, end, new }, &mut blocks)?;
    near_copy::sweep(index, &Metapage::read(index)?.segments);
    Ok(true)
}

/// Which segments are merged: of the newest, as many as are small beside what is newer.
fn sources(snapshot: &Snapshot, growing: u64, wish: Wish) -> Vec<OpenSegment> {
    let mut segments = snapshot.segments.clone();
    segments.sort_by_key(|segment| segment.entry.rows);
    let is_crowded = segments.len() >= MOST_SEGMENTS / 2;
    let mut rows = growing;
    segments.retain(|segment| {
        let entry = &segment.entry;
        let is_worn = is_worn(entry);
        let is_small = entry.rows < RATIO * rows || is_crowded;
        let is_source = wish == Wish::All || is_worn || is_small;
        if is_source {
            rows += entry.live();
        }
        is_source
    });
    segments
}

/// Whether so much of a segment is deleted that it is worth building again.
pub fn is_worn(entry: &SegmentEntry) -> bool {
    entry.deleted * DELETED >= entry.rows
}

/// Adds the rows of a segment whose places are among those that are wanted.
pub fn push_segment(
    builder: &mut SegmentBuilder,
    source: &OpenSegment,
    column: &Column,
    is_wanted: &dyn Fn(u64) -> bool,
) -> Result<()> {
    let index = source.shard.file.index();
    let about = |error| Failure::from_search(error, &source.shard.path);
    for row in index.rows().filter(|row| !source.is_deleted(*row)) {
        pgrx::check_for_interrupts!();
        let tid = tid_at(&source.shard, row)?;
        if !is_wanted(tid) {
            continue;
        }
        let bytes = index.vector_bytes(row).map_err(about)?.unwrap_or_default();
        let keys = (0..column.keys.len()).map(|number| match index.value(row, number) {
            Ok(ValueRef::Int64(key)) => Ok(Some(key)),
            Ok(_) => Ok(None),
            Err(error) => Err(about(error)),
        });
        let keys = keys.collect::<Result<Vec<_>>>()?;
        builder.push(tid, &keys, &bytes[..column.width()])?;
    }
    Ok(())
}

/// Gives the rows before a place of the chain.
pub fn read_growing(
    index: IndexRelation,
    column: &Column,
    meta: &Metapage,
    end: u32,
    each: &mut dyn FnMut(GrowingRow<'_>) -> Result<()>,
) -> Result<()> {
    let mut position = ChainPosition::start(meta);
    match growing::read(index, column, &mut position, Some(end), each)? {
        ChainEnd::Reached => Ok(()),
        ChainEnd::Recycled => Err(index.damaged("a growing page is none")),
    }
}

/// The records before a place of the chain whose rows are not deleted, as they were at one moment. A
/// place in the table may have several, of which all but the last are deleted.
pub fn live_records(
    index: IndexRelation,
    column: &Column,
    meta: &Metapage,
    end: u32,
) -> Result<BTreeMap<u64, RecordPosition>> {
    loop {
        let deletions = Metapage::read(index)?.head.growing_deletions;
        let mut live = BTreeMap::new();
        read_growing(index, column, meta, end, &mut |row| {
            if !row.deleted {
                live.insert(row.tid, row.position);
            }
            Ok(())
        })?;
        if Metapage::read(index)?.head.growing_deletions == deletions {
            return Ok(live);
        }
    }
}

/// What is about to be published.
pub struct Merge {
    pub sources: Vec<OpenSegment>,
    /// The records of the growing rows among the new segments'.
    pub growing: BTreeMap<u64, RecordPosition>,
    pub end: Seal,
    /// Numbered from the one on that is next.
    pub new: Vec<SegmentEntry>,
}

/// Makes the metapage name the new segments instead of what they were made of.
pub fn publish(
    index: IndexRelation,
    column: &Column,
    merge: &Merge,
    blocks: &mut FreeBlocks,
) -> Result<()> {
    // Opened before anybody has to wait.
    let opened = merge.new.iter().map(|new| {
        near_copy::open(index, new)?.ok_or_else(|| index.damaged("a new segment is none"))
    });
    let opened = opened.collect::<Result<Vec<_>>>()?;
    let mut locked = LockedMetapage::new(index, Lock::Exclusive)?;
    let mut segments = merge.new.clone();
    let deleted = match segments.is_empty() {
        true => Vec::new(),
        false => deleted_meanwhile(index, column, &locked.meta, merge)?,
    };
    for (new, file) in segments.iter_mut().zip(&opened) {
        let (places, mut rows) = (RowPlaces::new(file.index()), Vec::new());
        for tid in &deleted {
            if let Some(row) = file.index().find(KeyRef::Int64(*tid as i64))? {
                rows.push(places.of(row));
            }
        }
        rows.sort_unstable();
        rows.dedup();
        segment::delete(index, new, &rows)?;
        new.deleted += rows.len() as u64;
        new.deletions += u64::from(!rows.is_empty());
    }
    let meta = &mut locked.meta;
    let merged = |entry: &SegmentEntry| {
        merge.sources.iter().any(|source| source.entry.number == entry.number)
    };
    meta.segments.retain(|entry| !merged(entry));
    meta.segments.extend(segments);
    (meta.head.growing, meta.head.growing_place) = (merge.end.block, merge.end.place);
    meta.head.growing_rows = meta.head.growing_rows.saturating_sub(merge.end.rows);
    meta.head.next_segment += merge.new.len().max(1) as u32;
    meta.head.generation += 1;
    let room = MOST_RESERVED.saturating_sub(meta.reserve.len());
    meta.reserve.extend(blocks.take(room));
    locked.save(index);
    Ok(())
}

/// The rows of what was merged that were deleted since it was read. The metapage is locked, so that no
/// more are.
fn deleted_meanwhile(
    index: IndexRelation,
    column: &Column,
    meta: &Metapage,
    merge: &Merge,
) -> Result<Vec<u64>> {
    let mut found = Vec::new();
    for source in &merge.sources {
        let now = meta.segments.iter().find(|entry| entry.number == source.entry.number);
        let now = now.ok_or_else(|| index.damaged("a segment went while it was merged"))?;
        if now.deletions == source.entry.deletions {
            continue;
        }
        let Some(deleted) = DeletedRows::read(index, now)? else {
            return Err(index.damaged("a deletion page is none of its segment"));
        };
        for row in source.shard.file.index().rows() {
            if deleted.contains(source.place(row)) && !source.is_deleted(row) {
                found.push(tid_at(&source.shard, row)?);
            }
        }
    }
    read_growing(index, column, meta, merge.end.place, &mut |row| {
        if row.deleted && merge.growing.get(&row.tid) == Some(&row.position) {
            found.push(row.tid);
        }
        Ok(())
    })?;
    Ok(found)
}
