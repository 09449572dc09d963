//! What is Postgres's: its values, texts, operators and errors, its options and settings, and what
//! its roles may.

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
