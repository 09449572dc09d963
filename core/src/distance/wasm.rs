//! Distance kernels for WebAssembly with simd128, which all current browsers have. There are no relaxed
//! instructions: Safari and Node 20 refuse a module with one.

use super::lanes::{Kernel, Lanes, SUMS, Values};
use super::portable::Portable;
use super::table::{QueryCodes, Records};
use crate::error::Result;
use core::arch::wasm32::{
    f32x4_convert_i32x4, f32x4_extract_lane, f32x4_mul, f32x4_splat, f32x4_sqrt,
    i16x8_extend_low_i8x16, i16x8_shl, i16x8_shr, i16x8_splat, i16x8_sub, i32x4_add,
    i32x4_dot_i16x8, i32x4_extend_low_i16x8, i32x4_shl, i32x4_shuffle, i32x4_splat, i64x2,
    u16x8_shr, v128, v128_and,
};
use pulp::Simd;
use pulp::wasm::Simd128;

#[derive(Clone, Copy)]
struct Wasm(Simd128);

impl Wasm {
    /// [`reduce`](super::lanes::reduce) of eight registers, written out.
    #[inline(always)]
    fn reduce(self, sums: [pulp::f32x4; 8]) -> f32 {
        let [a, b, c, d, e, f, g, h] = sums;
        let add = |x, y| self.0.add_f32s(x, y);
        let [a, b, c, d] = [add(a, e), add(b, f), add(c, g), add(d, h)];
        let [a, b] = [add(a, c), add(b, d)];
        let [a, b, c, d]: [f32; 4] = bytemuck::cast(add(a, b));
        (a + c) + (b + d)
    }
}

impl Lanes for Wasm {
    type Simd = Simd128;

    #[inline(always)]
    fn simd(self) -> Simd128 {
        self.0
    }

    /// WebAssembly has no binary16: exponent and mantissa are moved to where binary32 has them, and a
    /// multiplication corrects the bias of the exponent. Exact for finite values.
    #[inline(always)]
    fn widen_f16(self, bytes: &[u8]) -> pulp::f32x4 {
        let halves = i64x2(bytemuck::pod_read_unaligned(bytes), 0);
        let moved = i32x4_shl(i32x4_extend_low_i16x8(halves), 13);
        let masked = v128_and(moved, i32x4_splat(0x8fff_e000_u32 as i32));
        let bias = f32x4_splat(f32::from_bits((127 + 112) << 23)); // 2^112
        bytemuck::cast(f32x4_mul(masked, bias))
    }

    #[inline(always)]
    fn widen_i8(self, bytes: &[u8]) -> pulp::f32x4 {
        let bytes = i64x2(i64::from(bytemuck::pod_read_unaligned::<u32>(bytes)), 0);
        let wide = i32x4_extend_low_i16x8(i16x8_extend_low_i8x16(bytes));
        bytemuck::cast(f32x4_convert_i32x4(wide))
    }

    /// A smaller form of `sum_terms`: the last values go through the same loop, padded with zeros, which add
    /// nothing. Written out, as in `sum_four`.
    #[inline(always)]
    fn sum<V: Values>(
        self,
        values: V,
        query: &[f32],
        row: &[u8],
        term: impl Fn(Simd128, pulp::f32x4, pulp::f32x4) -> pulp::f32x4,
    ) -> f32 {
        let mut sums = [self.0.splat_f32s(0.0); 8];
        for at in (0..query.len()).step_by(SUMS) {
            // Initialised only where they are needed: filling memory is a call out of WebAssembly.
            let (mut padded_query, mut padded_row);
            let (query, row) = (&query[at..], &row[at * V::SIZE..]);
            let (query, row) = match query.first_chunk() {
                Some(query) => (query, &row[..SUMS * V::SIZE]),
                None => {
                    (padded_query, padded_row) = ([0.0; SUMS], [0; 4 * SUMS]);
                    padded_query[..query.len()].copy_from_slice(query);
                    padded_row[..row.len()].copy_from_slice(row);
                    (&padded_query, &padded_row[..SUMS * V::SIZE])
                }
            };
            let query: &[[f32; 4]; 8] = bytemuck::cast_ref(query);
            macro_rules! add {
                ($($part:literal)*) => {$(
                    let q = bytemuck::cast(query[$part]);
                    let x = values.load(self, &row[$part * 4 * V::SIZE..][..4 * V::SIZE], at + $part * 4);
                    sums[$part] = self.0.add_f32s(sums[$part], term(self.0, q, x));
                )*};
            }
            add!(0 1 2 3 4 5 6 7);
        }
        self.reduce(sums)
    }

    #[inline(always)]
    fn dot_i8(self, a: &[i8], b: &[i8]) -> i32 {
        let mut sum = i32x4_splat(0);
        let (a_chunks, a_tail) = a.as_chunks::<16>();
        let (b_chunks, b_tail) = b.as_chunks::<16>();
        for (a, b) in a_chunks.iter().zip(b_chunks) {
            sum = add_products(sum, widen(b), bytemuck::cast_ref(a));
        }
        let [a, b, c, d]: [i32; 4] = bytemuck::cast(sum);
        a + b + c + d + Portable.dot_i8(a_tail, b_tail)
    }

    /// For completeness: `dot_rows` measures single rows too.
    #[inline(always)]
    fn dot_nibbles(self, row: &[u8], low: &[i8], high: &[i8]) -> i32 {
        Portable.dot_nibbles(row, low, high)
    }

    /// Four rows at a time: the query is read once for them, and their loads overlap, which reduces a search to
    /// two thirds of the time. Written out: closures for four rows and for one took three times as long.
    #[inline(always)]
    fn dot_rows(
        self,
        query: QueryCodes<'_>,
        records: Records<'_>,
        list: &[u32],
        out: &mut [i32],
    ) -> Result<()> {
        let (fours, rest) = list[..out.len()].as_chunks::<4>();
        let (out_fours, out_rest) = out.as_chunks_mut::<4>();
        match query {
            QueryCodes::Eight(query) => {
                for (&[a, b, c, d], out) in fours.iter().zip(out_fours) {
                    let rows = [records.get(a)?, records.get(b)?, records.get(c)?, records.get(d)?];
                    *out = dot_four(rows, query);
                }
                for (&row, out) in rest.iter().zip(out_rest) {
                    let row = &records.get(row)?[..query.len()];
                    *out = self.dot_i8(bytemuck::cast_slice(row), query);
                }
            }
            QueryCodes::Four(low, high) => {
                let mut wide = [[i32x4_splat(0); 4]; WIDENED];
                out_fours.fill([0; 4]);
                out_rest.fill(0);
                let parts = low.chunks(16 * WIDENED).zip(high.chunks(16 * WIDENED));
                for (part, (low, high)) in parts.enumerate() {
                    for (wide, halves) in wide.iter_mut().zip(halves(low, high)) {
                        *wide = widen_halves(halves);
                    }
                    let (start, query) = (part * 16 * WIDENED, &wide[..low.len() / 16]);
                    for (&[a, b, c, d], out) in fours.iter().zip(&mut *out_fours) {
                        let rows = [
                            &records.get(a)?[start..],
                            &records.get(b)?[start..],
                            &records.get(c)?[start..],
                            &records.get(d)?[start..],
                        ];
                        let sums = sum_four(rows, query.iter().copied(), add_nibble_products);
                        out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
                    }
                    for (&row, out) in rest.iter().zip(&mut *out_rest) {
                        *out += sum_nibbles(&records.get(row)?[start..], query);
                    }
                }
            }
        }
        Ok(())
    }
}

/// How many blocks of 16 bytes of a query are widened at once for all rows of a list: they fill a kilobyte.
const WIDENED: usize = 16;

/// The parts of a query that belong to the low and to the high codes of each 16 bytes of a row.
#[inline(always)]
fn halves<'q>(
    low: &'q [i8],
    high: &'q [i8],
) -> impl Iterator<Item = (&'q [i8; 16], &'q [i8; 16])> + use<'q> {
    low.as_chunks::<16>().0.iter().zip(high.as_chunks::<16>().0)
}

/// Sixteen codes as two registers of eight, each loaded and widened by one instruction.
#[inline(always)]
fn widen(codes: &[i8; 16]) -> [v128; 2] {
    let [low, high]: [i64; 2] = bytemuck::cast(*codes);
    [i16x8_extend_low_i8x16(i64x2(low, 0)), i16x8_extend_low_i8x16(i64x2(high, 0))]
}

/// The multipliers of a row's bytes in [`add_nibble_products`].
///
/// Two bytes of a row are a number of 16 bits, a + 16·b + 256·c + 4096·d, whose codes are to be multiplied by
/// p, q, r and s: a and b by parts of the low half of the query and the high one, c and d by the parts
/// after these. Extracting each code takes a shift and a mask. Shifted by 4, 8 and 12 the number is b + 16·c +
/// 256·d, c + 16·d and d: multiplied by q, by r − 16·q and by s − 16·r, these have the same sum.
#[inline(always)]
fn widen_halves((low, high): (&[i8; 16], &[i8; 16])) -> [v128; 4] {
    let [low, high]: [v128; 2] = [bytemuck::cast(*low), bytemuck::cast(*high)];
    let even = |half| i16x8_shr(i16x8_shl(half, 8), 8);
    let [p, q, r, s] = [even(low), even(high), i16x8_shr(low, 8), i16x8_shr(high, 8)];
    [p, q, i16x8_sub(r, i16x8_shl(q, 4)), i16x8_sub(s, i16x8_shl(r, 4))]
}

#[inline(always)]
fn dot_four(rows: [&[u8]; 4], query: &[i8]) -> [i32; 4] {
    let (chunks, tail) = query.as_chunks::<16>();
    let mut out = sum_four(rows, chunks.iter().map(widen), add_products);
    if !tail.is_empty() {
        let full = query.len() - tail.len();
        for (out, row) in out.iter_mut().zip(rows) {
            *out += Portable.dot_i8(bytemuck::cast_slice(&row[full..query.len()]), tail);
        }
    }
    out
}

/// Written out: compiled for size, a loop would keep rows and sums in memory.
#[inline(always)]
fn sum_four<Q: Copy>(
    rows: [&[u8]; 4],
    query: impl Iterator<Item = Q>,
    add_products: impl Fn(v128, Q, &[u8; 16]) -> v128,
) -> [i32; 4] {
    let [mut a, mut b, mut c, mut d] = [i32x4_splat(0); 4];
    let chunks = |row: usize| rows[row].as_chunks::<16>().0;
    let rows_chunks = chunks(0).iter().zip(chunks(1)).zip(chunks(2)).zip(chunks(3));
    for (query, (((row_a, row_b), row_c), row_d)) in query.zip(rows_chunks) {
        a = add_products(a, query, row_a);
        b = add_products(b, query, row_b);
        c = add_products(c, query, row_c);
        d = add_products(d, query, row_d);
    }
    // First lanes 0 + 2 and 1 + 3 of each row, two rows at a time; then the sum of both, for all four rows.
    let ab = i32x4_add(i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b));
    let cd = i32x4_add(i32x4_shuffle::<0, 4, 1, 5>(c, d), i32x4_shuffle::<2, 6, 3, 7>(c, d));
    let all = i32x4_add(i32x4_shuffle::<0, 1, 4, 5>(ab, cd), i32x4_shuffle::<2, 3, 6, 7>(ab, cd));
    bytemuck::cast(all)
}

#[inline(always)]
fn add_products(sum: v128, query: [v128; 2], row: &[u8; 16]) -> v128 {
    let row = widen(bytemuck::cast_ref(row));
    let sum = i32x4_add(sum, i32x4_dot_i16x8(row[0], query[0]));
    i32x4_add(sum, i32x4_dot_i16x8(row[1], query[1]))
}

#[inline(always)]
fn add_nibble_products(sum: v128, query: [v128; 4], row: &[u8; 16]) -> v128 {
    let row: v128 = bytemuck::cast(*row);
    let a = i32x4_dot_i16x8(v128_and(row, i16x8_splat(15)), query[0]);
    let b = i32x4_dot_i16x8(u16x8_shr(row, 4), query[1]);
    let c = i32x4_dot_i16x8(u16x8_shr(row, 8), query[2]);
    let d = i32x4_dot_i16x8(u16x8_shr(row, 12), query[3]);
    i32x4_add(sum, i32x4_add(i32x4_add(a, b), i32x4_add(c, d)))
}

#[inline(always)]
fn sum_nibbles(row: &[u8], query: &[[v128; 4]]) -> i32 {
    let mut sum = i32x4_splat(0);
    for (codes, &query) in row.as_chunks::<16>().0.iter().zip(query) {
        sum = add_nibble_products(sum, query, codes);
    }
    let [a, b, c, d]: [i32; 4] = bytemuck::cast(sum);
    a + b + c + d
}

pub(super) fn sqrt(value: f32) -> f32 {
    f32x4_extract_lane::<0>(f32x4_sqrt(f32x4_splat(value)))
}

/// Loads a byte of every cache line of the listed rows before any is measured, in place of prefetching, which
/// WebAssembly does not have: the processor waits for all of them at once. With 116,659 rows this reduces a
/// search to three quarters of the time. Loading only the next rows while others are measured gained half as
/// much, and loading rows that are only likely to be measured next lost it again.
///
/// Used for tables beyond a core's own cache, 2 MB or less: from there on searches of 10,000 rows took 0.93 to
/// 1 of the time, depending on the processor; those of smaller tables took a twentieth more. Consecutive rows
/// are prefetched by the processor itself unless memory is far.
#[inline(never)]
pub(super) fn bring_near(records: Records<'_>, list: &[u32]) -> Result<()> {
    let consecutive = match list {
        [first, .., last] => last.wrapping_sub(*first) as usize == list.len() - 1,
        _ => true,
    };
    if records.bytes.len() < 3 << 20 || (consecutive && !records.is_far()) {
        return Ok(());
    }
    let mut touched = 0;
    for &row in list {
        for line in records.get(row)?.iter().step_by(64) {
            touched ^= line;
        }
    }
    core::hint::black_box(touched);
    Ok(())
}

/// The names of the instruction sets that this build has kernels for.
pub fn simd_levels() -> &'static [&'static str] {
    &["simd128"]
}

/// The name of the instruction set that distances use.
pub fn simd_level() -> &'static str {
    "simd128"
}

/// Makes distances use the named instruction set from now on; false if there is none with this name.
pub fn use_simd_level(name: &str) -> bool {
    name == "simd128"
}

#[cfg(not(target_feature = "simd128"))]
compile_error!("build for wasm32 with RUSTFLAGS=-Ctarget-feature=+simd128");

#[inline(always)]
pub(super) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    match Simd128::try_new() {
        Some(simd) => kernel.run(Wasm(simd)),
        None => unreachable!("simd128 is a feature of this build"),
    }
}
