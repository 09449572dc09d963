//! Which blocks are free: those that nothing names.
//!
//! There is no list of free blocks that could be wrong after a crash. Who holds both locks of builders
//! reads what is named (the segments' pages, the growing pages, the reserve), and the others are free:
//! of segments that were merged away, of builds that failed. Nobody else takes a free block: growing
//! pages come from the reserve, or from the relation's end under the metapage's lock, and so do those of a
//! flush beside a merge.

use crate::access::build_lock::{BuildLock, BuildTask};
use crate::access::extents::Extents;
use crate::access::growing;
use crate::access::metapage::{LockedMetapage, METAPAGE, Metapage};
use crate::access::page::{Block, Lock, PageBuffer};
use crate::access::relation::IndexRelation;
use crate::sql::failure::Result;
use pgrx::pg_sys;

/// Blocks for new pages, for who builds.
pub struct FreeBlocks {
    /// The lowest last.
    free: Vec<Block>,
}

impl FreeBlocks {
    /// None: new pages come at the end of the relation.
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

    /// All that nothing names, for who holds both locks of builders.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn find(index: IndexRelation) -> Result<Self> {
        // Under this lock no block is new that is in no list. Half of the reserve is taken out of it: growing
        // pages and segments take turns in being short of what the other freed.
        let (meta, blocks) = {
            let mut locked = LockedMetapage::new(index, Lock::Exclusive)?;
            let half = locked.meta.reserve.len() / 2;
            locked.meta.reserve.truncate(half);
            locked.save(index);
            (locked.meta.clone(), index.blocks())
        };
        let mut named = named(index, &meta, blocks)?;
        for block in &meta.reserve {
            if let Some(named) = named.get_mut(*block as usize) {
                *named = true;
            }
        }
        let free = (0..blocks).filter(|block| !named[*block as usize]);
        Ok(Self { free: free.rev().collect() })
    }

    /// A page for something new, locked exclusively.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn new_page(&mut self, index: IndexRelation) -> Result<PageBuffer> {
        match self.free.pop() {
            Some(block) => PageBuffer::overwrite(index, block),
            None => Ok(PageBuffer::extend(index, pg_sys::ForkNumber::MAIN_FORKNUM)),
        }
    }

    /// Gives up to so many of the highest free blocks away.
    pub fn take(&mut self, count: usize) -> Vec<Block> {
        let count = count.min(self.free.len());
        self.free.drain(..count).collect()
    }
}

/// Which blocks pages name, but for the reserve.
fn named(index: IndexRelation, meta: &Metapage, blocks: Block) -> Result<Vec<bool>> {
    let mut named = vec![false; blocks as usize];
    let mut name = |block: Block| {
        if let Some(named) = named.get_mut(block as usize) {
            *named = true;
        }
    };
    name(METAPAGE);
    growing::blocks(index, meta)?.into_iter().for_each(&mut name);
    for segment in &meta.segments {
        let extents = Extents::read(index, segment)?;
        extents.all().for_each(&mut name);
    }
    Ok(named)
}

/// Free blocks at the end are given back if they are one in so many.
const TRUNCATED: Block = 8;

/// Gives free blocks at the end back to the system, if nobody else uses the index and there are many, as VACUUM
/// does it with a table's.
///
/// # Errors
/// If the index is damaged.
pub fn truncate(index: IndexRelation) -> Result<()> {
    const MODE: pg_sys::LOCKMODE = pg_sys::AccessExclusiveLock as pg_sys::LOCKMODE;
    let locks = [BuildTask::Merge, BuildTask::Flush].map(|task| BuildLock::try_new(index, task));
    // SAFETY: the relation is open; for the lock nobody waits, and nobody else reads a page while it is held.
    unsafe {
        if !locks.iter().all(Option::is_some)
            || pg_sys::IsInParallelMode()
            || !pg_sys::ConditionalLockRelation(index.raw(), MODE)
        {
            return Ok(());
        }
        let blocks = index.blocks();
        let mut locked = LockedMetapage::new(index, Lock::Exclusive)?;
        let named = named(index, &locked.meta, blocks)?;
        let end = named.iter().rposition(|named| *named).map_or(blocks, |last| last as Block + 1);
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
