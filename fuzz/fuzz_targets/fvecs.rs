//! Fuzzes vectors in `.fvecs`, `.bvecs`, `.ivecs`, `.fbin`, `.u8bin` and `.i8bin`.
#![no_main]

use hither_fuzz::{file, read_plain};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [which, bytes @ ..] = input else { return };
    let extension = ["fvecs", "bvecs", "ivecs", "fbin", "u8bin", "i8bin"][usize::from(*which) % 6];
    read_plain(&file(bytes, extension));
});
