//! Which encoding the database has, and texts where it lacks their characters.

use pgrx::pg_sys::{self, pg_enc};
use std::ffi::c_int;

/// The encoding in which files and Rust have texts.
pub const UTF8: c_int = pg_enc::PG_UTF8 as c_int;

/// The encoding of the database.
pub fn of_database() -> c_int {
    // SAFETY: a number that this backend keeps.
    unsafe { pg_sys::GetDatabaseEncoding() }
}

/// Whether texts have the same bytes in the database as in a file.
pub fn is_same() -> bool {
    [UTF8, pg_enc::PG_SQL_ASCII as c_int].contains(&of_database())
}

/// An error's text. They go through pgrx, in UTF-8 alone: a database of another encoding gets what
/// is not ASCII as Postgres writes it in E'…'.
pub fn of_error(text: String) -> String {
    let text = if text.contains('\0') { text.replace('\0', "\\0") } else { text };
    if is_same() || text.is_ascii() { text } else { as_ascii(&text) }
}

/// What is not ASCII as Postgres writes it in E'…'.
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
