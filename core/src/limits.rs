//! Limits and defaults, all in one place.

/// Most dimensions of a vector; the integer sums of codes hold this many.
pub const MAX_DIMENSIONS: usize = 65_535;

/// Most rows of one segment: candidates keep two flags beside a row number.
pub const MAX_ROWS: u32 = (1 << 30) - 2;

/// Most attribute columns of an index, as many as Postgres allows a table.
pub const MAX_COLUMNS: usize = 1600;

/// Most threads of a build: more are a slip of the hand, and would only fight over the cores.
pub const MAX_THREADS: usize = 1024;

/// How deep filters may be nested: what evaluates them recurses.
pub const MAX_FILTER_DEPTH: usize = 64;

/// Greatest `k` and `ef_search`, and greatest setting that a calibration may tell of.
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

/// Codes: from how many dimensions on they have 4 bits where nothing else is asked for. Of 384 and 784
/// dimensions those steer as well as 8 bits do and faster; of 128 they find less at the same effort.
pub const FOUR_BIT_DIMENSIONS: usize = 256;

/// IVF: most lists of an inverted file.
pub const MAX_LISTS: u32 = 1 << 20;

/// IVF: lists that a search probes where no other number is given.
pub const DEFAULT_PROBES: usize = 16;

/// Up to so many rows a scan takes less than a tenth of a millisecond or so, and is exact: no
/// structure is worth building.
pub const FLAT_ROWS: u64 = 2_000;

/// What a row takes beside the builder's memory while [`merge_into`](crate::merge_into) puts rows in
/// order: its key, with 64-bit addresses, and where it lies.
pub const MERGE_ROW_BYTES: u64 = 40;

/// A segment beside others that has fewer rows gets no structure: a scan is as fast.
pub(crate) const STRUCTURED_ROWS: u32 = 1000;
