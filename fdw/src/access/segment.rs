//! Segments: index files in pages that never change, and the bits of their deleted rows, which do.
//!
//! A segment's file is cut into pieces of [`CONTENT`] bytes, a page each, wherever blocks were free
//! (`extents`). A reader that finds another page in the place of one, or whose bytes have another hash in
//! the end, was overtaken by a merge: it reads the metapage again.

use crate::access::extents::Extents;
use crate::access::metapage::SegmentEntry;
use crate::access::page::{CONTENT, Lock, LogRecord, PageBuffer, PageKind};
use crate::access::relation::IndexRelation;
use crate::sql::failure::Result;
use hither_core::raw::AlignedBytes;
use pgrx::pg_sys;
use xxhash_rust::xxh3::xxh3_128;

/// Rows whose bits a deletion page holds.
pub const ROWS_OF_PAGE: u64 = 8 * CONTENT as u64;

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

/// The deleted rows of a segment, by their place among all rows of its file.
#[derive(Clone, Debug, Default)]
pub struct DeletedRows {
    bits: Vec<u8>,
    pub count: u64,
}

impl DeletedRows {
    /// Reads the bits; none if the pages are no longer the segment's.
    ///
    /// # Errors
    /// If there are no such pages.
    pub fn read(index: IndexRelation, segment: &SegmentEntry) -> Result<Option<Self>> {
        let Some(extents) = Extents::try_read(index, segment)? else { return Ok(None) };
        let mut bits = Vec::new();
        for (place, block) in extents.deletions().enumerate() {
            let page = PageBuffer::read(index, block, Lock::Share)?;
            if !page.tag().is(PageKind::Deletions, segment.number, place as u32) {
                return Ok(None);
            }
            bits.extend_from_slice(page.content());
        }
        bits.truncate(segment.rows.div_ceil(8) as usize);
        let count = bits.iter().map(|byte| u64::from(byte.count_ones())).sum();
        Ok(Some(Self { bits, count }))
    }

    pub fn contains(&self, row: u64) -> bool {
        self.bits.get((row / 8) as usize).is_some_and(|byte| byte >> (row % 8) & 1 == 1)
    }
}

/// Marks rows of a segment deleted, in the order of their places. Who calls it holds the metapage and
/// knows that the segment is in it, or not yet.
///
/// # Errors
/// If its pages are others.
pub fn delete(index: IndexRelation, segment: &SegmentEntry, rows: &[u64]) -> Result<()> {
    let extents = Extents::read(index, segment)?;
    let mut rows = rows;
    for (place, block) in extents.deletions().enumerate() {
        let first = place as u64 * ROWS_OF_PAGE;
        let (here, later) = rows.split_at(rows.partition_point(|row| *row < first + ROWS_OF_PAGE));
        rows = later;
        if here.is_empty() {
            continue;
        }
        let page = PageBuffer::read(index, block, Lock::Exclusive)?;
        if !page.tag().is(PageKind::Deletions, segment.number, place as u32) {
            return Err(index.damaged("a deletion page is none of its segment"));
        }
        let log = LogRecord::new(index);
        let mut image = log.page(&page);
        for row in here {
            let bit = row - first;
            image.content()[(bit / 8) as usize] |= 1 << (bit % 8);
        }
        log.finish();
    }
    Ok(())
}
