//! Passes a file to JavaScript piece by piece while it is written. In the module, whose memory never shrinks,
//! it would lie beside everything that it is made of.

use hither::raw::Sink;
use hither::{ErrorKind, Progress, Result};
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    /// The receiver of a file, which `js/writer.js` makes. None of its functions throws.
    pub type FileSink;

    /// Is told how many bytes will come; false if there is no room for them.
    #[wasm_bindgen(method)]
    fn begin(this: &FileSink, length: f64) -> bool;

    /// Takes the next piece, a view of memory that holds it until this returns.
    #[wasm_bindgen(method)]
    fn take(this: &FileSink, piece: &[u8]);

    /// Is told how far a build is in the stage of this name; false to stop it.
    #[wasm_bindgen(method)]
    fn report(this: &FileSink, stage: &str, done: f64, total: f64) -> bool;
}

/// A [`FileSink`] as the library's [`Sink`].
pub(crate) struct Pieces<'s>(pub(crate) &'s FileSink);

impl Sink for Pieces<'_> {
    fn begin(&mut self, bytes: u64) -> Result<()> {
        if self.0.begin(bytes as f64) {
            Ok(())
        } else {
            Err(ErrorKind::OutOfMemory { bytes }.into())
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.take(bytes);
        Ok(())
    }
}

impl FileSink {
    /// Reports how far a build is.
    pub(crate) fn tell(&self, step: Progress) -> Result<()> {
        let goes_on = self.report(step.stage, step.done as f64, step.total as f64);
        if goes_on { Ok(()) } else { Err(ErrorKind::Cancelled.into()) }
    }
}
