//! What the npm package `hither` runs in WebAssembly. The package's API is `js/entries/index.d.ts`; this
//! is the part below it: classes that wasm-bindgen exports, which `js/` alone uses.
//!
//! Two modules are made of it: one for files that are here (feature `whole`), and one that searches a file where it
//! lies (`lazy`), which weighs on nobody who does not.

// What searches alone takes over no rows.
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
