//! `hither verify`: every checksum and every id.

use crate::failure::Failure;
use crate::show;
use clap::Args;
use hither::IndexFile;
use std::path::PathBuf;

/// Check every byte of index files. Exit 1 and where it is damaged if one is.
#[derive(Args)]
pub struct Arguments {
    /// The index files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    for path in &arguments.files {
        let file = IndexFile::open(path).map_err(|error| Failure::at(path, error))?;
        file.index().verify().map_err(|error| Failure::at(path, error))?;
        let rows = show::count(file.index().len());
        let size = show::bytes(file.len());
        show::print(&format!("{}: ok, {rows} rows, {size}\n", path.display()))?;
    }
    Ok(())
}
