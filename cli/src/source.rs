//! Where rows come from: files, or a Postgres query.

use crate::failure::Failure;
use crate::interrupt::interrupted;
use crate::progress::Bar;
use crate::settings;
use clap::Args;
use hither_rows::{Format, Input, Options};
use std::path::{Path, PathBuf};

/// The options of the commands that take rows.
#[derive(Args)]
pub struct Source {
    /// The vectors, in a format of --format (.npy of f2, f4, f8, u1 or i1); - for standard input,
    /// which like a pipe has no name that says its format.
    #[arg(required_unless_present = "postgres")]
    input: Option<PathBuf>,
    /// The format of the vectors, where their name does not say it.
    #[arg(long, value_parser = settings::format())]
    format: Option<Format>,
    /// The rows of a query in Postgres instead of a file: postgres://user@host/database, or
    /// "host=… dbname=…". PGPASSWORD, PGHOST, PGPORT, PGUSER and PGDATABASE say what is left out.
    #[arg(long, value_name = "URL", requires = "query", hide = cfg!(not(feature = "postgres")),
          conflicts_with_all = ["input", "format", "keys", "attributes", "column_names"])]
    postgres: Option<String>,
    /// The query: a vector or halfvec column of pgvector, a key if there is one, attributes. In
    /// the order in which it gives its rows: ORDER BY makes the same file each time.
    #[arg(long, value_name = "SELECT …", requires = "postgres", hide = cfg!(not(feature = "postgres")))]
    query: Option<String>,
    /// A .npy file of keys, one a row: integers or text.
    #[arg(long, value_name = "K.npy")]
    pub keys: Option<PathBuf>,
    /// Attributes, one line or row for each vector, in a format of --format that has columns, or in
    /// .npz as lists; .csv and .tsv begin with a header line.
    #[arg(long, value_name = "FILE")]
    attributes: Option<PathBuf>,
    /// The format of the attributes, where their name does not say it.
    #[arg(long, value_parser = settings::format(), requires = "attributes")]
    attributes_format: Option<Format>,
    /// The column that holds the vectors, where columns have names.
    #[arg(long, value_name = "NAME")]
    vector_column: Option<String>,
    /// The column that holds the keys.
    #[arg(long, value_name = "NAME")]
    key_column: Option<String>,
    /// Names of the columns of a .csv or .tsv file that has no header line, separated by commas.
    #[arg(long, alias = "tsv-columns", value_name = "NAMES", value_delimiter = ',')]
    column_names: Option<Vec<String>>,
}

impl Source {
    /// The input files.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let files = [&self.input, &self.keys, &self.attributes];
        files.into_iter().flatten().map(PathBuf::as_path)
    }

    /// Opens the rows, and returns their name in messages. `options` are added to those of the command
    /// line.
    pub fn open(&self, options: Options, bar: &Bar) -> Result<(Input, PathBuf), Failure> {
        let options = Options {
            vector_column: self.vector_column.clone(),
            key_column: self.key_column.clone(),
            format: self.format,
            attributes_format: self.attributes_format,
            keys: self.keys.clone(),
            attributes: self.attributes.clone(),
            column_names: self.column_names.clone(),
            interrupted: Some(interrupted),
            ..options
        };
        let (input, name) = match (&self.postgres, &self.query, &self.input) {
            (Some(url), Some(query), _) => (open_query(url, query, &options)?, "the query".into()),
            (_, _, Some(path)) => (Input::open(path, &options)?, path.clone()),
            _ => return Err("no input was given".into()),
        };
        if let Some(column) = &input.vector_column {
            let keys = match &input.key_column {
                Some(key) => format!("column \"{key}\""),
                None => "row numbers".into(),
            };
            bar.say(&format!("vectors: column \"{column}\"; keys: {keys}"));
        }
        input.notes.iter().for_each(|note| bar.say(&settings::note(note)));
        Ok((input, name))
    }
}

#[cfg(feature = "postgres")]
fn open_query(url: &str, query: &str, options: &Options) -> Result<Input, Failure> {
    Ok(Input::query(url, query, options)?)
}

#[cfg(not(feature = "postgres"))]
fn open_query(_: &str, _: &str, _: &Options) -> Result<Input, Failure> {
    Err("this hither was built without Postgres; build it with `cargo build --release -p hither-cli --features postgres`".into())
}
