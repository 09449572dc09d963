//! An open input: a file of vectors, with separate files of keys and attributes, or the rows of a query.

use std::path::{Path, PathBuf};

use hither::{ColumnSchema, KeyType};

use crate::{
    Diagnostic, Error, Format, Options, Row, Setting, bin,
    columns::{self, Casts, TypeSource},
    csv,
    element::Element,
    fvecs, jsonl, npy, npz,
    roles::Roles,
    source::Source,
    table::{Rows, Table},
    tsv,
};

/// An open input.
pub struct Input {
    /// The number of values of each vector.
    pub dimensions: usize,
    /// The number of rows; `None` if it is only known at the end.
    pub rows: Option<u64>,
    /// The type of the rows' keys.
    pub key_type: KeyType,
    /// The attributes, in the order of [`Row::attributes`].
    pub columns: Vec<ColumnSchema>,
    /// The name of the column that was chosen as the vector, if the format has columns.
    pub vector_column: Option<String>,
    /// The name of the column that was chosen as the key, if any.
    pub key_column: Option<String>,
    /// What users should know about how the input is read: which columns were chosen, and what is not
    /// preserved exactly.
    pub notes: Vec<Diagnostic>,
    path: PathBuf,
    vectors: Box<dyn Rows>,
    keys: Option<npy::keys::Keys>,
    attributes: Option<Box<dyn Rows>>,
    casts: Casts,
    row: u64,
}

impl Input {
    /// Opens the files, `-` for standard input, and determines what they contain. Text formats are read
    /// once to infer types.
    pub fn open(path: &Path, options: &Options) -> Result<Self, Error> {
        let format = Format::of_vectors(path, options.format)?;
        let has_columns = format.has_names();
        let files = [Some(path), options.keys.as_deref(), options.attributes.as_deref()];
        if files.into_iter().flatten().filter(|file| *file == Path::new("-")).count() > 1 {
            return Err(Error::new(Path::new("-"), "standard input can be one file only"));
        }
        if !has_columns && let Some(name) = &options.vector_column {
            let reason =
                format!("it has no columns, so none is the vector \"{name}\"; leave it out");
            return Err(Error::new(path, Diagnostic::with(reason, Setting::VectorColumn)));
        }
        let key_elsewhere = options.keys.is_some();
        let roles = Roles::of_vectors(options, has_columns && !key_elsewhere);
        let table = open_vectors(&mut Source::open(path, options.interrupted)?, format, &roles)?;
        columns::check_names(path, &table.columns)?;
        let mut input = Self::of(path, table);
        if let Some(path) = &options.keys {
            if let Some(name) = &options.key_column {
                let reason = format!(
                    "this file and the column \"{name}\" are both named as the keys; leave one out"
                );
                return Err(Error::new(path, Diagnostic::with(reason, Setting::KeyColumn)));
            }
            let wanted = columns::type_of_keys(&options.column_types);
            let wanted = wanted.map_err(|reason| Error::new(path, reason))?;
            let wanted = wanted.or(options.layout.as_ref().map(|layout| layout.key_type));
            let keys =
                npy::keys::Keys::open(&mut Source::open(path, options.interrupted)?, wanted)?;
            input.same_rows(path, "keys", Some(keys.count), "")?;
            input.key_type = keys.key_type;
            input.keys = Some(keys);
        }
        if let Some(path) = &options.attributes {
            // The key can only be a column of this file if the vectors' file cannot have one and there is
            // no file of keys.
            let roles = Roles::of_attributes(options, !has_columns && !key_elsewhere);
            let format = Format::of_attributes(path, options.attributes_format)?;
            let table =
                open_attributes(&mut Source::open(path, options.interrupted)?, format, &roles)?;
            let named = options.column_names.is_some();
            let hint = match (format, table.count.zip(input.rows)) {
                (Format::Csv | Format::Tsv, Some((count, rows))) if !named && count + 1 == rows => {
                    "; its first line was taken as the header: if it is a row, name the columns"
                }
                (Format::Csv | Format::Tsv, Some((count, rows))) if named && count == rows + 1 => {
                    "; its first line was taken as a row: if it is a header, name no columns"
                }
                _ => "",
            };
            input.same_rows(path, "rows", table.count, hint)?;
            columns::check_names(path, &table.columns)?;
            columns::same_name(path, &table.columns, &input.columns, &input.path)?;
            input.columns.extend(table.columns);
            input.notes.extend(table.notes);
            input.set_key(table.key);
            input.attributes = Some(table.rows);
        } else if let (Some(name), false) = (&options.key_column, has_columns) {
            let reason = format!(
                "it has no columns, so none is the key \"{name}\"; give a file of keys, or one of attributes that has the column"
            );
            return Err(Error::new(path, Diagnostic::with(reason, Setting::Beside)));
        }
        input.take_types(options)?;
        Ok(input)
    }

    /// Runs a query in Postgres and streams its rows.
    #[cfg(feature = "postgres")]
    pub fn query(url: &str, query: &str, options: &Options) -> Result<Self, Error> {
        let roles = Roles::of_vectors(options, true);
        let table = crate::postgres::open(url, query, &roles, options.interrupted)?;
        columns::check_names(Path::new("the query"), &table.columns)?;
        let mut input = Self::of(Path::new("the query"), table);
        input.take_types(options)?;
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
            notes: table.notes,
            path: path.to_owned(),
            vectors: table.rows,
            keys: None,
            attributes: None,
            casts: Casts::default(),
            row: 0,
        };
        input.set_key(table.key);
        input
    }

    /// Reads the next row; false at the end.
    pub fn next(&mut self, row: &mut Row) -> Result<bool, Error> {
        row.key = None;
        row.invalid = None;
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
            return Err(Error::at_row(
                &self.path,
                self.row,
                "the attributes ended before this row; their file was changed while it was read",
            ));
        }
        self.casts
            .apply(&mut row.key, &mut row.attributes, &self.columns)
            .map_err(|reason| Error::at_row(&self.path, self.row, reason))?;
        self.row += 1;
        Ok(true)
    }

    /// The number of timestamps rounded to microseconds so far.
    pub fn rounded(&self) -> u64 {
        self.vectors.rounded() + self.attributes.as_ref().map_or(0, |rows| rows.rounded())
    }

    /// The error for text that changed between the pass that inferred types and this one.
    fn changed(&self) -> Error {
        Error::new(
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
        hint: &str,
    ) -> Result<(), Error> {
        let (Some(count), Some(rows)) = (count, self.rows) else { return Ok(()) };
        if count == rows {
            return Ok(());
        }
        let found =
            format!("it has {count} {what}, and {} has {rows} vectors", self.path.display());
        Err(Error::new(
            path,
            match hint {
                "" => {
                    format!("{found}; there must be one for each vector, in the same order").into()
                }
                hint => Diagnostic::with(found + hint, Setting::ColumnNames),
            },
        ))
    }

    /// Gives columns and keys the types that the options ask for.
    fn take_types(&mut self, options: &Options) -> Result<(), Error> {
        let source = TypeSource {
            columns: &mut self.columns,
            vector: self.vector_column.as_deref(),
            key: self.key_column.as_deref(),
            key_type: &mut self.key_type,
            keys: self.keys.is_some(),
        };
        let casts = Casts::new(source, &options.column_types, options.layout.as_ref());
        self.casts = casts.map_err(|reason| Error::new(&self.path, reason))?;
        Ok(())
    }
}

fn open_vectors(source: &mut Source, format: Format, roles: &Roles) -> Result<Table, Error> {
    match format {
        Format::Fvecs => fvecs::open(source, Element::F32),
        Format::Bvecs => fvecs::open(source, Element::U8),
        Format::Ivecs => fvecs::open(source, Element::I32),
        Format::Fbin => bin::open(source, Element::F32),
        Format::U8bin => bin::open(source, Element::U8),
        Format::I8bin => bin::open(source, Element::I8),
        Format::Jsonl => jsonl::open(source, roles),
        Format::Parquet | Format::Arrow => open_columns(source, format, roles),
        Format::Csv => csv::open(source, roles),
        Format::Tsv => tsv::open(source, roles),
        Format::Npy => npy::open(source),
        Format::Npz => npz::open(source, roles),
    }
}

pub fn open_attributes(source: &mut Source, format: Format, roles: &Roles) -> Result<Table, Error> {
    match format {
        Format::Jsonl => jsonl::open(source, roles),
        Format::Parquet | Format::Arrow => open_columns(source, format, roles),
        Format::Csv => csv::open(source, roles),
        Format::Npz => npz::open(source, roles),
        _ => tsv::open(source, roles),
    }
}

#[cfg(feature = "parquet")]
fn open_columns(source: &mut Source, format: Format, roles: &Roles) -> Result<Table, Error> {
    match format {
        Format::Arrow => crate::arrow::open(source, roles),
        _ => crate::parquet::open(source, roles),
    }
}

#[cfg(not(feature = "parquet"))]
fn open_columns(source: &mut Source, _: Format, _: &Roles) -> Result<Table, Error> {
    Err(Error::without_parquet(source.path()))
}

#[cfg(test)]
mod tests;
