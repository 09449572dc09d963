//! `hither merge`: merges several index files into one.

use crate::failure::Failure;
use crate::memory::{Budget, Memory};
use crate::opened;
use crate::output;
use crate::progress::Bar;
use crate::recall;
use crate::replace::{Force, Kind};
use crate::show;
use clap::Args;
use hither::limits::MERGE_ROW_BYTES;
use hither::raw::AtomicFile;
use hither::{Index, IndexBuilder, IndexFile, IndexOptions, merge_into};
use std::path::{Path, PathBuf};

/// Merge index files into one, built anew.
///
/// Of rows with the same key, the one of the last file stays. Where keys are row numbers, rows
/// are numbered anew, file after file. The first file says how the new one is built.
#[derive(Args)]
pub struct Arguments {
    /// The index files: alike in dimensions, metric, type of keys and columns.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The index file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    force: Force,
    /// Threads to build with; 0 for all.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    #[command(flatten)]
    memory: Memory,
    /// Print nothing but errors.
    #[arg(short, long)]
    quiet: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let inputs = arguments.files.iter().map(PathBuf::as_path);
    arguments.force.check(&arguments.output, Kind::Index, inputs)?;
    let files =
        arguments.files.iter().map(|path| opened::open(path)).collect::<Result<Vec<_>, _>>()?;
    let indexes: Vec<_> = files.iter().map(IndexFile::index).collect();
    let budget = arguments.memory.budget();
    let mut file = output::create(&arguments.output)?;
    let mut bar = Bar::new(arguments.quiet);
    let place = (&mut file, arguments.output.as_path());
    let built = build(&indexes, arguments.threads, &budget, place, &mut bar);
    bar.finish();
    let rows = built?;
    file.finish().map_err(|error| Failure::at(&arguments.output, error))?;
    if arguments.quiet {
        return Ok(());
    }
    let rows = show::count(rows);
    let written = IndexFile::open(&arguments.output)?;
    let path = arguments.output.display();
    show::print(&format!("{path}: {rows} rows, {}\n", show::bytes(written.len())))?;
    recall::warnings(written.index()).iter().for_each(|line| show::complain(line));
    Ok(())
}

/// Builds the rows of indexes anew into an open file, and returns their number.
pub fn build(
    indexes: &[&Index<'_>],
    threads: usize,
    budget: &Budget,
    (file, path): (&mut AtomicFile, &Path),
    bar: &mut Bar,
) -> Result<u64, Failure> {
    let options = IndexOptions { threads, memory: budget.limit, ..indexes[0].options().clone() };
    let rows = indexes.iter().map(|index| index.len()).sum();
    budget.check(&options, rows, MERGE_ROW_BYTES * rows)?;
    let mut builder = IndexBuilder::new(options)?;
    budget.provide(&mut builder, path)?;
    let mut progress = |progress| bar.advance(progress);
    merge_into(&mut builder, indexes, Some(&mut progress))?;
    let written = builder.write_to(file, Some(&mut progress));
    written.map_err(|error| Failure::at(path, error))?;
    Ok(builder.rows())
}
