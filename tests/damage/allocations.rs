//! Counts what this thread allocates, and refuses allocations that no small file can need.
#![allow(unsafe_code, reason = "a global allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;

/// A single request beyond this ends the process, naming the case, so that the machine does not suffer for it.
const REFUSED: usize = 1 << 30;

/// The system's allocator, counting.
pub struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Clone, Copy, Default)]
struct Counters {
    live: isize,
    peak: isize,
    largest: usize,
}

thread_local! {
    static COUNTERS: Cell<Counters> =
        const { Cell::new(Counters { live: 0, peak: 0, largest: 0 }) };
    static CASE: Cell<(&'static str, u64)> = const { Cell::new(("", 0)) };
}

/// The allocations since [`start`].
#[derive(Clone, Copy, Debug)]
pub struct Allocated {
    /// The most bytes in use at once.
    pub peak: usize,
    /// The largest single request.
    pub largest: usize,
}

/// Begins to count for a case, which is named if the allocator refuses.
pub fn start(fixture: &'static str, case: u64) {
    CASE.set((fixture, case));
    COUNTERS.set(Counters::default());
}

/// The allocations since [`start`].
pub fn allocated() -> Allocated {
    let Counters { peak, largest, .. } = COUNTERS.get();
    Allocated { peak: peak.max(0).cast_unsigned(), largest }
}

fn count(grown: usize, shrunk: usize) {
    // While a thread ends, its counters may be gone; nobody needs them any more.
    let _ = COUNTERS.try_with(|cell| {
        let mut counters = cell.get();
        counters.live += grown.cast_signed() - shrunk.cast_signed();
        counters.peak = counters.peak.max(counters.live);
        counters.largest = counters.largest.max(grown);
        cell.set(counters);
    });
}

fn refuses(size: usize) -> bool {
    if size <= REFUSED {
        return false;
    }
    let (fixture, case) = CASE.try_with(Cell::get).unwrap_or_default();
    let _ = writeln!(std::io::stderr(), "{fixture}, case {case}: a request for {size} bytes");
    true
}

// SAFETY: every call is passed on unchanged to the system's allocator, or fails with null; the
// counters allocate nothing and do not unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if refuses(layout.size()) {
            return std::ptr::null_mut();
        }
        count(layout.size(), 0);
        // SAFETY: the caller's promises are those of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller's promises are those of this function.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if refuses(layout.size()) {
            return std::ptr::null_mut();
        }
        count(layout.size(), 0);
        // SAFETY: the caller's promises are those of this function.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if refuses(size) {
            return std::ptr::null_mut();
        }
        count(size, layout.size());
        // SAFETY: the caller's promises are those of this function.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
