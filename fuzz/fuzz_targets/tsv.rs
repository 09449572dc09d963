//! Fuzzes vectors and attributes as tab-separated and comma-separated text.
#![no_main]

use hither_fuzz::{file, read_beside, read_plain};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [rows, bytes @ ..] = input else { return };
    let path = file(bytes, if rows & 64 != 0 { "csv" } else { "tsv" });
    read_plain(&path);
    let key = (rows & 128 != 0).then(|| "id".to_owned());
    read_beside(&path, usize::from(*rows) % 8, false, key);
});
