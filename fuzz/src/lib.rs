//! What the fuzz targets share: the fixtures and queries of `tests/damage.rs`, and reading rows.

#[path = "../../tests/damage/exercise.rs"]
pub mod exercise;
#[path = "../../tests/damage/fixtures.rs"]
pub mod fixtures;
#[path = "../../tests/damage/format.rs"]
pub mod format;
#[path = "../../tests/damage/random.rs"]
pub mod random;

use hither_rows::{Input, Options, Row, read_matrix_f32, read_matrix_i64};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

/// Writes the bytes to a file of their own, because the readers open files.
pub fn file(bytes: &[u8], extension: &str) -> PathBuf {
    let path = env::temp_dir().join(format!("hither-fuzz-{}.{extension}", process::id()));
    fs::write(&path, bytes).expect("a temporary file");
    path
}

/// Reads all vectors, and checks what the reader announced when it was opened.
pub fn read_vectors(path: &Path, options: &Options) {
    let Ok(mut input) = Input::open(path, options) else { return };
    let mut row = Row::default();
    let mut rows = 0;
    while let Ok(true) = input.next(&mut row) {
        assert_eq!(row.vector.len(), input.dimensions, "dimensions");
        assert_eq!(row.attributes.len(), input.columns.len(), "attributes");
        rows += 1;
        assert!(input.rows.is_some_and(|counted| rows <= counted), "more rows than were counted");
    }
}

/// Reads vectors with no options.
pub fn read_plain(path: &Path) {
    read_vectors(path, &Options::default());
    let _ = read_matrix_f32(path, None);
    let _ = read_matrix_i64(path);
}

/// Reads a file of attributes, or of keys, beside `rows` vectors.
pub fn read_beside(path: &Path, rows: usize, keys: bool, key_column: Option<String>) {
    let vectors = (0..rows).flat_map(|_| 1_u32.to_le_bytes().into_iter().chain([0; 4]));
    let vectors = file(&vectors.collect::<Vec<u8>>(), "fvecs");
    let mut options = Options { key_column, ..Options::default() };
    let place = if keys { &mut options.keys } else { &mut options.attributes };
    *place = Some(path.to_owned());
    read_vectors(&vectors, &options);
}
