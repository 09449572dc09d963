//! The first page: the segments and pages of the index, and counters by which a backend sees what has
//! changed.

use crate::access::page::{
    Block, CONTENT, Lock, LogRecord, NO_BLOCK, PageBuffer, PageKind, PageTag,
};
use crate::access::relation::IndexRelation;
use crate::sql::failure::{Failure, Result};
use bytemuck::{Pod, Zeroable};
use pgrx::PgSqlErrorCode as Code;
use xxhash_rust::xxh3::xxh3_64;

/// The block of the metapage.
pub const METAPAGE: Block = 0;

/// The version of the page layout that this code writes, which is also the oldest that can read it.
const VERSION: u16 = 1;

/// Maximum number of segments. Merging keeps their number far lower.
pub const MOST_SEGMENTS: usize = 64;

/// Maximum number of blocks reserved for growing pages.
pub const MOST_RESERVED: usize = 512;

/// The numbers of an index.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Head {
    /// XXH3 of everything after it.
    checksum: u64,
    version: u16,
    readable_by: u16,
    pub dimensions: u32,
    /// Chosen when the index was created, as another index may later use a relation file of the same name.
    pub identity: u64,
    /// Counts changes of the list of segments.
    pub generation: u64,
    /// Counts deletions of growing rows.
    pub growing_deletions: u64,
    /// Rows on the growing pages before the last.
    pub growing_rows: u64,
    /// The first growing page, and its place.
    pub growing: Block,
    pub growing_place: u32,
    /// The last one.
    pub tail: Block,
    pub tail_place: u32,
    /// The number that the next segment gets.
    pub next_segment: u32,
    segments: u32,
    reserved: u32,
    padding: u32,
}

/// A segment: an index file in pages.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct SegmentEntry {
    /// XXH3 of the file's bytes, 128 bits: the name of its near copy.
    pub content: [u8; 16],
    /// Bytes of the file.
    pub length: u64,
    pub rows: u64,
    pub deleted: u64,
    /// Counts changes of the deletion pages.
    pub deletions: u64,
    pub number: u32,
    /// The page that says where the others are.
    pub extents: Block,
    /// Bounds of the lengths of its vectors.
    pub least_length: f32,
    pub greatest_length: f32,
}

impl SegmentEntry {
    /// Rows that are not deleted.
    pub fn live(&self) -> u64 {
        self.rows.saturating_sub(self.deleted)
    }
}

/// The content of the metapage.
#[derive(Clone, Debug, PartialEq)]
pub struct Metapage {
    pub head: Head,
    /// The oldest first.
    pub segments: Vec<SegmentEntry>,
    /// Free blocks that growing pages may take.
    pub reserve: Vec<Block>,
}

const _: () = assert!(
    size_of::<Head>()
        + MOST_SEGMENTS * size_of::<SegmentEntry>()
        + MOST_RESERVED * size_of::<Block>()
        <= CONTENT
);

impl Metapage {
    /// The metapage of an index without rows whose first growing page is this block.
    pub fn new(dimensions: usize, identity: u64, growing: Block) -> Self {
        let head = Head {
            checksum: 0,
            version: VERSION,
            readable_by: VERSION,
            dimensions: dimensions as u32,
            identity,
            generation: 0,
            growing_deletions: 0,
            growing_rows: 0,
            growing,
            growing_place: 0,
            tail: growing,
            tail_place: 0,
            next_segment: 1,
            segments: 0,
            reserved: 0,
            padding: 0,
        };
        Self { head, segments: Vec::new(), reserve: Vec::new() }
    }

    pub fn tag() -> PageTag {
        PageTag::new(PageKind::Meta, 0, 0)
    }

    /// Reads the metapage.
    ///
    /// # Errors
    /// If it is damaged, or of a newer version.
    pub fn read(index: IndexRelation) -> Result<Self> {
        Self::decode(index, &PageBuffer::read(index, METAPAGE, Lock::Share)?)
    }

    fn decode(index: IndexRelation, page: &PageBuffer) -> Result<Self> {
        if !page.tag().is(PageKind::Meta, 0, 0) {
            return Err(index.damaged("its first page is no metapage"))?;
        }
        let content = page.content();
        let (head, rest) = content.split_at(size_of::<Head>());
        let head: Head = bytemuck::pod_read_unaligned(head);
        if head.readable_by > VERSION {
            let message = format!(
                "index \"{}\" has version {} of the pages, and this extension reads up to {VERSION}",
                index.name(),
                head.readable_by
            );
            return Err(Failure::new(Code::ERRCODE_FEATURE_NOT_SUPPORTED, message)
                .hint("Install the hither that wrote it, or a newer one."));
        }
        let (segments, reserved) = (head.segments as usize, head.reserved as usize);
        if segments > MOST_SEGMENTS || reserved > MOST_RESERVED {
            return Err(index.damaged("its metapage counts more than it can hold"));
        }
        let (entries, rest) = rest.split_at(segments * size_of::<SegmentEntry>());
        let entries = entries.chunks_exact(size_of::<SegmentEntry>());
        let (blocks, rest) = rest.split_at(reserved * size_of::<Block>());
        let bytes = &content[size_of::<u64>()..content.len() - rest.len()];
        if xxh3_64(bytes) != head.checksum {
            return Err(index.damaged("its metapage is not what was written"));
        }
        let blocks = blocks.chunks_exact(size_of::<Block>());
        Ok(Self {
            head,
            segments: entries.map(bytemuck::pod_read_unaligned).collect(),
            reserve: blocks.map(bytemuck::pod_read_unaligned).collect(),
        })
    }

    /// The version of the page layout.
    pub fn version(&self) -> i32 {
        self.head.version.into()
    }

    /// The content of the page.
    pub fn encode(&self) -> Vec<u8> {
        let (segments, reserved) = (self.segments.len() as u32, self.reserve.len() as u32);
        let head = Head { segments, reserved, ..self.head };
        let mut bytes = bytemuck::bytes_of(&head).to_vec();
        bytes.extend_from_slice(bytemuck::cast_slice(&self.segments));
        bytes.extend_from_slice(bytemuck::cast_slice(&self.reserve));
        let checksum = xxh3_64(&bytes[size_of::<u64>()..]);
        bytes[..size_of::<u64>()].copy_from_slice(&checksum.to_ne_bytes());
        bytes
    }
}

/// The metapage, locked: exclusively to change it, or shared so that nobody else does.
pub struct LockedMetapage {
    page: PageBuffer,
    pub meta: Metapage,
}

impl LockedMetapage {
    pub fn new(index: IndexRelation, lock: Lock) -> Result<Self> {
        let page = PageBuffer::read(index, METAPAGE, lock)?;
        Ok(Self { meta: Metapage::decode(index, &page)?, page })
    }

    /// Adds the changed content to a WAL record.
    pub fn log<'b>(&'b self, record: &LogRecord<'b>) {
        record.page(&self.page).write(&self.meta.encode());
    }

    /// Writes the changed content with a WAL record of its own.
    pub fn save(&self, index: IndexRelation) {
        let record = LogRecord::new(index);
        self.log(&record);
        record.finish();
    }
}

/// Whether a page is the last of its chain.
pub fn is_last(tag: PageTag) -> bool {
    tag.next == NO_BLOCK
}
