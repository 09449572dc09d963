//! What the npm package `hither` runs in WebAssembly. The package's API is `js/entries/index.d.ts`; this
//! is the part below it: classes that wasm-bindgen exports, which `js/` alone uses.

mod builder;
mod bytes;
mod failure;
mod info;
mod memory;
mod open;
mod options;
mod sink;
mod value;

pub use builder::FileBuilder;
pub use bytes::{FileBytes, file_length};
pub use failure::{Failure, Outcome};
pub use open::{OpenIndex, open_bytes, open_indexes};
pub use options::BuilderOptions;
pub use sink::FileSink;
