//! Merging: several segments become one.
//!
//! Size decides which segments take part: each segment that is left is at least [`RATIO`] times as large as
//! all smaller ones together. So a row is rebuilt only as often as the index grows by that factor, and
//! there are few segments. A segment is also rebuilt, whatever its size, once a fifth of it is deleted.
//!
//! Where segments have codes alone, the vectors of their rows are read from the table again. If a row is
//! gone from the table, its decoded codes are taken instead, and their error adds to that of the new codes.
//! VACUUM cannot read out-of-line vectors, because its snapshot does not keep another VACUUM from removing
//! what it sees; so merge after merge the codes of live rows would become less exact. Therefore VACUUM
//! leaves these segments to a worker, and merges them by their codes only if there is none.

use crate::access::blocks::FreeBlocks;
use crate::access::build::SegmentBuilder;
use crate::access::build_lock::{BuildLock, BuildTask};
use crate::access::column::Column;
use crate::access::flush::flush;
use crate::access::metapage::{MOST_SEGMENTS, SegmentEntry};
use crate::access::open_index::{OpenSegment, Snapshot};
use crate::access::publish::{Publication, new_number, publish};
use crate::access::relation::IndexRelation;
use crate::access::source_table::{SourceTable, SourceVector};
use crate::access::tid::tid_at;
use crate::search::lengths::Lengths;
use crate::sql::failure::{Failure, Result};
use hither_core::ValueRef;
use pgrx::pg_sys;
use std::collections::BTreeMap;

/// A segment is left as it is if it is so many times as large as all smaller ones together.
const RATIO: u64 = 2;

/// A segment is rebuilt if one in so many of its rows is deleted.
const DELETED: u64 = 5;

/// Which segments to merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeScope {
    /// Segments that are small compared with others.
    Small,
    /// Everything.
    All,
}

/// What a merge does with out-of-line vectors that it cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfLine {
    /// It takes the decoded codes.
    ByCodes,
    /// It leaves the segments as they are.
    Leave,
}

/// The result of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Another process is merging, or the table cannot be locked without waiting.
    Busy,
    /// Segments were left because vectors are out of line.
    Left,
}

/// Flushes the growing rows and merges segments; false if another process does so.
///
/// # Errors
/// If the index is damaged, or the new segment does not fit in memory or on disk.
pub fn flush_and_merge(index: IndexRelation, column: &Column, scope: MergeScope) -> Result<bool> {
    let Some(lock) = BuildLock::try_new(index, BuildTask::Flush) else { return Ok(false) };
    flush(index, column, lock)?;
    Ok(merge(index, column, scope, OutOfLine::ByCodes)? == Outcome::Done)
}

/// Merges segments until none of those that are left should be merged.
///
/// # Errors
/// Those of [`flush_and_merge`].
pub fn merge(
    index: IndexRelation,
    column: &Column,
    scope: MergeScope,
    out_of_line: OutOfLine,
) -> Result<Outcome> {
    let Some(_lock) = BuildLock::try_new(index, BuildTask::Merge) else { return Ok(Outcome::Busy) };
    loop {
        let snapshot = Snapshot::new(index, column)?;
        let sources = sources(&snapshot, scope);
        if sources.is_empty() {
            return Ok(Outcome::Done);
        }
        match merge_once(index, column, sources, out_of_line)? {
            Outcome::Done => {}
            outcome => return Ok(outcome),
        }
    }
}

fn merge_once(
    index: IndexRelation,
    column: &Column,
    sources: Vec<OpenSegment>,
    out_of_line: OutOfLine,
) -> Result<Outcome> {
    let rows = sources.iter().map(|source| source.entry.rows).sum();
    let mut builder = SegmentBuilder::new(index, column, rows, false)?;
    let Some(mut table) = SourceTable::open(index) else { return Ok(Outcome::Busy) };
    for source in &sources {
        let all = &|_| true;
        if !push_segment(&mut builder, source, column, (&mut table, out_of_line), all)? {
            table.close();
            return Ok(Outcome::Left);
        }
    }
    table.close();
    // Building takes long, and VACUUM of any table waits for backends that hold a snapshot of the catalogs.
    // SAFETY: does nothing if another snapshot is held.
    unsafe { pg_sys::InvalidateCatalogSnapshotConditionally() };
    let blocks = {
        let _lock = BuildLock::wait(index, BuildTask::Flush);
        FreeBlocks::find(index)?
    };
    let (new, blocks) = builder.finish_some(new_number(index)?, blocks)?;
    let publication = Publication { sources, growing: BTreeMap::new(), end: None, new };
    publish(index, column, &publication, blocks)?;
    Ok(Outcome::Done)
}

/// Which segments to merge: in ascending size, all up to the last that is small compared with those below
/// it.
fn sources(snapshot: &Snapshot, scope: MergeScope) -> Vec<OpenSegment> {
    let mut segments = snapshot.segments.clone();
    segments.sort_by_key(|segment| segment.entry.live());
    let is_crowded = segments.len() >= MOST_SEGMENTS / 2;
    let (mut below, mut small) = (0, 0);
    for (number, segment) in segments.iter().enumerate() {
        let live = segment.entry.live();
        if number > 0 && (live < RATIO * below || is_crowded) {
            small = number + 1;
        }
        below += live;
    }
    if scope == MergeScope::All && segments.len() > 1 {
        return segments;
    }
    let chosen = segments.into_iter().enumerate();
    let is_source = |number, entry: &SegmentEntry| {
        number < small || is_worn(entry) || (scope == MergeScope::All && entry.deleted > 0)
    };
    let chosen = chosen.filter(|(number, segment)| is_source(*number, &segment.entry));
    chosen.map(|(_, segment)| segment).collect()
}

/// Whether so much of a segment is deleted that rebuilding pays.
fn is_worn(entry: &SegmentEntry) -> bool {
    entry.deleted * DELETED >= entry.rows
}

/// Adds the rows of a segment whose TIDs are wanted; false if the vector of one is out of line and the
/// segment is therefore to be left.
pub fn push_segment(
    builder: &mut SegmentBuilder,
    source: &OpenSegment,
    column: &Column,
    (table, out_of_line): (&mut SourceTable, OutOfLine),
    is_wanted: &dyn Fn(u64) -> bool,
) -> Result<bool> {
    let index = source.shard.file.index();
    let about = |error| Failure::from_search(error, &source.shard.path);
    let mut decoded = vec![0.0; column.dimensions];
    for row in index.rows().filter(|row| !source.is_deleted(*row)) {
        pgrx::check_for_interrupts!();
        let tid = tid_at(&source.shard, row)?;
        if !is_wanted(tid) {
            continue;
        }
        let keys = (0..column.keys.len()).map(|number| match index.value(row, number) {
            Ok(ValueRef::Int64(key)) => Ok(Some(key)),
            Ok(_) => Ok(None),
            Err(error) => Err(about(error)),
        });
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let error = index.vector_error(row).map_err(about)?;
        if error == 0.0
            && let Some(stored) = index.vector_bytes(row).map_err(about)?
        {
            builder.push(tid, &keys, &stored[..column.width()])?;
            continue;
        }
        match table.vector(tid, column) {
            SourceVector::Read(value) => builder.push(tid, &keys, value.bytes())?,
            SourceVector::OutOfLine if out_of_line == OutOfLine::Leave => return Ok(false),
            SourceVector::OutOfLine | SourceVector::Gone => {
                index.vector(row, &mut decoded).map_err(about)?;
                let SegmentEntry { least_length, greatest_length, .. } = source.entry;
                let (least, greatest) = (least_length.into(), greatest_length.into());
                builder.push_near(tid, &keys, (&decoded, error), Lengths { least, greatest })?;
            }
        }
    }
    Ok(true)
}
