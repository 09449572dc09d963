//! Products of codes with AVX2, used by processors with AVX-512 but no VNNI too.

use core::arch::x86_64::__m256i;
use pulp::x86::V3;

/// Σ a·b, for [`dot_i8`](super::Lanes::dot_i8).
#[inline(always)]
pub(super) fn dot(v3: V3, a: &[i8], b: &[i8]) -> i32 {
    let avx2 = v3.avx2;
    let ones = v3.avx._mm256_set1_epi16(1);
    let mut sum = v3.avx._mm256_setzero_si256();
    let mut step = |a: __m256i, b: __m256i| {
        // |a| · (b with the sign of a), in pairs: at most 2 · 128 · 127, which fits 16 bits.
        let pairs = avx2._mm256_maddubs_epi16(avx2._mm256_abs_epi8(a), avx2._mm256_sign_epi8(b, a));
        sum = avx2._mm256_add_epi32(sum, avx2._mm256_madd_epi16(pairs, ones));
    };
    let (a_chunks, a_tail) = a.as_chunks::<32>();
    let (b_chunks, b_tail) = b.as_chunks::<32>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        step(bytemuck::cast(*a), bytemuck::cast(*b));
    }
    if !b_tail.is_empty() {
        let (mut a, mut b) = ([0_i8; 32], [0_i8; 32]);
        a[..a_tail.len()].copy_from_slice(a_tail);
        b[..b_tail.len()].copy_from_slice(b_tail);
        step(bytemuck::cast(a), bytemuck::cast(b));
    }
    let lanes: [i32; 8] = bytemuck::cast(sum);
    lanes.iter().sum()
}

/// For [`dot_nibbles`](super::Lanes::dot_nibbles).
#[inline(always)]
pub(super) fn dot_nibbles(v3: V3, row: &[u8], low: &[i8], high: &[i8]) -> i32 {
    let avx2 = v3.avx2;
    let (fifteen, ones) = (v3.avx._mm256_set1_epi8(15), v3.avx._mm256_set1_epi16(1));
    let mut sum = v3.avx._mm256_setzero_si256();
    let mut step = |codes: __m256i, low: __m256i, high: __m256i| {
        let low_codes = avx2._mm256_and_si256(codes, fifteen);
        let high_codes = avx2._mm256_and_si256(avx2._mm256_srli_epi16::<4>(codes), fifteen);
        // Four products each: at most 4 · 15 · 127, which fits 16 bits.
        let fours = avx2._mm256_add_epi16(
            avx2._mm256_maddubs_epi16(low_codes, low),
            avx2._mm256_maddubs_epi16(high_codes, high),
        );
        sum = avx2._mm256_add_epi32(sum, avx2._mm256_madd_epi16(fours, ones));
    };
    let (chunks, tail) = row.as_chunks::<32>();
    let (low_chunks, low_tail) = low.as_chunks::<32>();
    let (high_chunks, high_tail) = high.as_chunks::<32>();
    for (codes, (low, high)) in chunks.iter().zip(low_chunks.iter().zip(high_chunks)) {
        step(bytemuck::cast(*codes), bytemuck::cast(*low), bytemuck::cast(*high));
    }
    if let (Some(codes), Some(low), Some(high)) =
        (tail.first_chunk::<16>(), low_tail.first_chunk::<16>(), high_tail.first_chunk::<16>())
    {
        let [low, high] = [low, high].map(|half| bytemuck::cast([*half, [0; 16]]));
        step(bytemuck::cast([*codes, [0; 16]]), low, high);
    }
    let lanes: [i32; 8] = bytemuck::cast(sum);
    lanes.iter().sum()
}
