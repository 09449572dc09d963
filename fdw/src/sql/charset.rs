//! The database's encoding, and how to write texts with characters that it lacks.

use pgrx::pg_sys::{self, pg_enc};
use std::ffi::c_int;

/// The encoding of texts in files and in Rust.
pub const UTF8: c_int = pg_enc::PG_UTF8 as c_int;

/// The database's encoding.
pub fn of_database() -> c_int {
    // SAFETY: reads a number that this backend keeps.
    unsafe { pg_sys::GetDatabaseEncoding() }
}

/// Whether texts have the same bytes in the database as in files.
pub fn is_same() -> bool {
    [UTF8, pg_enc::PG_SQL_ASCII as c_int].contains(&of_database())
}

/// The text of an error. pgrx passes it on as UTF-8 only, so for a database with another encoding
/// characters outside ASCII are written as in Postgres's E'…' strings.
pub fn of_error(text: String) -> String {
    let text = if text.contains('\0') { text.replace('\0', "\\0") } else { text };
    if is_same() || text.is_ascii() { text } else { as_ascii(&text) }
}

/// Writes characters outside ASCII as in Postgres's E'…' strings.
pub fn as_ascii(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for character in text.chars() {
        match u32::from(character) {
            0..0x80 => ascii.push(character),
            _ if character == '…' => ascii.push_str("..."),
            code @ 0..=0xFFFF => ascii.push_str(&format!("\\u{code:04X}")),
            code => ascii.push_str(&format!("\\U{code:08X}")),
        }
    }
    ascii
}
