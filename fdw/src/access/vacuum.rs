//! VACUUM: marks rows as deleted that are gone from the table, and merges segments.

use crate::access::blocks;
use crate::access::build_lock::{BuildLock, BuildTask};
use crate::access::column::Column;
use crate::access::flush::flush;
use crate::access::growing::{self, ChainEnd, ChainPosition};
use crate::access::merge::{self, MergeScope, OutOfLine, Outcome};
use crate::access::metapage::{LockedMetapage, Metapage, SegmentEntry};
use crate::access::open_index::{OpenSegment, Snapshot};
use crate::access::page::Lock;
use crate::access::relation::IndexRelation;
use crate::access::segment;
use crate::access::tid::{pointer_of, tid_at};
use crate::access::worker;
use crate::sql::failure::Result;
use pgrx::pg_sys;
use std::collections::BTreeSet;

/// The numbers of rows that VACUUM reports.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub live: u64,
    pub deleted: u64,
}

/// Passes the TIDs of all rows to `is_dead`, and marks those as deleted for which it returns true.
///
/// # Errors
/// If the index is damaged.
pub fn delete(index: IndexRelation, is_dead: &mut dyn FnMut(u64) -> bool) -> Result<Counts> {
    let column = Column::of(index)?;
    let mut seen = BTreeSet::new();
    let mut counts = Counts::default();
    loop {
        let snapshot = Snapshot::new(index, &column)?;
        // A merge may have made new segments of ones that were already checked.
        let new = snapshot.segments.iter().filter(|segment| !seen.contains(&segment.entry.number));
        let new: Vec<_> = new.cloned().collect();
        for segment in &new {
            counts.deleted += delete_of_segment(index, segment, is_dead)?;
            seen.insert(segment.entry.number);
        }
        let Some(deleted) = delete_of_growing(index, &column, &snapshot.meta, is_dead)? else {
            continue;
        };
        counts.deleted += deleted;
        let now = Metapage::read(index)?;
        if now.segments.iter().all(|entry| seen.contains(&entry.number)) {
            counts.live = live_rows(index, &column)?;
            return Ok(counts);
        }
    }
}

/// The number of rows in the index that are not deleted.
///
/// # Errors
/// If the index is damaged.
pub fn live_rows(index: IndexRelation, column: &Column) -> Result<u64> {
    let snapshot = Snapshot::new(index, column)?;
    let stored = snapshot.meta.segments.iter().map(SegmentEntry::live);
    let growing = snapshot.shards.last().map_or(0, |shard| shard.file.index().len());
    Ok(stored.sum::<u64>() + growing)
}

/// Delays for VACUUM's cost limit; called between rows, while no page is locked.
fn pause() {
    // SAFETY: outside VACUUM this only checks for interrupts.
    unsafe {
        #[cfg(feature = "pg18")]
        pg_sys::vacuum_delay_point(false);
        #[cfg(not(feature = "pg18"))]
        pg_sys::vacuum_delay_point();
    }
}

fn delete_of_segment(
    index: IndexRelation,
    segment: &OpenSegment,
    is_dead: &mut dyn FnMut(u64) -> bool,
) -> Result<u64> {
    let rows = segment.shard.file.index();
    let mut dead = Vec::new();
    for (number, row) in rows.rows().enumerate() {
        if number % 4096 == 0 {
            pause();
        }
        if !segment.is_deleted(row) && is_dead(tid_at(&segment.shard, row)?) {
            dead.push(segment.place(row));
        }
    }
    if dead.is_empty() {
        return Ok(0);
    }
    dead.sort_unstable();
    let mut locked = LockedMetapage::new(index, Lock::Exclusive)?;
    let number = segment.entry.number;
    let mut entries = locked.meta.segments.iter_mut();
    // If the segment was merged meanwhile, its rows are in a new one, which is checked next.
    let Some(entry) = entries.find(|entry| entry.number == number) else { return Ok(0) };
    segment::delete(index, entry, &dead)?;
    entry.deleted += dead.len() as u64;
    entry.deletions += 1;
    locked.save(index);
    Ok(dead.len() as u64)
}

/// `None` if the growing rows have become a segment.
fn delete_of_growing(
    index: IndexRelation,
    column: &Column,
    meta: &Metapage,
    is_dead: &mut dyn FnMut(u64) -> bool,
) -> Result<Option<u64>> {
    let (mut position, mut rows) = (ChainPosition::start(meta), Vec::new());
    let end = growing::read(index, column, &mut position, None, &mut |row| {
        if !row.deleted {
            rows.push(row.tid);
        }
        Ok(())
    })?;
    if end == ChainEnd::Recycled {
        return Ok(None);
    }
    pause();
    let dead: BTreeSet<u64> = rows.into_iter().filter(|tid| is_dead(*tid)).collect();
    if dead.is_empty() {
        return Ok(Some(0));
    }
    let mut locked = LockedMetapage::new(index, Lock::Exclusive)?;
    let deleted = growing::delete(index, column, &locked.meta, &mut |tid| dead.contains(&tid))?;
    locked.meta.head.growing_deletions += 1;
    locked.save(index);
    Ok(Some(deleted))
}

/// Merges what VACUUM should.
///
/// # Errors
/// Those of [`merge::merge`].
pub fn clean_up(index: IndexRelation) -> Result<()> {
    let column = Column::of(index)?;
    let meta = Metapage::read(index)?;
    if meta.head.growing_rows >= index.options().growing_rows
        && let Some(lock) = BuildLock::try_new(index, BuildTask::Flush)
    {
        flush(index, &column, lock)?;
    }
    let merge = |out_of_line| merge::merge(index, &column, MergeScope::Small, out_of_line);
    if merge(OutOfLine::Leave)? == Outcome::Left && !worker::start(index) {
        merge(OutOfLine::ByCodes)?;
    }
    blocks::truncate(index)
}

/// Asks VACUUM's callback about a row.
///
/// # Safety
/// The arguments are those that Postgres passes to `ambulkdelete`.
pub unsafe fn ask(
    callback: pg_sys::IndexBulkDeleteCallback,
    state: *mut std::ffi::c_void,
    tid: u64,
) -> bool {
    let mut pointer = pointer_of(tid);
    // SAFETY: the caller's promise.
    callback.is_some_and(|callback| unsafe { callback(&raw mut pointer, state) })
}
