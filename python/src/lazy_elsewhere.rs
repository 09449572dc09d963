//! Where files on servers are not read: the types are there, and nothing makes one.

use crate::failure::{Failure, Outcome};
use pyo3::prelude::*;

/// An index file on a server: on Unix.
#[pyclass(frozen, module = "hither", weakref)]
pub struct LazyIndex;

/// What an index on a server has cost: on Unix.
#[pyclass(frozen, module = "hither")]
pub struct Traffic;

/// Refuses to open the file at `url`.
///
/// # Errors
/// Always.
pub fn open(_: Python<'_>, url: &str, _: Option<u64>) -> Outcome<LazyIndex> {
    Err(Failure::new("unsupported", format!("{url}: files on servers are read on Unix")))
}
