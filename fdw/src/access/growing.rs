//! Growing pages: rows as they were inserted, until a segment is built of them.
//!
//! They form a chain, numbered consecutively without reuse, and the next row goes on the last page. A row
//! is a record of fixed size: its TID, whether it is deleted, and its vector as the column stores it. A
//! page holds many small records. A record that is larger than a page takes several pages, which are linked
//! to the chain all at once, so that it never has half a record.
//!
//! Locks are taken in the order metapage, growing page, deletion page. An insert into a page with room
//! takes only that page's lock. A page is added under the metapage's lock, so a process that reads the
//! metapage under that lock knows all pages of the chain.

use crate::access::column::Column;
use crate::access::metapage::{LockedMetapage, METAPAGE, Metapage, is_last};
use crate::access::page::{
    Block, Lock, LogRecord, NO_BLOCK, PageBuffer, PageImage, PageKind, PageTag,
};
use crate::access::record::{self, GrowingRow, Layout, PageHeader, ROOM, RecordPosition};
use crate::access::relation::IndexRelation;
use crate::sql::failure::Result;
use pgrx::pg_sys;
use std::collections::BTreeMap;

/// The first page of an index's chain, without rows.
pub fn empty_page(place: u32) -> (PageTag, [u8; size_of::<PageHeader>()]) {
    (PageTag::new(PageKind::Growing, 0, place), [0; size_of::<PageHeader>()])
}

/// Writes `header` and, `at` bytes after it, `bytes`.
fn write(image: &mut PageImage<'_>, header: PageHeader, at: usize, bytes: &[u8]) {
    let first = size_of::<PageHeader>() + at;
    let content = image.content();
    content[..size_of::<PageHeader>()].copy_from_slice(bytemuck::bytes_of(&header));
    content[first..][..bytes.len()].copy_from_slice(bytes);
    image.set_length(first + bytes.len());
}

/// Appends a row. Returns the metapage if this took a new page.
///
/// # Errors
/// If the index is damaged.
pub fn append(
    index: IndexRelation,
    column: &Column,
    tid: u64,
    keys: &[Option<i64>],
    vector: &[u8],
) -> Result<Option<Metapage>> {
    let layout = Layout::new(column);
    let record = record::encode(layout, tid, keys, vector);
    let mut meta = Metapage::read(index)?;
    loop {
        if layout.parts == 1 && append_to_tail(index, &meta, layout, &record)? {
            return Ok(None);
        }
        // The page is full, or no longer the last.
        let mut locked = LockedMetapage::new(index, Lock::Exclusive)?;
        if locked.meta.head.tail_place == meta.head.tail_place {
            let tail = locked.tail(index)?;
            if !is_last(tail.tag()) {
                return Err(index.damaged("another page follows the last growing page"));
            }
            let rows = layout.header(index, &tail)?.rows;
            if layout.parts > 1 || usize::from(rows) == layout.rows {
                append_pages(index, &mut locked, &tail, layout, &record)?;
                return Ok(Some(locked.meta.clone()));
            }
        }
        meta = locked.meta.clone();
    }
}

/// Appends a record to the last page, if the page is still the last and has room.
fn append_to_tail(
    index: IndexRelation,
    meta: &Metapage,
    layout: Layout,
    record: &[u8],
) -> Result<bool> {
    let tail = PageBuffer::read(index, meta.head.tail, Lock::Exclusive)?;
    if !tail.tag().is(PageKind::Growing, 0, meta.head.tail_place) || !is_last(tail.tag()) {
        return Ok(false);
    }
    let header = layout.header(index, &tail)?;
    let rows = usize::from(header.rows);
    if rows == layout.rows {
        return Ok(false);
    }
    let log = LogRecord::new(index);
    let header = PageHeader { rows: header.rows + 1, ..header };
    write(&mut log.page(&tail), header, rows * layout.record, record);
    log.finish();
    Ok(true)
}

/// Appends the pages that a record needs, with the record on them.
fn append_pages(
    index: IndexRelation,
    locked: &mut LockedMetapage,
    tail: &PageBuffer,
    layout: Layout,
    record: &[u8],
) -> Result<()> {
    let mut pages = Vec::with_capacity(layout.parts);
    for _ in 0..layout.parts {
        pages.push(locked.new_page(index, &pages)?);
    }
    let place = locked.meta.head.tail_place + 1;
    let fill = |image: &mut PageImage<'_>, part: usize| {
        let next = pages.get(part + 1).map_or(NO_BLOCK, PageBuffer::block);
        image.set_tag(PageTag::new(PageKind::Growing, 0, place + part as u32).before(next));
        let header = PageHeader { rows: u16::from(part == 0), part: part as u16, padding: 0 };
        let bytes = &record[part * ROOM..record.len().min((part + 1) * ROOM)];
        write(image, header, 0, bytes);
    };
    let tag = PageTag::new(PageKind::Growing, 0, place);
    // Pages that are not linked yet still count as free after a crash.
    for (part, page) in pages.iter().enumerate().skip(1) {
        let log = LogRecord::new(index);
        fill(&mut log.new_page(page, tag), part);
        log.finish();
    }
    locked.meta.head.growing_rows += u64::from(layout.header(index, tail)?.rows);
    locked.link(index, tail, &pages, |log| fill(&mut log.new_page(&pages[0], tag), 0));
    Ok(())
}

impl LockedMetapage {
    /// The last page, locked exclusively; the metapage is locked, too.
    fn tail(&self, index: IndexRelation) -> Result<PageBuffer> {
        let head = &self.meta.head;
        page_of_chain(index, head.tail, head.tail_place, Lock::Exclusive)
    }

    /// A new page for growing rows, beside others that are locked. The metapage is locked, too, so no block
    /// can be new and in no list.
    fn new_page(&mut self, index: IndexRelation, locked: &[PageBuffer]) -> Result<PageBuffer> {
        let Some(block) = self.meta.reserve.pop() else {
            return Ok(PageBuffer::extend(index, pg_sys::ForkNumber::MAIN_FORKNUM));
        };
        check_block(index, block)?;
        if block == self.meta.head.tail || locked.iter().any(|page| page.block() == block) {
            return Err(index.damaged("its metapage has a block in two places"));
        }
        PageBuffer::overwrite(index, block)
    }

    /// Links pages to the end of the chain, in one WAL record with the changes that `first` makes.
    fn link(
        &mut self,
        index: IndexRelation,
        tail: &PageBuffer,
        pages: &[PageBuffer],
        first: impl FnOnce(&LogRecord<'_>),
    ) {
        let head = &mut self.meta.head;
        head.tail_place += pages.len() as u32;
        head.tail = pages[pages.len() - 1].block();
        let log = LogRecord::new(index);
        log.page(tail).set_tag(tail.tag().before(pages[0].block()));
        first(&log);
        self.log(&log);
        log.finish();
    }
}

/// Checks a block number, because a damaged page might name the metapage, whose lock this process already
/// holds: it would wait for itself.
fn check_block(index: IndexRelation, block: Block) -> Result<()> {
    match block {
        METAPAGE | NO_BLOCK => Err(index.damaged("the chain of growing pages is broken")),
        _ => Ok(()),
    }
}

/// A page that must be part of the chain, because nobody can recycle pages meanwhile.
fn page_of_chain(index: IndexRelation, block: Block, place: u32, lock: Lock) -> Result<PageBuffer> {
    check_block(index, block)?;
    let page = PageBuffer::read(index, block, lock)?;
    if !page.tag().is(PageKind::Growing, 0, place) {
        return Err(index.damaged("a growing page is none"));
    }
    Ok(page)
}

/// The beginning of the growing rows that a flush leaves.
#[derive(Clone, Copy, Debug)]
pub struct Seal {
    pub block: Block,
    pub place: u32,
    /// Rows on the pages before it.
    pub rows: u64,
}

/// Begins a new page, so that the pages before it take no more rows.
///
/// # Errors
/// If the index is damaged.
pub fn seal(index: IndexRelation, column: &Column) -> Result<Seal> {
    let mut locked = LockedMetapage::new(index, Lock::Exclusive)?;
    let tail = locked.tail(index)?;
    let page = [locked.new_page(index, &[])?];
    let (tag, content) = empty_page(locked.meta.head.tail_place + 1);
    let rows = Layout::new(column).header(index, &tail)?.rows;
    locked.meta.head.growing_rows += u64::from(rows);
    let seal =
        Seal { block: page[0].block(), place: tag.place, rows: locked.meta.head.growing_rows };
    locked.link(index, &tail, &page, |log| {
        log.new_page(&page[0], tag).write(&content);
    });
    Ok(seal)
}

/// The position in the chain at which reading resumes.
#[derive(Clone, Copy, Debug)]
pub struct ChainPosition {
    pub block: Block,
    pub place: u32,
    /// Rows of the page that were already read.
    rows: u16,
}

impl ChainPosition {
    /// The beginning of the chain.
    pub fn start(meta: &Metapage) -> Self {
        Self { block: meta.head.growing, place: meta.head.growing_place, rows: 0 }
    }
}

/// Whether reading came to the end, or the chain is no longer what the metapage said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainEnd {
    Reached,
    Recycled,
}

/// Passes all rows from a position on to `each`, including deleted ones, and moves the position to the end:
/// the last page, or the page with a given place.
///
/// # Errors
/// Those of `each`.
pub fn read(
    index: IndexRelation,
    column: &Column,
    position: &mut ChainPosition,
    until: Option<u32>,
    each: &mut dyn FnMut(GrowingRow<'_>) -> Result<()>,
) -> Result<ChainEnd> {
    let layout = Layout::new(column);
    let mut long = Vec::new();
    loop {
        pgrx::check_for_interrupts!();
        if until == Some(position.place) {
            return Ok(ChainEnd::Reached);
        }
        // VACUUM may have truncated the relation before this block.
        if position.block >= index.blocks() {
            return Ok(ChainEnd::Recycled);
        }
        let page = PageBuffer::read(index, position.block, Lock::Share)?;
        let tag = page.tag();
        if !tag.is(PageKind::Growing, 0, position.place) {
            return Ok(ChainEnd::Recycled);
        }
        let header = layout.header(index, &page)?;
        let content = &page.content()[size_of::<PageHeader>()..];
        // Each page of a record that takes several counts as one row that was read.
        let rows = header.rows.max(u16::from(header.part > 0));
        let seen = std::mem::replace(&mut position.rows, rows);
        if layout.parts == 1 {
            for (record, number) in content.chunks_exact(layout.record).zip(0..header.rows) {
                if number >= seen {
                    each(record::decode(column, (position.place, number), record))?;
                }
            }
        } else if header.rows == 1 || header.part > 0 {
            // A position never stays in the middle of a record, because the record's pages are linked all
            // at once.
            let wanted = layout.record - ROOM * usize::from(header.part);
            if seen == 0 {
                long.extend_from_slice(&content[..wanted.min(ROOM)]);
            }
            if long.len() == layout.record {
                let first = position.place - u32::from(header.part);
                each(record::decode(column, (first, 0), &long))?;
                long.clear();
            }
        }
        if is_last(tag) {
            return Ok(ChainEnd::Reached);
        }
        *position = ChainPosition { block: tag.next, place: position.place + 1, rows: 0 };
    }
}

/// Marks rows of all growing pages as deleted and returns their number. The metapage is locked exclusively.
///
/// # Errors
/// If the index is damaged.
pub fn delete(
    index: IndexRelation,
    column: &Column,
    meta: &Metapage,
    is_deleted: &mut dyn FnMut(u64) -> bool,
) -> Result<u64> {
    let layout = Layout::new(column);
    let (mut block, mut deleted) = (meta.head.growing, 0);
    for place in meta.head.growing_place..=meta.head.tail_place {
        let page = page_of_chain(index, block, place, Lock::Exclusive)?;
        let rows = usize::from(layout.header(index, &page)?.rows);
        let mut content = page.content()[size_of::<PageHeader>()..].to_vec();
        let records = content.chunks_mut(layout.record).take(rows);
        let marked = records.filter_map(|record| record::mark(record, is_deleted).then_some(()));
        let marked = marked.count() as u64;
        if marked > 0 {
            let log = LogRecord::new(index);
            log.page(&page).content()[size_of::<PageHeader>()..].copy_from_slice(&content);
            log.finish();
        }
        deleted += marked;
        block = page.tag().next;
    }
    Ok(deleted)
}

/// The blocks of the chain.
///
/// # Errors
/// If a page is not part of the chain.
pub fn blocks(index: IndexRelation, meta: &Metapage) -> Result<Vec<Block>> {
    let (mut block, mut found) = (meta.head.growing, Vec::new());
    for place in meta.head.growing_place..=meta.head.tail_place {
        pgrx::check_for_interrupts!();
        let page = page_of_chain(index, block, place, Lock::Share)?;
        found.push(block);
        block = page.tag().next;
    }
    Ok(found)
}

/// Passes the rows before a place of the chain to `each`.
///
/// # Errors
/// Those of `each`; if the index is damaged.
pub fn read_before(
    index: IndexRelation,
    column: &Column,
    meta: &Metapage,
    end: u32,
    each: &mut dyn FnMut(GrowingRow<'_>) -> Result<()>,
) -> Result<()> {
    let mut position = ChainPosition::start(meta);
    match read(index, column, &mut position, Some(end), each)? {
        ChainEnd::Reached => Ok(()),
        ChainEnd::Recycled => Err(index.damaged("a growing page is none")),
    }
}

/// The records before a place of the chain whose rows are not deleted, as of one moment, by TID. A TID may
/// have several records, all but the last of which are deleted.
pub fn live_records(
    index: IndexRelation,
    column: &Column,
    meta: &Metapage,
    end: u32,
) -> Result<BTreeMap<u64, RecordPosition>> {
    loop {
        let deletions = Metapage::read(index)?.head.growing_deletions;
        let mut live = BTreeMap::new();
        read_before(index, column, meta, end, &mut |row| {
            if !row.deleted {
                live.insert(row.tid, row.position);
            }
            Ok(())
        })?;
        if Metapage::read(index)?.head.growing_deletions == deletions {
            return Ok(live);
        }
    }
}
