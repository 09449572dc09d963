//! Merging: several segments become one.
//!
//! Which take part is a matter of size: each that is left is at least [`RATIO`] times as large as all that are
//! smaller together, so that a row is built into a segment again only as often as the index grows by that,
//! and there are few of them. One of which a fifth is deleted is built again whatever its size.
//!
//! Where segments have codes alone, the vectors of their rows are read from the table again. Of a row that
//! cannot be read there, for it is gone, what its codes stand for is taken, and it is known to be off by that much
//! more. Vectors that lie out of line VACUUM cannot read, for what its snapshot sees another may take away: from
//! merge to merge the codes of living rows would stand for less. So it leaves these segments to a worker, and
//! goes by their codes only where there is none.

use crate::access::blocks::FreeBlocks;
use crate::access::build::SegmentBuilder;
use crate::access::build_lock::{BuildLock, BuildTask};
use crate::access::column::Column;
use crate::access::flush::flush;
use crate::access::metapage::{MOST_SEGMENTS, SegmentEntry};
use crate::access::opened::{OpenSegment, Snapshot};
use crate::access::publish::{Publication, new_number, publish};
use crate::access::relation::IndexRelation;
use crate::access::source_table::{SourceTable, SourceVector};
use crate::access::tid::tid_at;
use crate::search::lengths::Lengths;
use crate::sql::failure::{Failure, Result};
use hither_core::ValueRef;
use pgrx::pg_sys;
use std::collections::BTreeMap;

/// How many times as large as all that are smaller a segment is left as it is.
const RATIO: u64 = 2;

/// A segment of which one in so many is deleted is built again.
const DELETED: u64 = 5;

/// What is to be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeScope {
    /// Segments that are small beside others.
    Small,
    /// Everything.
    All,
}

/// What a merge does about vectors that it cannot read where they lie, out of line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfLine {
    /// It goes by codes.
    ByCodes,
    /// It leaves the segments as they are.
    Leave,
}

/// What became of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Somebody else is at it, or waits for the table.
    Busy,
    /// Vectors lie out of line, and segments were left.
    Left,
}

/// Makes segments of growing rows and merges what is wished; false if somebody else is at it.
///
/// # Errors
/// If the index is damaged, or memory or disk do not hold the new segment.
pub fn flush_and_merge(index: IndexRelation, column: &Column, scope: MergeScope) -> Result<bool> {
    let Some(lock) = BuildLock::try_new(index, BuildTask::Flush) else { return Ok(false) };
    flush(index, column, lock)?;
    Ok(merge(index, column, scope, OutOfLine::ByCodes)? == Outcome::Done)
}

/// Merges segments until those that are left are as they should be.
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
    // Building takes long, and VACUUM of any table waits for whoever has a snapshot of the catalogs.
    // SAFETY: where another snapshot is held, it does nothing.
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

/// Which segments are merged: the smaller ones, as far as each is small beside those below it.
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

/// Whether so much of a segment is deleted that it is worth building again.
fn is_worn(entry: &SegmentEntry) -> bool {
    entry.deleted * DELETED >= entry.rows
}

/// Adds the rows of a segment whose places are among those that are wanted; false if the vector of one lies out of
/// line, and the segment is to be left then.
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
