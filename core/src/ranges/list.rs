//! The record of a list: codes, factors, checks, keys and row numbers; and the ranks of its rows.

use super::code::{SignQuery, words};
use super::read::{Reader, number};
use crate::distance::{Measure, measure_pair, vectorized, widen_f16};
use crate::error::Result;
use crate::metric::Metric;
use crate::packed::{PackedView, packed_len};
use alloc::vec::Vec;

/// The bytes of a row in a list's record, without its number and its key.
pub(super) fn entry_len(dimensions: usize) -> u64 {
    words(dimensions) as u64 * 8 + 8
}

fn packed<'a>(reader: &mut Reader<'a>, count: u64, bits: u32) -> Result<PackedView<'a>> {
    let bytes = reader.bytes(packed_len(count, bits) as usize)?;
    Ok(PackedView { bytes, bits })
}

/// The place of a list's record, and what it contains.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListEntry {
    /// Its offset among the records of lists.
    pub at: u64,
    pub length: u64,
    pub hash: u64,
    pub first_row: u32,
    pub hosts: u32,
    pub guests: u32,
    /// The numbers by which factors and biases are multiplied.
    pub(super) scale: f32,
    pub(super) bias: f32,
}

/// A list's record.
#[derive(Clone, Copy)]
pub(crate) struct List<'a> {
    entry: ListEntry,
    code: usize,
    codes: &'a [u8],
    factors: &'a [u8],
    biases: &'a [u8],
    checks: &'a [u8],
    keys: PackedView<'a>,
    guests: PackedView<'a>,
}

impl<'a> List<'a> {
    /// Opens a record, in which keys and row numbers have this many bits.
    pub(super) fn open(
        entry: ListEntry,
        bytes: &'a [u8],
        dimensions: usize,
        (key_bits, row_bits): (u32, u32),
    ) -> Result<Self> {
        let count = entry.hosts as usize + entry.guests as usize;
        let mut reader = Reader(bytes);
        let code = words(dimensions) * 8;
        Ok(Self {
            entry,
            code,
            codes: reader.bytes(count * code)?,
            factors: reader.bytes(count * 2)?,
            biases: reader.bytes(count * 2)?,
            checks: reader.bytes(count * 4)?,
            keys: packed(&mut reader, count as u64, key_bits)?,
            guests: packed(&mut reader, entry.guests.into(), row_bits)?,
        })
    }

    /// The number of rows in the list.
    pub fn len(&self) -> usize {
        self.entry.hosts as usize + self.entry.guests as usize
    }

    /// The row at a place; hosts come first.
    pub fn row(&self, place: usize) -> Result<u32> {
        match place.checked_sub(self.entry.hosts as usize) {
            None => Ok(self.entry.first_row + place as u32),
            Some(guest) => Ok(self.guests.get(guest as u32)? as u32),
        }
    }

    /// The check of the vector of the row at a place.
    pub fn check(&self, place: usize) -> u32 {
        number(self.checks, place)
    }

    /// The key of the row at a place, if records have keys.
    pub fn key(&self, place: usize) -> Result<u32> {
        Ok(self.keys.get(place as u32)? as u32)
    }

    /// The estimated ranks of all rows, in the order of their places.
    pub fn ranks(
        &self,
        query: &SignQuery,
        (values, centroid): (&[f32], &[f32]),
        metric: Metric,
        out: &mut Vec<f32>,
        biases: &mut Vec<f32>,
    ) {
        let count = self.len();
        out.clear();
        out.resize(count, 0.0);
        biases.resize(count, 0.0);
        widen_f16(self.factors, out);
        widen_f16(self.biases, biases);
        let (base, slope, part) = match metric {
            Metric::InnerProduct => (-measure_pair(Measure::Dot, values, centroid), 1.0, 1.0),
            Metric::Cosine => (measure_pair(Measure::SquaredL2, values, centroid), 2.0, 0.5),
            Metric::L2 | Metric::L1 => {
                (measure_pair(Measure::SquaredL2, values, centroid), 2.0, 1.0)
            }
        };
        let ListEntry { scale, bias, .. } = self.entry;
        vectorized(|| {
            let codes = self.codes.chunks_exact(self.code);
            for ((factor, rank), code) in out.iter_mut().zip(biases).zip(codes) {
                let product = slope * scale * *factor * query.product(code);
                *factor = part * (base + bias * *rank - product);
            }
        });
    }
}
