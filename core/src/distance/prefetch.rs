//! Bytes that are asked for before they are read.
#![allow(unsafe_code, reason = "the instruction takes a pointer")]

/// Whether bytes can be asked for before they are read: there is no prefetch in WebAssembly.
pub(crate) const PREFETCHES: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// Bytes that come at once, or are half of what does.
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

/// Asks the processor to bring `bytes` near. There is no stable intrinsic for it.
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
