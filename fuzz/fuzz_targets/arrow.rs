//! Fuzzes Arrow files, as vectors and as attributes: finds panics that the reader of rows does not turn into
//! errors.
#![no_main]

use hither_fuzz::{file, read_beside, read_plain};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [rows, bytes @ ..] = input else { return };
    let path = file(bytes, "arrow");
    read_plain(&path);
    let key = (rows & 128 != 0).then(|| "id".to_owned());
    read_beside(&path, usize::from(*rows) % 8, false, key);
});
