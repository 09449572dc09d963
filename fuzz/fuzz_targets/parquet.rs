//! Fuzzes Parquet files, as vectors and as attributes. The library that reads them panics at some damage; the
//! reader of rows turns that into errors, and only panics that escape it are found here.
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
