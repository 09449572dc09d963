//! Bytes that cross between WebAssembly's memory and JavaScript.

use crate::failure::{Failure, Outcome};
use alloc::vec::Vec;
use hither::{AlignedBytes, ErrorKind, Progress, Sink};
use wasm_bindgen::JsValue;
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
}

#[wasm_bindgen]
extern "C" {
    /// What JavaScript gives to have a file written.
    pub type Host;

    /// Hears how many bytes will come.
    #[wasm_bindgen(method, catch)]
    fn begin(this: &Host, length: f64) -> Result<(), JsValue>;

    /// Takes so many bytes from where they lie.
    #[wasm_bindgen(method, catch)]
    fn take(this: &Host, length: usize, place: usize) -> Result<(), JsValue>;

    /// Hears how far a build is, and answers true to stop.
    #[wasm_bindgen(method, catch)]
    fn report(this: &Host, stage: &str, done: f64, total: f64) -> Result<bool, JsValue>;
}

/// Gives a file to JavaScript as it is written. Here, where memory never shrinks, it would lie beside
/// all that it is made of.
pub(crate) struct Taker<'h>(pub &'h Host);

impl Sink for Taker<'_> {
    fn begin(&mut self, bytes: u64) -> hither::Result<()> {
        self.0.begin(bytes as f64).map_err(|_| ErrorKind::OutOfMemory { bytes }.into())
    }

    fn write(&mut self, bytes: &[u8]) -> hither::Result<()> {
        let taken = self.0.take(bytes.len(), bytes.as_ptr() as usize);
        taken.map_err(|_| ErrorKind::OutOfMemory { bytes: bytes.len() as u64 }.into())
    }
}

/// Tells JavaScript how far a build is.
pub(crate) fn report(host: &Host, step: Progress) -> hither::Result<()> {
    match host.report(step.stage, step.done as f64, step.total as f64) {
        Ok(false) => Ok(()),
        _ => Err(ErrorKind::Cancelled.into()),
    }
}

/// Makes sure that so many bytes can be allocated at once: growing memory is refused with an error,
/// where the allocation itself could only end the program.
pub(crate) fn ensure(bytes: usize) -> Outcome<()> {
    room(&mut Vec::<u8>::new(), bytes)
}

/// The same for bytes of which none of the lists that they go to takes more than a fourth: what is
/// free lies in parts, and memory that grows for one part as large as all never shrinks.
pub(crate) fn ensure_in_parts(bytes: usize) -> Outcome<()> {
    let mut parts: [Vec<u8>; 4] = Default::default();
    for part in &mut parts {
        room(part, bytes.div_ceil(4))?;
    }
    Ok(())
}

/// Makes room in `list` for a length, or says that there is none.
pub(crate) fn room<T>(list: &mut Vec<T>, length: usize) -> Outcome<()> {
    let more = length.saturating_sub(list.len());
    let bytes = length as u64 * size_of::<T>() as u64;
    list.try_reserve_exact(more).map_err(|_| ErrorKind::OutOfMemory { bytes }.into())
}

/// WebAssembly's memory, as JavaScript sees it.
#[wasm_bindgen(js_name = wasmMemory)]
pub fn wasm_memory() -> JsValue {
    wasm_bindgen::memory()
}
