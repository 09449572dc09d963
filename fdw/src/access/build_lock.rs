//! Who builds: one process at a time makes a segment of growing rows, and one, the same or another, makes one
//! segment of several. So rows that come are flushed while a merge takes its time.
//!
//! Both write pages that nothing names yet. A merge looks for free blocks while it holds both locks, so that
//! those of a flush are not among them; a flush takes what the reserve has, unless it holds both too.

use crate::access::relation::IndexRelation;
use pgrx::pg_sys;

/// What is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildTask {
    /// A segment of growing rows.
    Flush = 0,
    /// One segment of several.
    Merge = 1,
}

/// The lock of who builds, until this is dropped.
pub struct BuildLock(IndexRelation, BuildTask);

impl BuildLock {
    const MODE: pg_sys::LOCKMODE = pg_sys::ExclusiveLock as pg_sys::LOCKMODE;

    /// None if another has it.
    pub fn try_new(index: IndexRelation, task: BuildTask) -> Option<Self> {
        // SAFETY: the relation is open.
        let locked = unsafe {
            pg_sys::ConditionalLockPage(index.raw(), task as pg_sys::BlockNumber, Self::MODE)
        };
        locked.then(|| Self(index, task))
    }

    /// Waits for another. Who has the lock of a flush waits for nobody.
    pub fn wait(index: IndexRelation, task: BuildTask) -> Self {
        // SAFETY: the relation is open; it may be interrupted.
        unsafe { pg_sys::LockPage(index.raw(), task as pg_sys::BlockNumber, Self::MODE) }
        Self(index, task)
    }
}

impl Drop for BuildLock {
    fn drop(&mut self) {
        // After an error the end of the transaction lets go of it.
        if !std::thread::panicking() {
            // SAFETY: locked by this.
            unsafe { pg_sys::UnlockPage(self.0.raw(), self.1 as pg_sys::BlockNumber, Self::MODE) }
        }
    }
}
