//! The simplest allocator: only the block at the end can be freed for reuse. A search allocates when it first
//! runs and never afterwards, so that nothing is lost by this.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::{Cell, UnsafeCell};
use core::ptr::null_mut;

const SIZE: usize = 32 << 10;

#[repr(align(64))]
struct Memory(UnsafeCell<[u8; SIZE]>);

pub struct Heap {
    memory: Memory,
    used: Cell<usize>,
    most: Cell<usize>,
}

#[global_allocator]
pub static HEAP: Heap =
    Heap { memory: Memory(UnsafeCell::new([0; SIZE])), used: Cell::new(0), most: Cell::new(0) };

impl Heap {
    /// The most bytes that were ever in use.
    pub fn most(&self) -> usize {
        self.most.get()
    }

    fn base(&self) -> *mut u8 {
        self.memory.0.get().cast()
    }

    /// The start of `block`, of `size` bytes, within the memory, if it is the last block.
    fn last(&self, block: *mut u8, size: usize) -> Option<usize> {
        let start = (block as usize).wrapping_sub(self.base() as usize);
        (start + size == self.used.get()).then_some(start)
    }

    fn take(&self, start: usize, size: usize) -> *mut u8 {
        let end = start.saturating_add(size);
        if end > SIZE {
            return null_mut();
        }
        self.used.set(end);
        self.most.set(self.most.get().max(end));
        self.base().wrapping_add(start)
    }
}

// SAFETY: the program has one thread, and its only exception handlers are those of cortex-m-rt,
// which allocate nothing.
unsafe impl Sync for Heap {}

// SAFETY: a block lies within `memory` and ends at `used`, and later blocks begin at or after the
// end of those that are in use; `used` goes back only to the start of a block that is freed.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.base() as usize;
        let start = (base + self.used.get()).next_multiple_of(layout.align()) - base;
        self.take(start, layout.size())
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(start) = self.last(block, layout.size()) {
            self.used.set(start);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // A vector at the end grows in place.
        if let Some(start) = self.last(block, layout.size()) {
            let grown = self.take(start, size);
            return if grown.is_null() { null_mut() } else { block };
        }
        if size <= layout.size() {
            return block;
        }
        let Ok(layout_grown) = Layout::from_size_align(size, layout.align()) else {
            return null_mut();
        };
        // SAFETY: the caller promises a size above zero, as `alloc` wants.
        let grown = unsafe { self.alloc(layout_grown) };
        if !grown.is_null() {
            // SAFETY: `block` has `layout.size()` bytes, fewer than the new block, which is apart
            // from all blocks in use.
            unsafe { grown.copy_from_nonoverlapping(block, layout.size()) };
        }
        grown
    }
}
