//! Pages of an index: reading, locking, writing and recognising them.
//!
//! Every page ends with a [`PageTag`], which says what it is and of what. Blocks are used again when nothing
//! names them any more, also under the eyes of who was about to read them: so whoever follows a block
//! number compares the tag with what is expected, under the lock under which the page is read.
//!
//! A change is a [`LogRecord`]: up to four pages that change together or not at all, whatever happens
//! to the server, here and on standbys.

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

/// Bytes that a page carries.
pub const CONTENT: usize = PAGE - HEADER - size_of::<PageTag>();

/// What tells our pages from those of other access methods, where tools look for it.
const OURS: u16 = 0xFD48;

/// What a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageKind {
    /// The first page: what the index consists of.
    Meta,
    /// Rows as they were inserted.
    Growing,
    /// Where the other pages of a segment are.
    Extents,
    /// A piece of a segment's file.
    Piece,
    /// Which rows of a segment are deleted, a bit each.
    Deletions,
}

/// What a page is, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct PageTag {
    /// Which of the owner's pages of this kind, from 0; growing pages are numbered for ever.
    pub place: u32,
    /// Number of the segment, or 0.
    pub owner: u32,
    /// The block of the page that follows, or [`NO_BLOCK`].
    pub next: Block,
    kind: u16,
    ours: u16,
}

impl PageTag {
    pub fn new(kind: PageKind, owner: u32, place: u32) -> Self {
        Self { place, owner, next: NO_BLOCK, kind: kind as u16, ours: OURS }
    }

    /// The same, of a page that another follows.
    pub fn before(self, next: Block) -> Self {
        Self { next, ..self }
    }

    /// Whether a page is that of this kind, owner and place.
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

/// A page that is pinned and locked until this is dropped.
pub struct PageBuffer(pg_sys::Buffer);

impl PageBuffer {
    /// Reads and locks a page.
    ///
    /// # Errors
    /// If there is no such page: damage named it.
    pub fn read(index: IndexRelation, block: Block, lock: Lock) -> Result<Self> {
        check_block(index, block)?;
        let lock = match lock {
            Lock::Share => pg_sys::BUFFER_LOCK_SHARE,
            Lock::Exclusive => pg_sys::BUFFER_LOCK_EXCLUSIVE,
        };
        // SAFETY: the relation is open; a block beyond its end is Postgres's error.
        unsafe {
            let buffer = pg_sys::ReadBuffer(index.raw(), block);
            pg_sys::LockBuffer(buffer, lock as i32);
            Ok(Self(buffer))
        }
    }

    /// The same for many pages that are read once: they leave the others in shared buffers alone.
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

    /// A page of which nothing is wanted but its room, locked exclusively.
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
        // SAFETY: the relation is open; two who extend it at once would get the same block.
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
        // SAFETY: pinned and locked: a page, which nobody changes meanwhile.
        unsafe { std::slice::from_raw_parts(pg_sys::BufferGetPage(self.0).cast::<u8>(), PAGE) }
    }

    pub fn tag(&self) -> PageTag {
        bytemuck::pod_read_unaligned(&self.bytes()[HEADER + CONTENT..])
    }

    pub fn content(&self) -> &[u8] {
        &self.bytes()[HEADER..][..CONTENT]
    }

    /// Sets bits of the content, each by its byte, which may be lost again: nothing is logged but where checksums
    /// take it. The page is exclusively locked.
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

    /// Writes a page of a fork that a crash leaves as it is: its image is logged whatever the relation is.
    pub fn write_initial(&self, tag: PageTag, content: &[u8]) {
        // SAFETY: pinned, exclusively locked; nothing between begin and end of the critical section fails.
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
        // After an error the end of the transaction lets go of it, and of all that the error found held.
        if !std::thread::panicking() {
            // SAFETY: pinned and locked by this.
            unsafe { pg_sys::UnlockReleaseBuffer(self.0) }
        }
    }
}

/// Changes of up to four pages, which happen together.
pub struct LogRecord<'b> {
    state: *mut pg_sys::GenericXLogState,
    life: PhantomData<&'b PageBuffer>,
}

impl<'b> LogRecord<'b> {
    pub fn new(index: IndexRelation) -> Self {
        // SAFETY: the relation is open.
        Self { state: unsafe { pg_sys::GenericXLogStart(index.raw()) }, life: PhantomData }
    }

    /// The image of a page, to be changed.
    pub fn page(&self, buffer: &'b PageBuffer) -> PageImage<'_> {
        self.register(buffer, 0)
    }

    /// The image of a page that is written anew.
    pub fn new_page(&self, buffer: &'b PageBuffer, tag: PageTag) -> PageImage<'_> {
        let mut image = self.register(buffer, pg_sys::GENERIC_XLOG_FULL_IMAGE as i32);
        image.clear(tag);
        image
    }

    fn register(&self, buffer: &'b PageBuffer, flags: i32) -> PageImage<'_> {
        // SAFETY: the page is exclusively locked, and stays so as long as the record lives.
        let page = unsafe { pg_sys::GenericXLogRegisterBuffer(self.state, buffer.0, flags) };
        PageImage { page: page.cast(), life: PhantomData }
    }

    /// Makes the changes.
    pub fn finish(mut self) {
        let state = std::mem::replace(&mut self.state, std::ptr::null_mut());
        // SAFETY: begun, and not finished yet.
        unsafe { pg_sys::GenericXLogFinish(state) };
    }
}

impl Drop for LogRecord<'_> {
    fn drop(&mut self) {
        if !self.state.is_null() && !std::thread::panicking() {
            // SAFETY: begun, and not finished.
            unsafe { pg_sys::GenericXLogAbort(self.state) }
        }
    }
}

/// What a page is to be.
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

    /// Writes the content from its beginning; what was after it counts no more.
    pub fn write(&mut self, content: &[u8]) {
        self.content()[..content.len()].copy_from_slice(content);
        self.set_length(content.len());
    }

    /// How much of the content counts: what is after it is logged as nothing.
    pub fn set_length(&mut self, length: usize) {
        let lower = std::mem::offset_of!(pg_sys::PageHeaderData, pd_lower);
        let end = ((HEADER + length) as u16).to_ne_bytes();
        self.bytes()[lower..][..2].copy_from_slice(&end);
    }
}
