//! hither for Python: the module `hither._native`, which the package `hither` builds on. Numbers are passed
//! as float32 in buffers, rows as lists, and Arrow's data by its C interface; the package converts other Python
//! types (arrays, tables, dates) to these.

mod answer;
mod arrays;
mod arrow;
mod builder;
mod change;
mod columns;
mod failure;
mod index;
mod key;
#[cfg_attr(not(unix), path = "lazy_elsewhere.rs")]
mod lazy;
mod open;
mod opened;
mod output;
mod query;
mod row_values;
mod search;
mod value;
mod vectors;
mod watch;

use pyo3::prelude::*;

/// What the package `hither` is written over.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::answer::{Hit, Row, SearchResult};
    #[pymodule_export]
    use crate::arrow::column::{ArrowColumn, arrow_column, arrow_table};
    #[pymodule_export]
    use crate::arrow::rows::ArrowRows;
    #[pymodule_export]
    use crate::arrow::vectors::ArrowVectors;
    #[pymodule_export]
    use crate::builder::Builder;
    #[pymodule_export]
    use crate::index::Index;
    #[pymodule_export]
    use crate::lazy::{LazyIndex, Traffic};
    #[pymodule_export]
    use crate::open::open;
    use pyo3::prelude::*;
    use std::ffi::OsString;

    /// Runs the command with its arguments, the first of which is its name.
    #[pyfunction]
    fn command(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
        py.detach(|| hither_cli::run(arguments))
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let names = |all: &[hither::Metric]| all.iter().map(|one| one.name()).collect::<Vec<_>>();
        module
            .add("METRICS", pyo3::types::PyTuple::new(module.py(), names(hither::Metric::ALL))?)?;
        module.add("VERSION", env!("CARGO_PKG_VERSION"))
    }
}
