//! Embeddable vector search: one index file, built once, searched wherever it is.
//!
//! [`IndexBuilder`] makes a file from rows: keys, vectors, attributes. [`IndexFile`] opens it, mapped from a
//! disk or from [bytes](IndexFile::from_bytes), and finds the rows nearest to a query.
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use hither::{IndexBuilder, IndexFile, IndexOptions, Metric};
//!
//! # let path = std::env::temp_dir().join("hither-example-first.hither");
//! let mut builder = IndexBuilder::new(IndexOptions::new(3, Metric::Cosine))?;
//! builder.push(None, &[1.0, 0.0, 0.0], &[])?; // without a key it gets a number, from 0
//! builder.push(None, &[0.0, 1.0, 0.0], &[])?;
//! builder.save(&path)?;
//!
//! for (key, distance) in IndexFile::open(&path)?.nearest(&[0.9, 0.1, 0.0], 1)? {
//!     println!("{key} at {distance}");
//! }
//! # std::fs::remove_file(path).unwrap();
//! # Ok::<(), hither::Error>(())
//! ```
//!
//! From there:
//!
//! - **Rows with attributes, and filters**: a [`ColumnSchema`] for each column in [`IndexOptions`], values
//!   in [`IndexBuilder::push`], and a [`Filter`] that is bound to the index.
//! - **How hard to search**: [`SearchParams`] with `ef_search`, `probes` or a wanted `recall`; all rows
//!   [within](SearchParams::within) a radius; a search that can be [resumed](Index::start_search).
//! - **Many queries**: [`Index::search`] with a reused [`Searcher`] allocates nothing, and gives rows, whose
//!   keys and values are read on demand.
//! - **Changes**: [`Index::insert`], [`update`](Index::update), [`remove`](Index::remove), and a [`Save`].
//! - **Several files** as one: [`Shards`], [`merge`].
//! - **Without an operating system**: the crate is `no_std` and needs only an allocator; [`Index::open`]
//!   borrows bytes from anywhere, flash memory too. [`raw`] is for programs that load and store the bytes
//!   themselves.
//!
//! ```
//! use hither::{ColumnSchema, ColumnType, Filter, IndexBuilder, IndexFile, IndexOptions, Metric};
//! use hither::{SearchParams, Searcher};
//!
//! let colour = ColumnSchema { name: "colour".into(), column_type: ColumnType::Text };
//! let options = IndexOptions { columns: vec![colour], ..IndexOptions::new(3, Metric::Cosine) };
//! let mut builder = IndexBuilder::new(options)?;
//! builder.push(None, &[1.0, 0.0, 0.0], &["red".into()])?;
//! builder.push(None, &[0.9, 0.1, 0.0], &["green".into()])?;
//! builder.push(None, &[0.0, 1.0, 0.0], &["green".into()])?;
//! let file = IndexFile::from_bytes(builder.finish()?)?;
//!
//! let index = file.index();
//! let mut searcher = Searcher::new();
//! let green = index.filter(&Filter::from_json(r#"{"colour": "green"}"#)?)?;
//! let params = SearchParams::new(2).filter(&green);
//! let found = index.search(&[1.0, 0.0, 0.0], &params, &mut searcher)?;
//! assert_eq!(index.key(found[0].row)?, 1.into());
//! assert_eq!(index.key(found[1].row)?, 2.into());
//! # Ok::<(), hither::Error>(())
//! ```
//!
//! # Promises
//!
//! - **The same bytes everywhere.** The same rows and options give the same file, byte for byte,
//!   on every platform and with any number of threads, and the same answers.
//! - **Distances are pgvector's**, of the stored vectors: smaller is nearer, ties by key.
//! - **A filter never starves a search**: it gives `k` rows whenever `k` rows match.
//! - **Whatever the bytes of a file are**, a search answers or gives an error: it never panics, hangs or reads
//!   out of bounds.
//! - **A warm search allocates nothing**: its scratch is the caller's [`Searcher`].
//!
//! # Features
//!
//! No feature changes a byte of a file.
//! - `std` (default): files, mapped and written whole.
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
pub mod fetch;
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
mod ranges;
mod rows;
mod segment;
mod sort;
mod vectors;

pub use builder::{IndexBuilder, IndexOptions};
pub use calibration::{Calibration, Structure};
pub use column::{ColumnSchema, ColumnType, Value, ValueRef, format_timestamp, parse_timestamp};
pub use element::Element;
pub use error::{Error, ErrorKind, Result};
pub use file::IndexFile;
#[cfg(feature = "std")]
pub use file::write_file;
pub use filter::{Comparison, Filter};
pub use hnsw::HnswParams;
pub use index::{
    Difference, Index, IndexFilter, IndexInfo, Order, Save, SearchParams, SearchStats, Searcher,
    SegmentInfo, Shards, merge, merge_into,
};
pub use ivf::IvfParams;
pub use key::{Key, KeyRef, KeyType, format_uuid, parse_uuid};
pub use metric::Metric;
pub use neighbor::{Neighbor, RowId};
pub use segment::{Codes, OnProgress, Progress};

/// The level below: the bytes of an index, where they are written and what they mean, and the kernels that
/// measure distances.
///
/// ```
/// let widest = hither::raw::simd_levels().last().unwrap();
/// assert!(hither::raw::use_simd_level(widest));
/// assert_eq!(hither::raw::simd_level(), *widest);
/// ```
pub mod raw {
    pub use crate::aligned::AlignedBytes;
    pub use crate::archive::spill::Spill;
    pub use crate::archive::write::Sink;
    pub use crate::archive::{FORMAT_VERSION, file_length};
    pub use crate::distance::{simd_level, simd_levels, use_simd_level};
    #[cfg(feature = "std")]
    pub use crate::file::AtomicFile;
    pub use crate::index::{SectionInfo, Transfer};
}
