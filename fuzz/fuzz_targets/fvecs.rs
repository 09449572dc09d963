//! Vectors in `.fvecs` and `.bvecs`, numbers in `.ivecs`.
#![no_main]

use hither_fuzz::{file, read_plain};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [which, bytes @ ..] = input else { return };
    let extension = ["fvecs", "bvecs", "ivecs"][usize::from(*which) % 3];
    read_plain(&file(bytes, extension));
});
