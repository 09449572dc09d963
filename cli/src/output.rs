//! Output files, which only appear when they are complete. If a signal ends the command, the incomplete
//! file is removed.

use crate::failure::Failure;
use crate::interrupt::remove_unfinished;
use hither::raw::AtomicFile;
use hither_rows::{Layout, Output};
use std::path::Path;

/// Creates a file.
pub fn create(path: &Path) -> Result<AtomicFile, Failure> {
    remove_unfinished(path);
    Ok(hither_rows::create(path)?)
}

/// Creates a file of rows.
pub fn create_rows(path: &Path, layout: &Layout) -> Result<Output, Failure> {
    remove_unfinished(path);
    Ok(Output::create(path, layout)?)
}

/// Writes a whole matrix of row numbers as `.npy`, row by row.
pub fn write_npy(path: &Path, numbers: &[i64], rows: usize, columns: usize) -> Result<(), Failure> {
    remove_unfinished(path);
    Ok(hither_rows::write_npy_i64(path, numbers, rows, columns)?)
}
