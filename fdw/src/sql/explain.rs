//! Prints properties in EXPLAIN's output.

use crate::sql::encoding::c_string;
use pgrx::{PgList, pg_sys};
use std::ptr::null;

/// Prints properties: as text for people, as typed values for programs.
pub struct Properties(*mut pg_sys::ExplainState);

impl Properties {
    /// # Safety
    /// `state` is the explain state that Postgres passed; it outlives this value.
    pub unsafe fn new(state: *mut pg_sys::ExplainState) -> Self {
        Self(state)
    }

    pub fn is_text(&self) -> bool {
        // SAFETY: the explain state is valid, as `new` requires.
        unsafe { (*self.0).format == pg_sys::ExplainFormat::EXPLAIN_FORMAT_TEXT }
    }

    pub fn text(&self, label: &str, value: &str) {
        let (label, value) = (c_string(label), c_string(value));
        // SAFETY: as above; both texts are copied.
        unsafe { pg_sys::ExplainPropertyText(label.as_ptr(), value.as_ptr(), self.0) };
    }

    pub fn integer(&self, label: &str, value: u64) {
        let label = c_string(label);
        // SAFETY: as above.
        unsafe { pg_sys::ExplainPropertyInteger(label.as_ptr(), null(), value as i64, self.0) };
    }

    pub fn float(&self, label: &str, value: f64) {
        let label = c_string(label);
        // SAFETY: as above.
        unsafe { pg_sys::ExplainPropertyFloat(label.as_ptr(), null(), value, 4, self.0) };
    }

    pub fn bool(&self, label: &str, value: bool) {
        let label = c_string(label);
        // SAFETY: as above.
        unsafe { pg_sys::ExplainPropertyBool(label.as_ptr(), value, self.0) };
    }

    /// One line for each value, or an array.
    pub fn texts(&self, label: &str, values: &[String]) {
        if self.is_text() {
            return values.iter().for_each(|value| self.text(label, value));
        }
        let mut list = PgList::<std::ffi::c_char>::new();
        for value in values {
            // SAFETY: a copy in the statement's memory context.
            list.push(unsafe { pg_sys::pstrdup(c_string(value).as_ptr()) });
        }
        let label = c_string(label);
        // SAFETY: as above; a list of strings.
        unsafe { pg_sys::ExplainPropertyList(label.as_ptr(), list.into_pg(), self.0) };
    }
}
