//! Pages of an index: reading, locking, writing and recognising them.
//!
//! Every page ends with a [`PageTag`], which identifies its kind and owner. A block is reused once nothing
//! refers to it, even while another process is about to read it. So code that follows a block number
//! compares the tag with the expected one, under the lock under which it reads the page.
//!
//! A change is a [`LogRecord`]: up to four pages that change atomically, on this server and on standbys,
//! whatever happens to them.

use crate::access::relation::IndexRelation;
use crate::sql::failure::Result;
use bytemuck::{Pod, Zeroable};
use pgrx::pg_sys;
use std::marker::PhantomData;

/// Number of a page within the relation.
pub type Block = pg_sys::BlockNumber;

/// No block.
pub const NO_BLOCK: Block = pg_sys::InvalidBlockNumber;

const PAGE: usize = pg_sys::BLCKSZ as usize;
/// Postgres's own header of a page.
const HEADER: usize = std::mem::offset_of!(pg_sys::PageHeaderData, pd_linp).next_multiple_of(8);

/// Bytes of content that a page holds.
pub const CONTENT: usize = PAGE - HEADER - size_of::<PageTag>();

/// The page id by which tools tell our pages from those of other access methods.
const OURS: u16 = 0xFD48;

/// The kind of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageKind {
    /// The first page: what the index consists of.
    Meta,
    /// Rows as they were inserted.
    Growing,
    /// The blocks of a segment.
    Extents,
    /// A piece of a segment's file.
    Piece,
    /// A bit for each row of a segment: whether it is deleted.
    Deletions,
}

/// Identifies a page: its kind, its owner and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct PageTag {
    /// The number of the page among the owner's pages of this kind, from 0; growing pages are numbered
    /// without reuse.
    pub place: u32,
    /// The number of the segment, or 0.
    pub owner: u32,
    /// The block of the next page, or [`NO_BLOCK`].
    pub next: Block,
    kind: u16,
    ours: u16,
}

impl PageTag {
    pub fn new(kind: PageKind, owner: u32, place: u32) -> Self {
        Self { place, owner, next: NO_BLOCK, kind: kind as u16, ours: OURS }
    }

    /// The same tag with a link to the next page.
    pub fn before(self, next: Block) -> Self {
        Self { next, ..self }
    }

    /// Whether the page has this kind, owner and place.
    pub fn is(&self, kind: PageKind, owner: u32, place: u32) -> bool {
        Self { next: NO_BLOCK, ..*self } == Self::new(kind, owner, place)
    }
}

/// How a page is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    Share,
    Exclusive,
}

fn check_block(index: IndexRelation, block: Block) -> Result<()> {
    if block < index.blocks() {
        return Ok(());
    }
    Err(index.damaged(&format!("page {block} is named, and there is none")))
}

/// A pinned and locked page, until this is dropped.
pub struct PageBuffer(pg_sys::Buffer);

impl PageBuffer {
    /// Reads and locks a page.
    ///
    /// # Errors
    /// If there is no such page, because damage led to its number.
    pub fn read(index: IndexRelation, block: Block, lock: Lock) -> Result<Self> {
        check_block(index, block)?;
        let lock = match lock {
            Lock::Share => pg_sys::BUFFER_LOCK_SHARE,
            Lock::Exclusive => pg_sys::BUFFER_LOCK_EXCLUSIVE,
        };
        // SAFETY: the relation is open; Postgres raises an error for a block beyond its end.
        unsafe {
            let buffer = pg_sys::ReadBuffer(index.raw(), block);
            pg_sys::LockBuffer(buffer, lock as i32);
            Ok(Self(buffer))
        }
    }

    /// Like [`read`](Self::read), for many pages that are read once: the strategy keeps them from
    /// displacing others in shared buffers.
    pub fn read_once(
        index: IndexRelation,
        block: Block,
        strategy: pg_sys::BufferAccessStrategy,
    ) -> Result<Self> {
        check_block(index, block)?;
        // SAFETY: as in `read`; the strategy is null or one of this transaction.
        unsafe {
            let (fork, mode) =
                (pg_sys::ForkNumber::MAIN_FORKNUM, pg_sys::ReadBufferMode::RBM_NORMAL);
            let buffer = pg_sys::ReadBufferExtended(index.raw(), fork, block, mode, strategy);
            pg_sys::LockBuffer(buffer, pg_sys::BUFFER_LOCK_SHARE as i32);
            Ok(Self(buffer))
        }
    }

    /// A page that will be overwritten, locked exclusively; its content is not read.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn overwrite(index: IndexRelation, block: Block) -> Result<Self> {
        check_block(index, block)?;
        // SAFETY: as in `read`.
        unsafe {
            let (fork, mode) =
                (pg_sys::ForkNumber::MAIN_FORKNUM, pg_sys::ReadBufferMode::RBM_ZERO_AND_LOCK);
            let none = std::ptr::null_mut();
            Ok(Self(pg_sys::ReadBufferExtended(index.raw(), fork, block, mode, none)))
        }
    }

    /// A new page at the end of a fork, locked exclusively.
    pub fn extend(index: IndexRelation, fork: pg_sys::ForkNumber::Type) -> Self {
        let none = std::ptr::null_mut();
        // SAFETY: the relation is open.
        #[cfg(not(any(feature = "pg14", feature = "pg15")))]
        unsafe {
            let relation = pg_sys::BufferManagerRelation {
                rel: index.raw(),
                smgr: std::ptr::null_mut(),
                relpersistence: 0,
            };
            let flags = pg_sys::ExtendBufferedFlags::EB_LOCK_FIRST;
            Self(pg_sys::ExtendBufferedRel(relation, fork, none, flags))
        }
        // SAFETY: the relation is open; without the extension lock two processes would get the same block.
        #[cfg(any(feature = "pg14", feature = "pg15"))]
        unsafe {
            let lock = pg_sys::ExclusiveLock as pg_sys::LOCKMODE;
            pg_sys::LockRelationForExtension(index.raw(), lock);
            let mode = pg_sys::ReadBufferMode::RBM_NORMAL;
            let buffer = pg_sys::ReadBufferExtended(index.raw(), fork, NO_BLOCK, mode, none);
            pg_sys::LockBuffer(buffer, pg_sys::BUFFER_LOCK_EXCLUSIVE as i32);
            pg_sys::UnlockRelationForExtension(index.raw(), lock);
            Self(buffer)
        }
    }

    pub fn block(&self) -> Block {
        // SAFETY: pinned.
        unsafe { pg_sys::BufferGetBlockNumber(self.0) }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: pinned and locked, so nobody changes the page meanwhile.
        unsafe { std::slice::from_raw_parts(pg_sys::BufferGetPage(self.0).cast::<u8>(), PAGE) }
    }

    pub fn tag(&self) -> PageTag {
        bytemuck::pod_read_unaligned(&self.bytes()[HEADER + CONTENT..])
    }

    pub fn content(&self) -> &[u8] {
        &self.bytes()[HEADER..][..CONTENT]
    }

    /// Sets bits of the content, given as byte positions and bits. They may be lost: nothing is logged,
    /// unless data checksums require it. The page is exclusively locked.
    pub fn hint(&self, bits: impl Iterator<Item = (usize, u8)>) {
        // SAFETY: pinned and exclusively locked: nobody else reads or changes the page meanwhile.
        let bytes = unsafe {
            std::slice::from_raw_parts_mut(pg_sys::BufferGetPage(self.0).cast::<u8>(), PAGE)
        };
        let content = &mut bytes[HEADER..][..CONTENT];
        let mut changed = false;
        for (byte, bit) in bits {
            changed |= content[byte] & bit == 0;
            content[byte] |= bit;
        }
        if changed {
            // SAFETY: pinned and locked; the page has the standard header.
            unsafe { pg_sys::MarkBufferDirtyHint(self.0, true) }
        }
    }

    /// Writes a page of the init fork; its image is always logged, even if the relation is unlogged.
    pub fn write_initial(&self, tag: PageTag, content: &[u8]) {
        // SAFETY: pinned and exclusively locked; nothing within the critical section fails.
        unsafe {
            let page = pg_sys::BufferGetPage(self.0);
            let mut image = PageImage { page: page.cast(), life: PhantomData };
            pg_sys::CritSectionCount += 1;
            image.clear(tag);
            image.write(content);
            pg_sys::MarkBufferDirty(self.0);
            pg_sys::log_newpage_buffer(self.0, true);
            pg_sys::CritSectionCount -= 1;
        }
    }
}

impl Drop for PageBuffer {
    fn drop(&mut self) {
        // After an error the end of the transaction releases the page, like everything else that was held.
        if !std::thread::panicking() {
            // SAFETY: pinned and locked by this.
            unsafe { pg_sys::UnlockReleaseBuffer(self.0) }
        }
    }
}

/// Changes of up to four pages that take effect together.
pub struct LogRecord<'b> {
    state: *mut pg_sys::GenericXLogState,
    life: PhantomData<&'b PageBuffer>,
}

impl<'b> LogRecord<'b> {
    pub fn new(index: IndexRelation) -> Self {
        // SAFETY: the relation is open.
        Self { state: unsafe { pg_sys::GenericXLogStart(index.raw()) }, life: PhantomData }
    }

    /// The image of a page, to be modified.
    pub fn page(&self, buffer: &'b PageBuffer) -> PageImage<'_> {
        self.register(buffer, 0)
    }

    /// The image of a page that is written from scratch.
    pub fn new_page(&self, buffer: &'b PageBuffer, tag: PageTag) -> PageImage<'_> {
        let mut image = self.register(buffer, pg_sys::GENERIC_XLOG_FULL_IMAGE as i32);
        image.clear(tag);
        image
    }

    fn register(&self, buffer: &'b PageBuffer, flags: i32) -> PageImage<'_> {
        // SAFETY: the page is exclusively locked as long as the record lives.
        let page = unsafe { pg_sys::GenericXLogRegisterBuffer(self.state, buffer.0, flags) };
        PageImage { page: page.cast(), life: PhantomData }
    }

    /// Applies and logs the changes.
    pub fn finish(mut self) {
        let state = std::mem::replace(&mut self.state, std::ptr::null_mut());
        // SAFETY: started, and not finished yet.
        unsafe { pg_sys::GenericXLogFinish(state) };
    }
}

impl Drop for LogRecord<'_> {
    fn drop(&mut self) {
        if !self.state.is_null() && !std::thread::panicking() {
            // SAFETY: started, and not finished.
            unsafe { pg_sys::GenericXLogAbort(self.state) }
        }
    }
}

/// The new image of a page.
pub struct PageImage<'r> {
    page: *mut u8,
    life: PhantomData<&'r ()>,
}

impl PageImage<'_> {
    fn clear(&mut self, tag: PageTag) {
        // SAFETY: a page.
        unsafe { pg_sys::PageInit(self.page.cast(), PAGE, size_of::<PageTag>()) }
        self.set_tag(tag);
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: a page, which nobody else changes.
        unsafe { std::slice::from_raw_parts_mut(self.page, PAGE) }
    }

    pub fn content(&mut self) -> &mut [u8] {
        &mut self.bytes()[HEADER..][..CONTENT]
    }

    pub fn set_tag(&mut self, tag: PageTag) {
        self.bytes()[HEADER + CONTENT..].copy_from_slice(bytemuck::bytes_of(&tag));
    }

    /// Writes the content from its beginning; anything after it is dropped.
    pub fn write(&mut self, content: &[u8]) {
        self.content()[..content.len()].copy_from_slice(content);
        self.set_length(content.len());
    }

    /// Sets the length of the content; nothing after it is logged.
    pub fn set_length(&mut self, length: usize) {
        let lower = std::mem::offset_of!(pg_sys::PageHeaderData, pd_lower);
        let end = ((HEADER + length) as u16).to_ne_bytes();
        self.bytes()[lower..][..2].copy_from_slice(&end);
    }
}
