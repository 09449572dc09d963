//! What the npm package `hither` runs in WebAssembly. The package's API is `js/index.d.ts`; this
//! is the part below it: an index that is open and one that is built, of values in bytes, and in
//! WebAssembly the functions by which JavaScript reaches them.
//!
//! Without the standard library: its panics carry text that weighs a tenth of the module, and end
//! in the same trap. Its tests want it: the feature `std`.
#![cfg_attr(all(target_arch = "wasm32", not(feature = "std")), no_std)]
extern crate alloc;

mod build;
#[cfg(all(target_arch = "wasm32", not(feature = "std")))]
mod export;
mod failure;
mod info;
mod memory;
mod open;
mod options;
pub mod token;
mod value;

pub use build::Building;
pub use failure::{Failure, Outcome};
pub use open::Opened;

#[cfg(all(target_arch = "wasm32", not(feature = "std")))]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[cfg(all(target_arch = "wasm32", not(feature = "std")))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
