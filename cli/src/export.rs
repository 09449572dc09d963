//! `hither export`: the rows of an index file in another format.

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
#[derive(Args)]
pub struct Arguments {
    /// The index file.
    file: PathBuf,
    /// The file to write; its ending says the format.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    force: Force,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    arguments.force.check(&arguments.output, Kind::Other, [arguments.file.as_path()])?;
    let file = opened::open(&arguments.file)?;
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
        // Numbers that are the places of the rows need no column, unless an attribute would be
        // taken for the key.
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

/// Notes on what the file does not have as the index has it.
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
