//! `hither verify`: every checksum and every id.

use crate::failure::Failure;
use crate::opened;
use crate::show;
use clap::Args;
use serde_json::{Value as Json, json};
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

/// A file that is whole.
struct Whole {
    rows: u64,
    bytes: u64,
    /// Rows that no search by a graph can meet.
    unreachable: u64,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut damaged = Vec::new();
    for path in &arguments.files {
        let checked = check(path);
        let name = path.display().to_string();
        if arguments.json {
            show::print(&format!("{}\n", as_json(&name, &checked)))?;
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

fn as_json(name: &str, checked: &Result<Whole, String>) -> Json {
    match checked {
        Ok(Whole { rows, bytes, unreachable }) => json!({
            "file": name, "ok": true, "rows": rows, "bytes": bytes, "unreachable": unreachable,
        }),
        Err(reason) => json!({ "file": name, "ok": false, "error": reason }),
    }
}
