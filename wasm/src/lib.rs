//! What the npm package `hither` runs in WebAssembly. The package's API is `js/index.d.ts`; this
//! is the narrow part below it, in plain numbers and places in memory.
//!
//! Errors cross as one text, `code` then a line break then the message, which `js/error.js` makes
//! a `HitherError`.

mod build;
mod bytes;
mod failure;
mod info;
mod open;
mod options;
mod value;

pub use build::Building;
pub use bytes::{Bytes, file_length, wasm_memory};
pub use open::Opened;
