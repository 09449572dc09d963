//! Bytes in WebAssembly's memory that JavaScript fills or takes.

use crate::failure::{Failure, Outcome};
use alloc::vec::Vec;
use hither::{AlignedBytes, ErrorKind};
use wasm_bindgen::prelude::wasm_bindgen;

/// Bytes that `js/source.js` appends at a time, at most: they lie beside while they are copied.
const PIECE: usize = 1 << 18;

/// The length of the index file that begins with these bytes.
#[wasm_bindgen(js_name = fileLength)]
pub fn file_length(start: &[u8]) -> Outcome<f64> {
    Ok(hither::file_length(start)? as f64)
}

/// One allocation, aligned as an index wants it, that JavaScript fills piece by piece.
#[wasm_bindgen]
pub struct Bytes(pub(crate) AlignedBytes);

#[wasm_bindgen]
impl Bytes {
    /// None yet, and room for so many.
    #[wasm_bindgen(constructor)]
    pub fn new(capacity: f64) -> Outcome<Bytes> {
        let too_long = Failure::from(ErrorKind::OutOfMemory { bytes: capacity as u64 });
        if capacity > f64::from(u32::MAX) {
            return Err(too_long);
        }
        let bytes = AlignedBytes::try_with_capacity(capacity as usize)?;
        ensure(PIECE)?;
        Ok(Self(bytes))
    }

    /// Appends a piece. Zeros for JavaScript to write over would be a pass over the whole before the
    /// first piece comes.
    pub fn append(&mut self, piece: &[u8]) {
        self.0.extend_from_slice(piece);
    }

    /// Where they begin.
    pub fn pointer(&self) -> usize {
        self.0.as_slice().as_ptr() as usize
    }

    /// How many they are.
    pub fn length(&self) -> usize {
        self.0.as_slice().len()
    }
}

/// Makes sure that so many bytes can be allocated: growing memory is refused with an error, where
/// the allocation itself could only end the program.
pub(crate) fn ensure(bytes: usize) -> Outcome<()> {
    let granted = Vec::<u8>::new().try_reserve_exact(bytes).is_ok();
    if granted { Ok(()) } else { Err(ErrorKind::OutOfMemory { bytes: bytes as u64 }.into()) }
}

/// WebAssembly's memory, as JavaScript sees it.
#[wasm_bindgen(js_name = wasmMemory)]
pub fn wasm_memory() -> wasm_bindgen::JsValue {
    wasm_bindgen::memory()
}
