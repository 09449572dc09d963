//! Bytes that are asked for before they are read.
#![allow(unsafe_code, reason = "the instruction takes a pointer")]

/// Whether bytes can be asked for before they are read: there is no prefetch in WebAssembly, nor
/// among the stable intrinsics of aarch64.
pub(crate) const PREFETCHES: bool = cfg!(target_arch = "x86_64");

/// Asks the processor to bring `bytes` near.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn prefetch(bytes: &[u8]) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    bytes.chunks(64).for_each(|line| {
        // SAFETY: a prefetch of any address has no effect on the program, and SSE is in x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    });
}

/// Does nothing.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn prefetch(_: &[u8]) {}
