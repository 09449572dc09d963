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

/// Threads that a segment's size allows for. It does not depend on how many there are, for the file
/// does not.
const THREADS: u64 = 16;

/// Least rows of a segment that is built because memory holds no more: segments of fewer would be
/// scanned, one after another.
pub(super) const LEAST_ROWS: u64 = FLAT_ROWS;

/// What a row of a segment that was put aside takes until the end: its key, by which keys that are
/// given twice are found.
pub(super) const BYTES_PUT_ASIDE: u64 = size_of::<u128>() as u64;

/// What a key takes, with 64-bit addresses: a file does not depend on the platform either.
const KEY: u64 = 24;

impl IndexOptions {
    /// How many bytes of memory it takes to build an index of `rows` rows: vectors as they are
    /// stored, keys, codes, graph and lists, and what links, orders and writes them. The program
    /// itself comes on top, and keys and values of columns that are text, bytes or JSON: twice
    /// their bytes.
    ///
    /// It is what [`IndexBuilder::write_to`](crate::IndexBuilder::write_to) takes, for up to 16
    /// threads or [`threads`](Self::threads), whichever are more;
    /// [`finish`](crate::IndexBuilder::finish) has the file in memory too. `memory` plays no part.
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

    /// The same for a segment of a file whatever the number of threads.
    pub(super) fn segment_needed(&self, rows: u64) -> u64 {
        self.needed(rows, THREADS)
    }

    fn needed(&self, rows: u64, threads: u64) -> u64 {
        let structured = self.hnsw.is_some() || self.ivf.is_some();
        // Vectors, keys and columns; columns are laid out anew for the file.
        let columns = self.columns.iter().map(|column| match column.column_type {
            ColumnType::Bool => 3,
            ColumnType::Int64 | ColumnType::Float64 | ColumnType::Timestamp => 17,
            ColumnType::Uuid => 33,
            ColumnType::Text | ColumnType::Bytes | ColumnType::Json => 37,
        });
        // Options that no index can have are not worth an error here.
        let dimensions = self.dimensions.min(MAX_DIMENSIONS);
        let mut row = Shape { dimensions, ..self.shape() }.stride() as u64 + KEY;
        row += columns.sum::<u64>();
        // Keys for the file, and their order; the order of rows there, and of theirs here.
        row += 40;
        let coded = self.codes_or_default() != Codes::None || self.hnsw.is_some();
        if coded && self.metric.takes_codes() {
            // Of 8 bits for the graph, or where 4 do not tell the rows apart; never both. Beside each code
            // its factor, and two terms by which ranks of rows are corrected.
            row += Width::Eight.stride(dimensions) as u64 + 12;
        }
        if self.codes == Some(Codes::Sq8Only) {
            // How far codes are off, as it is measured and as it is stored.
            row += 10;
        }
        if let Some(hnsw) = self.hnsw {
            let m = u64::from(hnsw.m).max(2);
            // Places for neighbours and their count, and the layers above, of a row in m.
            let above = (4 * m + 13).div_ceil(m - 1);
            // Then numbers of rows and nodes in turn, trees and components, and the edges as stored.
            let most = (2 * m).min(u32::MAX.into()) as u32;
            let record = record_size(u32::try_from(rows).unwrap_or(u32::MAX), most) as u64;
            row += (8 * m + 1) + above + record + 24;
        }
        // Sums of the rows of each list in f64, centroids before and after a step.
        let mut lists = 0;
        if let Some(ivf) = self.ivf {
            row += 16;
            lists = u64::from(ivf.lists_for(u32::try_from(rows).unwrap_or(u32::MAX)));
        }
        if self.ranges {
            // Two lists, their numbers and records, and those as they are written.
            let record = ranges::row_bytes(dimensions);
            row += 24 + 2 * record;
            lists += u64::from(ranges::sizes(u32::try_from(rows).unwrap_or(u32::MAX), 0).0);
        }
        let centroids = (lists * 16).saturating_mul(dimensions as u64);
        if structured {
            // Which rows a thread has met.
            row += threads.saturating_mul(3).div_ceil(16);
        }
        rows.saturating_mul(row).saturating_add(centroids)
    }

    /// Whether the limit is enough for a segment at all.
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
