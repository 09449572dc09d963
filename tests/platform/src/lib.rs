//! Builds, searches and changes the same small indexes on every platform, and reports hashes.
//!
//! hither promises that the same rows, options and seed give the same file, byte for byte, and
//! the same answers, bit for bit, whatever the processor and the number of threads. This crate
//! computes; `scripts/parity.sh` runs it everywhere and compares. It is `no_std`, as the library
//! is, because its device part runs where there is no operating system.

#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", target_family = "wasm"))]
extern crate std;

mod answers;
mod cases;
pub mod device;
mod hash;
mod rows;
#[cfg(target_family = "wasm")]
mod wasm;

use alloc::string::String;

/// Everything that is compared: a line `name file-hash answers-hash` for every index.
///
/// # Errors
/// Whatever the library refuses; it should refuse nothing here.
pub fn report(threads: usize) -> hither::Result<String> {
    let mut text = String::new();
    for case in cases::all() {
        case.run(threads, &mut text)?;
    }
    Ok(text)
}
