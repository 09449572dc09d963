//! Distance kernels for x86-64: AVX-512 with VNNI, AVX-512, AVX2 with F16C, and plain Rust.
#![allow(
    unsafe_code,
    reason = "instructions that pulp has no safe wrapper for; tokens of a known level"
)]

#[path = "x86/ahead.rs"]
mod ahead;
#[path = "x86/avx2.rs"]
mod avx2;
#[path = "x86/avx512.rs"]
mod avx512;
#[path = "x86/vnni.rs"]
mod vnni;

use super::lanes::{Kernel, Lanes};
use super::portable::Portable;
use ahead::{AMD, few_ahead};
use avx512::Avx512;
use core::arch::x86_64::{__cpuid, __cpuid_count, __m128i, __m256, _mm256_cvtph_ps, _xgetbv};
use core::sync::atomic::{AtomicU8, Ordering};
use pulp::NullaryFnOnce;
use pulp::x86::{V3, V4};
use vnni::{Avx512Vnni, Vnni};

pulp::simd_type! {
    /// F16C, which every processor with AVX2 has, but pulp's `V3` leaves out.
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
}

#[derive(Clone, Copy)]
struct Avx2 {
    v3: V3,
    /// Proof that the processor has F16C.
    _f16c: F16c,
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

const NAMES: [&str; 4] = ["portable", "avx2", "avx512", "avx512-vnni"];

/// Index into `NAMES`, or `u8::MAX` before detection.
static LEVEL: AtomicU8 = AtomicU8::new(u8::MAX);

/// The widest level of this processor, found with three cpuid instructions: std's detection uses ten, and in a
/// virtual machine each takes 5 µs, which the first search in a new process waits for.
fn widest() -> u8 {
    if cfg!(miri) {
        // There is no cpuid here, only the target features of the compilation.
        return match (V4::is_available(), V3::is_available()) {
            (true, _) => 2,
            (_, v3) => u8::from(v3 && F16c::is_available()),
        };
    }
    let has = |register: u32, bits: &[u32]| bits.iter().all(|bit| register >> bit & 1 == 1);
    let base = __cpuid(1);
    // SSE3, SSSE3, FMA, SSE4.1, SSE4.2, POPCNT, OSXSAVE, AVX, F16C. A processor with these supports the other
    // cpuid leaves used here; for an unsupported leaf a processor may return the data of another.
    if !has(base.ecx, &[0, 9, 12, 19, 20, 23, 27, 28, 29]) {
        return 0;
    }
    let (more, extended) = (__cpuid_count(7, 0), __cpuid(0x8000_0001));
    // SSE4a, which only AMD's processors have.
    AMD.store(has(extended.ecx, &[6]), Ordering::Relaxed);
    // BMI1, AVX2, BMI2; LZCNT.
    let avx2 = has(more.ebx, &[3, 5, 8]) && has(extended.ecx, &[5]);
    if !avx2 {
        return 0;
    }
    // SAFETY: OSXSAVE says that the operating system enables xgetbv.
    let kept = unsafe { _xgetbv(0) } as u32;
    if !has(kept, &[1, 2]) {
        return 0;
    }
    // AVX512F, DQ, CD, BW, VL; and the operating system saves mask registers and whole vector registers.
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

/// Makes distances use the named instruction set from now on; false if there is none with this name.
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

/// Runs the kernel at the current level.
#[inline]
pub(super) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: `widest` detected all features that the tokens of its level and of lower ones stand for, and no
    // other level is ever stored.
    unsafe {
        match level() {
            3 => {
                let (v4, vnni) = (V4::new_unchecked(), Vnni::new_unchecked());
                vnni.vectorize(Call {
                    lanes: Avx512Vnni { avx512: Avx512 { v4 }, _vnni: vnni },
                    kernel,
                })
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
