//! Embeddable vector search: one index file, built once, searched wherever it lies.
//!
//! An index file holds keys, vectors, attribute columns and search structures. [`IndexBuilder`]
//! makes one; [`Index::open`] reads it from any bytes in memory, without copying them, and
//! `IndexFile` maps it from a disk. The crate is `no_std` and needs only an allocator.
//!
//! ```
//! use hither::{ColumnSchema, ColumnType, Filter, Index, IndexBuilder, IndexOptions, KeyRef};
//! use hither::{Metric, SearchParams, Searcher, ValueRef};
//!
//! let colour = ColumnSchema { name: "colour".into(), column_type: ColumnType::Text };
//! let options = IndexOptions { columns: vec![colour], ..IndexOptions::new(3, Metric::Cosine) };
//! let mut builder = IndexBuilder::new(options)?;
//! builder.push(None, &[1.0, 0.0, 0.0], &[ValueRef::Text("red")])?;
//! builder.push(None, &[0.9, 0.1, 0.0], &[ValueRef::Text("green")])?;
//! builder.push(None, &[0.0, 1.0, 0.0], &[ValueRef::Text("green")])?;
//! let bytes = builder.finish()?;
//!
//! let index = Index::open(&bytes)?;
//! let mut searcher = Searcher::new();
//! let green = index.filter(&Filter::from_json(r#"{"colour": "green"}"#)?)?;
//! let params = SearchParams::new(2).filter(&green);
//! let found = index.search(&[1.0, 0.0, 0.0], &params, &mut searcher)?;
//! assert_eq!(index.key(found[0].row)?, KeyRef::Int64(1));
//! assert_eq!(index.key(found[1].row)?, KeyRef::Int64(2));
//! # Ok::<(), hither::Error>(())
//! ```
//!
//! # Promises
//!
//! - **The same bytes everywhere.** The same rows and options give the same file, byte for byte,
//!   on every platform and with any number of threads, and the same answers.
//! - **Distances are pgvector's**, of the stored vectors: smaller is nearer, ties by key.
//! - **A filter never starves a search**: it gives `k` rows whenever `k` rows match.
//! - **Whatever the bytes say**, a search gives an error or answers: it never panics, loops or
//!   reads out of bounds.
//! - **A warm search allocates nothing**: its scratch is the caller's [`Searcher`].
//!
//! # Features
//!
//! None changes a byte of a file.
//! - `std` (default): `IndexFile`, `write_file`.
//! - `parallel` (default): building with several threads.
//! - `getrandom` (default): a row without a key gets a random one where keys are UUIDs.
//! - `json` (default): filters are read from JSON text.
//! - `serde` (in `json`): filters are read, and names written, by any of serde's formats.
#![no_std]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../../README.md")]
struct Readme;

#[cfg(target_endian = "big")]
compile_error!("index files are read where they lie, in little-endian numbers");

mod aligned;
mod archive;
mod builder;
mod calibration;
mod column;
mod distance;
mod element;
mod error;
#[cfg(feature = "std")]
mod file;
mod filter;
mod growing;
mod hnsw;
mod index;
mod ivf;
mod key;
pub mod limits;
mod magnitude;
mod metric;
mod names;
mod neighbor;
mod packed;
mod parallel;
mod quantize;
mod random;
mod rows;
mod segment;
mod sort;
mod vectors;

pub use aligned::AlignedBytes;
pub use archive::spill::Spill;
pub use archive::write::Sink;
pub use archive::{FORMAT_VERSION, file_length};
pub use builder::{IndexBuilder, IndexOptions};
pub use calibration::{Calibration, Structure};
pub use column::{ColumnSchema, ColumnType, Value, ValueRef, format_timestamp, parse_timestamp};
/// ```
/// let widest = hither::simd_levels().last().unwrap();
/// assert!(hither::use_simd_level(widest));
/// assert_eq!(hither::simd_level(), *widest);
/// ```
pub use distance::{simd_level, simd_levels, use_simd_level};
pub use element::Element;
pub use error::{Error, ErrorKind, Result};
#[cfg(feature = "std")]
pub use file::{AtomicFile, IndexFile, write_file};
pub use filter::{Comparison, Filter};
pub use hnsw::HnswParams;
pub use index::{
    Cursor, Difference, Index, IndexFilter, IndexInfo, MERGE_ROW_BYTES, Order, Save, SearchParams,
    SearchStats, Searcher, SectionInfo, SegmentInfo, ShardNeighbor, Shards, merge, merge_into,
};
pub use ivf::IvfParams;
pub use key::{Key, KeyRef, KeyType, format_uuid, parse_uuid};
pub use metric::Metric;
pub use neighbor::{Neighbor, RowId};
pub use segment::{Codes, OnProgress, Progress};
