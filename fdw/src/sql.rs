//! Postgres's own concepts: its values, texts, operators and errors, its options and settings, and the
//! rights of its roles.

pub mod charset;
pub mod encoding;
pub mod explain;
pub mod failure;
pub mod float8;
pub mod options;
pub mod rights;
pub mod settings;
pub mod stored_value;
pub mod value;
pub mod vector;
