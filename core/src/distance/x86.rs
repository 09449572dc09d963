//! Distance kernels for x86-64: AVX-512 with VNNI, AVX-512, AVX2 with F16C, and plain Rust.
#![allow(
    unsafe_code,
    reason = "instructions that pulp has no safe wrapper for; tokens of a known level"
)]

#[path = "x86/avx2.rs"]
mod avx2;

use super::lanes::{Kernel, Lanes, for_rows};
use super::portable::Portable;
use super::table::{QueryCodes, Records};
use crate::error::Result;
use core::arch::x86_64::{
    __cpuid, __cpuid_count, __m128i, __m256, __m256i, __m512, __m512i, _mm256_cvtph_ps,
    _mm512_dpbusd_epi32, _mm512_maskz_loadu_epi8, _xgetbv,
};
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use pulp::NullaryFnOnce;
use pulp::x86::{V3, V4};

pulp::simd_type! {
    /// What every AVX2 processor has, with F16C, which pulp's `V3` leaves out.
    struct F16c {
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
        f16c: "f16c",
    }

    /// pulp's `V4` with VNNI: 64 products of bytes an instruction.
    struct Vnni {
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
struct Avx2 {
    v3: V3,
    /// Held as proof that F16C is there.
    _f16c: F16c,
}

#[derive(Clone, Copy)]
struct Avx512 {
    v4: V4,
}

#[derive(Clone, Copy)]
struct Avx512Vnni {
    v4: V4,
    /// Held as proof that VNNI is there.
    _vnni: Vnni,
}

impl Lanes for Avx2 {
    type Simd = V3;

    #[inline(always)]
    fn simd(self) -> V3 {
        self.v3
    }

    #[inline(always)]
    fn ahead(stride: usize) -> usize {
        few_ahead(stride)
    }

    #[inline(always)]
    fn widen_f16(self, bytes: &[u8]) -> pulp::f32x8 {
        let halves: __m128i = bytemuck::pod_read_unaligned(bytes);
        // SAFETY: the token `_f16c` exists only where F16C was detected.
        let widened: __m256 = unsafe { _mm256_cvtph_ps(halves) };
        bytemuck::cast(widened)
    }

    #[inline(always)]
    fn widen_i8(self, bytes: &[u8]) -> pulp::f32x8 {
        let mut register = [0_u8; 16];
        register[..8].copy_from_slice(bytes);
        let wide = self.v3.avx2._mm256_cvtepi8_epi32(bytemuck::cast(register));
        bytemuck::cast(self.v3.avx._mm256_cvtepi32_ps(wide))
    }

    #[inline(always)]
    fn dot_i8(self, a: &[i8], b: &[i8]) -> i32 {
        avx2::dot(self.v3, a, b)
    }

    #[inline(always)]
    fn dot_nibbles(self, row: &[u8], low: &[i8], high: &[i8]) -> i32 {
        avx2::dot_nibbles(self.v3, row, low, high)
    }
}

impl Lanes for Avx512 {
    type Simd = V4;

    #[inline(always)]
    fn simd(self) -> V4 {
        self.v4
    }

    #[inline(always)]
    fn ahead(stride: usize) -> usize {
        ahead_avx512(stride)
    }

    #[inline(always)]
    fn widen_f16(self, bytes: &[u8]) -> pulp::f32x16 {
        widen_f16_avx512(self.v4, bytes)
    }

    #[inline(always)]
    fn widen_i8(self, bytes: &[u8]) -> pulp::f32x16 {
        widen_i8_avx512(self.v4, bytes)
    }

    #[inline(always)]
    fn dot_i8(self, a: &[i8], b: &[i8]) -> i32 {
        avx2::dot(*self.v4, a, b)
    }

    #[inline(always)]
    fn dot_nibbles(self, row: &[u8], low: &[i8], high: &[i8]) -> i32 {
        avx2::dot_nibbles(*self.v4, row, low, high)
    }
}

impl Lanes for Avx512Vnni {
    type Simd = V4;

    #[inline(always)]
    fn simd(self) -> V4 {
        self.v4
    }

    #[inline(always)]
    fn ahead(stride: usize) -> usize {
        ahead_avx512(stride)
    }

    #[inline(always)]
    fn widen_f16(self, bytes: &[u8]) -> pulp::f32x16 {
        widen_f16_avx512(self.v4, bytes)
    }

    #[inline(always)]
    fn widen_i8(self, bytes: &[u8]) -> pulp::f32x16 {
        widen_i8_avx512(self.v4, bytes)
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
        let avx512 = self.v4.avx512f;
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

/// VNNI multiplies unsigned by signed bytes: one side is moved up by 128, and 128 times the sum of
/// the other taken off, once for all rows.
impl Avx512Vnni {
    /// Four products added to each lane of `sum`, of `moved`, unsigned, and `b`.
    #[inline(always)]
    fn add_products(self, sum: __m512i, moved: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token `_vnni` exists only where AVX512VNNI was detected.
        unsafe { _mm512_dpbusd_epi32(sum, moved, b) }
    }

    /// The low four bits of each byte, and the high ones.
    #[inline(always)]
    fn nibbles(self, bytes: __m512i) -> [__m512i; 2] {
        let avx512 = self.v4.avx512f;
        let low = avx512._mm512_set1_epi8(15);
        let shifted = avx512._mm512_srli_epi32::<4>(bytes);
        [avx512._mm512_and_si512(bytes, low), avx512._mm512_and_si512(shifted, low)]
    }

    /// The last codes of a row, fewer than 64, filled up with zeros. By way of memory it is a wait for
    /// what was just written there, for each row.
    #[inline(always)]
    fn first(self, codes: &[i8]) -> __m512i {
        let mask = !(u64::MAX << codes.len());
        // SAFETY: AVX512BW is part of `V4`, and what the mask leaves out is not read.
        unsafe { _mm512_maskz_loadu_epi8(mask, codes.as_ptr()) }
    }

    /// −128·Σb, over the lanes.
    #[inline(always)]
    fn less_excess(self, b: &[i8]) -> __m512i {
        let avx512 = self.v4.avx512f;
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

    /// Σ a·b, given [`less_excess`](Self::less_excess) of `b`. Two sums, so that an
    /// instruction need not wait for the one before.
    #[inline(always)]
    fn dot_from(self, less_excess: __m512i, a: &[i8], b: &[i8]) -> i32 {
        let avx512 = self.v4.avx512f;
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

/// AMD's cores, and those that have AVX2 alone, wait for fewer lines at a time, about 48: with 16
/// rows ahead, or 6 of 1.5 KiB, searches were up to a fifth slower. Zen 3 and 4 are alike in this.
#[inline(always)]
fn few_ahead(stride: usize) -> usize {
    (48 * 64 / stride.max(1)).clamp(2, 6)
}

#[inline(always)]
fn ahead_avx512(stride: usize) -> usize {
    if AMD.load(Ordering::Relaxed) { few_ahead(stride) } else { 16 }
}

#[inline(always)]
fn widen_f16_avx512(v4: V4, bytes: &[u8]) -> pulp::f32x16 {
    let halves: __m256i = bytemuck::pod_read_unaligned(bytes);
    let widened: __m512 = v4.avx512f._mm512_cvtph_ps(halves);
    bytemuck::cast(widened)
}

#[inline(always)]
fn widen_i8_avx512(v4: V4, bytes: &[u8]) -> pulp::f32x16 {
    let wide = v4.avx512f._mm512_cvtepi8_epi32(bytemuck::pod_read_unaligned(bytes));
    bytemuck::cast(v4.avx512f._mm512_cvtepi32_ps(wide))
}

const NAMES: [&str; 4] = ["portable", "avx2", "avx512", "avx512-vnni"];

/// Index into `NAMES`, or `u8::MAX` before the first look.
static LEVEL: AtomicU8 = AtomicU8::new(u8::MAX);

/// Whether this processor is of AMD's design.
static AMD: AtomicBool = AtomicBool::new(false);

/// The widest level of this processor, by three questions to it: std's detection asks ten, and in a
/// virtual machine each takes 5 µs, which a first search in a new process waits for.
fn widest() -> u8 {
    if cfg!(miri) {
        // It has no cpuid, only what it is told to compile for.
        return match (V4::is_available(), V3::is_available()) {
            (true, _) => 2,
            (_, v3) => u8::from(v3 && F16c::is_available()),
        };
    }
    let has = |register: u32, bits: &[u32]| bits.iter().all(|bit| register >> bit & 1 == 1);
    let base = __cpuid(1);
    // SSE3, SSSE3, FMA, SSE4.1, SSE4.2, POPCNT, OSXSAVE, AVX, F16C. Who has them answers what else
    // is asked here: a processor that does not know a question may answer another.
    if !has(base.ecx, &[0, 9, 12, 19, 20, 23, 27, 28, 29]) {
        return 0;
    }
    let (more, extended) = (__cpuid_count(7, 0), __cpuid(0x8000_0001));
    // SSE4a, which processors of no other design have.
    AMD.store(has(extended.ecx, &[6]), Ordering::Relaxed);
    // BMI1, AVX2, BMI2; LZCNT.
    let avx2 = has(more.ebx, &[3, 5, 8]) && has(extended.ecx, &[5]);
    if !avx2 {
        return 0;
    }
    // SAFETY: OSXSAVE says that the operating system lets programs ask what it keeps.
    let kept = unsafe { _xgetbv(0) } as u32;
    if !has(kept, &[1, 2]) {
        return 0;
    }
    // AVX512F, DQ, CD, BW, VL; masks and the whole of the registers are kept.
    if !has(more.ebx, &[16, 17, 28, 30, 31]) || !has(kept, &[5, 6, 7]) {
        return 1;
    }
    if has(more.ecx, &[11]) { 3 } else { 2 } // AVX512VNNI
}

fn level() -> u8 {
    match LEVEL.load(Ordering::Relaxed) {
        u8::MAX => {
            let level = widest();
            LEVEL.store(level, Ordering::Relaxed);
            level
        }
        level => level,
    }
}

/// The names of the instruction sets that this processor has kernels for, widest last.
pub fn simd_levels() -> &'static [&'static str] {
    &NAMES[..=usize::from(widest())]
}

/// The name of the instruction set that distances use.
pub fn simd_level() -> &'static str {
    NAMES[usize::from(level())]
}

/// Has distances use the named instruction set from now on; false if there is none of that name.
///
/// For tests and benchmarks: every level gives the same bits.
pub fn use_simd_level(name: &str) -> bool {
    match simd_levels().iter().position(|known| *known == name) {
        Some(level) => {
            LEVEL.store(level as u8, Ordering::Relaxed);
            true
        }
        None => false,
    }
}

struct Call<L, K> {
    lanes: L,
    kernel: K,
}

impl<L: Lanes, K: Kernel> NullaryFnOnce for Call<L, K> {
    type Output = K::Output;

    #[inline(always)]
    fn call(self) -> K::Output {
        self.kernel.run(self.lanes)
    }
}

/// Runs the kernel with the widest registers that there are.
#[inline]
pub(super) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: `widest` found all that the tokens of its level and of lower ones stand for, and no
    // other level is ever stored.
    unsafe {
        match level() {
            3 => {
                let (v4, vnni) = (V4::new_unchecked(), Vnni::new_unchecked());
                vnni.vectorize(Call { lanes: Avx512Vnni { v4, _vnni: vnni }, kernel })
            }
            2 => {
                let v4 = V4::new_unchecked();
                v4.vectorize(Call { lanes: Avx512 { v4 }, kernel })
            }
            1 => {
                let (v3, f16c) = (V3::new_unchecked(), F16c::new_unchecked());
                f16c.vectorize(Call { lanes: Avx2 { v3, _f16c: f16c }, kernel })
            }
            _ => kernel.run(Portable),
        }
    }
}
