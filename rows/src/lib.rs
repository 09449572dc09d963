//! Rows for an index of [`hither`]: vectors with keys and attributes, read from files and from Postgres
//! queries, and written to files that can be read again. Rows are processed one at a time, so that no file
//! needs to fit in memory.
//!
//! ```no_run
//! use hither_rows::{Input, Options, Row};
//!
//! let mut input = Input::open("words.jsonl".as_ref(), &Options::default())?;
//! let mut row = Row::default();
//! while input.next(&mut row)? {
//!     println!("{:?} {:?} {:?}", row.key, row.vector, row.attributes);
//! }
//! # Ok::<(), hither_rows::Error>(())
//! ```
//!
//! An [`Error`] says which file, where in it, what was found and what to do. If one of the [`Options`]
//! would solve the problem, [`Error::setting`] says which one: programs that take these from users know
//! what they are called there.

#[cfg(feature = "parquet")]
mod arrow;
mod bin;
mod cells;
mod columns;
mod csv;
mod diagnostic;
mod element;
mod error;
mod format;
mod fvecs;
mod infer;
mod input;
mod json;
mod jsonl;
mod keys;
mod layout;
mod lines;
mod matrix;
mod names;
mod npy;
mod npz;
mod options;
mod output;
mod packed;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "postgres")]
mod postgres;
mod roles;
#[cfg(feature = "parquet")]
mod shield;
mod sink;
mod source;
mod table;
#[cfg(test)]
mod testing;
mod text;
mod tsv;
mod vector;

#[cfg(feature = "parquet")]
pub use arrow::{
    batch::BatchBuilder,
    column::{ArrowColumn, ArrowVectors},
};
pub use columns::{parse_type, written};
pub use diagnostic::{Diagnostic, Setting};
pub use error::Error;
pub use format::Format;
pub use infer::key_from_text;
pub use input::Input;
pub use json::{json_line, quoted};
pub use keys::read_keys;
pub use layout::{Layout, Precision, attribute_names};
pub use matrix::{read_matrix_f32, read_matrix_i64};
pub use names::{KEY_NAMES, VECTOR_NAMES, beside};
pub use npy::write::write_npy_i64;
pub use options::Options;
pub use output::Output;
#[cfg(feature = "postgres")]
pub use postgres::{
    index::PostgresIndex,
    migration::{MeasuredIndex, MigrationReport, PostgresMigration},
};
pub use sink::create;
pub use table::Row;
