//! Build locks: one process at a time builds a segment of growing rows, and one, the same or another,
//! merges segments. So new rows can be flushed while a long merge runs.
//!
//! Both write pages that nothing refers to yet. A merge looks for free blocks while it holds both locks, so
//! that the pages of a flush are not among them; a flush takes blocks of the reserve, unless it holds both
//! locks too.

use crate::access::relation::IndexRelation;
use pgrx::pg_sys;

/// The task that a process locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildTask {
    /// Building a segment of growing rows.
    Flush = 0,
    /// Merging several segments into one.
    Merge = 1,
}

/// A build lock, held until this is dropped.
pub struct BuildLock(IndexRelation, BuildTask);

impl BuildLock {
    const MODE: pg_sys::LOCKMODE = pg_sys::ExclusiveLock as pg_sys::LOCKMODE;

    /// Takes the lock if it is free; `None` if another process holds it.
    pub fn try_new(index: IndexRelation, task: BuildTask) -> Option<Self> {
        // SAFETY: the relation is open.
        let locked = unsafe {
            pg_sys::ConditionalLockPage(index.raw(), task as pg_sys::BlockNumber, Self::MODE)
        };
        locked.then(|| Self(index, task))
    }

    /// Waits for the lock. A process that holds the lock of [`BuildTask::Flush`] waits for no other.
    pub fn wait(index: IndexRelation, task: BuildTask) -> Self {
        // SAFETY: the relation is open; the wait can be interrupted.
        unsafe { pg_sys::LockPage(index.raw(), task as pg_sys::BlockNumber, Self::MODE) }
        Self(index, task)
    }
}

impl Drop for BuildLock {
    fn drop(&mut self) {
        // After an error the end of the transaction releases it.
        if !std::thread::panicking() {
            // SAFETY: locked by this.
            unsafe { pg_sys::UnlockPage(self.0.raw(), self.1 as pg_sys::BlockNumber, Self::MODE) }
        }
    }
}
