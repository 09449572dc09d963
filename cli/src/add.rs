//! `hither add`: adds rows to an index file.

use crate::change::rows::{Mode, take};
use crate::change::{self, SaveArguments};
use crate::failure::Failure;
use crate::source::Source;
use clap::Args;
use std::path::PathBuf;

/// Add rows to an index file, in place.
///
/// A row whose key is there already is an error, and then nothing is written; hither update replaces
/// such rows. Where keys are row numbers, new rows get the next ones; where they are UUIDs, a row
/// without one gets a random one. A column that the rows do not have is null in them. Keys and
/// columns get the types that the file has.
#[derive(Args)]
pub struct Arguments {
    /// The index file.
    file: PathBuf,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    saving: SaveArguments,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { file, source, saving } = arguments;
    let inputs: Vec<_> = source.files().collect();
    change::run(file, saving, &inputs, |index, bar| take(index, file, source, Mode::Add, bar))
}
