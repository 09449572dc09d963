//! How an input is to be read.

use std::path::PathBuf;

use hither::ColumnType;

use crate::{Format, Layout, source::Interrupted};

/// Which parts of the files are what. Everything has a default.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The column that holds the vectors, in a format that has columns. Else "vector", "embedding" or
    /// "embeddings", else the only column whose values are all lists of numbers of one length. A list
    /// may be text, as JSON has it.
    pub vector_column: Option<String>,
    /// The column that holds the keys. Else, beside the vectors, "key" or "id", if every row has
    /// one and all are integers, text or UUIDs. In an attributes file only where it is named here.
    pub key_column: Option<String>,
    /// The format of the vectors' file where its name does not say it, or says another.
    pub format: Option<Format>,
    /// The format of the attributes' file.
    pub attributes_format: Option<Format>,
    /// A `.npy` file of keys, a row each.
    pub keys: Option<PathBuf>,
    /// A file of attributes, a row each, in a format that has columns, or `.npz`.
    pub attributes: Option<PathBuf>,
    /// The names of the columns of a CSV or TSV file that has no header line.
    pub column_names: Option<Vec<String>>,
    /// Types to take instead of those that the values or the file's schema say; "key" is what the
    /// keys of a file of keys are called.
    pub column_types: Vec<(String, ColumnType)>,
    /// What the rows are to be: those of an index that they go to. Keys, and columns that it has,
    /// get its types, and a column that it has is none of keys unless it is named here. What would
    /// lose digits is refused, and columns that it does not have are as in any file.
    pub layout: Option<Layout>,
    /// Whether somebody wants the reading to end, which then is an error.
    pub interrupted: Option<Interrupted>,
}
