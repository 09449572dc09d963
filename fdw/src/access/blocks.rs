//! Free blocks: those that no page refers to.
//!
//! There is no list of free blocks that could be wrong after a crash. A process that holds both build locks
//! reads which blocks are referred to (the segments' pages, the growing pages, the reserve); all others are
//! free: blocks of segments that were merged away, or of builds that failed. No other process takes free
//! blocks: growing pages come from the reserve, or from the end of the relation under the metapage's lock,
//! and so do the pages of a flush beside a merge.

use crate::access::build_lock::{BuildLock, BuildTask};
use crate::access::extents::Extents;
use crate::access::growing;
use crate::access::metapage::{LockedMetapage, METAPAGE, Metapage};
use crate::access::page::{Block, Lock, PageBuffer};
use crate::access::relation::IndexRelation;
use crate::sql::failure::Result;
use pgrx::pg_sys;

/// Blocks for the new pages of a build.
pub struct FreeBlocks {
    /// In descending order.
    free: Vec<Block>,
}

impl FreeBlocks {
    /// No free blocks: new pages come at the end of the relation.
    pub fn none() -> Self {
        Self { free: Vec::new() }
    }

    /// Half of the reserve, for a flush beside a merge.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn of_reserve(index: IndexRelation) -> Result<Self> {
        let mut locked = LockedMetapage::new(index, Lock::Exclusive)?;
        let half = locked.meta.reserve.len() / 2;
        let free = locked.meta.reserve.split_off(half);
        locked.save(index);
        Ok(Self { free })
    }

    /// All blocks that nothing refers to; the caller holds both build locks.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn find(index: IndexRelation) -> Result<Self> {
        // Under this lock no block can be new and in no list yet. Half of the reserve is taken out of it,
        // because growing pages and segments alternately run short of what the other freed.
        let (meta, blocks) = {
            let mut locked = LockedMetapage::new(index, Lock::Exclusive)?;
            let half = locked.meta.reserve.len() / 2;
            locked.meta.reserve.truncate(half);
            locked.save(index);
            (locked.meta.clone(), index.blocks())
        };
        let mut used = used_blocks(index, &meta, blocks)?;
        for block in &meta.reserve {
            if let Some(is_used) = used.get_mut(*block as usize) {
                *is_used = true;
            }
        }
        let free = (0..blocks).filter(|block| !used[*block as usize]);
        Ok(Self { free: free.rev().collect() })
    }

    /// An exclusively locked page with nothing on it yet.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn new_page(&mut self, index: IndexRelation) -> Result<PageBuffer> {
        match self.free.pop() {
            Some(block) => PageBuffer::overwrite(index, block),
            None => Ok(PageBuffer::extend(index, pg_sys::ForkNumber::MAIN_FORKNUM)),
        }
    }

    /// Removes up to `count` of the highest free blocks and returns them.
    pub fn take(&mut self, count: usize) -> Vec<Block> {
        let count = count.min(self.free.len());
        self.free.drain(..count).collect()
    }
}

/// Which blocks are in use, apart from the reserve.
fn used_blocks(index: IndexRelation, meta: &Metapage, blocks: Block) -> Result<Vec<bool>> {
    let mut used = vec![false; blocks as usize];
    let mut name = |block: Block| {
        if let Some(is_used) = used.get_mut(block as usize) {
            *is_used = true;
        }
    };
    name(METAPAGE);
    growing::blocks(index, meta)?.into_iter().for_each(&mut name);
    for segment in &meta.segments {
        let extents = Extents::read(index, segment)?;
        extents.all().for_each(&mut name);
    }
    Ok(used)
}

/// Free blocks at the end are given back if they are at least one in so many.
const TRUNCATED: Block = 8;

/// Truncates free blocks at the end of the relation if there are many and nobody else uses the index, as
/// VACUUM does with a table.
///
/// # Errors
/// If the index is damaged.
pub fn truncate(index: IndexRelation) -> Result<()> {
    const MODE: pg_sys::LOCKMODE = pg_sys::AccessExclusiveLock as pg_sys::LOCKMODE;
    let locks = [BuildTask::Merge, BuildTask::Flush].map(|task| BuildLock::try_new(index, task));
    // SAFETY: the relation is open; the lock is taken without waiting, and while it is held nobody else
    // reads a page.
    unsafe {
        if !locks.iter().all(Option::is_some)
            || pg_sys::IsInParallelMode()
            || !pg_sys::ConditionalLockRelation(index.raw(), MODE)
        {
            return Ok(());
        }
        let blocks = index.blocks();
        let mut locked = LockedMetapage::new(index, Lock::Exclusive)?;
        let used = used_blocks(index, &locked.meta, blocks)?;
        let end =
            used.iter().rposition(|is_used| *is_used).map_or(blocks, |last| last as Block + 1);
        if (blocks - end) >= blocks.div_ceil(TRUNCATED) {
            locked.meta.reserve.retain(|block| *block < end);
            locked.save(index);
            drop(locked);
            pg_sys::RelationTruncate(index.raw(), end);
        }
        pg_sys::UnlockRelation(index.raw(), MODE);
    }
    Ok(())
}
