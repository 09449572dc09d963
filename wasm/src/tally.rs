//! Counts how many indexes are open, and how many bytes they keep, for `memory()`.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use wasm_bindgen::prelude::wasm_bindgen;

static INDEXES: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

/// How many indexes are open.
#[wasm_bindgen(js_name = openIndexes)]
pub fn open_indexes() -> usize {
    INDEXES.load(Relaxed)
}

/// How many bytes are kept: those of open files, and of files on servers.
#[wasm_bindgen(js_name = openBytes)]
pub fn open_bytes() -> usize {
    BYTES.load(Relaxed)
}

/// One index, which is counted as long as this lives.
pub(crate) struct Tally {
    bytes: usize,
}

impl Tally {
    pub fn new() -> Self {
        INDEXES.fetch_add(1, Relaxed);
        Self { bytes: 0 }
    }

    /// Sets how many bytes the index keeps now.
    pub fn keep(&mut self, bytes: usize) {
        BYTES.fetch_add(bytes, Relaxed);
        BYTES.fetch_sub(self.bytes, Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        INDEXES.fetch_sub(1, Relaxed);
        BYTES.fetch_sub(self.bytes, Relaxed);
    }
}
