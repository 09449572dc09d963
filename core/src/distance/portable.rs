//! Distance kernels in plain Rust, for processors without known vector instructions, and as the oracle for all
//! others.

use super::lanes::{Kernel, Lanes};
use crate::element;
use pulp::Scalar;

#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Lanes for Portable {
    type Simd = Scalar;

    #[inline(always)]
    fn simd(self) -> Scalar {
        Scalar
    }

    #[inline(always)]
    fn widen_f16(self, bytes: &[u8]) -> f32 {
        element::widen(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    #[inline(always)]
    fn widen_i8(self, bytes: &[u8]) -> f32 {
        f32::from(bytes[0] as i8)
    }

    #[inline(always)]
    fn dot_i8(self, a: &[i8], b: &[i8]) -> i32 {
        a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
    }

    #[inline(always)]
    fn dot_nibbles(self, row: &[u8], low: &[i8], high: &[i8]) -> i32 {
        let products = row.iter().zip(low).zip(high).map(|((&codes, &low), &high)| {
            i32::from(codes & 15) * i32::from(low) + i32::from(codes >> 4) * i32::from(high)
        });
        products.sum()
    }
}

#[allow(dead_code, reason = "only where there is no other platform file")]
pub(super) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Portable)
}

/// The names of the instruction sets that this processor has kernels for, widest last.
#[allow(dead_code, reason = "only where there is no other platform file")]
pub fn simd_levels() -> &'static [&'static str] {
    &["portable"]
}

/// The name of the instruction set that distances use.
#[allow(dead_code, reason = "only where there is no other platform file")]
pub fn simd_level() -> &'static str {
    "portable"
}

/// Makes distances use the named instruction set from now on; false if there is none with this name.
#[allow(dead_code, reason = "only where there is no other platform file")]
pub fn use_simd_level(name: &str) -> bool {
    name == "portable"
}
