//! `hither update`: replaces rows of an index file by others with the same keys.

use crate::change::rows::{Mode, take};
use crate::change::{self, SaveArguments};
use crate::failure::Failure;
use crate::source::Source;
use clap::Args;
use std::path::PathBuf;

/// Replace rows of an index file by others with the same keys, in place.
///
/// A key that no row has is an error, and then nothing is written, unless --upsert adds such rows.
/// Vectors are replaced, and the columns that the new rows have; other columns stay as they were.
#[derive(Args)]
pub struct Arguments {
    /// The index file.
    file: PathBuf,
    #[command(flatten)]
    source: Source,
    /// Add rows whose keys are not there.
    #[arg(long)]
    upsert: bool,
    #[command(flatten)]
    saving: SaveArguments,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { file, source, upsert, saving } = arguments;
    let mode = if *upsert { Mode::Upsert } else { Mode::Update };
    let inputs: Vec<_> = source.files().collect();
    change::run(file, saving, &inputs, |index, bar| take(index, file, source, mode, bar))
}
