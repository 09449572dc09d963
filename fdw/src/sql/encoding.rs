//! Converts texts between the database's encoding and UTF-8, the encoding of files and Rust.
//!
//! If the database's encoding is UTF-8 or unspecified (SQL_ASCII), the bytes are the same on both sides.
//! Otherwise Postgres converts them, and a text that cannot be represented is an error.

use crate::sql::charset::{UTF8, as_ascii, is_same, of_database};
use crate::sql::failure::{Failure, Result};
use pgrx::pg_sys::panic::CaughtError;
use pgrx::pg_sys::{self, pg_enc};
use pgrx::{PgSqlErrorCode as Code, PgTryBuilder};
use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char, c_int};
use std::panic::{RefUnwindSafe, UnwindSafe};

/// Whether equality and order of texts are the same in the database as in a file. Other encodings order
/// characters differently, and some have one character for two of Unicode's.
pub fn compares_alike() -> bool {
    is_same() || of_database() == pg_enc::PG_LATIN1 as c_int
}

/// A text from the database, such as a literal of a query. If the database's encoding is unspecified and
/// the bytes are not UTF-8, Postgres raises an error.
pub fn from_database(bytes: &[u8]) -> String {
    if of_database() == UTF8 || bytes.is_ascii() {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    // SAFETY: the text has this length; the result is the same pointer, or a text that ends with NUL.
    unsafe {
        let text = bytes.as_ptr().cast::<c_char>();
        let converted = pg_sys::pg_server_to_any(text, bytes.len() as c_int, UTF8);
        let bytes = match std::ptr::eq(converted, text) {
            true => bytes,
            false => CStr::from_ptr(converted).to_bytes(),
        };
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// The name of a relation, or its OID if it has none.
pub fn relation_name(oid: pg_sys::Oid) -> String {
    // SAFETY: a catalog look-up, which returns a palloc'ed string or null.
    unsafe {
        let found = pg_sys::get_rel_name(oid);
        if found.is_null() { oid.to_u32().to_string() } else { name(found) }
    }
}

/// A name from the catalogs or an option. Bytes that are not UTF-8 may be replaced.
///
/// # Safety
/// `name` points to bytes that end with NUL.
pub unsafe fn name(name: *const c_char) -> String {
    // SAFETY: the caller's promise.
    let bytes = unsafe { CStr::from_ptr(name) }.to_bytes();
    if is_same() {
        // Most names are UTF-8, and a new backend need not load the code that repairs the others.
        return String::from_utf8(bytes.into())
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    }
    from_database(bytes)
}

/// A text in the database's encoding.
///
/// # Errors
/// If it has a NUL byte, which ends a text in Postgres, or a character that the encoding lacks.
pub fn to_database(text: &str) -> Result<Cow<'_, [u8]>> {
    if text.contains('\0') {
        let message = "the text has a NUL byte, which a text of Postgres cannot have";
        return Err(Failure::new(Code::ERRCODE_UNTRANSLATABLE_CHARACTER, message)
            .hint("Build the file without it, or leave the column out of the foreign table."));
    }
    if is_same() || text.is_ascii() {
        return Ok(text.as_bytes().into());
    }
    let (start, length) = (text.as_ptr().cast::<c_char>(), text.len() as c_int);
    translated(|| {
        // SAFETY: the text has this many bytes of UTF-8; the result is the same pointer, or a text that
        // ends with NUL.
        unsafe {
            let converted = pg_sys::pg_any_to_server(start, length, UTF8);
            match std::ptr::eq(converted, start) {
                true => text.as_bytes().into(),
                false => CStr::from_ptr(converted).to_bytes().to_owned().into(),
            }
        }
    })
}

/// Calls a function of Postgres that converts a text, and returns its error if the database cannot
/// represent the text, so that the caller can say which row it is in.
///
/// # Errors
/// A character that the encoding lacks, or an escape that no text may have.
pub fn translated<T>(translate: impl FnOnce() -> T + UnwindSafe + RefUnwindSafe) -> Result<T> {
    PgTryBuilder::new(|| Ok(translate()))
        .catch_when(Code::ERRCODE_UNTRANSLATABLE_CHARACTER, |error| {
            let message = match &error {
                CaughtError::PostgresError(report) => match report.detail() {
                    Some(detail) => format!("{}: {detail}", report.message()),
                    None => report.message().to_owned(),
                },
                _ => "the database's encoding does not have all of its characters".into(),
            };
            let failure = Failure::new(Code::ERRCODE_UNTRANSLATABLE_CHARACTER, message);
            Err(match of_database() {
                UTF8 => failure.hint("Leave the column out of the foreign table, or make it text."),
                _ => failure.hint("A database of encoding UTF8 has all characters."),
            })
        })
        .execute()
}

/// A text in the database's encoding as a C string, for functions of Postgres. A text that the encoding
/// cannot represent is written in ASCII with escapes.
pub fn c_string(text: &str) -> CString {
    let bytes = match to_database(text) {
        Ok(bytes) => bytes.into_owned(),
        Err(_) => as_ascii(&text.replace('\0', "")).into_bytes(),
    };
    CString::new(bytes).unwrap_or_default()
}
