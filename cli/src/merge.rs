//! `hither merge`: one index file of several.

use crate::failure::Failure;
use crate::memory::Memory;
use crate::opened;
use crate::output;
use crate::progress::Bar;
use crate::recall;
use crate::replace::{Force, Kind};
use crate::show;
use clap::Args;
use hither::{IndexBuilder, IndexFile, IndexOptions, MERGE_ROW_BYTES, merge_into};
use std::path::PathBuf;

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
    let options = IndexOptions {
        threads: arguments.threads,
        memory: budget.limit,
        ..indexes[0].options().clone()
    };
    let rows = indexes.iter().map(|index| index.len()).sum();
    budget.check(&options, rows, MERGE_ROW_BYTES * rows)?;
    let mut builder = IndexBuilder::new(options)?;
    let mut file = output::create(&arguments.output)?;
    budget.provide(&mut builder, &arguments.output)?;
    let mut bar = Bar::new(arguments.quiet);
    let mut show_progress = |progress| {
        bar.show(progress);
        Ok(())
    };
    merge_into(&mut builder, &indexes, &mut show_progress)?;
    let written = builder.write_to(&mut file, &mut show_progress);
    bar.finish();
    written.and_then(|()| file.finish()).map_err(|error| Failure::at(&arguments.output, error))?;
    if arguments.quiet {
        return Ok(());
    }
    let rows = show::count(builder.rows());
    let written = IndexFile::open(&arguments.output)?;
    let path = arguments.output.display();
    show::print(&format!("{path}: {rows} rows, {}\n", show::bytes(written.len())))?;
    recall::warnings(written.index()).iter().for_each(|line| show::complain(line));
    Ok(())
}
