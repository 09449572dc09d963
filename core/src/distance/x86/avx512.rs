//! AVX-512 without VNNI.

use super::super::lanes::Lanes;
use super::ahead::ahead_avx512;
use super::avx2;
use core::arch::x86_64::{__m256i, __m512};
use pulp::x86::V4;

#[derive(Clone, Copy)]
pub(super) struct Avx512 {
    pub v4: V4,
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
        let halves: __m256i = bytemuck::pod_read_unaligned(bytes);
        let widened: __m512 = self.v4.avx512f._mm512_cvtph_ps(halves);
        bytemuck::cast(widened)
    }

    #[inline(always)]
    fn widen_i8(self, bytes: &[u8]) -> pulp::f32x16 {
        let bytes = bytemuck::pod_read_unaligned(bytes);
        let wide = self.v4.avx512f._mm512_cvtepi8_epi32(bytes);
        bytemuck::cast(self.v4.avx512f._mm512_cvtepi32_ps(wide))
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
