//! Distance kernels for aarch64: NEON is in every such processor, and converts binary16.
#![allow(unsafe_code, reason = "instructions that pulp has no safe wrapper for")]

use super::lanes::{Kernel, Lanes};
use super::portable::Portable;
use core::arch::aarch64::{
    float16x4_t, int8x8_t, int8x16_t, int16x8_t, int32x4_t, uint8x16_t, vaddvq_s32, vandq_u8,
    vcvt_f32_f16, vcvtq_f32_s32, vdupq_n_s32, vdupq_n_u8, vget_high_s8, vget_low_s8, vget_low_s16,
    vmovl_s8, vmovl_s16, vmull_s8, vpadalq_s16, vshrq_n_u8,
};
use pulp::aarch64::Neon as PulpNeon;

#[derive(Clone, Copy)]
struct Neon(PulpNeon);

impl Lanes for Neon {
    type Simd = PulpNeon;

    #[inline(always)]
    fn simd(self) -> PulpNeon {
        self.0
    }

    #[inline(always)]
    fn widen_f16(self, bytes: &[u8]) -> pulp::f32x4 {
        let bits: u64 = bytemuck::pod_read_unaligned(bytes);
        // SAFETY: any 64 bits are four binary16 values, and NEON is in every aarch64 processor.
        let widened = unsafe { vcvt_f32_f16(core::mem::transmute::<u64, float16x4_t>(bits)) };
        bytemuck::cast(widened)
    }

    #[inline(always)]
    fn widen_i8(self, bytes: &[u8]) -> pulp::f32x4 {
        let bits = u64::from(bytemuck::pod_read_unaligned::<u32>(bytes));
        let codes: int8x8_t = bytemuck::cast(bits);
        // SAFETY: NEON is in every aarch64 processor.
        let widened = unsafe { vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(codes)))) };
        bytemuck::cast(widened)
    }

    #[inline(always)]
    fn dot_i8(self, a: &[i8], b: &[i8]) -> i32 {
        let (a_chunks, a_tail) = a.as_chunks::<16>();
        let (b_chunks, b_tail) = b.as_chunks::<16>();
        // SAFETY: NEON is in every aarch64 processor.
        let sum = unsafe {
            let mut sum = vdupq_n_s32(0);
            for (a, b) in a_chunks.iter().zip(b_chunks) {
                sum = add_products(sum, bytemuck::cast(*a), bytemuck::cast(*b));
            }
            vaddvq_s32(sum)
        };
        sum + Portable.dot_i8(a_tail, b_tail)
    }

    #[inline(always)]
    fn dot_nibbles(self, row: &[u8], low: &[i8], high: &[i8]) -> i32 {
        let halves = low.as_chunks::<16>().0.iter().zip(high.as_chunks::<16>().0);
        // SAFETY: NEON is in every aarch64 processor.
        unsafe {
            let mut sum = vdupq_n_s32(0);
            for (codes, (low, high)) in row.as_chunks::<16>().0.iter().zip(halves) {
                let codes: uint8x16_t = bytemuck::cast(*codes);
                let low_codes = bytemuck::cast(vandq_u8(codes, vdupq_n_u8(15)));
                sum = add_products(sum, low_codes, bytemuck::cast(*low));
                let high_codes = bytemuck::cast(vshrq_n_u8::<4>(codes));
                sum = add_products(sum, high_codes, bytemuck::cast(*high));
            }
            vaddvq_s32(sum)
        }
    }
}

/// Products of codes (−127..=127) fit 16 bits; pairs are added into 32.
#[inline(always)]
fn add_products(sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: NEON is in every aarch64 processor.
    unsafe {
        let low: int16x8_t = vmull_s8(vget_low_s8(a), vget_low_s8(b));
        let high: int16x8_t = vmull_s8(vget_high_s8(a), vget_high_s8(b));
        vpadalq_s16(vpadalq_s16(sum, low), high)
    }
}

/// The names of the instruction sets that this processor has kernels for, widest last.
pub fn simd_levels() -> &'static [&'static str] {
    &["neon"]
}

/// The name of the instruction set that distances use.
pub fn simd_level() -> &'static str {
    "neon"
}

/// Makes distances use the named instruction set from now on; false if there is none with this name.
pub fn use_simd_level(name: &str) -> bool {
    name == "neon"
}

#[inline]
pub(super) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    match PulpNeon::try_new() {
        Some(simd) => kernel.run(Neon(simd)),
        None => kernel.run(Portable),
    }
}
