//! Which blocks are free: those that nothing names.
//!
//! There is no list of free blocks that could be wrong after a crash. Who holds the builder's lock
//! reads what is named (the segments' pages, the growing pages, the reserve), and the others are free:
//! of segments that were merged away, of builds that failed. Nobody else takes a free block: growing
//! pages come from the reserve, or from the relation's end under the metapage's lock.

use crate::access::extents::Extents;
use crate::access::growing;
use crate::access::metapage::{LockedMetapage, METAPAGE};
use crate::access::page::{Block, Lock, PageBuffer};
use crate::access::relation::IndexRelation;
use crate::sql::failure::Result;
use pgrx::pg_sys;

/// Blocks for new pages, for who holds the builder's lock.
pub struct FreeBlocks {
    /// The lowest last.
    free: Vec<Block>,
}

impl FreeBlocks {
    /// None: new pages come at the end of the relation.
    pub fn none() -> Self {
        Self { free: Vec::new() }
    }

    /// All that nothing names.
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
        let mut named = vec![false; blocks as usize];
        let mut name = |block: Block| {
            if let Some(named) = named.get_mut(block as usize) {
                *named = true;
            }
        };
        name(METAPAGE);
        meta.reserve.iter().copied().for_each(&mut name);
        growing::blocks(index, &meta)?.into_iter().for_each(&mut name);
        for segment in &meta.segments {
            let extents = Extents::read(index, segment)?;
            extents.all().for_each(&mut name);
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
