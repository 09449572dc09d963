//! A small index for a device without an operating system, and its answers: made on the host, searched on the
//! device, and compared by `scripts/embedded.sh`.

use crate::rows::{Cloud, Random, vector};
use core::fmt::Write;
use hither::raw::AlignedBytes;
use hither::{
    HnswParams, Index, IndexBuilder, IndexOptions, Metric, Result, SearchParams, Searcher,
    Structure,
};

const DIMENSIONS: usize = 48;
const ROWS: u32 = 1000;
const QUERIES: usize = 5;

/// The index file: 1,000 rows of 48 dimensions with a graph and codes.
///
/// # Errors
/// None is expected.
pub fn file() -> Result<AlignedBytes> {
    let mut random = Random::new(3);
    let mut builder = IndexBuilder::new(IndexOptions {
        hnsw: Some(HnswParams { m: 8, ef_construction: 64 }),
        ..IndexOptions::new(DIMENSIONS, Metric::Cosine)
    })?;
    for _ in 0..ROWS {
        builder.push(None, &vector(Cloud::Clusters, DIMENSIONS, &mut random), &[])?;
    }
    builder.finish()
}

/// Opens the file and writes a line for every answer: key and bits of the distance.
///
/// # Errors
/// Those of opening and searching; none is expected.
pub fn search(file: &[u8], out: &mut dyn Write) -> Result<()> {
    let index = Index::open(file)?;
    let mut searcher = Searcher::new();
    let mut random = Random::new(4);
    for number in 0..QUERIES {
        let query = vector(Cloud::Clusters, DIMENSIONS, &mut random);
        for structure in [Structure::Hnsw, Structure::Flat] {
            let params = SearchParams::new(5).ef_search(20).structure(structure);
            let name = structure.name();
            for neighbor in index.search(&query, &params, &mut searcher)? {
                let key = index.key(neighbor.row)?;
                let bits = neighbor.distance.to_bits();
                // The comparison notices a line that could not be written.
                let _ = writeln!(out, "{number} {name} {key} {bits:08x}");
            }
        }
    }
    Ok(())
}
