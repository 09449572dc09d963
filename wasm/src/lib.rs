//! What the npm package `hither` runs in WebAssembly. The package's API is `js/index.d.ts`; this
//! is the narrow part below it, in plain numbers and places in memory.
//!
//! Errors cross as one text, `code` then a line break then the message, which `js/error.js` makes
//! a `HitherError`.

//!
//! Without the standard library: its panics carry text that weighs a tenth of the module, and end
//! in the same trap. Its tests want it: the feature `std`.
#![cfg_attr(all(target_arch = "wasm32", not(feature = "std")), no_std)]
extern crate alloc;

mod build;
mod bytes;
mod failure;
mod info;
mod open;
mod options;
pub mod token;
mod value;

pub use build::Building;
pub use bytes::{Bytes, Host, file_length, wasm_memory};
pub use open::Opened;

#[cfg(all(target_arch = "wasm32", not(feature = "std")))]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[cfg(all(target_arch = "wasm32", not(feature = "std")))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
