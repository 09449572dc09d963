//! Parquet, as vectors and as attributes. The library that reads it asserts what a damaged file
//! breaks; the reader of rows turns that into errors, and only what escapes it is found here.
#![no_main]

use hither_fuzz::{file, read_beside, read_plain};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [rows, bytes @ ..] = input else { return };
    let path = file(bytes, "parquet");
    read_plain(&path);
    let key = (rows & 128 != 0).then(|| "id".to_owned());
    read_beside(&path, usize::from(*rows) % 8, false, key);
});
