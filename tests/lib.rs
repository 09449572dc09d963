//! Data and measures that the tests share.

use hither::raw::Spill;
use hither::{Index, IndexBuilder, IndexOptions, KeyRef, Neighbor, Result};
use std::path::{Path, PathBuf};

/// Rows of f32, one after another.
#[derive(Clone)]
pub struct Matrix {
    /// All values.
    pub values: Vec<f32>,
    /// Values of a row.
    pub dimensions: usize,
}

impl Matrix {
    /// Row number `row`.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dimensions..][..self.dimensions]
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.values.len() / self.dimensions
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.dimensions)
    }
}

/// A spill that stays in memory.
#[derive(Debug, Default)]
pub struct PutAside(Vec<u8>);

impl Spill for PutAside {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn read(&self, at: u64, out: &mut [u8]) -> Result<()> {
        out.copy_from_slice(&self.0[at as usize..][..out.len()]);
        Ok(())
    }
}

/// Random numbers that are the same everywhere (xorshift64*).
pub struct Random(u64);

impl Random {
    /// A generator; `seed` is not 0.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number in 0..bound.
    pub fn below(&mut self, bound: usize) -> usize {
        ((self.number() >> 33) as usize) % bound
    }

    /// An approximately normally distributed number, with mean 0.
    pub fn normal(&mut self) -> f32 {
        (0..6).map(|_| (self.number() >> 40) as f32 / (1 << 24) as f32 - 0.5).sum()
    }
}

/// Rows in clusters, like embeddings.
pub fn clustered(seed: u64, rows: usize, dimensions: usize) -> Matrix {
    let mut random = Random::new(seed);
    let clusters = rows.div_ceil(50);
    let centres: Vec<f32> = (0..clusters * dimensions).map(|_| random.normal()).collect();
    let mut values = Vec::with_capacity(rows * dimensions);
    for _ in 0..rows {
        let centre = random.below(clusters) * dimensions;
        for d in 0..dimensions {
            values.push(centres[centre + d] + 0.5 * random.normal());
        }
    }
    Matrix { values, dimensions }
}

/// Builds an index of `rows`, with their numbers as keys, and returns the bytes of its file.
pub fn build(rows: &Matrix, options: IndexOptions) -> hither::raw::AlignedBytes {
    let mut builder = IndexBuilder::new(options).unwrap();
    for row in rows.rows() {
        builder.push(None, row, &[]).unwrap();
    }
    builder.finish().unwrap()
}

/// The keys of an answer, which must be numbers.
pub fn numbers(index: &Index<'_>, found: &[Neighbor]) -> Vec<i64> {
    let number = |row: &Neighbor| match index.key(row.row).unwrap() {
        KeyRef::Int64(number) => number,
        other => panic!("{other} is no number"),
    };
    found.iter().map(number).collect()
}

/// The share of `truth` that is in `found`.
pub fn recall(found: &[i64], truth: &[i64]) -> f64 {
    truth.iter().filter(|key| found.contains(key)).count() as f64 / truth.len() as f64
}

/// A folder of the repository.
pub fn repository(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder)
}

/// The full data set, if it is there: beside the repository, or where HITHER_DATA says.
pub fn wordnet() -> Option<PathBuf> {
    let folder = match std::env::var_os("HITHER_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => repository("../shared/data"),
    };
    let folder = folder.join("wordnet-minilm-384");
    if !folder.exists() {
        eprintln!("wordnet-minilm-384 is not there (HITHER_DATA): the sample stands in");
    }
    folder.exists().then_some(folder)
}

/// Reads a .npy file of float16 or float32 (C order), as NumPy writes it.
pub fn read_npy(path: &Path) -> Matrix {
    let (header, body, dimensions) = npy_parts(path);
    let values = if header.contains("<f2") {
        body.as_chunks().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect()
    } else {
        assert!(header.contains("<f4"), "{}: {header}", path.display());
        body.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    };
    Matrix { values, dimensions }
}

/// Reads a .npy file of int32 row numbers.
pub fn read_truth(path: &Path) -> Vec<Vec<i64>> {
    let (header, body, columns) = npy_parts(path);
    assert!(header.contains("<i4"), "{}: {header}", path.display());
    let numbers: Vec<i64> =
        body.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b).into()).collect();
    numbers.chunks(columns).map(<[i64]>::to_vec).collect()
}

fn npy_parts(path: &Path) -> (String, Vec<u8>, usize) {
    let bytes = std::fs::read(path).unwrap();
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8_lossy(&bytes[10..10 + length]).into_owned();
    let shape = header.split("'shape': (").nth(1).unwrap().split(')').next().unwrap();
    let columns = shape.split(',').nth(1).unwrap().trim().parse().unwrap();
    (header, bytes[10 + length..].to_vec(), columns)
}
