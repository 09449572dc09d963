//! Fuzzes vectors, keys and attributes in `.npz`.
#![no_main]

use hither_fuzz::{file, read_plain};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| read_plain(&file(bytes, "npz")));
