//! Texts between the encoding of the database and UTF-8, in which files and Rust have them.
//!
//! Where the database's encoding is UTF-8, or says nothing (SQL_ASCII), bytes are the same on both
//! sides. Else Postgres converts, and a text that one of the sides does not have is an error.

use crate::sql::charset::{UTF8, as_ascii, is_same, of_database};
use crate::sql::failure::{Failure, Result};
use pgrx::pg_sys::panic::CaughtError;
use pgrx::pg_sys::{self, pg_enc};
use pgrx::{PgSqlErrorCode as Code, PgTryBuilder};
use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char, c_int};
use std::panic::{RefUnwindSafe, UnwindSafe};

/// Whether texts are equal, and come one before another, in the database as they do in a file. Other
/// encodings order characters otherwise, and some have one for two of Unicode's.
pub fn compares_alike() -> bool {
    is_same() || of_database() == pg_enc::PG_LATIN1 as c_int
}

/// A text of the database, such as a literal of a query. What is not UTF-8 in a database that says
/// nothing of its encoding is an error of Postgres's.
pub fn from_database(bytes: &[u8]) -> String {
    if of_database() == UTF8 || bytes.is_ascii() {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    // SAFETY: so many bytes; what is given back is them, or a text that ends with NUL.
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

/// The name of a relation, or its number where there is none.
pub fn relation_name(oid: pg_sys::Oid) -> String {
    // SAFETY: a look-up in the catalogs, which gives a palloc'ed string or null.
    unsafe {
        let found = pg_sys::get_rel_name(oid);
        if found.is_null() { oid.to_u32().to_string() } else { name(found) }
    }
}

/// A name of the database's, of the catalogs or an option. What is not known to be UTF-8 may be lost.
///
/// # Safety
/// `name` points to bytes that end with NUL.
pub unsafe fn name(name: *const c_char) -> String {
    // SAFETY: the caller's promise.
    let bytes = unsafe { CStr::from_ptr(name) }.to_bytes();
    if is_same() {
        // Most are UTF-8, and a new backend need not load what mends the others.
        return String::from_utf8(bytes.into())
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    }
    from_database(bytes)
}

/// A text as the database has it.
///
/// # Errors
/// It has a NUL byte, which ends a text in Postgres, or a character that the encoding has not.
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
        // SAFETY: so many bytes of UTF-8; what is given back is them, or a text that ends with NUL.
        unsafe {
            let converted = pg_sys::pg_any_to_server(start, length, UTF8);
            match std::ptr::eq(converted, start) {
                true => text.as_bytes().into(),
                false => CStr::from_ptr(converted).to_bytes().to_owned().into(),
            }
        }
    })
}

/// What a function of Postgres's makes of a text, or its error if the database cannot have that: so
/// that who reads a row can say which.
///
/// # Errors
/// A character that the encoding has not, or an escape that no text has.
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

/// The same with an end, for functions of Postgres's that want a C string. What the database does
/// not have is written as it can be.
pub fn c_string(text: &str) -> CString {
    let bytes = match to_database(text) {
        Ok(bytes) => bytes.into_owned(),
        Err(_) => as_ascii(&text.replace('\0', "")).into_bytes(),
    };
    CString::new(bytes).unwrap_or_default()
}
