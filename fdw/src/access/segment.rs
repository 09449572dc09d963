//! Segments: index files in pages that never change, and deletion bits of their rows, which do.
//!
//! A segment's file is cut into pieces of [`CONTENT`] bytes, one per page, in whatever blocks were free
//! (`extents`). A reader was overtaken by a merge if it finds another page in place of a piece, or if the
//! hash of all bytes differs: it then reads the metapage again.
//!
//! The first half of a deletion page has the bits of rows that VACUUM removed, the second half those of
//! rows that scans found dead (`dead_rows`).

use crate::access::extents::Extents;
use crate::access::metapage::SegmentEntry;
use crate::access::page::{CONTENT, Lock, LogRecord, PageBuffer, PageKind};
use crate::access::relation::IndexRelation;
use crate::sql::failure::Result;
use hither_core::raw::AlignedBytes;
use pgrx::pg_sys;
use xxhash_rust::xxh3::xxh3_128;

/// Bytes of a deletion page for VACUUM's bits, and as many for hints.
const HALF: usize = CONTENT / 2;

/// Rows that a deletion page has bits for.
pub const ROWS_OF_PAGE: u64 = 8 * HALF as u64;

/// The file of a segment, read from its pages; `None` if the pages are no longer the segment's.
///
/// # Errors
/// If the pages do not exist, or the file does not fit in memory.
pub fn read_file(index: IndexRelation, segment: &SegmentEntry) -> Result<Option<AlignedBytes>> {
    let Some(extents) = Extents::try_read(index, segment)? else { return Ok(None) };
    let mut bytes = AlignedBytes::new();
    let room = usize::try_from(segment.length).unwrap_or(usize::MAX);
    bytes.try_reserve(room)?;
    // SAFETY: the strategy lives as long as the transaction, or until it is freed.
    let strategy =
        unsafe { pg_sys::GetAccessStrategy(pg_sys::BufferAccessStrategyType::BAS_BULKREAD) };
    let mut whole = true;
    for (place, block) in extents.pieces().enumerate() {
        pgrx::check_for_interrupts!();
        let page = PageBuffer::read_once(index, block, strategy)?;
        whole &= page.tag().is(PageKind::Piece, segment.number, place as u32);
        if !whole {
            break;
        }
        let left = room - bytes.len();
        bytes.extend_from_slice(&page.content()[..CONTENT.min(left)]);
    }
    // SAFETY: made above.
    unsafe { pg_sys::FreeAccessStrategy(strategy) };
    let is_same = |bytes: &AlignedBytes| xxh3_128(bytes).to_le_bytes() == segment.content;
    Ok(Some(bytes).filter(|bytes| whole && is_same(bytes)))
}

/// A set of a segment's rows, given by their places among all rows of its file.
#[derive(Clone, Debug, Default)]
pub struct RowSet {
    bits: Vec<u8>,
    pub count: u64,
}

impl RowSet {
    fn new(bits: Vec<u8>) -> Self {
        let count = bits.iter().map(|byte| u64::from(byte.count_ones())).sum();
        Self { bits, count }
    }

    pub fn contains(&self, row: u64) -> bool {
        self.bits.get((row / 8) as usize).is_some_and(|byte| byte >> (row % 8) & 1 == 1)
    }

    /// Adds a row; false if the set already had it.
    pub fn insert(&mut self, row: u64) -> bool {
        let (byte, new) = ((row / 8) as usize, !self.contains(row));
        if self.bits.len() <= byte {
            self.bits.resize(byte + 1, 0);
        }
        self.bits[byte] |= 1 << (row % 8);
        self.count += u64::from(new);
        new
    }

    /// Adds the rows of another set.
    pub fn add(&mut self, other: &Self) {
        let mut bits = std::mem::take(&mut self.bits);
        bits.resize(bits.len().max(other.bits.len()), 0);
        for (byte, more) in bits.iter_mut().zip(&other.bits) {
            *byte |= more;
        }
        *self = Self::new(bits);
    }
}

/// The bits on a segment's deletion pages.
#[derive(Clone, Debug, Default)]
pub struct RowMarks {
    /// Rows that VACUUM removed.
    pub deleted: RowSet,
    /// Rows that scans found dead: hints.
    pub dead: RowSet,
}

impl RowMarks {
    /// Reads the bits; `None` if the pages are no longer the segment's.
    ///
    /// # Errors
    /// If the pages do not exist.
    pub fn read(index: IndexRelation, segment: &SegmentEntry) -> Result<Option<Self>> {
        let Some(extents) = Extents::try_read(index, segment)? else { return Ok(None) };
        let (mut deleted, mut dead) = (Vec::new(), Vec::new());
        for (place, block) in extents.deletions().enumerate() {
            let page = PageBuffer::read(index, block, Lock::Share)?;
            if !page.tag().is(PageKind::Deletions, segment.number, place as u32) {
                return Ok(None);
            }
            let (first, second) = page.content().split_at(HALF);
            deleted.extend_from_slice(first);
            dead.extend_from_slice(second);
        }
        let whole = |mut bits: Vec<u8>| {
            bits.truncate(segment.rows.div_ceil(8) as usize);
            RowSet::new(bits)
        };
        Ok(Some(Self { deleted: whole(deleted), dead: whole(dead) }))
    }
}

/// Removes the rows whose bits are on a deletion page from the front of `rows`, which are sorted, and
/// returns the positions of their bits on that page.
fn take_page(rows: &mut &[u64], place: usize) -> impl Iterator<Item = (usize, u8)> {
    let first = place as u64 * ROWS_OF_PAGE;
    let (here, later) = rows.split_at(rows.partition_point(|row| *row < first + ROWS_OF_PAGE));
    *rows = later;
    here.iter().map(move |row| (((row - first) / 8) as usize, 1 << ((row - first) % 8)))
}

/// Passes each deletion page that has bits of these sorted rows to `mark`, exclusively locked, with the
/// positions of the bits. False if a page is no longer the segment's.
fn mark_pages(
    index: IndexRelation,
    segment: &SegmentEntry,
    extents: &Extents,
    mut rows: &[u64],
    mark: impl Fn(&PageBuffer, &mut dyn Iterator<Item = (usize, u8)>),
) -> Result<bool> {
    for (place, block) in extents.deletions().enumerate() {
        let mut here = take_page(&mut rows, place).peekable();
        if here.peek().is_none() {
            continue;
        }
        let page = PageBuffer::read(index, block, Lock::Exclusive)?;
        if !page.tag().is(PageKind::Deletions, segment.number, place as u32) {
            return Ok(false);
        }
        mark(&page, &mut here);
    }
    Ok(true)
}

/// Marks rows of a segment, which are sorted, as dead: a hint, which is lost if the segment was merged
/// away.
///
/// # Errors
/// If the pages do not exist.
pub fn hint_dead(index: IndexRelation, segment: &SegmentEntry, rows: &[u64]) -> Result<()> {
    let Some(extents) = Extents::try_read(index, segment)? else { return Ok(()) };
    mark_pages(index, segment, &extents, rows, |page, bits| {
        page.hint(bits.map(|(byte, bit)| (HALF + byte, bit)));
    })?;
    Ok(())
}

/// Marks rows of a segment, which are sorted, as deleted. The caller has locked the metapage and knows that
/// the segment is in it, or not yet.
///
/// # Errors
/// If a page is not the segment's.
pub fn delete(index: IndexRelation, segment: &SegmentEntry, rows: &[u64]) -> Result<()> {
    let extents = Extents::read(index, segment)?;
    let is_own = mark_pages(index, segment, &extents, rows, |page, bits| {
        let log = LogRecord::new(index);
        let mut image = log.page(page);
        for (byte, bit) in bits {
            image.content()[byte] |= bit;
        }
        log.finish();
    })?;
    match is_own {
        true => Ok(()),
        false => Err(index.damaged("a deletion page is none of its segment")),
    }
}
