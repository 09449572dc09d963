//! Searching index files in a backend: which files there are (`listing`), those that are open
//! (`shards`) or read where they are (`ranges`), the nearest of their rows (`iterative`) in the order of Postgres's own distances
//! (`reorder`), which differ from ours by rounding (`rounding`).

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
