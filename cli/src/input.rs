//! Rows from files: vectors in `.npy`, `.fvecs`, `.bvecs`, JSON Lines or Parquet, with keys and
//! attributes beside them, or the rows of a query. One row at a time, so that no file need fit into memory.

use std::path::{Path, PathBuf};

use hither::{ColumnSchema, ColumnType, Key, KeyType, Value};

mod error;
mod fvecs;
mod infer;
mod jsonl;
mod matrix;
mod npy;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "postgres")]
mod postgres;
mod roles;
#[cfg(test)]
pub mod testing;
mod tsv;

pub use error::InputError;
pub use infer::{format_bytes, key_from_text};
pub use matrix::{read_matrix_f32, read_matrix_i64};
pub use roles::{KEY_NAMES, VECTOR_NAMES};

use roles::Roles;

/// Which parts of the files are what. Everything has a default.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The column that holds the vectors, in JSON Lines and Parquet. Else "vector", "embedding" or
    /// "embeddings", else the only column whose values are all lists of numbers of one length.
    pub vector_column: Option<String>,
    /// The column that holds the keys. Else, beside the vectors, "key" or "id", if every row has
    /// one and all are integers, text or UUIDs. In an attributes file only where it is named here.
    pub key_column: Option<String>,
    /// A `.npy` file of keys, a row each.
    pub keys: Option<PathBuf>,
    /// A file of attributes, a row each: JSON Lines, Parquet or TSV.
    pub attributes: Option<PathBuf>,
    /// The columns of a TSV file that has no header line.
    pub tsv_columns: Option<Vec<String>>,
    /// Types to take instead of inferred ones, in JSON Lines and TSV.
    pub column_types: Vec<(String, ColumnType)>,
}

/// One row. Kept by the caller, so that its buffers are reused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// As many values as the input has dimensions, or none where a query gave NULL. NaN and
    /// infinities are passed through.
    pub vector: Vec<f32>,
    /// Its key; none where rows are called by their number.
    pub key: Option<Key>,
    /// A value for each column.
    pub attributes: Vec<Value>,
}

/// An open input.
pub struct Input {
    /// How many values each vector has.
    pub dimensions: usize,
    /// How many rows there are; none if that is known at their end only.
    pub rows: Option<u64>,
    /// What rows are called by.
    pub key_type: KeyType,
    /// The attributes, in the order of [`Row::attributes`].
    pub columns: Vec<ColumnSchema>,
    /// The column that was taken as the vector, if the format has columns.
    pub vector_column: Option<String>,
    /// The column that was taken as the key, if any was.
    pub key_column: Option<String>,
    path: PathBuf,
    vectors: Box<dyn Rows>,
    keys: Option<npy::keys::Keys>,
    attributes: Option<Box<dyn Rows>>,
    row: u64,
}

/// A reader of one file.
trait Rows: Send {
    /// Sets the vector and the key, and appends the attributes, as far as the file has them. False
    /// at the end, and then nothing is changed.
    fn next(&mut self, row: &mut Row) -> Result<bool, InputError>;

    /// How many timestamps were rounded to microseconds so far.
    fn rounded(&self) -> u64 {
        0
    }
}

/// What a reader says when its file is opened.
struct Table {
    rows: Box<dyn Rows>,
    count: Option<u64>,
    /// 0 where the file has no vectors.
    dimensions: usize,
    columns: Vec<ColumnSchema>,
    vector_column: Option<String>,
    key: Option<(String, KeyType)>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            rows: Box::new(Nothing),
            count: None,
            dimensions: 0,
            columns: Vec::new(),
            vector_column: None,
            key: None,
        }
    }
}

struct Nothing;

impl Rows for Nothing {
    fn next(&mut self, _: &mut Row) -> Result<bool, InputError> {
        Ok(false)
    }
}

impl Input {
    /// Opens the files and says what they hold. Text formats are read once to infer types.
    pub fn open(path: &Path, options: &Options) -> Result<Self, InputError> {
        let has_columns = matches!(extension(path).as_str(), "jsonl" | "ndjson" | "parquet");
        if !has_columns && let Some(name) = &options.vector_column {
            return Err(InputError::new(
                path,
                format!(
                    "it has no columns, so none is the vector \"{name}\"; leave --vector-column out"
                ),
            ));
        }
        let key_elsewhere = options.keys.is_some();
        let table = open_vectors(path, &Roles::of_vectors(options, has_columns && !key_elsewhere))?;
        let mut input = Self::of(path, table);
        if let Some(path) = &options.keys {
            if let Some(name) = &options.key_column {
                return Err(InputError::new(
                    path,
                    format!("--keys and --key-column {name} both name the keys; leave one out"),
                ));
            }
            let keys = npy::keys::Keys::open(path)?;
            input.same_rows(path, "keys", Some(keys.count), None)?;
            input.key_type = keys.key_type;
            input.keys = Some(keys);
        }
        if let Some(path) = &options.attributes {
            // A key column that the vectors' own file could have was found there, or is missing.
            let roles = Roles::of_attributes(options, !has_columns && !key_elsewhere);
            let table = open_attributes(path, &roles)?;
            input.same_rows(path, "rows", table.count, options.tsv_columns.as_deref())?;
            if let Some(twice) = table.columns.iter().find(|c| input.columns.contains_name(&c.name))
            {
                return Err(InputError::new(
                    path,
                    format!("the column \"{}\" is in {} too", twice.name, input.path.display()),
                ));
            }
            input.columns.extend(table.columns);
            input.set_key(table.key);
            input.attributes = Some(table.rows);
        } else if let (Some(name), false) = (&options.key_column, has_columns) {
            return Err(InputError::new(
                path,
                format!(
                    "it has no columns, so none is the key \"{name}\"; give keys with --keys K.npy, or a file that has the column with --attributes"
                ),
            ));
        }
        input.check_columns(options)?;
        Ok(input)
    }

    /// Runs a query in Postgres, whose rows come as they are read.
    #[cfg(feature = "postgres")]
    pub fn query(url: &str, query: &str, options: &Options) -> Result<Self, InputError> {
        let table = postgres::open(url, query, &Roles::of_vectors(options, true))?;
        let input = Self::of(Path::new("the query"), table);
        input.check_columns(options)?;
        Ok(input)
    }

    fn of(path: &Path, table: Table) -> Self {
        let mut input = Self {
            dimensions: table.dimensions,
            rows: table.count,
            key_type: KeyType::RowNumber,
            columns: table.columns,
            vector_column: table.vector_column,
            key_column: None,
            path: path.to_owned(),
            vectors: table.rows,
            keys: None,
            attributes: None,
            row: 0,
        };
        input.set_key(table.key);
        input
    }

    /// Reads the next row, false at the end.
    pub fn next(&mut self, row: &mut Row) -> Result<bool, InputError> {
        row.key = None;
        row.attributes.clear();
        if !self.vectors.next(row)? {
            return match self.rows.is_none_or(|rows| rows == self.row) {
                true => Ok(false),
                false => Err(self.changed()),
            };
        }
        if self.rows == Some(self.row) {
            return Err(self.changed());
        }
        if let Some(keys) = &mut self.keys {
            row.key = keys.next()?;
        }
        if let Some(attributes) = &mut self.attributes
            && !attributes.next(row)?
        {
            return Err(InputError::at_row(
                &self.path,
                self.row,
                "the attributes ended before this row; their file was changed while it was read",
            ));
        }
        self.row += 1;
        Ok(true)
    }

    /// What a reader of the rows should know of them, once they were read.
    pub fn notes(&self) -> Vec<String> {
        let attributes = self.attributes.as_ref().map_or(0, |rows| rows.rounded());
        let rounded = self.vectors.rounded() + attributes;
        let note =
            || format!("{rounded} timestamp(s) had more digits than microseconds and were rounded");
        (rounded > 0).then(note).into_iter().collect()
    }

    /// Text is read once to infer types, and may be another the second time.
    fn changed(&self) -> InputError {
        InputError::new(
            &self.path,
            format!(
                "it had {} rows and has another number now: it was changed meanwhile",
                self.rows.unwrap_or_default()
            ),
        )
    }

    fn set_key(&mut self, key: Option<(String, KeyType)>) {
        if let Some((name, key_type)) = key {
            self.key_column = Some(name);
            self.key_type = key_type;
        }
    }

    fn same_rows(
        &self,
        path: &Path,
        what: &str,
        count: Option<u64>,
        names: Option<&[String]>,
    ) -> Result<(), InputError> {
        let (Some(count), Some(rows)) = (count, self.rows) else { return Ok(()) };
        if count == rows {
            return Ok(());
        }
        let tsv = extension(path) == "tsv";
        let hint = match names {
            None if tsv && count + 1 == rows => {
                "; its first line was taken as the header: if it is a row, name the columns with --tsv-columns"
            }
            Some(_) if tsv && count == rows + 1 => {
                "; its first line was taken as a row: if it is a header, leave --tsv-columns out"
            }
            _ => "; there must be one for each vector, in the same order",
        };
        let reason =
            format!("it has {count} {what}, and {} has {rows} vectors{hint}", self.path.display());
        Err(InputError::new(path, reason))
    }

    /// Names are unique, and a type for a column that is not there is a slip of the pen.
    fn check_columns(&self, options: &Options) -> Result<(), InputError> {
        for (at, column) in self.columns.iter().enumerate() {
            if self.columns[..at].iter().any(|before| before.name == column.name) {
                return Err(InputError::new(
                    &self.path,
                    format!("two columns are called \"{}\"; rename one", column.name),
                ));
            }
        }
        let unknown = options.column_types.iter().find(|(name, wanted)| {
            let is_key = self.key_column.as_ref() == Some(name);
            !is_key && !self.columns.iter().any(|c| c.name == *name && c.column_type == *wanted)
        });
        let Some((name, wanted)) = unknown else { return Ok(()) };
        let reason = match self.columns.iter().find(|c| c.name == *name) {
            Some(column) => format!(
                "the column \"{name}\" is {} by the file's own schema, not {}",
                column.column_type.name(),
                wanted.name()
            ),
            None => {
                format!(
                    "there is no column \"{name}\" to be {}; {}",
                    wanted.name(),
                    self.columns.list()
                )
            }
        };
        Err(InputError::new(&self.path, reason))
    }
}

/// Names among columns.
trait Names {
    fn contains_name(&self, name: &str) -> bool;
    fn list(&self) -> String;
}

impl Names for Vec<ColumnSchema> {
    fn contains_name(&self, name: &str) -> bool {
        self.iter().any(|column| column.name == name)
    }

    fn list(&self) -> String {
        roles::list(self.iter().map(|column| column.name.as_str()))
    }
}

fn extension(path: &Path) -> String {
    path.extension().and_then(|text| text.to_str()).unwrap_or("").to_ascii_lowercase()
}

fn open_vectors(path: &Path, roles: &Roles) -> Result<Table, InputError> {
    match extension(path).as_str() {
        "npy" => npy::open(path),
        "fvecs" => fvecs::open(path, 4),
        "bvecs" => fvecs::open(path, 1),
        "jsonl" | "ndjson" => jsonl::open(path, roles),
        "parquet" => open_parquet(path, roles),
        "json" => Err(InputError::new(
            path,
            "JSON is read as JSON Lines (.jsonl), one object a line; jq -c '.[]' makes them of a list",
        )),
        "npz" => Err(InputError::new(
            path,
            "an .npz archive holds several arrays; save the vectors alone with numpy.save (.npy)",
        )),
        other => Err(unknown(path, other, ".npy, .fvecs, .bvecs, .jsonl, .ndjson and .parquet")),
    }
}

fn open_attributes(path: &Path, roles: &Roles) -> Result<Table, InputError> {
    match extension(path).as_str() {
        "jsonl" | "ndjson" => jsonl::open(path, roles),
        "parquet" => open_parquet(path, roles),
        "tsv" => tsv::open(path, roles),
        other => Err(unknown(path, other, ".jsonl, .ndjson, .parquet and .tsv")),
    }
}

fn unknown(path: &Path, extension: &str, known: &str) -> InputError {
    let what = match extension {
        "" if path == Path::new("-") => {
            "standard input is not read, since its format is not known; name a file".to_owned()
        }
        "" => "the name has no extension that says the format".to_owned(),
        other => format!("the format .{other} is unknown"),
    };
    InputError::new(path, format!("{what}; there are {known}"))
}

#[cfg(feature = "parquet")]
fn open_parquet(path: &Path, roles: &Roles) -> Result<Table, InputError> {
    parquet::open(path, roles)
}

#[cfg(not(feature = "parquet"))]
fn open_parquet(path: &Path, _: &Roles) -> Result<Table, InputError> {
    Err(InputError::new(path, WITHOUT_PARQUET))
}

/// Why a build without the feature refuses Parquet.
#[cfg(not(feature = "parquet"))]
pub const WITHOUT_PARQUET: &str = "this hither was built without Parquet; build it with `cargo build --release -p hither-cli --features parquet`, or convert the file to .jsonl";

/// Why a build without the feature refuses a query.
#[cfg(not(feature = "postgres"))]
pub const WITHOUT_POSTGRES: &str = "this hither was built without Postgres; build it with `cargo build --release -p hither-cli --features postgres`";

#[cfg(test)]
mod tests;
