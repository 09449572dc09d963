//! The manifest of format version 1, frozen: what comes later comes as new sections.

use super::Kind;
use super::record::{from_bytes, records, to_bytes};
use crate::error::{ErrorKind, OrCorrupt, Result};
use alloc::string::String;
use alloc::vec::Vec;

/// Marks a section that belongs to no column.
pub(crate) const NO_COLUMN: u32 = u32::MAX;

records! {
    struct Manifest {
        dimensions: u32,
        element: u8,
        metric: u8,
        key_type: u8,
        unit_length: bool,
        columns: Vec<Column>,
        build: Build,
        properties: Vec<Property>,
        segments: Vec<Segment>,
        sections: Vec<Section>,
    }

    struct Column {
        name: String,
        column_type: u8,
    }

    struct Property {
        name: String,
        value: String,
    }

    /// What the index was asked to be: later segments are built alike.
    struct Build {
        seed: u64,
        hnsw: Option<HnswBuild>,
        ivf: Option<IvfBuild>,
        codes: u8,
    }

    struct HnswBuild {
        m: u32,
        ef_construction: u32,
    }

    struct IvfBuild {
        lists: u32,
    }

    #[derive(Default)]
    struct Segment {
        rows: u32,
        /// How many of them are hidden.
        hidden: u32,
        key_bits: u32,
        codes: u8,
        scale: f32,
        hnsw: Option<Hnsw>,
        ivf: Option<Ivf>,
        calibrations: Vec<Calibration>,
    }

    struct Hnsw {
        m: u32,
        /// Edges of the base layer.
        edges: u64,
        layers: Vec<u32>,
        entry: u32,
    }

    struct Ivf {
        lists: u32,
    }

    struct Calibration {
        structure: u8,
        k: u32,
        queries: u32,
        efforts: Vec<u32>,
        recalls: Vec<f32>,
    }

    #[derive(Default)]
    struct Section {
        segment: u32,
        column: u32,
        kind: u32,
        /// Whether a reader that does not know the kind must refuse the file.
        required: bool,
        block_log2: u8,
        offset: u64,
        length: u64,
        /// Where the checksums of its blocks lie: XXH3-64, 8 bytes each.
        checksums: u64,
        /// XXH3-64 of every page of these checksums.
        pages: Vec<u64>,
    }
}

impl Section {
    /// By what a file's sections are ordered and found.
    pub fn place(&self) -> (u32, u32, u32) {
        (self.kind, self.segment, self.column)
    }

    /// A section that has not been placed yet.
    pub fn new(segment: u32, column: u32, kind: Kind) -> Self {
        let block_log2 = kind.block_log2();
        let required = kind.is_required();
        Self { segment, column, kind: kind as u32, required, block_log2, ..Self::default() }
    }

    /// How many blocks have a checksum; none if the numbers are nonsense.
    pub fn blocks(&self) -> Option<u64> {
        (12..=30).contains(&self.block_log2).then(|| self.length.div_ceil(1 << self.block_log2))
    }
}

/// Most bytes that a manifest may have: its offsets are of 32 bits, a text's length of 30.
const MOST: usize = 1 << 30;

/// Writes a manifest. Its length does not depend on the numbers in it.
pub(crate) fn encode(manifest: &Manifest) -> Result<Vec<u8>> {
    let bytes = to_bytes(manifest);
    if bytes.len() >= MOST {
        let what = "bytes of columns, properties or segments for the manifest";
        return Err(ErrorKind::TooMany { what, limit: MOST as u64 }.into());
    }
    Ok(bytes)
}

/// Reads a manifest, checking its structure.
pub(crate) fn decode(bytes: &[u8]) -> Result<Manifest> {
    from_bytes(bytes).or_corrupt("the manifest")
}
