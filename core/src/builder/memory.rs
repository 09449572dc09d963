//! How much memory a build takes, computed before it begins.

use super::options::IndexOptions;
use crate::column::ColumnType;
use crate::error::{ErrorKind, Result};
use crate::hnsw::base::record_size;
use crate::limits::{FLAT_ROWS, MAX_DIMENSIONS};
use crate::quantize::Width;
use crate::ranges;
use crate::segment::Codes;
use crate::vectors::Shape;
use alloc::format;

/// The number of threads that the size of a segment allows for. It is constant, because the file must not
/// depend on the number of threads.
const THREADS: u64 = 16;

/// The fewest rows of a segment that ends because memory is full: smaller segments would all be scanned.
pub(super) const LEAST_ROWS: u64 = FLAT_ROWS;

/// Bytes that a row of a spilled segment takes until the end: its key, to find duplicates.
pub(super) const BYTES_PUT_ASIDE: u64 = size_of::<u128>() as u64;

/// Bytes of a key with 64-bit addresses: the file must not depend on the platform either.
const KEY: u64 = 24;

impl IndexOptions {
    /// How many bytes of memory it takes to build an index of `rows` rows: vectors as they are
    /// stored, keys, codes, graph and lists, and what links, orders and writes them. Not counted are the
    /// program itself, and keys and column values that are text, bytes or JSON, which take twice their bytes.
    ///
    /// This is what [`IndexBuilder::write_to`](crate::IndexBuilder::write_to) takes with up to 16 threads, or
    /// up to [`threads`](Self::threads) if that is more; [`finish`](crate::IndexBuilder::finish) has the file
    /// in memory too. The option `memory` plays no part.
    ///
    /// ```
    /// use hither::{IndexOptions, Metric};
    ///
    /// let options = IndexOptions::new(384, Metric::Cosine);
    /// assert!((1_400_000_000..2_000_000_000).contains(&options.memory_needed(1_000_000)));
    /// assert_eq!(options.memory_needed(u64::MAX), u64::MAX);
    /// ```
    pub fn memory_needed(&self, rows: u64) -> u64 {
        self.needed(rows, THREADS.max(self.threads as u64))
    }

    /// The memory for one segment, which must not depend on the option `threads`, as the file does not.
    pub(super) fn segment_needed(&self, rows: u64) -> u64 {
        self.needed(rows, THREADS)
    }

    fn needed(&self, rows: u64, threads: u64) -> u64 {
        let structured = self.hnsw.is_some() || self.ivf.is_some();
        // Vectors, keys and columns; columns are copied into the layout of the file.
        let columns = self.columns.iter().map(|column| match column.column_type {
            ColumnType::Bool => 3,
            ColumnType::Int64 | ColumnType::Float64 | ColumnType::Timestamp => 17,
            ColumnType::Uuid => 33,
            ColumnType::Text | ColumnType::Bytes | ColumnType::Json => 37,
        });
        // Invalid options are reported elsewhere.
        let dimensions = self.dimensions.min(MAX_DIMENSIONS);
        let mut row = Shape { dimensions, ..self.shape() }.stride() as u64 + KEY;
        row += columns.sum::<u64>();
        // Keys for the file and their order; the order of rows in the file and its inverse.
        row += 40;
        let coded = self.codes_or_default() != Codes::None || self.hnsw.is_some();
        if coded && self.metric.takes_codes() {
            // Codes of 8 bits, for the graph or where 4 bits do not tell the rows apart; never both. Each row
            // of codes has a factor, and two terms that correct the ranks between rows.
            row += Width::Eight.stride(dimensions) as u64 + 12;
        }
        if self.codes == Some(Codes::Sq8Only) {
            // The errors of the codes, as measured and as stored.
            row += 10;
        }
        if let Some(hnsw) = self.hnsw {
            let m = u64::from(hnsw.m).max(2);
            // Room for neighbours and their count, and the upper layers, which have one row in m.
            let above = (4 * m + 13).div_ceil(m - 1);
            // Then the numbers of rows and nodes, trees and components, and the edges as stored.
            let most = (2 * m).min(u32::MAX.into()) as u32;
            let record = record_size(u32::try_from(rows).unwrap_or(u32::MAX), most) as u64;
            row += (8 * m + 1) + above + record + 24;
        }
        // For each list the sum of its rows in f64, and its centroid before and after a step.
        let mut lists = 0;
        if let Some(ivf) = self.ivf {
            row += 16;
            lists = u64::from(ivf.lists_for(u32::try_from(rows).unwrap_or(u32::MAX)));
        }
        if self.ranges {
            // A row's two lists, its numbers and records there, and the records as written.
            let record = ranges::row_bytes(dimensions);
            row += 24 + 2 * record;
            lists += u64::from(ranges::sizes(u32::try_from(rows).unwrap_or(u32::MAX), 0).0);
        }
        let centroids = (lists * 16).saturating_mul(dimensions as u64);
        if structured {
            // The set of rows that each thread has visited.
            row += threads.saturating_mul(3).div_ceil(16);
        }
        rows.saturating_mul(row).saturating_add(centroids)
    }

    /// Checks that the limit is enough for one segment.
    pub(super) fn check_memory(&self, beside: u64) -> Result<()> {
        let Some(memory) = self.memory else { return Ok(()) };
        let least = self.segment_needed(LEAST_ROWS).saturating_add(beside);
        if memory >= least {
            return Ok(());
        }
        let reason = format!(
            "{memory} bytes hold no segment of {LEAST_ROWS} rows, the least that is built: give at least {least}"
        );
        Err(ErrorKind::InvalidParameter { name: "memory", reason }.into())
    }
}
