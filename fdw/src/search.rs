//! Searching index files in a backend: `listing` finds the files, `shards` opens them and `ranges` reads
//! them in place by ranges; `iterative` finds the nearest rows, which `reorder` puts in the order of
//! Postgres's own distances; `rounding` bounds the difference between these and ours.

pub mod backend;
pub mod iterative;
pub mod lengths;
pub mod listing;
pub mod ranges;
pub mod recall;
pub mod recent;
pub mod reorder;
pub mod rounding;
pub mod rows;
pub mod shards;
pub mod stats;
