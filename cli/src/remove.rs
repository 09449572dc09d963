//! `hither remove`: removes rows of an index file, by their keys or a filter.

use crate::change::{self, Changes, SaveArguments};
use crate::failure::{self, Failure};
use crate::interrupt::interrupted;
use crate::layout::layout;
use crate::settings;
use crate::show;
use clap::Args;
use hither::{Filter, Index, Key};
use hither_rows::{Format, Options, read_keys};
use std::collections::HashSet;
use std::path::PathBuf;

/// Remove rows from an index file, in place.
///
/// A key that no row has is an error, and then nothing is removed, unless --ignore-missing is given.
#[derive(Args)]
pub struct Arguments {
    /// The index file.
    file: PathBuf,
    #[command(flatten)]
    rows: Rows,
    /// The format of --keys-from where its name does not say it.
    #[arg(long, value_parser = settings::format(), requires = "keys_from")]
    format: Option<Format>,
    /// The column of --keys-from that holds the keys. Default: key or id.
    #[arg(long, value_name = "NAME", requires = "keys_from")]
    key_column: Option<String>,
    /// Pass over keys that no row has.
    #[arg(long, conflicts_with = "filter")]
    ignore_missing: bool,
    #[command(flatten)]
    saving: SaveArguments,
}

/// Which rows are removed.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Rows {
    /// The keys, separated by commas; a text that holds one goes by --keys-from.
    #[arg(long, value_name = "KEYS", value_delimiter = ',', allow_hyphen_values = true)]
    keys: Option<Vec<String>>,
    /// A file of keys, - for standard input: a key a line, a .npy file, or a table such as .jsonl
    /// or .csv.
    #[arg(long, value_name = "FILE")]
    keys_from: Option<PathBuf>,
    /// All rows that match, such as '{"year": {"$lt": 2020}}'.
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let inputs: Vec<_> = arguments.rows.keys_from.iter().map(PathBuf::as_path).collect();
    change::run(&arguments.file, &arguments.saving, &inputs, |index, _| {
        let keys = keys(arguments, index)?;
        let mut removed = HashSet::new();
        for (place, key) in &keys {
            if interrupted() {
                return Err(Failure::Interrupted);
            }
            // A key that is given twice is one row.
            if index.remove(key.as_ref())? {
                removed.insert(key);
            } else if !arguments.ignore_missing && !removed.contains(key) {
                let name = failure::name(&arguments.file);
                return Err(format!(
                    "{place}{name} has no row with the key {key}; --ignore-missing passes over such keys"
                )
                .into());
            }
        }
        Ok(Changes { removed: removed.len() as u64, ..Changes::default() })
    })
}

/// The keys of the rows to remove, and where each was given.
fn keys(arguments: &Arguments, index: &Index<'_>) -> Result<Vec<(String, Key)>, Failure> {
    let Rows { keys, keys_from, filter } = &arguments.rows;
    if let Some(json) = filter {
        let filter = index.filter(&Filter::from_json(json)?)?;
        let rows = index.matching(&filter)?.into_iter();
        let keys = rows.map(|row| Ok((String::new(), index.key(row)?.to_owned())));
        return Ok(keys.collect::<hither::Result<_>>()?);
    }
    if let Some(path) = keys_from {
        let options = Options {
            format: arguments.format,
            key_column: arguments.key_column.clone(),
            interrupted: Some(interrupted),
            ..Options::default()
        };
        let keys = read_keys(path, &layout(index), &options)?.into_iter().enumerate();
        let name = path.display();
        return Ok(keys.map(|(at, key)| (format!("{name}, key {at} (from 0): "), key)).collect());
    }
    let key_type = index.options().key_type;
    let keys = keys.iter().flatten();
    keys.map(|text| Ok((String::new(), show::parse_key(text, key_type)?))).collect()
}
