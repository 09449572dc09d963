//! What the npm package `hither` runs in WebAssembly. The API of the package is `js/entries/index.d.ts`; this
//! crate is the layer below it: classes that wasm-bindgen exports, for `js/` alone.
//!
//! Two modules are built from it: one for files in memory (feature `whole`), and one that searches a file where
//! it lies (`lazy`), which only its users download.

// A module that only searches takes no rows.
#![cfg_attr(not(feature = "whole"), allow(dead_code))]

mod answer;
#[cfg(feature = "whole")]
mod builder;
#[cfg(feature = "whole")]
mod bytes;
mod failure;
mod filter;
mod info;
#[cfg(feature = "lazy")]
mod lazy;
mod memory;
#[cfg(feature = "whole")]
mod open;
#[cfg(feature = "whole")]
mod options;
#[cfg(feature = "whole")]
mod sink;
mod tally;
mod value;

#[cfg(feature = "whole")]
pub use builder::FileBuilder;
#[cfg(feature = "whole")]
pub use bytes::{FileBytes, file_length};
pub use failure::{Failure, Outcome};
#[cfg(feature = "lazy")]
pub use lazy::LazyFile;
#[cfg(feature = "whole")]
pub use open::OpenIndex;
#[cfg(feature = "whole")]
pub use options::BuilderOptions;
#[cfg(feature = "whole")]
pub use sink::FileSink;
pub use tally::{open_bytes, open_indexes};
