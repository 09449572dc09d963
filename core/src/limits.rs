//! Limits and defaults, all in one place.

/// Most dimensions of a vector; the integer sums of codes hold this many.
pub const MAX_DIMENSIONS: usize = 65_535;

/// Most rows of one segment: candidates keep two flags beside a row number.
pub const MAX_ROWS: u32 = (1 << 30) - 2;

/// Most attribute columns of an index, as many as Postgres allows a table.
pub const MAX_COLUMNS: usize = 1600;

/// Most threads of a build: more are a mistake, and would only compete for the cores.
pub const MAX_THREADS: usize = 1024;

/// How deep filters may be nested: evaluation is recursive.
pub const MAX_FILTER_DEPTH: usize = 64;

/// Greatest `k` and `ef_search`, and the greatest setting of a calibration.
pub const MAX_EFFORT: usize = 1 << 24;

/// Seed of all random choices of a build where no other is given.
pub const DEFAULT_SEED: u64 = 42;

/// HNSW: fewest neighbours of a row in the upper layers.
pub const MIN_M: u32 = 2;

/// HNSW: most neighbours of a row in the upper layers.
pub const MAX_M: u32 = 100;

/// HNSW: neighbours of a row in the upper layers where no other number is given.
pub const DEFAULT_M: u32 = 16;

/// HNSW: most candidates that are weighed for a new row's neighbours; the fewest are `m`.
pub const MAX_EF_CONSTRUCTION: u32 = 4096;

/// HNSW: candidates that are weighed for a new row's neighbours where no other number is given.
pub const DEFAULT_EF_CONSTRUCTION: u32 = 128;

/// HNSW: capacity of a search's pool of candidates where no other is given.
pub const DEFAULT_EF_SEARCH: usize = 40;

/// Codes: the number of dimensions from which they have 4 bits by default. With 384 and 784 dimensions 4 bits
/// steer as well as 8 and faster; with 128 they find less at the same effort.
pub const FOUR_BIT_DIMENSIONS: usize = 256;

/// IVF: most lists of an inverted file.
pub const MAX_LISTS: u32 = 1 << 20;

/// IVF: lists that a search probes where no other number is given.
pub const DEFAULT_PROBES: usize = 16;

/// Up to this many rows a scan takes less than about a tenth of a millisecond, and is exact: no structure is
/// worth building.
pub const FLAT_ROWS: u64 = 2_000;

/// Bytes a row takes besides the builder's memory while [`merge_into`](crate::merge_into) sorts rows: its key,
/// with 64-bit addresses, and its place.
pub const MERGE_ROW_BYTES: u64 = 40;

/// A segment beside others that has fewer rows gets no structure: a scan is as fast.
pub(crate) const STRUCTURED_ROWS: u32 = 1000;
