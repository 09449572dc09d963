//! Publishing: one WAL record makes the metapage refer to a new segment in place of its sources, whose
//! blocks are then free.
//!
//! Rows that VACUUM has deleted since they were read are deleted in the new segment before that, while the
//! metapage is locked.

use crate::access::blocks::FreeBlocks;
use crate::access::column::Column;
use crate::access::growing::{Seal, read_before};
use crate::access::metapage::{LockedMetapage, MOST_RESERVED, Metapage, SegmentEntry};
use crate::access::near_copy;
use crate::access::open_index::{OpenSegment, RowPlaces};
use crate::access::page::Lock;
use crate::access::record::RecordPosition;
use crate::access::relation::IndexRelation;
use crate::access::segment::{self, RowMarks};
use crate::access::tid::tid_at;
use crate::sql::failure::Result;
use hither_core::KeyRef;
use std::collections::BTreeMap;

/// A unique number for a new segment.
///
/// # Errors
/// If the index is damaged.
pub fn new_number(index: IndexRelation) -> Result<u32> {
    let mut locked = LockedMetapage::new(index, Lock::Exclusive)?;
    let number = locked.meta.head.next_segment;
    locked.meta.head.next_segment += 1;
    locked.save(index);
    Ok(number)
}

/// New segments and what they replace.
pub struct Publication {
    pub sources: Vec<OpenSegment>,
    /// The positions of the growing rows in the new segments, by TID.
    pub growing: BTreeMap<u64, RecordPosition>,
    /// Where the growing rows begin afterwards, if the new segments contain growing rows.
    pub end: Option<Seal>,
    pub new: Vec<SegmentEntry>,
}

/// Makes the metapage refer to the new segments in place of their sources, whose near copies are removed.
///
/// # Errors
/// If the index is damaged.
pub fn publish(
    index: IndexRelation,
    column: &Column,
    made: &Publication,
    mut blocks: FreeBlocks,
) -> Result<()> {
    // Opened before the lock is taken, so that nobody waits for it.
    let opened = made.new.iter().map(|new| {
        near_copy::open(index, new)?.ok_or_else(|| index.damaged("a new segment is none"))
    });
    let opened = opened.collect::<Result<Vec<_>>>()?;
    let mut locked = LockedMetapage::new(index, Lock::Exclusive)?;
    let mut segments = made.new.clone();
    let deleted = match segments.is_empty() {
        true => Vec::new(),
        false => deleted_meanwhile(index, column, &locked.meta, made)?,
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
        made.sources.iter().any(|source| source.entry.number == entry.number)
    };
    meta.segments.retain(|entry| !merged(entry));
    meta.segments.extend(segments);
    if let Some(end) = made.end {
        (meta.head.growing, meta.head.growing_place) = (end.block, end.place);
        meta.head.growing_rows = meta.head.growing_rows.saturating_sub(end.rows);
    }
    meta.head.generation += 1;
    let room = MOST_RESERVED.saturating_sub(meta.reserve.len());
    meta.reserve.extend(blocks.take(room));
    locked.save(index);
    let segments = std::mem::take(&mut locked.meta.segments);
    drop(locked);
    near_copy::sweep(index, &segments);
    Ok(())
}

/// The rows of the sources that were deleted since they were read. The metapage is locked, so that no more
/// can be.
fn deleted_meanwhile(
    index: IndexRelation,
    column: &Column,
    meta: &Metapage,
    made: &Publication,
) -> Result<Vec<u64>> {
    let mut found = Vec::new();
    for source in &made.sources {
        let now = meta.segments.iter().find(|entry| entry.number == source.entry.number);
        let now = now.ok_or_else(|| index.damaged("a segment went while it was merged"))?;
        if now.deletions == source.entry.deletions {
            continue;
        }
        let Some(marks) = RowMarks::read(index, now)? else {
            return Err(index.damaged("a deletion page is none of its segment"));
        };
        for row in source.shard.file.index().rows() {
            if marks.deleted.contains(source.place(row)) && !source.is_deleted(row) {
                found.push(tid_at(&source.shard, row)?);
            }
        }
    }
    let Some(end) = made.end else { return Ok(found) };
    read_before(index, column, meta, end.place, &mut |row| {
        if row.deleted && made.growing.get(&row.tid) == Some(&row.position) {
            found.push(row.tid);
        }
        Ok(())
    })?;
    Ok(found)
}
