//! `hither export`: writes the rows of an index file in another format, or an index in Postgres as an index
//! file.

use crate::failure::Failure;
use crate::layout::layout;
use crate::opened;
use crate::output::create_rows;
use crate::replace::{Force, Kind};
use crate::show;
use clap::Args;
use hither::{ColumnSchema, ColumnType, KeyType, Value};
use hither_rows::{Format, KEY_NAMES, Layout, attribute_names};
use std::path::{Path, PathBuf};

/// Write the rows of an index file as .npy (vectors), .jsonl, .csv or .tsv, in the order of keys.
#[cfg_attr(feature = "parquet", doc = "Or as .parquet, .arrow, or .arrows, which is a stream.")]
///
/// Text is packed where .gz
#[cfg_attr(feature = "parquet", doc = "or .zst")]
/// follows, as in rows.jsonl.gz. CSV and TSV have no types: text that looks like numbers is read back as
/// these, unless --type of hither build says otherwise, and empty text as null. Text with tabs or line
/// ends is refused in TSV.
#[cfg_attr(
    feature = "postgres",
    doc = "\n\nWith --postgres, write an index USING hither in Postgres as an index file: its graph is taken over where it is one segment, nothing of which is deleted. It takes the right to read the table, and the extension hither."
)]
#[derive(Args)]
pub struct Arguments {
    /// The index file.
    #[arg(required_unless_present = "postgres")]
    file: Option<PathBuf>,
    #[command(flatten)]
    source: IndexSource,
    /// The file to write; its ending says the format.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    force: Force,
}

/// An index in Postgres.
#[derive(Args)]
struct IndexSource {
    /// An index in Postgres instead of a file: postgres://user@host/database, or "host=… dbname=…".
    /// PGPASSWORD, PGHOST, PGPORT, PGUSER and PGDATABASE say what is left out.
    #[arg(long, value_name = "URL", requires_all = ["index", "key_column"], conflicts_with = "file",
          hide = cfg!(not(feature = "postgres")))]
    postgres: Option<String>,
    /// The index, with its schema where that is not in the search path.
    #[arg(long, value_name = "NAME", requires = "postgres", hide = cfg!(not(feature = "postgres")))]
    index: Option<String>,
    /// The column of its table that holds the keys: integers, text or UUIDs.
    #[arg(long, value_name = "NAME", requires = "postgres", hide = cfg!(not(feature = "postgres")))]
    key_column: Option<String>,
    /// Columns of its table that become attributes, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "postgres",
          hide = cfg!(not(feature = "postgres")))]
    columns: Vec<String>,
    /// Codes alone, without vectors: the smallest file, which is built anew.
    #[arg(long, requires = "postgres", hide = cfg!(not(feature = "postgres")))]
    no_vectors: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some(file) = &arguments.file else { return export_index(arguments) };
    arguments.force.check(&arguments.output, Kind::Other, [file.as_path()])?;
    let file = opened::open(file)?;
    let index = file.index();
    let mut rows = Vec::with_capacity(index.len() as usize);
    for row in index.rows() {
        rows.push((index.key(row)?, row));
    }
    rows.sort_unstable();
    let in_place =
        rows.iter().enumerate().all(|(at, row)| row.0 == hither::KeyRef::Int64(at as i64));
    let has_key_name = index.columns().iter().any(|c| KEY_NAMES.contains(&c.name.as_str()));
    let key_type = match index.options().key_type {
        // Row numbers that match the positions of the rows need no column, unless an attribute would then
        // be taken for the key.
        KeyType::RowNumber if !in_place || has_key_name => KeyType::Int64,
        key_type => key_type,
    };
    let layout = Layout { key_type, ..layout(index) };
    notes(&arguments.output, &layout).iter().for_each(|note| show::complain(note));
    let mut output = create_rows(&arguments.output, &layout)?;
    let mut vector = vec![0.0; index.dimensions()];
    for (key, row) in &rows {
        index.vector(*row, &mut vector)?;
        let values =
            (0..index.columns().len()).map(|column| Ok(index.value(*row, column)?.to_owned()));
        let values: Vec<Value> = values.collect::<hither::Result<_>>()?;
        output.write(Some(*key), &vector, &values)?;
    }
    output.finish()?;
    let path = arguments.output.display();
    show::print(&format!("{path}: {} rows\n", show::count(rows.len() as u64)))
}

/// Writes an index in Postgres as an index file.
#[cfg(feature = "postgres")]
fn export_index(arguments: &Arguments) -> Result<(), Failure> {
    use crate::interrupt::{interrupted, watch};
    use hither::raw::Sink;
    let IndexSource { postgres, index, key_column, columns, no_vectors } = &arguments.source;
    let (Some(url), Some(name), Some(key_column)) = (postgres, index, key_column) else {
        return Err("no index was given".into());
    };
    if Format::named_by(&arguments.output).is_some() {
        let reason = "an index in Postgres becomes an index file, such as rows.hither, of which hither export makes this";
        return Err(Failure::at(&arguments.output, reason.to_owned()));
    }
    arguments.force.check(&arguments.output, Kind::Index, [])?;
    watch();
    let mut file = crate::output::create(&arguments.output)?;
    let vectors = !no_vectors;
    let index = hither_rows::PostgresIndex { url, name, key_column, columns, vectors };
    let written = index.export(Some(interrupted), &mut |piece| {
        Sink::write(&mut file, piece).map_err(|error| Failure::at(&arguments.output, error))
    });
    match written {
        Err(_) if interrupted() => return Err(Failure::Interrupted),
        written => written?,
    }
    file.finish()?;
    let rows = opened::open(&arguments.output)?.index().len();
    show::print(&format!("{}: {} rows\n", arguments.output.display(), show::count(rows)))
}

#[cfg(not(feature = "postgres"))]
fn export_index(_: &Arguments) -> Result<(), Failure> {
    Err("this hither was built without Postgres; build it with `cargo build --release -p hither-cli --features postgres`".into())
}

/// Notes on what the output format does not preserve.
fn notes(output: &Path, layout: &Layout) -> Vec<String> {
    let format = Format::named_by(output);
    if format == Some(Format::Npy) {
        let keys = layout.key_type != KeyType::RowNumber;
        let note = "note: .npy holds the vectors alone, without keys and attributes".into();
        return (keys || !layout.columns.is_empty()).then_some(note).into_iter().collect();
    }
    let is_text = |column: &ColumnSchema| column.column_type == ColumnType::Text;
    let untyped = format.filter(|format| matches!(format, Format::Csv | Format::Tsv));
    let untyped = untyped.filter(|_| layout.columns.iter().any(is_text));
    let empty = |format| format!("note: .{format} does not tell empty text from null");
    let mut notes: Vec<String> = untyped.map(empty).into_iter().collect();
    let names = attribute_names(layout);
    let both = layout.columns.iter().map(|column| &column.name).zip(&names);
    let both = both.filter(|(own, name)| own != name);
    notes.extend(
        both.map(|(own, name)| format!("note: the column \"{own}\" is written as \"{name}\"")),
    );
    notes
}
