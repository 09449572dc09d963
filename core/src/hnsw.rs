//! Hierarchical navigable small world graphs (Malkov, Yashunin: Efficient and robust approximate
//! nearest neighbor search using HNSW graphs, arXiv 1603.09320).
//!
//! | paper | here |
//! |---|---|
//! | M | `m` |
//! | Mmax0 | `2 * m`, the most neighbours in the base layer |
//! | efConstruction | `ef_construction` |
//! | ef | `ef_search`, the capacity of the pool |
//! | W, C | one sorted `Pool` |

pub(crate) mod base;
pub(crate) mod build;
mod components;
mod connect;
pub(crate) mod encode;
pub(crate) mod groups;
mod layer;
pub(crate) mod ranks;
mod reach;
mod refine;
pub(crate) mod search;
mod select;
mod shortcuts;
mod view;

pub(crate) use view::{GraphSize, HnswView};

use crate::error::{ErrorKind, Result};
use crate::limits::{DEFAULT_EF_CONSTRUCTION, DEFAULT_M, MAX_EF_CONSTRUCTION, MAX_M, MIN_M};
use alloc::format;

/// Parameters of an HNSW graph.
///
/// ```
/// use hither::{HnswParams, IndexOptions, Metric};
///
/// let hnsw = Some(HnswParams { m: 32, ef_construction: 200 });
/// let options = IndexOptions { hnsw, ..IndexOptions::new(384, Metric::L2) };
/// # assert!(hither::IndexBuilder::new(options).is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HnswParams {
    /// Most neighbours of a row in the upper layers, and half as many as in the base layer: 2 to
    /// 100. More give better recall for more bytes and time. Default 16.
    pub m: u32,
    /// How many candidates are considered as neighbours of a new row: from `m` to 4096. Default 128.
    pub ef_construction: u32,
}

impl Default for HnswParams {
    fn default() -> Self {
        Self { m: DEFAULT_M, ef_construction: DEFAULT_EF_CONSTRUCTION }
    }
}

impl HnswParams {
    pub(crate) fn check(self) -> Result<()> {
        if !(MIN_M..=MAX_M).contains(&self.m) {
            let reason = format!("{} is not within {MIN_M} and {MAX_M}", self.m);
            return Err(ErrorKind::InvalidParameter { name: "m", reason }.into());
        }
        if self.ef_construction < self.m || self.ef_construction > MAX_EF_CONSTRUCTION {
            let reason =
                format!("{} is not within m and {MAX_EF_CONSTRUCTION}", self.ef_construction);
            return Err(ErrorKind::InvalidParameter { name: "ef_construction", reason }.into());
        }
        Ok(())
    }
}
