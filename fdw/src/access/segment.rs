//! Segments: index files in pages that never change, and the bits of their deleted rows, which do.
//!
//! A segment's file is cut into pieces of [`CONTENT`] bytes, a page each, wherever blocks were free
//! (`extents`). A reader that finds another page in the place of one, or whose bytes have another hash in
//! the end, was overtaken by a merge: it reads the metapage again.
//!
//! The first half of a deletion page has the bits of rows that VACUUM removed, the second those of rows that scans
//! found dead (`dead_rows`).

use crate::access::extents::Extents;
use crate::access::metapage::SegmentEntry;
use crate::access::page::{CONTENT, Lock, LogRecord, PageBuffer, PageKind};
use crate::access::relation::IndexRelation;
use crate::sql::failure::Result;
use hither_core::raw::AlignedBytes;
use pgrx::pg_sys;
use xxhash_rust::xxh3::xxh3_128;

/// Bytes of a deletion page that are VACUUM's, and those of hints.
const HALF: usize = CONTENT / 2;

/// Rows whose bits a deletion page holds.
pub const ROWS_OF_PAGE: u64 = 8 * HALF as u64;

/// The file of a segment, read out of its pages; none if they are no longer its own.
///
/// # Errors
/// If there are no such pages, or memory does not hold it.
pub fn read_file(index: IndexRelation, segment: &SegmentEntry) -> Result<Option<AlignedBytes>> {
    let Some(extents) = Extents::try_read(index, segment)? else { return Ok(None) };
    let mut bytes = AlignedBytes::new();
    let room = usize::try_from(segment.length).unwrap_or(usize::MAX);
    bytes.try_reserve(room)?;
    // SAFETY: lives as long as the transaction, or until it is freed.
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

/// Rows of a segment, by their place among all rows of its file.
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

    /// Adds a row; false if it was there.
    pub fn insert(&mut self, row: u64) -> bool {
        let (byte, new) = ((row / 8) as usize, !self.contains(row));
        if self.bits.len() <= byte {
            self.bits.resize(byte + 1, 0);
        }
        self.bits[byte] |= 1 << (row % 8);
        self.count += u64::from(new);
        new
    }

    /// Adds the rows of another.
    pub fn add(&mut self, other: &Self) {
        let mut bits = std::mem::take(&mut self.bits);
        bits.resize(bits.len().max(other.bits.len()), 0);
        for (byte, more) in bits.iter_mut().zip(&other.bits) {
            *byte |= more;
        }
        *self = Self::new(bits);
    }
}

/// What the deletion pages say of a segment's rows.
#[derive(Clone, Debug, Default)]
pub struct RowMarks {
    /// Those that VACUUM removed.
    pub deleted: RowSet,
    /// Those that scans found dead: hints.
    pub dead: RowSet,
}

impl RowMarks {
    /// Reads the bits; none if the pages are no longer the segment's.
    ///
    /// # Errors
    /// If there are no such pages.
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

/// Those of the rows, in the order of their places, whose bits are on a deletion page, by their bits there;
/// the others are left.
fn take_page(rows: &mut &[u64], place: usize) -> impl Iterator<Item = (usize, u8)> {
    let first = place as u64 * ROWS_OF_PAGE;
    let (here, later) = rows.split_at(rows.partition_point(|row| *row < first + ROWS_OF_PAGE));
    *rows = later;
    here.iter().map(move |row| (((row - first) / 8) as usize, 1 << ((row - first) % 8)))
}

/// Gives each deletion page that has bits of these rows, in the order of their places, to `mark`, exclusively locked, with
/// the bits. False if one is no longer the segment's.
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

/// Marks rows of a segment dead, in the order of their places: a hint, of which nothing is left if the segment was
/// merged away.
///
/// # Errors
/// If there are no such pages.
pub fn hint_dead(index: IndexRelation, segment: &SegmentEntry, rows: &[u64]) -> Result<()> {
    let Some(extents) = Extents::try_read(index, segment)? else { return Ok(()) };
    mark_pages(index, segment, &extents, rows, |page, bits| {
        page.hint(bits.map(|(byte, bit)| (HALF + byte, bit)));
    })?;
    Ok(())
}

/// Marks rows of a segment deleted, in the order of their places. Who calls it holds the metapage and
/// knows that the segment is in it, or not yet.
///
/// # Errors
/// If its pages are others.
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
