//! How an input is to be read.

use std::path::PathBuf;

use hither::ColumnType;

use crate::{Format, Layout, source::Interrupted};

/// Which parts of the files are used for what. Everything has a default.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The column with the vectors, in a format that has columns. By default "vector", "embedding" or
    /// "embeddings", else the only column whose values are all lists of numbers with the same length. A
    /// list may be JSON text.
    pub vector_column: Option<String>,
    /// The column with the keys. By default, in the vectors' file, "key" or "id", if every row has one and
    /// all are integers, texts or UUIDs. In an attributes file only the column named here.
    pub key_column: Option<String>,
    /// The format of the vectors' file, if its name does not indicate it, or indicates another.
    pub format: Option<Format>,
    /// The format of the attributes' file, if its name does not indicate it.
    pub attributes_format: Option<Format>,
    /// An `.npy` file with a key for each row.
    pub keys: Option<PathBuf>,
    /// A file with the attributes of each row, in a format that has columns, or `.npz`.
    pub attributes: Option<PathBuf>,
    /// The column names for a CSV or TSV file without a header line.
    pub column_names: Option<Vec<String>>,
    /// Column types that replace those inferred from the values or given by the file's schema; "key" stands
    /// for the keys of a separate file.
    pub column_types: Vec<(String, ColumnType)>,
    /// The layout of the index that the rows go to. Keys and columns of the index get its types, and a
    /// column of the index is only taken as the key if it is named here. Values that would lose digits are
    /// rejected; other columns are read as in any file.
    pub layout: Option<Layout>,
    /// Whether reading should stop, which then fails with an error.
    pub interrupted: Option<Interrupted>,
}
