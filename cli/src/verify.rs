//! `hither verify`: checks every checksum, key and id.

use crate::failure::{self, Failure};
use crate::opened;
use crate::show;
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Check every byte of index files. Exit 1 if one is damaged, after all were checked, and tell where.
/// A graph that searches cannot reach all rows of is no damage, and is told too.
#[derive(Args)]
pub struct Arguments {
    /// The index files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print one JSON object a file.
    #[arg(long)]
    json: bool,
}

/// The result for a file, for `--json`.
#[derive(Serialize)]
struct FileReport<'c> {
    file: &'c str,
    ok: bool,
    #[serde(flatten)]
    whole: Option<&'c Whole>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'c String>,
}

/// The result for an undamaged file.
#[derive(Serialize)]
struct Whole {
    rows: u64,
    bytes: u64,
    /// Rows that a graph search cannot reach.
    unreachable: u64,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut damaged = Vec::new();
    for path in &arguments.files {
        let checked = check(path);
        let name = failure::name(path);
        if arguments.json {
            let (whole, error) = (checked.as_ref().ok(), checked.as_ref().err());
            show::print_json(&FileReport { file: &name, ok: whole.is_some(), whole, error })?;
        } else if let Ok(whole) = &checked {
            let (rows, size) = (show::count(whole.rows), show::bytes(whole.bytes));
            show::print(&format!("{}: ok, {rows} rows, {size}\n", show::printable(&name)))?;
            if whole.unreachable > 0 {
                show::print(&format!(
                    "  {} rows are reached by no search of the graph, however great ef_search is; \
                     building the index again mends that\n",
                    show::count(whole.unreachable)
                ))?;
            }
        }
        if let Err(reason) = checked {
            damaged.push(reason);
        }
    }
    match (&damaged[..], &arguments.files[..]) {
        ([], _) => Ok(()),
        ([only], [_]) => Err(only.as_str().into()),
        (several, files) => {
            several.iter().for_each(|reason| show::complain(&format!("error: {reason}")));
            Err(format!("{} of {} files failed", several.len(), files.len()).into())
        }
    }
}

fn check(path: &Path) -> Result<Whole, String> {
    let file = opened::open(path).map_err(Failure::message)?;
    file.index().verify().map_err(|error| Failure::at(path, error).message())?;
    let unreachable =
        file.index().unreachable().map_err(|error| Failure::at(path, error).message())?;
    Ok(Whole { rows: file.index().len(), bytes: file.len(), unreachable })
}
