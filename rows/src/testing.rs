//! Helpers for the tests of all formats: folders, rows, and files damaged everywhere.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{Error, Input, Row};

/// A test's own folder, removed when the test ends.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A file in the folder.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Creates a folder.
pub fn scratch(name: &str) -> Scratch {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("hither-{name}-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    Scratch(path)
}

/// A file that another program wrote; see `fixtures/write.py`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Reads all rows.
pub fn drain(mut input: Input) -> Result<Vec<Row>, Error> {
    let (mut rows, mut row) = (Vec::new(), Row::default());
    while input.next(&mut row)? {
        if let Some(reason) = row.invalid.take() {
            return Err(reason);
        }
        rows.push(row.clone());
    }
    Ok(rows)
}

/// The message of an expected error.
pub fn message<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => panic!("it should fail"),
        Err(error) => error.to_string(),
    }
}

/// Reads the file truncated at every length and with every bit flipped: any result is right, but no panic.
pub fn damage(path: &Path, bytes: &[u8], read: impl Fn(&Path) -> Result<usize, Error>) {
    for length in 0..bytes.len() {
        std::fs::write(path, &bytes[..length]).unwrap();
        let _ = read(path);
    }
    let mut flipped = bytes.to_vec();
    for bit in 0..bytes.len() * 8 {
        flipped[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(path, &flipped).unwrap();
        let _ = read(path);
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
    std::fs::write(path, bytes).unwrap();
    read(path).unwrap();
}
