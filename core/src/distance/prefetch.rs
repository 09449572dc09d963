//! Prefetching: the processor loads bytes before they are read.
#![allow(unsafe_code, reason = "the instruction takes a pointer")]

/// Whether there is prefetching: not in WebAssembly.
pub(crate) const PREFETCHES: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// Bytes that the processor loads at once, or half of them.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const LINE: usize = 64;

/// Asks the processor to bring `bytes` near.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn prefetch(bytes: &[u8]) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    bytes.chunks(LINE).for_each(|line| {
        // SAFETY: a prefetch of any address has no effect on the program, and SSE is in x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    });
}

/// Prefetches `bytes` into the cache. There is no stable intrinsic for it.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub(crate) fn prefetch(bytes: &[u8]) {
    bytes.chunks(LINE).for_each(|line| {
        // SAFETY: a prefetch of any address has no effect on the program; neither stack nor flags are
        // touched.
        unsafe {
            core::arch::asm!(
                "prfm pldl1keep, [{line}]",
                line = in(reg) line.as_ptr(),
                options(nostack, readonly, preserves_flags),
            );
        }
    });
}

/// Does nothing.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline(always)]
pub(crate) fn prefetch(_: &[u8]) {}
