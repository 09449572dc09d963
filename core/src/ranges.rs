//! Lists for readers that fetch ranges of a file: each row in two lists, as one-bit codes, with a hash for each
//! unit that is read.
//!
//! # What for
//!
//! A walk of a graph reads a few bytes here and there, in sixty steps one after the other: over a network each
//! step is a round trip. An inverted file reads a few lists at once. So a file may have lists besides its
//! graph, for remote readers: a query reads the directories of the nearest groups of lists, then about twenty
//! lists, and then the vectors of the forty rows that seem nearest. That is four round trips and about 300 KB
//! of a file of 120 MB.
//!
//! # Each row in two lists
//!
//! A row at the edge of its list is missed if a query reads only the adjacent list. So each row is a *host* of
//! the list whose centroid is nearest, and a *guest* of another, which is chosen by SOAR (Sun and others: SOAR,
//! Improved Indexing for Approximate Nearest Neighbor Search, 2023, arXiv 2404.00774): it minimises |x − c'|² +
//! λ · (the part of x − c' along x − c)², so that the second list is near where the first fails. At equal
//! recall, a third of the lists is read. The rows of the segment are sorted by the lists they are hosts of, so
//! that hosts need no row numbers.
//!
//! # Codes of one bit
//!
//! A row's code has the signs s of its residual r = x − c, rotated at random, and two factors (after RaBitQ:
//! Gao, Long, SIGMOD 2024, arXiv 2405.12497). With r̂ = f · s, f = |r|² / |r|₁, the product of r with any
//! vector that is independent of its signs is estimated without bias:
//!
//! ```text
//! L2       |q − x|² ≈ |q − c|² + b − 2f · ⟨q, s⟩     b = |r|² + 2⟨c, r̂⟩
//! cosine   half of that, of vectors of unit length
//! product  −⟨q, x⟩  ≈ −⟨q, c⟩ + b − f · ⟨q, s⟩       b = ⟨c, r̂⟩ − ⟨c, r⟩
//! ```
//!
//! The query is rotated and coded in 8 bits once, so that ⟨q, s⟩ is a sum of integers, the same everywhere:
//! the bits of equal weight form a plane, and a plane takes an `and` and a population count for each 64
//! dimensions. c is the stored centroid, in 4 bits a value.
//!
//! # Groups of lists
//!
//! Lists are made within groups: k-means into √(2 · lists) groups, and k-means of each group into its lists.
//! The *top* has the centroid of each group and is read with the start of the file; a group's record has the
//! centroids of its lists, and a list's record its rows. Every unit is checked by a hash stored with the
//! reference to it: a group's in the top, a list's in its group, and four bytes of each vector's hash in the
//! records of its lists. So a reader fetches exactly what it needs, and never takes the bytes of one version
//! for another's.
//!
//! FORMAT.md specifies the bytes.

pub(crate) mod calibrate;
pub(crate) mod cluster;
pub(crate) mod code;
pub(crate) mod encode;
pub(crate) mod list;
mod read;
pub(crate) mod search;
pub(crate) mod verify;
pub(crate) mod view;

use crate::limits::MAX_LISTS;
use crate::metric::{Metric, sqrt};
use xxhash_rust::xxh3::xxh3_64;

/// How many rows a list has on average, without guests. With 116,659 rows, lists of half this size take as many
/// bytes, because the directory is twice as large.
pub(crate) const LIST_ROWS: u32 = 57;

/// How many lists there are for this many rows (`wanted`, or if that is 0 the best number), and how many groups
/// of lists.
pub(crate) fn sizes(rows: u32, wanted: u32) -> (u32, u32) {
    let lists = match wanted {
        0 => rows.div_ceil(LIST_ROWS),
        wanted => wanted.min(rows),
    };
    let lists = lists.clamp(1, MAX_LISTS);
    let groups = sqrt(2.0 * lists as f32) as u32;
    (lists, if lists <= SMALL { 1 } else { groups })
}

/// For how many rows, the nearest by estimate, the vectors are read to find the `k` nearest.
pub(crate) fn rows_measured(k: usize) -> usize {
    (4 * k).max(16)
}

/// Up to this many lists form one group.
const SMALL: u32 = 32;

/// Most bytes that a row takes, in both of its lists together.
pub(crate) fn row_bytes(dimensions: usize) -> u64 {
    2 * (list::entry_len(dimensions) + 4) + 4
}

/// The metric by which lists are ranked: under cosine all vectors are taken at unit length, and the lengths of
/// centroids do not count.
pub(crate) fn list_metric(metric: Metric) -> Metric {
    match metric {
        Metric::InnerProduct => Metric::InnerProduct,
        _ => Metric::L2,
    }
}

/// The first four bytes of a vector's record's XXH3.
pub(crate) fn check_of(record: &[u8]) -> u32 {
    xxh3_64(record) as u32
}
