//! The bytes of an index file while they arrive.

use crate::failure::Outcome;
use hither::ErrorKind;
use hither::raw::AlignedBytes;
use wasm_bindgen::prelude::wasm_bindgen;

/// The length of the index file that begins with `start`.
///
/// # Errors
/// `not_an_index`, or `truncated` where `start` is too short to tell.
#[wasm_bindgen(js_name = fileLength)]
pub fn file_length(start: &[u8]) -> Outcome<f64> {
    Ok(hither::raw::file_length(start)? as f64)
}

/// A file in one allocation, to which bytes are appended as they arrive. If JavaScript were to write over
/// zeros, filling these would be a pass over the whole before the first piece arrives.
#[wasm_bindgen]
pub struct FileBytes(pub(crate) AlignedBytes);

#[wasm_bindgen]
impl FileBytes {
    /// Room for a file of `length` bytes, none of which is there yet.
    ///
    /// # Errors
    /// `out_of_memory`.
    #[wasm_bindgen(constructor)]
    pub fn new(length: f64) -> Outcome<FileBytes> {
        let bytes = length as u64;
        let length = usize::try_from(bytes).map_err(|_| ErrorKind::OutOfMemory { bytes })?;
        Ok(Self(AlignedBytes::try_with_capacity(length)?))
    }

    /// Appends the next piece.
    pub fn append(&mut self, piece: &[u8]) {
        self.0.extend_from_slice(piece);
    }
}
