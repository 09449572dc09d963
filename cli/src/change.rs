//! The common part of `hither add`, `update` and `remove`, which change an index file.
//!
//! The file is opened, changed in memory, and written to a new file beside it, which replaces it when
//! complete. Programs that have the old file open keep using it.

pub mod lock;
pub mod rows;

use crate::failure::Failure;
use crate::interrupt::{interrupted, watch};
use crate::memory::Memory;
use crate::merge;
use crate::opened::is_url;
use crate::output;
use crate::progress::Bar;
use crate::recall;
use crate::replace::{Force, Kind, is_index};
use crate::show;
use clap::Args;
use hither::limits::FLAT_ROWS;
use hither::raw::AtomicFile;
use hither::{Index, IndexFile, Save};
use lock::LockedFile;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The options of the commands that change an index file, beside what is changed.
#[derive(Args)]
pub struct SaveArguments {
    /// Write the changed index to another file, and leave this one as it is.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    force: Force,
    /// Build the index anew from the rows that are there after the change, as long as that takes.
    /// Without it new rows become a segment of their own, and removed ones are marked.
    #[arg(long)]
    compact: bool,
    #[command(flatten)]
    memory: Memory,
    /// Threads to build with; 0 for all.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    /// Print nothing but errors, and the result with --json.
    #[arg(short, long)]
    quiet: bool,
}

/// The numbers of changed rows.
#[derive(Clone, Copy, Default)]
pub struct Changes {
    pub added: u64,
    pub updated: u64,
    pub removed: u64,
    /// The row number of the first added row, if the index assigned it.
    pub first_number: Option<i64>,
}

impl Changes {
    fn is_empty(&self) -> bool {
        (self.added, self.updated, self.removed) == (0, 0, 0)
    }
}

/// The result, for `--json`.
#[derive(Serialize)]
struct Report {
    file: String,
    added: u64,
    updated: u64,
    removed: u64,
    rows: u64,
    segments: usize,
    bytes: u64,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_key: Option<i64>,
}

/// Changes the index file `path` by the rows or keys in the files `inputs`, and reports the result.
pub fn run(
    path: &Path,
    saving: &SaveArguments,
    inputs: &[&Path],
    change: impl FnOnce(&mut Index<'_>, &mut Bar) -> Result<Changes, Failure>,
) -> Result<(), Failure> {
    watch();
    let begin = Instant::now();
    let mut bar = Bar::new(saving.quiet);
    let changed = save(path, saving, inputs, change, &mut bar);
    bar.finish();
    match changed {
        Err(_) if interrupted() => Err(Failure::Interrupted),
        Err(failure) => Err(failure),
        Ok(changes) => report(path, saving, changes, begin.elapsed().as_secs_f64()),
    }
}

fn save(
    path: &Path,
    saving: &SaveArguments,
    inputs: &[&Path],
    change: impl FnOnce(&mut Index<'_>, &mut Bar) -> Result<Changes, Failure>,
    bar: &mut Bar,
) -> Result<Changes, Failure> {
    if saving.memory.memory.is_some() && !saving.compact {
        return Err("--memory limits what is built anew: it goes with --compact".into());
    }
    if let (None, true) = (&saving.output, path == Path::new("-")) {
        return Err("standard input cannot be changed; name the file to write with --output".into());
    }
    if saving.output.is_none() && is_url(path) {
        let reason = "what a server has cannot be changed; name the file to write with --output";
        return Err(Failure::at(path, reason));
    }
    for &input in inputs {
        if input != Path::new("-") && input != path && is_index(input) {
            let reason = "this is an index file, not rows; hither merge makes one file of several";
            return Err(Failure::at(input, reason));
        }
    }
    let output = match &saving.output {
        Some(output) => {
            saving.force.check(output, Kind::Index, inputs.iter().copied().chain([path]))?;
            output
        }
        None => path,
    };
    let LockedFile { mut file, lock } = match &saving.output {
        Some(_) => LockedFile::without(path)?,
        None => LockedFile::open(path, bar)?,
    };
    if saving.output.is_none() {
        saving.force.check(output, Kind::Index, inputs.iter().copied())?;
    }
    // Fails before rows are read if the output cannot be written.
    let mut written = output::create(output)?;
    let changes = file.change(|index| change(index, bar))?;
    let as_it_was = changes.is_empty() && !saving.compact && saving.output.is_none();
    if as_it_was {
        return Ok(changes);
    }
    write(file.index(), saving, &mut written, output, bar)?;
    // Not every system can replace a file that is mapped.
    drop(file);
    written.finish().map_err(|error| Failure::at(output, error))?;
    drop(lock);
    Ok(changes)
}

fn write(
    index: &Index<'_>,
    saving: &SaveArguments,
    file: &mut AtomicFile,
    output: &Path,
    bar: &mut Bar,
) -> Result<(), Failure> {
    if saving.compact {
        let budget = saving.memory.budget();
        return merge::build(&[index], saving.threads, &budget, (file, output), bar).map(|_| ());
    }
    let mut progress = |progress| bar.advance(progress);
    let written =
        index.write_to(file, Save::delta().threads(saving.threads).progress(&mut progress));
    written.map_err(|error| Failure::at(output, error))
}

fn report(
    path: &Path,
    saving: &SaveArguments,
    changes: Changes,
    seconds: f64,
) -> Result<(), Failure> {
    let output = saving.output.as_deref().unwrap_or(path);
    let file = IndexFile::open(output)?;
    let index = file.index();
    let segments = index.info().segments.len();
    if !saving.quiet {
        if saving.compact {
            recall::warnings(index).iter().for_each(|line| show::complain(line));
        }
        if index.is_flat() && index.len() > 10 * FLAT_ROWS {
            show::complain(&format!(
                "note: it has no graph, so a search scans all {} rows; hither export and hither build make one that has",
                show::count(index.len())
            ));
        }
    }
    let Changes { added, updated, removed, first_number } = changes;
    if saving.json {
        return show::print_json(&Report {
            file: output.display().to_string(),
            added,
            updated,
            removed,
            rows: index.len(),
            segments,
            bytes: file.len(),
            seconds,
            first_key: first_number,
        });
    }
    if saving.quiet {
        return Ok(());
    }
    let done: Vec<String> = [("added", added), ("updated", updated), ("removed", removed)]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(verb, count)| format!("{} {verb}", show::count(count)))
        .collect();
    let done = if done.is_empty() { "nothing to change".into() } else { done.join(", ") };
    let numbers = match first_number {
        Some(first) if added == 1 => format!(" (key {first})"),
        Some(first) => format!(" (keys {first} to {})", first + added as i64 - 1),
        None => String::new(),
    };
    let (name, rows) = (output.display(), show::count(index.len()));
    let size = show::bytes(file.len());
    let mut text = format!("{name}: {done}{numbers}; {rows} rows, {size}\n");
    if segments > 1 {
        text.push_str(&format!(
            "{segments} segments; a search goes through all of them, and --compact makes one of them\n"
        ));
    }
    show::print(&text)
}
