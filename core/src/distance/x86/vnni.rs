//! AVX-512 with VNNI: four products of bytes added to each lane by one instruction.
#![allow(unsafe_code, reason = "instructions that pulp has no safe wrapper for")]

use super::super::lanes::{Lanes, for_rows};
use super::super::table::{QueryCodes, Records};
use super::avx512::Avx512;
use crate::error::Result;
use core::arch::x86_64::{__m512i, _mm512_dpbusd_epi32, _mm512_maskz_loadu_epi8};
use pulp::x86::V4;

pulp::simd_type! {
    /// pulp's `V4` with VNNI: 64 products of bytes an instruction.
    pub(super) struct Vnni {
        sse: "sse",
        sse2: "sse2",
        sse3: "sse3",
        ssse3: "ssse3",
        sse4_1: "sse4.1",
        sse4_2: "sse4.2",
        popcnt: "popcnt",
        avx: "avx",
        avx2: "avx2",
        bmi1: "bmi1",
        bmi2: "bmi2",
        fma: "fma",
        lzcnt: "lzcnt",
        avx512f: "avx512f",
        avx512bw: "avx512bw",
        avx512cd: "avx512cd",
        avx512dq: "avx512dq",
        avx512vl: "avx512vl",
        avx512vnni: "avx512vnni",
    }
}

#[derive(Clone, Copy)]
pub(super) struct Avx512Vnni {
    /// Implements everything but the products of codes.
    pub avx512: Avx512,
    /// Proof that the processor has VNNI.
    pub _vnni: Vnni,
}

impl Lanes for Avx512Vnni {
    type Simd = V4;

    #[inline(always)]
    fn simd(self) -> V4 {
        self.avx512.v4
    }

    #[inline(always)]
    fn ahead(stride: usize) -> usize {
        Avx512::ahead(stride)
    }

    #[inline(always)]
    fn widen_f16(self, bytes: &[u8]) -> pulp::f32x16 {
        self.avx512.widen_f16(bytes)
    }

    #[inline(always)]
    fn widen_i8(self, bytes: &[u8]) -> pulp::f32x16 {
        self.avx512.widen_i8(bytes)
    }

    #[inline(always)]
    fn dot_i8(self, a: &[i8], b: &[i8]) -> i32 {
        self.dot_from(self.less_excess(b), a, b)
    }

    #[inline(always)]
    fn dot_rows(
        self,
        query: QueryCodes<'_>,
        records: Records<'_>,
        list: &[u32],
        out: &mut [i32],
    ) -> Result<()> {
        match query {
            QueryCodes::Eight(query) => {
                let less_excess = self.less_excess(query);
                for_rows::<Self, _>(records, list, out, |record, out| {
                    let codes = bytemuck::cast_slice(&record[..query.len()]);
                    *out = self.dot_from(less_excess, codes, query);
                })
            }
            QueryCodes::Four(low, high) => {
                for_rows::<Self, _>(records, list, out, |record, out| {
                    *out = self.dot_nibbles(&record[..low.len()], low, high);
                })
            }
        }
    }

    #[inline(always)]
    fn dot_nibbles(self, row: &[u8], low: &[i8], high: &[i8]) -> i32 {
        let avx512 = self.avx512.v4.avx512f;
        let mut sums = [avx512._mm512_setzero_si512(); 2];
        let mut step = |codes, low, high| {
            let [low_codes, high_codes] = self.nibbles(codes);
            sums[0] = self.add_products(sums[0], low_codes, low);
            sums[1] = self.add_products(sums[1], high_codes, high);
        };
        let (chunks, tail) = row.as_chunks::<64>();
        let (low_chunks, low_tail) = low.as_chunks::<64>();
        let (high_chunks, high_tail) = high.as_chunks::<64>();
        for (codes, (low, high)) in chunks.iter().zip(low_chunks.iter().zip(high_chunks)) {
            step(bytemuck::cast(*codes), bytemuck::cast(*low), bytemuck::cast(*high));
        }
        if !tail.is_empty() {
            let tail = self.first(bytemuck::cast_slice(tail));
            step(tail, self.first(low_tail), self.first(high_tail));
        }
        avx512._mm512_reduce_add_epi32(avx512._mm512_add_epi32(sums[0], sums[1]))
    }
}

/// VNNI multiplies unsigned by signed bytes: 128 is added to one side, and 128 times the sum of the other is
/// subtracted, once for all rows.
impl Avx512Vnni {
    /// Adds to each lane of `sum` four products of bytes of `moved`, unsigned, and `b`, signed.
    #[inline(always)]
    fn add_products(self, sum: __m512i, moved: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token `_vnni` exists only where AVX512VNNI was detected.
        unsafe { _mm512_dpbusd_epi32(sum, moved, b) }
    }

    /// The low and the high four bits of each byte.
    #[inline(always)]
    fn nibbles(self, bytes: __m512i) -> [__m512i; 2] {
        let avx512 = self.avx512.v4.avx512f;
        let low = avx512._mm512_set1_epi8(15);
        let shifted = avx512._mm512_srli_epi32::<4>(bytes);
        [avx512._mm512_and_si512(bytes, low), avx512._mm512_and_si512(shifted, low)]
    }

    /// The last codes of a row, fewer than 64, padded with zeros. A copy in memory would stall each row's load
    /// on the store before it.
    #[inline(always)]
    fn first(self, codes: &[i8]) -> __m512i {
        let mask = !(u64::MAX << codes.len());
        // SAFETY: AVX512BW is part of `V4`, and what the mask leaves out is not read.
        unsafe { _mm512_maskz_loadu_epi8(mask, codes.as_ptr()) }
    }

    /// −128·Σb, over the lanes.
    #[inline(always)]
    fn less_excess(self, b: &[i8]) -> __m512i {
        let avx512 = self.avx512.v4.avx512f;
        let sign = avx512._mm512_set1_epi8(-128);
        let (chunks, tail) = b.as_chunks::<64>();
        let mut excess = avx512._mm512_setzero_si512();
        for chunk in chunks {
            excess = self.add_products(excess, sign, bytemuck::cast(*chunk));
        }
        if !tail.is_empty() {
            excess = self.add_products(excess, sign, self.first(tail));
        }
        avx512._mm512_sub_epi32(avx512._mm512_setzero_si512(), excess)
    }

    /// Σ a·b, given [`less_excess`](Self::less_excess) of `b`. Two sums, so that an instruction does not wait
    /// for the one before.
    #[inline(always)]
    fn dot_from(self, less_excess: __m512i, a: &[i8], b: &[i8]) -> i32 {
        let avx512 = self.avx512.v4.avx512f;
        let sign = avx512._mm512_set1_epi8(-128);
        let moved = |a| avx512._mm512_xor_si512(a, sign);
        let mut sums = [less_excess, avx512._mm512_setzero_si512()];
        let (a_chunks, a_tail) = a.as_chunks::<64>();
        let (b_chunks, b_tail) = b.as_chunks::<64>();
        let (a_pairs, a_last) = a_chunks.as_chunks::<2>();
        let (b_pairs, b_last) = b_chunks.as_chunks::<2>();
        for (a, b) in a_pairs.iter().zip(b_pairs) {
            for half in 0..2 {
                let (a, b) = (moved(bytemuck::cast(a[half])), bytemuck::cast(b[half]));
                sums[half] = self.add_products(sums[half], a, b);
            }
        }
        for (a, b) in a_last.iter().zip(b_last) {
            sums[0] = self.add_products(sums[0], moved(bytemuck::cast(*a)), bytemuck::cast(*b));
        }
        if !b_tail.is_empty() {
            let (a, b) = (moved(self.first(a_tail)), self.first(b_tail));
            sums[1] = self.add_products(sums[1], a, b);
        }
        avx512._mm512_reduce_add_epi32(avx512._mm512_add_epi32(sums[0], sums[1]))
    }
}
