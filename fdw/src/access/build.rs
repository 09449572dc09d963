//! Building: from rows to an index file, in one process with several threads.
//!
//! Building needs no shared memory, and only the backend's own thread calls Postgres. The memory limit is
//! maintenance_work_mem: if the rows do not fit, they become several parts of one file.

use crate::access::blocks::FreeBlocks;
use crate::access::column::Column;
use crate::access::growing;
use crate::access::keys;
use crate::access::metapage::{LockedMetapage, METAPAGE, Metapage, SegmentEntry};
use crate::access::page::{Lock, LogRecord, PageBuffer, PageTag};
use crate::access::relation::{IndexRelation, WORKER_LOCK};
use crate::access::segment_writer::SegmentWriter;
use crate::access::tid::tid_of;
use crate::search::backend::SignalMask;
use crate::search::lengths::{Lengths, length};
use crate::sql::failure::{Failure, Result};
use crate::sql::vector::VectorValue;
use hither_core::{IndexBuilder, KeyRef, Metric, Progress};
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::c_void;

/// A segment of at most so many rows is scanned: that takes a tenth of a millisecond, and building takes no
/// time.
const FLAT_ROWS: u64 = 3000;

/// The names of a build's phases, in the order of their numbers, which follow Postgres's own.
pub const PHASES: [&std::ffi::CStr; 7] = [
    c"initializing",
    c"scanning table",
    c"coding",
    c"measuring",
    c"linking",
    c"refining",
    c"writing",
];

/// The phase that a stage of the library belongs to.
fn phase(stage: &str) -> usize {
    let found = PHASES.iter().position(|name| name.to_bytes() == stage.as_bytes());
    found.unwrap_or(if stage == "clustering" { 4 } else { 1 })
}

/// Reports progress to pg_stat_progress_create_index.
fn tell(progress: Progress) {
    let values = [
        (pg_sys::PROGRESS_CREATEIDX_SUBPHASE, phase(progress.stage) as i64 + 1),
        (pg_sys::PROGRESS_CREATEIDX_TUPLES_TOTAL, progress.total as i64),
        (pg_sys::PROGRESS_CREATEIDX_TUPLES_DONE, progress.done as i64),
    ];
    for (parameter, value) in values {
        // SAFETY: writes numbers to this backend's entry in shared memory.
        unsafe { pg_sys::pgstat_progress_update_param(parameter as i32, value) }
    }
}

/// Collects rows and builds a segment of them.
pub struct SegmentBuilder {
    index: IndexRelation,
    column: Column,
    builder: IndexBuilder,
    lengths: Lengths,
    vector: Vec<f32>,
    /// Whether to report to pg_stat_progress_create_index.
    told: bool,
}

impl SegmentBuilder {
    /// A builder for about `rows` rows.
    pub fn new(index: IndexRelation, column: &Column, rows: u64, told: bool) -> Result<Self> {
        let mut builder = IndexBuilder::new(column.build_options(index, rows))?;
        builder.spill_to(Box::new(spill(index)?));
        builder.prefer_codes();
        let (column, vector) = (column.clone(), vec![0.0; column.dimensions]);
        Ok(Self { index, column, builder, lengths: Lengths::NONE, vector, told })
    }

    pub fn rows(&self) -> u64 {
        self.builder.rows()
    }

    /// Adds a row; `bytes` are the values of its vector as the column stores them.
    pub fn push(&mut self, tid: u64, keys: &[Option<i64>], bytes: &[u8]) -> Result<()> {
        self.column.element().decode(bytes, &mut self.vector);
        if !self.column.takes(&self.vector)? {
            return Ok(());
        }
        let length = length(&self.vector);
        self.add(tid, keys, 0.0, Lengths { least: length, greatest: length })
    }

    /// Adds a row of which only codes are left: `vector` is at most `error` from the true vector, whose
    /// length is within `lengths`.
    pub fn push_near(
        &mut self,
        tid: u64,
        keys: &[Option<i64>],
        (vector, error): (&[f32], f32),
        lengths: Lengths,
    ) -> Result<()> {
        self.vector.copy_from_slice(vector);
        let mut error = error;
        if self.column.metric == Metric::Cosine && vector.iter().all(|value| *value == 0.0) {
            // A vector that decodes to zeros has no direction. Any direction is at most 2 from the true
            // one.
            (self.vector[0], error) = (1.0, 2.0);
        }
        self.add(tid, keys, error, lengths)
    }

    fn add(&mut self, tid: u64, keys: &[Option<i64>], error: f32, lengths: Lengths) -> Result<()> {
        self.lengths = self.lengths.and(lengths);
        let Self { builder, vector, told, .. } = self;
        builder.make_room(Some(&mut progress_callback(self.index, *told)))?;
        let (key, values) = (KeyRef::Int64(tid as i64), keys::values(keys));
        Ok(builder.push_near(Some(key), vector, error, &values)?)
    }

    /// Builds the segment and writes its pages; the metapage does not name them yet.
    pub fn finish(mut self, number: u32, blocks: FreeBlocks) -> Result<(SegmentEntry, FreeBlocks)> {
        let rows = self.builder.rows();
        if rows <= FLAT_ROWS {
            self.builder.set_structures(None, None)?;
        }
        let mut writer = SegmentWriter::new(self.index, number, blocks);
        self.builder.write_to(&mut writer, Some(&mut progress_callback(self.index, self.told)))?;
        let (least, greatest) = (self.lengths.least as f32, self.lengths.greatest as f32);
        writer.finish(rows, (least.next_down(), greatest.next_up()))
    }

    /// Like [`finish`](Self::finish), but there may be no rows: then there is no segment.
    pub fn finish_some(
        self,
        number: u32,
        blocks: FreeBlocks,
    ) -> Result<(Vec<SegmentEntry>, FreeBlocks)> {
        if self.rows() == 0 {
            return Ok((Vec::new(), blocks));
        }
        let (entry, blocks) = self.finish(number, blocks)?;
        Ok((vec![entry], blocks))
    }
}

/// A progress callback that lets signals through, which the build's threads must not receive.
pub fn progress_callback(
    index: IndexRelation,
    told: bool,
) -> impl FnMut(Progress) -> hither_core::Result<()> {
    let mask = SignalMask::new();
    move |progress| {
        mask.check_for_interrupts();
        yield_to_waiters(index);
        if told {
            tell(progress);
        }
        Ok(())
    }
}

/// Ends a merge by a background worker if another process waits for a lock on the index, as DROP does.
fn yield_to_waiters(index: IndexRelation) {
    // SAFETY: the relation is open and, in a worker, locked with `WORKER_LOCK`.
    let is_awaited = unsafe {
        !pg_sys::MyBgworkerEntry.is_null()
            && pg_sys::LockHasWaitersRelation(index.raw(), WORKER_LOCK)
    };
    if is_awaited {
        let message = "a merge was ended, for another session waits for the index";
        Failure::new(Code::ERRCODE_QUERY_CANCELED, message).raise();
    }
}

/// An unnamed temporary file for parts that do not fit in memory.
pub fn spill(index: IndexRelation) -> Result<std::fs::File> {
    let folder = std::path::Path::new("base/pgsql_tmp");
    let name = format!("pgsql_tmp{}.hither.{}", std::process::id(), index.file().number);
    let path = folder.join(name);
    let made = std::fs::create_dir_all(folder).and_then(|()| {
        let mut options = std::fs::OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(file)
    });
    made.map_err(|error| {
        let message = format!("cannot make a temporary file in \"{}\": {error}", folder.display());
        Failure::new(Code::ERRCODE_IO_ERROR, message)
    })
}

/// Builds an index of a table.
///
/// # Safety
/// The arguments are those that Postgres passes to `ambuild`.
pub unsafe fn build(
    table: pg_sys::Relation,
    index: IndexRelation,
    info: *mut pg_sys::IndexInfo,
) -> Result<(f64, f64)> {
    let column = Column::to_build(index)?;
    if index.blocks() > 0 {
        let message = format!("index \"{}\" has pages already", index.name());
        return Err(Failure::new(Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, message));
    }
    create(index, &column);
    // SAFETY: the caller's promise.
    let rows = unsafe { rows_of(table, &column) };
    let mut builder = SegmentBuilder::new(index, &column, rows, true)?;
    tell(Progress { stage: "scanning table", done: 0, total: 0 });
    // SAFETY: the caller's promise; the callback receives the builder.
    let seen = unsafe {
        let (state, none) = ((&raw mut builder).cast(), std::ptr::null_mut());
        pg_sys::table_index_build_scan(table, index.raw(), info, true, true, Some(add), state, none)
    };
    let rows = builder.rows();
    if rows > 0 {
        let number = LockedMetapage::new(index, Lock::Share)?.meta.head.next_segment;
        let (entry, _) = builder.finish(number, FreeBlocks::none())?;
        let mut locked = LockedMetapage::new(index, Lock::Exclusive)?;
        locked.meta.segments.push(entry);
        locked.meta.head.next_segment += 1;
        locked.meta.head.generation += 1;
        locked.save(index);
    }
    Ok((seen, rows as f64))
}

/// An estimate of the number of rows in a table, rather too high than too low.
///
/// # Safety
/// The table is open.
unsafe fn rows_of(table: pg_sys::Relation, column: &Column) -> u64 {
    // SAFETY: the caller's promise.
    let (known, blocks) = unsafe {
        let fork = pg_sys::ForkNumber::MAIN_FORKNUM;
        let blocks = pg_sys::RelationGetNumberOfBlocksInFork(table, fork);
        ((*(*table).rd_rel).reltuples, blocks)
    };
    // The table has no statistics: a row takes up its vector, or a pointer to it if it is out of line.
    let bytes = u64::from(blocks) * u64::from(pg_sys::BLCKSZ);
    (known.max(0.0) as u64).max(bytes / column.width().clamp(1, 100) as u64)
}

/// Adds a row of the table to the builder.
#[pg_guard]
unsafe extern "C-unwind" fn add(
    _index: pg_sys::Relation,
    tid: pg_sys::ItemPointer,
    values: *mut pg_sys::Datum,
    nulls: *mut bool,
    _alive: bool,
    state: *mut c_void,
) {
    // SAFETY: called by the table scan with the index's attributes, the vector first.
    unsafe {
        let builder = &mut *state.cast::<SegmentBuilder>();
        if !*nulls {
            let value = VectorValue::new(*values, builder.column.vector_type);
            let checked = builder.column.check(&value);
            let keys = keys::of_row(&builder.column.keys, values, nulls);
            let pushed = checked.and_then(|()| builder.push(tid_of(*tid), &keys, value.bytes()));
            pushed.unwrap_or_else(|failure| failure.raise());
        }
    }
}

/// New pages at the end of a fork for an index without rows, with their contents: the metapage and the
/// first growing page.
fn new_pages(
    index: IndexRelation,
    column: &Column,
    fork: pg_sys::ForkNumber::Type,
) -> [(PageBuffer, PageTag, Vec<u8>); 2] {
    let (page, growing) = (PageBuffer::extend(index, fork), PageBuffer::extend(index, fork));
    debug_assert_eq!(page.block(), METAPAGE);
    let content = Metapage::new(column.dimensions, identity(), growing.block()).encode();
    let (tag, empty) = growing::empty_page(0);
    [(page, Metapage::tag(), content), (growing, tag, empty.to_vec())]
}

/// Writes the pages of an index without rows.
fn create(index: IndexRelation, column: &Column) {
    let pages = new_pages(index, column, pg_sys::ForkNumber::MAIN_FORKNUM);
    let log = LogRecord::new(index);
    for (page, tag, content) in &pages {
        log.new_page(page, *tag).write(content);
    }
    log.finish();
}

/// Writes the pages that an unlogged index is reset to after a crash.
pub fn create_initial(index: IndexRelation) -> Result<()> {
    let column = Column::to_build(index)?;
    for (page, tag, content) in new_pages(index, &column, pg_sys::ForkNumber::INIT_FORKNUM) {
        page.write_initial(tag, &content);
    }
    Ok(())
}

/// A random number that identifies an index.
fn identity() -> u64 {
    let mut bytes = [0; 8];
    // SAFETY: the buffer has this length.
    let strong = unsafe { pg_sys::pg_strong_random(bytes.as_mut_ptr().cast(), bytes.len()) };
    assert!(strong, "the system gives no random numbers");
    u64::from_ne_bytes(bytes)
}
