//! Searching a remote file by ranges of its bytes.
//!
//! # No I/O of its own
//!
//! A [`LazyIndex`] has the methods of an [`Index`](crate::Index). Where bytes are missing, a method returns
//! [`Poll::Pending`], and [`LazyIndex::requests`] gives the ranges of the file that are missing. The caller,
//! who reads files or asks servers, passes them to [`LazyIndex::supply`], in any order and in parts of any
//! size, and calls the method again, which continues where it stopped.
//!
//! ```
//! use core::task::Poll;
//! use hither::fetch::{LazyIndex, LazySearcher};
//! use hither::{IndexBuilder, IndexOptions, Metric, SearchParams};
//!
//! let options = IndexOptions { ranges: true, ..IndexOptions::new(2, Metric::L2) };
//! let mut builder = IndexBuilder::new(options)?;
//! for x in 0..500 {
//!     builder.push(None, &[x as f32, 1.0], &[])?;
//! }
//! let file = builder.finish()?; // on a server, say
//!
//! let mut index = LazyIndex::new(64 << 20);
//! let read = |index: &LazyIndex| -> hither::Result<()> {
//!     for range in index.requests(4096) {
//!         let end = (range.end as usize).min(file.len());
//!         index.supply(range.start, &file[range.start as usize..end])?;
//!     }
//!     Ok(())
//! };
//! while index.open()?.is_pending() {
//!     read(&index)?;
//! }
//! let mut searcher = LazySearcher::new();
//! index.start_search(&[7.2, 1.0], &SearchParams::new(3), None, &mut searcher)?;
//! while index.next_batch(&mut searcher, 3)?.is_pending() {
//!     read(&index)?;
//! }
//! let nearest = searcher.found()[0];
//! while let Poll::Pending = index.key(nearest.row)? {
//!     read(&index)?;
//! }
//! assert_eq!(index.key(nearest.row)?, Poll::Ready(7.into()));
//! # Ok::<(), hither::Error>(())
//! ```
//!
//! # What is read
//!
//! The file has lists for this purpose ([`IndexOptions::ranges`](crate::IndexOptions::ranges)). The first 64
//! KiB hold the manifest and the directory of the groups of lists. A search then reads the directories of the
//! nearest groups, the nearest lists, and the vectors of the rows that seem nearest: four round trips in all,
//! and two or three for a further query. Keys that are row numbers come with the lists; other keys, and values
//! of columns, are read on demand in blocks of 4 KiB. A row is found by its key in a sparse directory of keys
//! (`key/directory.rs`), which is read once, and one leaf of some 4 KiB: two round trips. A filter reads the columns that it names, once.
//!
//! # Nothing unchecked
//!
//! The content id stands for every byte of the file, and a chain of hashes leads from it to each piece. A piece
//! is checked before it is kept, and then never again. So damage, or bytes of another version, give an error
//! and never an answer.
//!
//! # Memory
//!
//! Pieces are kept up to a limit; the least recently used are dropped first. The pieces that one question needs
//! are kept until it is answered, even beyond the limit.

mod cache;
mod filter;
mod find;
mod info;
mod keys;
mod open;
mod search;
mod storage;
mod values;

pub use filter::LazyFilter;
pub use open::LazyIndex;
pub use search::{DEFAULT_PROBES, LazySearcher};

use crate::error::Result;
use crate::hnsw::search::{Halt, Step};
use core::task::Poll;

/// Some bytes are missing; the cache knows which.
#[derive(Debug)]
pub(crate) struct Missing;

/// Converts the outcome of a step to what callers see.
fn poll<T>(step: Step<T, Missing>) -> Result<Poll<T>> {
    match step {
        Ok(value) => Ok(Poll::Ready(value)),
        Err(Halt::Missing(Missing)) => Ok(Poll::Pending),
        Err(Halt::Error(error)) => Err(error),
    }
}
