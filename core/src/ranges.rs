//! Lists for readers that fetch ranges of a file: each row in two lists, in codes of one bit, with
//! checks that fit what is read.
//!
//! # What for
//!
//! A walk through a graph wants a few bytes here and there, sixty times in turn: over a network each turn is
//! a round trip. An inverted file wants a few lists at once. So a file may have lists beside its graph, made
//! for reading from afar: a query reads the directory of the groups of lists that are near, then some twenty
//! lists, and then the vectors of the forty rows that seem nearest. That is four round trips and some 300 KB
//! of a file of 120 MB.
//!
//! # Each row in two lists
//!
//! A neighbour of a query that lies at the edge of its list is missed if only the list beside is read. So
//! each row is a *host* of the list whose centroid is nearest, and a *guest* of another, which is chosen
//! by SOAR (Sun and others: SOAR, Improved Indexing for Approximate Nearest Neighbor Search, 2023,
//! arXiv 2404.00774): it minimises |x − c'|² + λ · (the part of x − c' along x − c)², so that the second
//! list is near where the first fails. At equal recall a third of the lists is read. The rows of the segment
//! lie in the order of the lists they are hosts of, so that hosts need no numbers.
//!
//! # Codes of one bit
//!
//! Of a row's residual r = x − c, rotated at random, the signs s are kept, and two factors (after RaBitQ: Gao,
//! Long, SIGMOD 2024, arXiv 2405.12497). With r̂ = f · s, f = |r|² / |r|₁, the product of r and any
//! vector that has nothing to do with its signs is estimated without bias:
//!
//! ```text
//! L2       |q − x|² ≈ |q − c|² + b − 2f · ⟨q, s⟩     b = |r|² + 2⟨c, r̂⟩
//! cosine   half of that, of vectors of unit length
//! product  −⟨q, x⟩  ≈ −⟨q, c⟩ + b − f · ⟨q, s⟩       b = ⟨c, r̂⟩ − ⟨c, r⟩
//! ```
//!
//! The query is rotated and coded in 8 bits once, so that ⟨q, s⟩ is a sum of integers, the same everywhere:
//! the bits of each weight lie in a plane, and a plane takes an `and` and a count of ones for each 64
//! dimensions. c is the centroid as it is stored, in 4 bits a value.
//!
//! # Groups of lists
//!
//! Lists are made within groups: k-means into √(2 · lists) groups, and k-means of each group into its lists.
//! The *top* has the centroid of each group and is read with the start of the file; a group's record has the
//! centroids of its lists, and a list's record its rows. Whatever is read is checked by a hash that
//! stands where it is pointed to: a group's in the top, a list's in its group, and of each vector four bytes in
//! the records of its lists. So a reader fetches what it wants and no more, and still never takes one
//! version's bytes for another's.
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

/// How many rows a list has on average, guests aside. Of 116,659 rows, lists of half as many cost as
/// many bytes, for a directory that is twice as large.
pub(crate) const LIST_ROWS: u32 = 57;

/// How many lists there are for so many rows, `wanted` or, if that is 0, as many as are best; and how many
/// groups of these.
pub(crate) fn sizes(rows: u32, wanted: u32) -> (u32, u32) {
    let lists = match wanted {
        0 => rows.div_ceil(LIST_ROWS),
        wanted => wanted.min(rows),
    };
    let lists = lists.clamp(1, MAX_LISTS);
    let groups = sqrt(2.0 * lists as f32) as u32;
    (lists, if lists <= SMALL { 1 } else { groups })
}

/// Of how many rows, nearest as they are estimated, the vectors are read for the `k` nearest.
pub(crate) fn rows_measured(k: usize) -> usize {
    (4 * k).max(16)
}

/// So few lists are one group.
const SMALL: u32 = 32;

/// Most bytes that a row takes, in both of its lists together.
pub(crate) fn row_bytes(dimensions: usize) -> u64 {
    2 * (list::entry_len(dimensions) + 4) + 4
}

/// The metric by which lists are ranked: centroids have no lengths that would count under cosine, where
/// all vectors are taken at unit length.
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
