//! The manifest of format version 1. It is frozen: later additions are new sections.

#[cfg(test)]
mod tests;

use super::Kind;
use crate::error::{ErrorKind, OrCorrupt, Result};
use alloc::string::String;
use alloc::vec::Vec;
use rkyv::api::low;
use rkyv::rancor::Failure;
use rkyv::ser::allocator::Arena;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};

/// Marks a section that belongs to no column.
pub(crate) const NO_COLUMN: u32 = u32::MAX;

#[derive(Clone, Debug, PartialEq, Archive, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub dimensions: u32,
    pub element: u8,
    pub metric: u8,
    pub key_type: u8,
    pub unit_length: bool,
    pub columns: Vec<Column>,
    pub build: Build,
    pub properties: Vec<Property>,
    pub segments: Vec<Segment>,
    pub sections: Vec<Section>,
}

#[derive(Clone, Debug, PartialEq, Archive, Serialize, Deserialize)]
pub(crate) struct Column {
    pub name: String,
    pub column_type: u8,
}

#[derive(Clone, Debug, PartialEq, Archive, Serialize, Deserialize)]
pub(crate) struct Property {
    pub name: String,
    pub value: String,
}

/// The options of the index: later segments are built with the same.
#[derive(Clone, Debug, PartialEq, Archive, Serialize, Deserialize)]
pub(crate) struct Build {
    pub seed: u64,
    pub hnsw: Option<HnswBuild>,
    pub ivf: Option<IvfBuild>,
    pub codes: u8,
}

#[derive(Clone, Debug, PartialEq, Archive, Serialize, Deserialize)]
pub(crate) struct HnswBuild {
    pub m: u32,
    pub ef_construction: u32,
}

#[derive(Clone, Debug, PartialEq, Archive, Serialize, Deserialize)]
pub(crate) struct IvfBuild {
    pub lists: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Archive, Serialize, Deserialize)]
pub(crate) struct Segment {
    pub rows: u32,
    /// How many rows are hidden.
    pub hidden: u32,
    pub key_bits: u32,
    pub codes: u8,
    pub scale: f32,
    pub hnsw: Option<Hnsw>,
    pub ivf: Option<Ivf>,
    pub calibrations: Vec<Calibration>,
}

#[derive(Clone, Debug, PartialEq, Archive, Serialize, Deserialize)]
pub(crate) struct Hnsw {
    pub m: u32,
    /// Edges of the base layer.
    pub edges: u64,
    pub layers: Vec<u32>,
    pub entry: u32,
}

#[derive(Clone, Debug, PartialEq, Archive, Serialize, Deserialize)]
pub(crate) struct Ivf {
    pub lists: u32,
}

#[derive(Clone, Debug, PartialEq, Archive, Serialize, Deserialize)]
pub(crate) struct Calibration {
    pub structure: u8,
    pub k: u32,
    pub queries: u32,
    pub efforts: Vec<u32>,
    pub recalls: Vec<f32>,
}

#[derive(Clone, Debug, Default, PartialEq, Archive, Serialize, Deserialize)]
pub(crate) struct Section {
    pub segment: u32,
    pub column: u32,
    pub kind: u32,
    /// Whether a reader that does not know the kind must refuse the file.
    pub required: bool,
    pub block_log2: u8,
    pub offset: u64,
    pub length: u64,
    /// The offset of the checksums of its blocks: XXH3-64, 8 bytes each.
    pub checksums: u64,
    /// XXH3-64 of every page of these checksums.
    pub pages: Vec<u64>,
}

impl Section {
    /// The key by which a file's sections are sorted and looked up.
    pub fn place(&self) -> (u32, u32, u32) {
        (self.kind, self.segment, self.column)
    }

    /// A section that has not been placed yet.
    pub fn new(segment: u32, column: u32, kind: Kind) -> Self {
        let block_log2 = kind.block_log2();
        let required = kind.is_required();
        Self { segment, column, kind: kind as u32, required, block_log2, ..Self::default() }
    }

    /// How many blocks have a checksum; none if the numbers are inconsistent.
    pub fn blocks(&self) -> Option<u64> {
        (12..=30).contains(&self.block_log2).then(|| self.length.div_ceil(1 << self.block_log2))
    }
}

/// The greatest length of a manifest: its offsets have 32 bits, the length of a text 30.
pub(super) const MOST: usize = 1 << 30;

/// Writes a manifest. Its length does not depend on the numbers in it.
pub(crate) fn encode(manifest: &Manifest) -> Result<AlignedVec> {
    let mut scratch = Arena::new();
    let bytes = low::to_bytes_in_with_alloc(manifest, AlignedVec::new(), scratch.acquire());
    match bytes {
        Ok::<AlignedVec, Failure>(bytes) if bytes.len() < MOST => Ok(bytes),
        _ => {
            let what = "bytes of columns, properties or segments for the manifest";
            Err(ErrorKind::TooMany { what, limit: MOST as u64 }.into())
        }
    }
}

/// Reads a manifest, checking its structure.
pub(crate) fn decode(bytes: &[u8]) -> Result<Manifest> {
    low::from_bytes::<Manifest, Failure>(bytes).ok().or_corrupt("the manifest")
}
