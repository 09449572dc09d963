//! The base layer of a stored graph: the neighbours of each row, in two layouts.
//!
//! A search reads the neighbours of scattered rows, so each is a wait for memory. With records at a fixed
//! stride it waits once: a row's record begins at a multiple of the stride. Older files pack the ids without
//! gaps, with the offset of each row's ids in another section: two dependent reads.

use crate::distance::prefetch;
use crate::error::{OrCorrupt, Result, corrupt};
use crate::packed::{Packer, SLACK, bits_below, packed_len, read_bits};
use alloc::vec::Vec;
use core::ops::Range;

const WHAT: &str = "the neighbours of a row";

/// Bits that hold the number of any of `rows` rows.
fn id_bits(rows: u32) -> u32 {
    bits_below(u64::from(rows))
}

/// Bytes of a record: how many neighbours a row has, and places for `most`.
pub(crate) fn record_size(rows: u32, most: u32) -> usize {
    1 + packed_len(most.into(), id_bits(rows)) as usize
}

/// The base layer, as it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BaseLayer<'a> {
    layout: Layout<'a>,
    rows: u32,
    /// Most neighbours of a row.
    most: u32,
    /// Bits of an id, and bytes of a record.
    bits: u32,
    size: usize,
}

#[derive(Clone, Copy, Debug)]
enum Layout<'a> {
    Records(&'a [u8]),
    Packed {
        offsets: &'a [u8],
        ids: &'a [u8],
        /// How many ids there are in all.
        edges: u64,
    },
}

/// The sections of a base layer: `records`, or in older files the other two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BaseSections<'a> {
    pub records: &'a [u8],
    pub offsets: &'a [u8],
    pub ids: &'a [u8],
}

impl<'a> BaseLayer<'a> {
    /// `most` is the most neighbours of a row, `edges` the number of all.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the sections do not have the length that the
    /// numbers imply.
    pub fn open(sections: BaseSections<'a>, rows: u32, most: u32, edges: u64) -> Result<Self> {
        let BaseSections { records, offsets, ids } = sections;
        let (bits, size, slack) = (id_bits(rows), record_size(rows, most), SLACK as u64);
        let fits = edges <= u64::from(rows) * u64::from(most)
            && if records.is_empty() {
                offsets.len() as u64 == packed_len(u64::from(rows) + 1, offset_bits(edges)) + slack
                    && ids.len() as u64 == packed_len(edges, bits) + slack
            } else {
                records.len() as u64 == u64::from(rows) * size as u64 + slack
            };
        if !fits {
            return Err(corrupt("the sizes of the graph"));
        }
        let layout = match records.is_empty() {
            true => Layout::Packed { offsets, ids, edges },
            false => Layout::Records(records),
        };
        Ok(Self { layout, rows, most, bits, size })
    }

    /// The neighbours of a row, into `out`.
    #[inline]
    pub fn neighbors(&self, row: u32, out: &mut Vec<u32>) -> Result<()> {
        let (bytes, first, count) = match self.layout {
            Layout::Records(records) => {
                let bytes = records.get(row as usize * self.size..).or_corrupt(WHAT)?;
                let count = u32::from(*bytes.first().or_corrupt(WHAT)?);
                (bytes, 8, count)
            }
            Layout::Packed { offsets, ids, edges } => {
                let range = self.edges(row, offsets, edges).or_corrupt(WHAT)?;
                let first = range.start * u64::from(self.bits);
                let bytes = ids.get((first / 8) as usize..).or_corrupt(WHAT)?;
                (bytes, (first % 8) as u32, (range.end - range.start) as u32)
            }
        };
        if row >= self.rows || count > self.most {
            return Err(corrupt(WHAT));
        }
        out.resize(count as usize, 0);
        let (mut bit, mut greatest) = (first, 0);
        for id in out.iter_mut() {
            *id = read_bits(bytes, bit.into(), self.bits).or_corrupt(WHAT)? as u32;
            greatest = greatest.max(*id);
            bit += self.bits;
        }
        if greatest >= self.rows {
            return Err(corrupt(WHAT));
        }
        Ok(())
    }

    /// The range of a row's ids among all.
    #[inline]
    fn edges(&self, row: u32, offsets: &[u8], edges: u64) -> Option<Range<u64>> {
        let bits = offset_bits(edges);
        let offset = |row: u64| read_bits(offsets, row * u64::from(bits), bits);
        let (first, last) = (offset(row.into())?, offset(u64::from(row) + 1)?);
        let is_sound = first <= last && last <= edges && last - first <= u64::from(self.most);
        is_sound.then_some(first..last)
    }

    /// Prefetches a row's neighbours.
    #[inline]
    pub fn prefetch(&self, row: u32) {
        let bytes = match self.layout {
            Layout::Records(records) => {
                let start = row as usize * self.size;
                records.get(start..start + self.size)
            }
            Layout::Packed { offsets, ids, edges } => {
                let byte = |edge: u64| (edge * u64::from(self.bits) / 8) as usize;
                let range = self.edges(row, offsets, edges);
                range.and_then(|range| ids.get(byte(range.start)..byte(range.end) + 1))
            }
        };
        bytes.into_iter().for_each(prefetch);
    }

    /// Prefetches the offset of a row's neighbours, if the layout has one.
    #[inline]
    pub fn prefetch_place(&self, row: u32) {
        if let Layout::Packed { offsets, edges, .. } = self.layout {
            let byte = (u64::from(row) * u64::from(offset_bits(edges)) / 8) as usize;
            offsets.get(byte..byte + 1).into_iter().for_each(prefetch);
        }
    }
}

/// Writes the records of a base layer, row after row.
pub(super) struct BaseWriter {
    records: Vec<u8>,
    rows: u32,
    most: u32,
    /// How many neighbours all rows have together.
    pub edges: u64,
}

impl BaseWriter {
    pub fn new(rows: u32, most: u32) -> Self {
        let length = rows as usize * record_size(rows, most) + SLACK;
        Self { records: Vec::with_capacity(length), rows, most, edges: 0 }
    }

    /// Appends the record of the next row, with at most as many `neighbors` as there are places.
    pub fn push(&mut self, neighbors: impl Iterator<Item = u32>) {
        let start = self.records.len();
        let mut ids = Packer::new(id_bits(self.rows));
        let mut count = 0;
        for neighbor in neighbors {
            ids.push(neighbor.into());
            count += 1;
        }
        debug_assert!(u32::from(count) <= self.most);
        self.edges += u64::from(count);
        self.records.push(count);
        self.records.extend(ids.finish());
        self.records.resize(start + record_size(self.rows, self.most), 0);
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.records.extend([0; SLACK]);
        self.records
    }
}

/// Bits that hold any number of edges up to `edges`.
fn offset_bits(edges: u64) -> u32 {
    bits_below(edges + 1)
}
