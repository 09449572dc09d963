//! What users can do with an index by SQL: the view `hither.indexes`, and the functions that verify, merge,
//! measure and prewarm it.

use crate::access::column::Column;
use crate::access::growing::{self, ChainEnd, ChainPosition};
use crate::access::merge::{self, MergeScope};
use crate::access::metapage::{Metapage, SegmentEntry};
use crate::access::named_index::{Intent, NamedIndex};
use crate::access::near_copy;
use crate::access::open_index::Snapshot;
use crate::access::segment::{RowMarks, read_file};
use crate::search::recall::Sample;
use crate::sql::failure::{Failure, Result};
use hither_core::IndexFile;
use pgrx::pg_sys;
use pgrx::prelude::*;

/// Rows of `hither.indexes`: one for each index.
type Rows = TableIterator<
    'static,
    (
        name!(kind, String),
        name!(metric, String),
        name!(dimensions, i32),
        name!(rows, i64),
        name!(growing, i64),
        name!(deleted, i64),
        name!(segments, i32),
        name!(bytes, i64),
        name!(near_copies, i32),
        name!(format, i32),
    ),
>;

/// The status of an index; no row if its pages were never written.
#[pg_extern]
fn index_status(oid: pg_sys::Oid) -> Rows {
    status(oid).unwrap_or_else(|failure| failure.raise())
}

fn status(oid: pg_sys::Oid) -> Result<Rows> {
    // The view may meet indexes that are being dropped.
    let Some(opened) = NamedIndex::find(oid)? else { return Ok(TableIterator::empty()) };
    let index = opened.index();
    // A crash during the build of an index leaves it with pages that have no content. SAFETY: the relation
    // is open.
    let is_built = unsafe { (*(*index.raw()).rd_index).indisready };
    if index.blocks() == 0 || !is_built {
        return Ok(TableIterator::empty());
    }
    let column = Column::of(index)?;
    let mut meta = Metapage::read(index)?;
    let (mut growing, mut deleted);
    loop {
        (growing, deleted) = (0, 0);
        let mut position = ChainPosition::start(&meta);
        let end = growing::read(index, &column, &mut position, None, &mut |row| {
            *(if row.deleted { &mut deleted } else { &mut growing }) += 1;
            Ok(())
        })?;
        let now = Metapage::read(index)?;
        let is_same = now.head.growing_place == meta.head.growing_place;
        if end == ChainEnd::Reached && is_same {
            break;
        }
        // The growing rows became a segment meanwhile.
        if is_same {
            return Err(index.damaged("a growing page is none"));
        }
        meta = now;
    }
    let sum = |of: fn(&SegmentEntry) -> u64| meta.segments.iter().map(of).sum::<u64>() as i64;
    let copies = meta.segments.iter().filter(|entry| near_copy::exists(index, entry)).count();
    Ok(TableIterator::once((
        index.options().kind.name().into(),
        column.metric.name().into(),
        column.dimensions as i32,
        sum(SegmentEntry::live) + growing,
        growing,
        sum(|entry| entry.deleted) + deleted,
        meta.segments.len() as i32,
        i64::from(index.blocks()) * i64::from(pg_sys::BLCKSZ),
        copies as i32,
        meta.version(),
    )))
}

/// Reads and checks all pages of an index and the files in them; returns the number of its rows.
#[pg_extern]
fn index_verify(oid: pg_sys::Oid) -> i64 {
    verify(oid).unwrap_or_else(|failure| failure.raise()) as i64
}

fn verify(oid: pg_sys::Oid) -> Result<u64> {
    let opened = NamedIndex::open(oid, Intent::Maintain)?;
    let index = opened.index();
    let column = Column::of(index)?;
    let mut meta = Metapage::read(index)?;
    // If a merge publishes meanwhile, its sources' pages are gone: start again.
    'again: loop {
        let mut rows = 0;
        for entry in &meta.segments {
            let changed = |now: &Metapage| now.head.generation != meta.head.generation;
            let about = |what: String| index.damaged(&format!("segment {}: {what}", entry.number));
            let (file, marks) = (read_file(index, entry)?, RowMarks::read(index, entry)?);
            let (Some(file), Some(RowMarks { deleted, .. })) = (file, marks) else {
                let now = Metapage::read(index)?;
                if changed(&now) {
                    meta = now;
                    continue 'again;
                }
                return Err(about("its pages are not what was written".into()));
            };
            let file = IndexFile::from_bytes(file).map_err(|error| about(error.to_string()))?;
            let file = file.index();
            file.verify().map_err(|error| about(error.to_string()))?;
            if file.len() != entry.rows || deleted.count < entry.deleted {
                return Err(about("it has other rows than the metapage says".into()));
            }
            rows += entry.rows - deleted.count;
        }
        let mut position = ChainPosition::start(&meta);
        let end = growing::read(index, &column, &mut position, None, &mut |row| {
            rows += u64::from(!row.deleted);
            Ok(())
        })?;
        let now = Metapage::read(index)?;
        let is_same = now.head.growing_place == meta.head.growing_place;
        if end == ChainEnd::Reached && is_same {
            return Ok(rows);
        }
        if is_same {
            return Err(index.damaged("a growing page is none"));
        }
        meta = now;
    }
}

/// Merges all rows of an index into one segment; false if another process is merging.
#[pg_extern]
fn index_merge(oid: pg_sys::Oid) -> bool {
    let merged = || {
        // SAFETY: raises an error on a standby.
        unsafe { pg_sys::PreventCommandDuringRecovery(c"hither.merge()".as_ptr()) };
        let opened = NamedIndex::open(oid, Intent::Maintain)?;
        let index = opened.index();
        merge::flush_and_merge(index, &Column::of(index)?, MergeScope::All)
    };
    merged().unwrap_or_else(|failure| failure.raise())
}

/// Writes missing near copies and reads all of them once; returns their size in bytes.
#[pg_extern]
fn index_prewarm(oid: pg_sys::Oid) -> i64 {
    let warmed = || {
        let opened = NamedIndex::open(oid, Intent::Read)?;
        let index = opened.index();
        let snapshot = Snapshot::new(index, &Column::of(index)?)?;
        let segments = snapshot.meta.segments.iter();
        Ok(segments.map(|entry| near_copy::warm(index, entry)).sum::<u64>())
    };
    warmed().unwrap_or_else(|failure: Failure| failure.raise()) as i64
}

/// Mean recall@k of searches of an index under the current settings, compared with exact ones. `None` if it
/// has fewer than two rows.
///
/// # Errors
/// If it is no index of ours, or the user may not read its table.
pub fn recall(oid: pg_sys::Oid, k: usize, queries: usize) -> Result<Option<f64>> {
    let opened = NamedIndex::open(oid, Intent::Read)?;
    let index = opened.index();
    let snapshot = Snapshot::new(index, &Column::of(index)?)?;
    let effort = index.options().effort();
    let is_deleted = |shard, row| snapshot.is_deleted(shard, row);
    let shards = &snapshot.shards;
    Sample { shards, effort, is_deleted: &is_deleted, k, queries }.recall()
}
