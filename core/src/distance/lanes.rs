//! The operations that every instruction set implements, and the sum over a row that is built from them: values
//! are read a register at a time and added in the defined order.

use super::prefetch::prefetch;
use super::table::{QueryCodes, Records, coming};
use crate::error::Result;
use pulp::Simd;

/// The operations that an instruction set adds to pulp's. Methods are `inline(always)` so that they are
/// compiled with the features of their caller.
pub(super) trait Lanes: Copy {
    type Simd: Simd;
    fn simd(self) -> Self::Simd;
    /// How many rows ahead of the measured one are prefetched, if rows are `stride` bytes apart.
    #[inline(always)]
    fn ahead(_stride: usize) -> usize {
        16
    }
    /// Widens as many binary16 values as a register has lanes.
    fn widen_f16(self, bytes: &[u8]) -> <Self::Simd as Simd>::f32s;
    /// Widens as many 8-bit codes as a register has lanes.
    fn widen_i8(self, bytes: &[u8]) -> <Self::Simd as Simd>::f32s;
    /// Σ `term` over the dimensions of a row.
    #[inline(always)]
    fn sum<V: Values>(
        self,
        values: V,
        query: &[f32],
        row: &[u8],
        term: impl Fn(Self::Simd, F32s<Self>, F32s<Self>) -> F32s<Self>,
    ) -> f32 {
        sum_terms(self, values, query, row, term)
    }
    /// Σ a·b over signed bytes; the slices are of equal length, and `b` holds no −128.
    fn dot_i8(self, a: &[i8], b: &[i8]) -> i32;
    /// Σ low·(low four bits of a byte) + high·(high four bits), over the bytes of `row`, whose number is a
    /// multiple of 16; all slices are of equal length.
    fn dot_nibbles(self, row: &[u8], low: &[i8], high: &[i8]) -> i32;
    /// Products with the listed rows, for [`dot_codes`](super::dot_codes).
    #[inline(always)]
    fn dot_rows(
        self,
        query: QueryCodes<'_>,
        records: Records<'_>,
        list: &[u32],
        out: &mut [i32],
    ) -> Result<()> {
        match query {
            QueryCodes::Eight(query) => for_rows::<Self, _>(records, list, out, |record, out| {
                *out = self.dot_i8(bytemuck::cast_slice(&record[..query.len()]), query);
            }),
            QueryCodes::Four(low, high) => {
                for_rows::<Self, _>(records, list, out, |record, out| {
                    *out = self.dot_nibbles(&record[..low.len()], low, high);
                })
            }
        }
    }
}

/// Work that is compiled once for every instruction set.
pub(super) trait Kernel {
    type Output;
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

pub(super) type F32s<L> = <<L as Lanes>::Simd as Simd>::f32s;

/// How many partial sums a distance has.
pub(super) const SUMS: usize = 32;

/// A stored form of values, read a register at a time.
pub(super) trait Values: Copy {
    const SIZE: usize;
    /// Reads a register of values from `bytes`; the first is the vector's value number `at`.
    fn load<L: Lanes>(self, lanes: L, bytes: &[u8], at: usize) -> F32s<L>;
}

#[derive(Clone, Copy)]
pub(super) struct F32Values;

impl Values for F32Values {
    const SIZE: usize = 4;
    #[inline(always)]
    fn load<L: Lanes>(self, _: L, bytes: &[u8], _: usize) -> F32s<L> {
        bytemuck::pod_read_unaligned(bytes)
    }
}

#[derive(Clone, Copy)]
pub(super) struct F16Values;

impl Values for F16Values {
    const SIZE: usize = 2;
    #[inline(always)]
    fn load<L: Lanes>(self, lanes: L, bytes: &[u8], _: usize) -> F32s<L> {
        lanes.widen_f16(bytes)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Sq8Values<'a> {
    pub centre: &'a [f32],
    pub scale: f32,
}

impl Values for Sq8Values<'_> {
    const SIZE: usize = 1;
    #[inline(always)]
    fn load<L: Lanes>(self, lanes: L, bytes: &[u8], at: usize) -> F32s<L> {
        let simd = lanes.simd();
        let centre = load_padded(simd, self.centre.get(at..).unwrap_or_default());
        let scaled = simd.mul_f32s(simd.splat_f32s(self.scale), lanes.widen_i8(bytes));
        simd.add_f32s(centre, scaled)
    }
}

/// A register of the first values of a slice, padded with zeros.
#[inline(always)]
fn load_padded<S: Simd>(simd: S, values: &[f32]) -> S::f32s {
    match values.get(..S::F32_LANES) {
        Some(values) => bytemuck::pod_read_unaligned(bytemuck::cast_slice(values)),
        // pulp does this in assembly, which Miri cannot run. Through memory it took a sixth longer.
        None if cfg!(miri) => {
            let mut padded = [0.0_f32; 16];
            padded[..values.len()].copy_from_slice(values);
            bytemuck::pod_read_unaligned(bytemuck::cast_slice(&padded[..S::F32_LANES]))
        }
        None => simd.partial_load_f32s(values),
    }
}

/// Sums `term` over the dimensions in the order that the head of `distance` defines.
#[inline(always)]
fn sum_terms<L: Lanes, V: Values>(
    lanes: L,
    values: V,
    query: &[f32],
    row: &[u8],
    term: impl Fn(L::Simd, F32s<L>, F32s<L>) -> F32s<L>,
) -> f32 {
    let simd = lanes.simd();
    let width = L::Simd::F32_LANES;
    // A register of one lane needs 32 sums; wider ones use the first 32 / width.
    let mut sums = [simd.splat_f32s(0.0); SUMS];
    let parts = SUMS / width;

    let mut at = 0;
    let (query_chunks, query_tail) = query.as_chunks::<SUMS>();
    let mut row_chunks = row.chunks_exact(SUMS * V::SIZE);
    for (query, row) in query_chunks.iter().zip(&mut row_chunks) {
        for part in 0..parts {
            let q = bytemuck::pod_read_unaligned(bytemuck::cast_slice(
                &query[part * width..(part + 1) * width],
            ));
            let bytes = &row[part * width * V::SIZE..(part + 1) * width * V::SIZE];
            let x = values.load(lanes, bytes, at + part * width);
            sums[part] = simd.add_f32s(sums[part], term(simd, q, x));
        }
        at += SUMS;
    }

    let row_tail = row_chunks.remainder();
    for (part, sum) in sums.iter_mut().enumerate().take(parts) {
        let start = part * width;
        if start >= query_tail.len() {
            break;
        }
        let (q, x);
        if start + width <= query_tail.len() {
            let bytes = &row_tail[start * V::SIZE..(start + width) * V::SIZE];
            q = load_padded(simd, &query_tail[start..]);
            x = values.load(lanes, bytes, at + start);
        } else {
            // Past the end both sides must be zero, so that every term is. The `centre` of codes makes the
            // row's values nonzero there, so they are loaded, cut, and loaded again.
            let mut padded = [0_u8; SUMS * 4];
            let bytes = &row_tail[start * V::SIZE..];
            padded[..bytes.len()].copy_from_slice(bytes);
            let loaded = values.load(lanes, &padded[..width * V::SIZE], at + start);
            let mut cut = [0.0_f32; SUMS];
            let rest = query_tail.len() - start;
            cut[..width].copy_from_slice(bytemuck::cast_slice(bytemuck::bytes_of(&loaded)));
            cut[rest..].fill(0.0);
            q = load_padded(simd, &query_tail[start..]);
            x = load_padded(simd, &cut);
        }
        *sum = simd.add_f32s(*sum, term(simd, q, x));
    }

    reduce(simd, &mut sums[..parts])
}

/// Adds the partial sums: 16 apart, 8, 4, 2, 1.
#[inline(always)]
pub(super) fn reduce<S: Simd>(simd: S, sums: &mut [S::f32s]) -> f32 {
    let mut registers = sums.len();
    while registers > 1 {
        registers /= 2;
        for part in 0..registers {
            sums[part] = simd.add_f32s(sums[part], sums[part + registers]);
        }
    }
    reduce_lanes(bytemuck::bytes_of(&sums[0]))
}

/// Adds a register's lanes: 8 apart, 4, 2, 1.
#[inline(always)]
fn reduce_lanes(register: &[u8]) -> f32 {
    let mut lanes = [0.0_f32; 16];
    let mut width = register.len() / 4;
    bytemuck::cast_slice_mut(&mut lanes[..width]).copy_from_slice(register);
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
    }
    lanes[0]
}

/// Calls `each` with the record of every listed row and prefetches the rows ahead. If the list is longer than
/// `out`, one of the rows beyond is prefetched for each measured row.
#[inline(always)]
pub(super) fn for_rows<L: Lanes, T>(
    records: Records<'_>,
    list: &[u32],
    out: &mut [T],
    mut each: impl FnMut(&[u8], &mut T),
) -> Result<()> {
    let mut coming = coming(list, out.len()).iter();
    let first = if list.len() > out.len() { 0 } else { L::ahead(records.stride) };
    for &row in coming.by_ref().take(first) {
        prefetch(records.get(row)?);
    }
    for (&row, out) in list.iter().zip(out) {
        if let Some(&next) = coming.next() {
            prefetch(records.get(next)?);
        }
        each(records.get(row)?, out);
    }
    for &row in coming {
        prefetch(records.get(row)?);
    }
    Ok(())
}
