//! What JavaScript is called for: to take a file as it is written, and to hear of its progress.

use crate::export::held::place;
use hither::{ErrorKind, Progress, Result, Sink};

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Hears how many bytes will come; 0 if there is no room for them.
    safe fn begin(length: f64) -> u32;

    /// Takes so many bytes from where they lie.
    safe fn take(length: f64, place: f64);

    /// Hears how far a build is, in a stage whose name lies there; 0 to go on.
    safe fn report(length: f64, place: f64, done: f64, total: f64) -> u32;
}

/// Gives a file to JavaScript as it is written. Here, where memory never shrinks, it would lie beside
/// all that it is made of.
pub struct Taker;

impl Sink for Taker {
    fn begin(&mut self, bytes: u64) -> Result<()> {
        if begin(bytes as f64) == 0 {
            return Err(ErrorKind::OutOfMemory { bytes }.into());
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        take(bytes.len() as f64, place(bytes));
        Ok(())
    }
}

/// Tells JavaScript how far a build is.
pub fn tell(step: Progress) -> Result<()> {
    let stage = step.stage.as_bytes();
    let (done, total) = (step.done as f64, step.total as f64);
    if report(stage.len() as f64, place(stage), done, total) != 0 {
        return Err(ErrorKind::Cancelled.into());
    }
    Ok(())
}
