//! Records of growing pages: a row as it was inserted.

use crate::access::column::Column;
use crate::access::keys::Keys;
use crate::access::page::{CONTENT, PageBuffer};
use crate::access::relation::IndexRelation;
use crate::sql::failure::Result;
use bytemuck::{Pod, Zeroable};

/// The header of a growing page's content.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct PageHeader {
    pub rows: u16,
    /// The number of the piece of a record that the page holds, if a record takes several pages.
    pub part: u16,
    pub padding: u32,
}

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
struct RecordHeader {
    /// The row's TID; the bit `DELETED` marks a deleted row.
    tid: u64,
    /// A bit for each key column: whether it is null.
    nulls: u64,
}

/// Bytes for records on a page.
pub const ROOM: usize = CONTENT - size_of::<PageHeader>();

/// The bit above those of a TID that marks a deleted row.
const DELETED: u64 = 1 << 63;

/// The arrangement of records on pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of a record.
    pub record: usize,
    /// Records on a page; 1 if a record takes several pages.
    pub rows: usize,
    /// Pages that a record takes.
    pub parts: usize,
}

impl Layout {
    pub fn new(column: &Column) -> Self {
        let keys = column.keys.len() * size_of::<i64>();
        let record = size_of::<RecordHeader>() + keys + column.width().next_multiple_of(8);
        Self { record, rows: (ROOM / record).max(1), parts: record.div_ceil(ROOM) }
    }
}

/// The position of a record: the place of its page, and its number there.
pub type RecordPosition = (u32, u16);

/// A growing row.
pub struct GrowingRow<'p> {
    pub position: RecordPosition,
    pub tid: u64,
    pub deleted: bool,
    pub keys: Keys,
    /// The values of its vector, as the column stores them.
    pub vector: &'p [u8],
}

impl Layout {
    /// The header of a page.
    pub fn header(&self, index: IndexRelation, page: &PageBuffer) -> Result<PageHeader> {
        let bytes = &page.content()[..size_of::<PageHeader>()];
        let header: PageHeader = bytemuck::pod_read_unaligned(bytes);
        if usize::from(header.rows) > self.rows || usize::from(header.part) >= self.parts {
            return Err(index.damaged("a growing page has more rows than it can hold"));
        }
        Ok(header)
    }
}

/// The bytes of a record.
pub fn encode(layout: Layout, tid: u64, keys: &[Option<i64>], vector: &[u8]) -> Vec<u8> {
    let nulls = keys.iter().zip(0..).filter(|(key, _)| key.is_none());
    let nulls = nulls.fold(0, |nulls, (_, number)| nulls | 1 << number);
    let mut record = bytemuck::bytes_of(&RecordHeader { tid, nulls }).to_vec();
    for key in keys {
        record.extend_from_slice(&key.unwrap_or(0).to_ne_bytes());
    }
    record.extend_from_slice(vector);
    record.resize(layout.record, 0);
    record
}

/// The row of a record.
pub fn decode<'p>(column: &Column, position: RecordPosition, record: &'p [u8]) -> GrowingRow<'p> {
    let (header, rest) = record.split_at(size_of::<RecordHeader>());
    let RecordHeader { tid, nulls } = bytemuck::pod_read_unaligned(header);
    let (keys, vector) = rest.split_at(column.keys.len() * size_of::<i64>());
    let keys = keys.as_chunks().0.iter().map(|key| i64::from_ne_bytes(*key));
    let keys = keys.zip(0..).map(|(key, number)| (nulls >> number & 1 == 0).then_some(key));
    let (tid, deleted) = (tid & !DELETED, tid & DELETED != 0);
    GrowingRow { position, tid, deleted, keys: keys.collect(), vector: &vector[..column.width()] }
}

/// Marks a record's row as deleted; returns false if it already is, or `is_deleted` says that it lives.
pub fn mark(record: &mut [u8], is_deleted: &mut dyn FnMut(u64) -> bool) -> bool {
    let tid = &mut record[..size_of::<u64>()];
    let place = u64::from_ne_bytes(tid.try_into().unwrap_or_default());
    let marked = place & DELETED == 0 && is_deleted(place);
    if marked {
        tid.copy_from_slice(&(place | DELETED).to_ne_bytes());
    }
    marked
}
