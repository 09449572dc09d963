//! Fuzzes vectors, numbers and keys in `.npy`.
#![no_main]

use hither_fuzz::{file, read_beside, read_plain};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [rows, bytes @ ..] = input else { return };
    let path = file(bytes, "npy");
    read_plain(&path);
    read_beside(&path, usize::from(*rows) % 8, true, None);
});
