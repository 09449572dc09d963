//! How many rows ahead are prefetched.

use core::sync::atomic::{AtomicBool, Ordering};

/// Whether this is an AMD processor.
pub(super) static AMD: AtomicBool = AtomicBool::new(false);

/// AMD's cores, and those with AVX2 only, have fewer outstanding cache lines, about 48: with 16 rows ahead, or
/// 6 of 1.5 KiB, searches were up to a fifth slower. Zen 3 and 4 agree in this.
#[inline(always)]
pub(super) fn few_ahead(stride: usize) -> usize {
    (48 * 64 / stride.max(1)).clamp(2, 6)
}

#[inline(always)]
pub(super) fn ahead_avx512(stride: usize) -> usize {
    if AMD.load(Ordering::Relaxed) { few_ahead(stride) } else { 16 }
}
