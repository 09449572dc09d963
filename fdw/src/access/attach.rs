//! Makes a file that was built elsewhere a segment of an index: `hither.attach`.
//!
//! It is a merge of everything, one part of which is already built. A row of the file is taken over if the
//! index has a row with its key that the statement sees and that has the same vector: then what the file's
//! graph and codes say about the row is true. All other rows of the index, including those that only other
//! transactions see, are built into a segment beside it, and the file's remaining rows are deleted from the
//! start. One WAL record publishes both segments in place of everything that was there, as in every merge.

use crate::access::attribute::Attribute;
use crate::access::blocks::FreeBlocks;
use crate::access::build::SegmentBuilder;
use crate::access::build_lock::{BuildLock, BuildTask};
use crate::access::column::Column;
use crate::access::flush::push_growing;
use crate::access::growing::{self, live_records, read_before};
use crate::access::keys;
use crate::access::merge::{OutOfLine, push_segment};
use crate::access::metapage::{Metapage, SegmentEntry};
use crate::access::named_index::{Intent, NamedIndex};
use crate::access::open_index::{RowPlaces, Snapshot};
use crate::access::publish::{Publication, new_number, publish};
use crate::access::relation::IndexRelation;
use crate::access::segment;
use crate::access::segment_writer::SegmentWriter;
use crate::access::source_table::SourceTable;
use crate::access::tid::tid_at;
use crate::access::visible_rows::{OwnersRights, VisibleRows};
use crate::search::backend::InterruptibleSink;
use crate::search::lengths::{Lengths, length};
use crate::sql::encoding::from_database;
use crate::sql::failure::{Failure, Result};
use crate::sql::rights::{FileUse, server_file};
use hither_core::limits::FLAT_ROWS;
use hither_core::raw::Transfer;
use hither_core::{Codes, ErrorKind, Index, IndexFile, KeyRef, KeyType, Structure};
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How many rows were taken over, how many rows of the index are not in the file, and how many of the file
/// are not in the index.
type Rows = TableIterator<'static, (name!(rows, i64), name!(added, i64), name!(dropped, i64))>;

/// Takes over the structure of a file for those rows of an index that are in it.
#[pg_extern]
fn index_attach(oid: pg_sys::Oid, path: Vec<u8>, key: Vec<u8>) -> Rows {
    let attached = || {
        // SAFETY: raises an error on a standby.
        unsafe { pg_sys::PreventCommandDuringRecovery(c"hither.attach()".as_ptr()) };
        let path = server_file(path, FileUse::Read)?;
        let named = NamedIndex::open(oid, Intent::Maintain)?;
        let file = IndexFile::open(&path).map_err(|error| match error.kind() {
            // Such an error names the file itself.
            ErrorKind::Io { .. } => error.into(),
            _ => Failure::from(error).about(&path),
        })?;
        attach(&named, &from_database(&key), file.index(), &path)
    };
    let counts: Counts = attached().unwrap_or_else(|failure: Failure| failure.raise());
    let Counts { taken, added, dropped } = counts;
    TableIterator::once((taken as i64, added as i64, dropped as i64))
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    taken: u64,
    added: u64,
    dropped: u64,
}

/// A segment of at most so many rows needs no structure.
const MOST_FLAT: u64 = 2 * FLAT_ROWS;

/// Keys of rows that are not in the table: greater than every TID.
const NO_PLACE: i64 = 1 << 62;

/// A row of the file that is in the table.
struct Match {
    tid: u64,
    keys: keys::Keys,
}

/// The rows of the file that are in the table.
struct Matches {
    /// By their places in the file.
    rows: BTreeMap<u64, Match>,
    /// The TIDs of the same rows.
    tids: BTreeSet<u64>,
    lengths: Lengths,
    /// Rows that the statement sees and that are not in the file.
    added: u64,
}

fn attach(named: &NamedIndex, key: &str, file: &Index<'_>, path: &Path) -> Result<Counts> {
    let index = named.index();
    let column = Column::of(index)?;
    // SAFETY: the table stays open as long as `named`.
    let key = unsafe { Attribute::find(named.table(), key)? };
    check(index, &column, &key, file).map_err(|failure| failure.about(path))?;
    let about = |error| Failure::from_search(error, path);
    file.verify().map_err(about)?;

    let _locks = [BuildTask::Merge, BuildTask::Flush].map(|task| BuildLock::wait(index, task));
    let before = Metapage::read(index)?;
    let end = growing::seal(index, &column)?;
    let snapshot = Snapshot::new(index, &column)?;
    let sources = snapshot.segments.clone();
    let growing = live_records(index, &column, &before, end.place)?;
    let mut places: BTreeSet<u64> = growing.keys().copied().collect();
    for source in &sources {
        for row in source.shard.file.index().rows().filter(|row| !source.is_deleted(*row)) {
            places.insert(tid_at(&source.shard, row)?);
        }
    }
    let matches =
        find_matches(named, &column, &key, file, &places).map_err(|failure| match failure {
            MatchFailure::OfFile(error) => about(error),
            MatchFailure::OfTable(failure) => failure,
        })?;
    let counts = Counts {
        taken: matches.rows.len() as u64,
        added: matches.added,
        dropped: file.len() - matches.rows.len() as u64,
    };
    // A file with no row of the index would be deleted as a whole.
    if counts.taken == 0 {
        return Ok(counts);
    }

    let (number, blocks) = (new_number(index)?, FreeBlocks::find(index)?);
    let (entry, mut blocks) = write(index, &column, file, &matches, number, blocks, path)?;
    let mut new = vec![entry];
    let is_other = |tid: u64| !matches.tids.contains(&tid);
    let others = places.iter().filter(|tid| is_other(**tid)).count() as u64;
    if others > 0 {
        let mut builder = SegmentBuilder::new(index, &column, others, false)?;
        read_before(index, &column, &before, end.place, &mut |row| match growing.get(&row.tid) {
            Some(live) if *live == row.position && is_other(row.tid) => {
                push_growing(&mut builder, index, &row)
            }
            _ => Ok(()),
        })?;
        let Some(mut table) = SourceTable::open(index) else {
            let message = "another session waits for the table";
            return Err(Failure::new(Code::ERRCODE_LOCK_NOT_AVAILABLE, message));
        };
        for source in &sources {
            let table = (&mut table, OutOfLine::ByCodes);
            push_segment(&mut builder, source, &column, table, &is_other)?;
        }
        table.close();
        let other;
        (other, blocks) = builder.finish_some(new_number(index)?, blocks)?;
        new.extend(other);
    }
    let publication = Publication { sources, growing, end: Some(end), new };
    publish(index, &column, &publication, blocks)?;
    Ok(counts)
}

/// Checks that a file can be a segment of the index.
fn check(index: IndexRelation, column: &Column, key: &Attribute, file: &Index<'_>) -> Result<()> {
    let unlike = |what: &str, own: &str, files: &str| {
        let message =
            format!("its {what} is {files}, and that of index \"{}\" is {own}", index.name());
        Err(Failure::new(Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, message))
    };
    let options = file.options();
    if options.metric != column.metric {
        return unlike("metric", column.metric.name(), options.metric.name());
    }
    if options.dimensions != column.dimensions {
        let message = format!(
            "it has {} dimensions, and index \"{}\" has {}",
            options.dimensions,
            index.name(),
            column.dimensions
        );
        return Err(Failure::new(Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, message));
    }
    if options.element != column.element() {
        return unlike("element", column.element().name(), options.element.name())
            .map_err(|failure| failure.hint("hither build --element f32 makes files for columns of vector, f16 for halfvec."));
    }
    let key_type = key.key_type()?;
    let is_alike = options.key_type == key_type
        || (options.key_type, key_type) == (KeyType::RowNumber, KeyType::Int64);
    if !is_alike {
        let message = format!(
            "its keys are {}, and column \"{}\" has {}",
            options.key_type.name(),
            key.name,
            key_type.name()
        );
        return Err(Failure::new(Code::ERRCODE_DATATYPE_MISMATCH, message));
    }
    let info = file.info();
    let wanted = index.options().kind.structure();
    let segments = info.segments.iter().filter(|segment| segment.rows > 0);
    let mut lacking = segments.clone().filter(|segment| {
        let fits = wanted == Structure::Flat || segment.structures.contains(&wanted);
        !fits && (!segment.structures.is_empty() || u64::from(segment.rows) > MOST_FLAT)
    });
    if let Some(segment) = lacking.next() {
        let files = segment.structures.first().map_or("flat", |structure| structure.name());
        return unlike("kind", wanted.name(), files);
    }
    if segments.clone().any(|segment| segment.codes == Codes::Sq8Only) {
        let message = "it has codes alone, and no vectors to compare with those of the table";
        return Err(Failure::new(Code::ERRCODE_FEATURE_NOT_SUPPORTED, message)
            .hint("Build it with --codes sq8."));
    }
    if segments.clone().any(|segment| segment.removed > 0) {
        let message = "rows of it were removed or replaced";
        return Err(Failure::new(Code::ERRCODE_FEATURE_NOT_SUPPORTED, message)
            .hint("Write it anew first: hither merge FILE -o NEW."));
    }
    Ok(())
}

enum MatchFailure {
    OfFile(hither_core::Error),
    OfTable(Failure),
}

impl From<Failure> for MatchFailure {
    fn from(failure: Failure) -> Self {
        Self::OfTable(failure)
    }
}

impl From<hither_core::Error> for MatchFailure {
    fn from(error: hither_core::Error) -> Self {
        Self::OfFile(error)
    }
}

/// Finds the rows of the file in the table.
fn find_matches(
    named: &NamedIndex,
    column: &Column,
    key: &Attribute,
    file: &Index<'_>,
    places: &BTreeSet<u64>,
) -> std::result::Result<Matches, MatchFailure> {
    // SAFETY: the table stays open during this call.
    let _rights = unsafe { OwnersRights::take(named.table()) };
    // SAFETY: both stay open during this call.
    let mut rows = unsafe { VisibleRows::new(named.table(), named.index())? };
    let file_places = RowPlaces::new(file);
    let mut found =
        Matches { rows: BTreeMap::new(), tids: BTreeSet::new(), lengths: Lengths::NONE, added: 0 };
    let (mut vector, mut stored) = (vec![0.0; column.dimensions], vec![0.0; column.dimensions]);
    for &tid in places {
        pgrx::check_for_interrupts!();
        if !rows.find(tid) {
            continue;
        }
        let Some(keys) = rows.indexed(column, &mut vector)? else { continue };
        found.added += 1;
        let Some(key) = key.key(&mut rows)? else { continue };
        let Some(row) = file.find(key.as_ref())? else { continue };
        file.vector(row, &mut stored)?;
        let place = file_places.of(row);
        // The file has only one of several rows with the same key.
        if stored != vector || found.rows.contains_key(&place) {
            continue;
        }
        found.added -= 1;
        found.rows.insert(place, Match { tid, keys });
        found.tids.insert(tid);
        let length = length(&vector);
        found.lengths = found.lengths.and(Lengths { least: length, greatest: length });
    }
    Ok(found)
}

/// Writes the file as a segment, with the rows that are not in the table marked as deleted.
fn write(
    index: IndexRelation,
    column: &Column,
    file: &Index<'_>,
    matches: &Matches,
    number: u32,
    blocks: FreeBlocks,
    path: &Path,
) -> Result<(SegmentEntry, FreeBlocks)> {
    let about = |error| Failure::from_search(error, path);
    let mut transfer =
        Transfer::new(file, KeyType::Int64, keys::schema(&column.keys)).map_err(about)?;
    let (places, mut dropped) = (RowPlaces::new(file), Vec::new());
    let nothing = vec![None; column.keys.len()];
    for row in file.rows() {
        let place = places.of(row);
        let (key, keys) = match matches.rows.get(&place) {
            Some(found) => (found.tid as i64, &found.keys),
            None => {
                dropped.push(place);
                (NO_PLACE + place as i64, &nothing)
            }
        };
        let pushed = transfer.push(KeyRef::Int64(key), None, &keys::values(keys));
        pushed.map_err(about)?;
    }
    let mut writer = SegmentWriter::new(index, number, blocks);
    transfer.write_to(&mut InterruptibleSink(&mut writer)).map_err(about)?;
    let (least, greatest) = (matches.lengths.least as f32, matches.lengths.greatest as f32);
    let (mut entry, blocks) = writer.finish(file.len(), (least.next_down(), greatest.next_up()))?;
    segment::delete(index, &entry, &dropped)?;
    entry.deleted = dropped.len() as u64;
    entry.deletions = u64::from(!dropped.is_empty());
    Ok((entry, blocks))
}
