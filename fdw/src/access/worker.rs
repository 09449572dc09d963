//! Merging in the background, by a worker that an insert starts when there are enough growing rows and that
//! ends when it is done. It does not need shared_preload_libraries.
//!
//! If no worker slot is free (max_worker_processes), VACUUM merges, or as a last resort an insert does.

use crate::access::build_lock::{BuildLock, BuildTask};
use crate::access::column::Column;
use crate::access::flush::flush;
use crate::access::merge::{self, MergeScope, OutOfLine};
use crate::access::metapage::Metapage;
use crate::access::relation::{IndexRelation, RelationFile, WORKER_LOCK, is_ours};
use crate::search::backend;
use crate::sql::failure::Result;
use pgrx::pg_sys::{self, Datum};
use pgrx::prelude::*;
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int};
use std::time::{Duration, Instant};

thread_local! {
    /// The index for which this backend last asked for a worker, and when.
    static ASKED: Cell<Option<(RelationFile, Instant)>> = const { Cell::new(None) };
}

/// Usually a worker is already running when another is asked for, so asking this often is enough.
const PAUSE: Duration = Duration::from_millis(250);

unsafe extern "C" {
    /// `log_autovacuum_min_duration`, in milliseconds; -1 logs nothing.
    static Log_autovacuum_min_duration: c_int;
}

/// The arguments of a worker.
#[derive(Clone, Copy)]
#[repr(C)]
struct Order {
    database: pg_sys::Oid,
    index: pg_sys::Oid,
}

const NO_LOCK: pg_sys::LOCKMODE = pg_sys::NoLock as pg_sys::LOCKMODE;
const LOOK_LOCK: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

/// Starts a worker that merges, unless this backend did so just now.
pub fn request(index: IndexRelation) {
    let (file, now) = (index.file(), Instant::now());
    if !ASKED.get().is_some_and(|(of, at)| of == file && now - at < PAUSE) {
        ASKED.set(Some((file, now)));
        start(index);
    }
}

/// Starts a worker that merges; false if none can be started.
pub fn start(index: IndexRelation) -> bool {
    // A worker cannot see relations that this transaction created, or temporary ones of another session.
    if index.is_temporary() || index.is_new() {
        return false;
    }
    // SAFETY: a zeroed structure of this type, whose texts end with NUL; Postgres copies it.
    unsafe {
        let order = Order { database: pg_sys::MyDatabaseId, index: (*index.raw()).rd_id };
        let mut worker: pg_sys::BackgroundWorker = std::mem::zeroed();
        worker.bgw_flags =
            (pg_sys::BGWORKER_SHMEM_ACCESS | pg_sys::BGWORKER_BACKEND_DATABASE_CONNECTION) as c_int;
        worker.bgw_start_time = pg_sys::BgWorkerStartTime::BgWorkerStart_RecoveryFinished;
        worker.bgw_restart_time = pg_sys::BGW_NEVER_RESTART;
        write(&mut worker.bgw_name, c"hither merge");
        write(&mut worker.bgw_type, c"hither merge");
        write(&mut worker.bgw_library_name, c"hither");
        write(&mut worker.bgw_function_name, c"hither_merge_worker");
        worker.bgw_extra.as_mut_ptr().cast::<Order>().write_unaligned(order);
        pg_sys::RegisterDynamicBackgroundWorker(&raw mut worker, std::ptr::null_mut())
    }
}

fn write(into: &mut [c_char], text: &CStr) {
    for (into, byte) in into.iter_mut().zip(text.to_bytes_with_nul()) {
        *into = *byte as c_char;
    }
}

/// The main function of a worker.
#[unsafe(no_mangle)]
#[pg_guard]
pub extern "C-unwind" fn hither_merge_worker(_argument: Datum) {
    // SAFETY: called by Postgres in a new process with the order that `start` wrote.
    unsafe {
        backend::unblock_signals();
        let order = (*pg_sys::MyBgworkerEntry).bgw_extra.as_ptr().cast::<Order>().read_unaligned();
        // Connects as no user in particular, since the owner may not be allowed to log in. The worker runs
        // no user code.
        let (nobody, flags) = (pg_sys::InvalidOid, pg_sys::BGWORKER_BYPASS_ALLOWCONN);
        pg_sys::BackgroundWorkerInitializeConnectionByOid(order.database, nobody, flags);
        pg_sys::SetCurrentStatementStartTimestamp();
        pg_sys::StartTransactionCommand();
        let activity = c"merging an index of hither".as_ptr();
        pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_RUNNING, activity);
        // Another process may be merging; the index may be gone, or its OID reused. A worker that is
        // started while this one holds the lock ends at once, so this one checks again after it has
        // released the lock.
        let mut is_enough = true;
        while is_enough && pg_sys::ConditionalLockRelationOid(order.index, WORKER_LOCK) {
            let relation = pg_sys::try_relation_open(order.index, NO_LOCK);
            if relation.is_null() || !is_ours(relation) {
                break;
            }
            let index = IndexRelation::new(relation);
            let is_alone = run(index).unwrap_or_else(|failure| failure.raise());
            pg_sys::LockRelationOid(order.index, LOOK_LOCK);
            pg_sys::UnlockRelationOid(order.index, WORKER_LOCK);
            let more = has_enough(index).unwrap_or_else(|failure| failure.raise());
            is_enough = is_alone && more;
            pg_sys::relation_close(relation, LOOK_LOCK);
        }
        pg_sys::CommitTransactionCommand();
        pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_IDLE, std::ptr::null());
    }
}

/// Whether there are enough growing rows for a segment.
fn has_enough(index: IndexRelation) -> Result<bool> {
    Ok(Metapage::read(index)?.head.growing_rows >= index.options().growing_rows)
}

/// False if another process is flushing the growing rows, or there is no room for a segment.
fn run(index: IndexRelation) -> Result<bool> {
    let column = Column::of(index)?;
    let began = Instant::now();
    // While this merged, enough rows may have come for another segment; if another process flushes, only
    // merge.
    let is_alone = loop {
        let is_alone = match has_enough(index)? {
            true => match BuildLock::try_new(index, BuildTask::Flush) {
                Some(lock) => flush(index, &column, lock)?,
                None => false,
            },
            false => true,
        };
        merge::merge(index, &column, MergeScope::Small, OutOfLine::ByCodes)?;
        if !is_alone || !has_enough(index)? {
            break is_alone;
        }
    };
    let took = began.elapsed();
    // SAFETY: a setting.
    let least = unsafe { Log_autovacuum_min_duration };
    if u128::try_from(least).is_ok_and(|least| took.as_millis() >= least) {
        let meta = Metapage::read(index)?;
        let (segments, rows) = (meta.segments.len(), meta.segments.iter().map(|s| s.live()));
        pgrx::log!(
            "merge of index \"{}\": {segments} segments with {} rows, elapsed: {:.2} s",
            index.name(),
            rows.sum::<u64>(),
            took.as_secs_f64()
        );
    }
    Ok(is_alone)
}
