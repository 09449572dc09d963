//! Ranks between rows, by which a graph is built: of codes, or of stored vectors.

use super::search::EarlyStop;
use crate::error::Result;
use crate::quantize::CodePairs;
use crate::vectors::{Query, VectorsView};
use alloc::vec::Vec;

/// Ranks between rows, for building.
pub(crate) enum RowRanks<'a> {
    Codes(CodePairs<'a>),
    Vectors(VectorsView<'a>),
}

/// Scratch of [`RowRanks`].
#[derive(Default)]
pub(crate) struct RankScratch {
    products: Vec<i32>,
    query: Query,
    query_row: Option<u32>,
}

impl RowRanks<'_> {
    /// When a walk for the `k` nearest rows may stop early: where ranks are squares of distances.
    pub fn early_stop(&self, k: usize) -> Option<EarlyStop> {
        let metric = match self {
            Self::Codes(pairs) => pairs.metric(),
            Self::Vectors(vectors) => vectors.metric(),
        };
        EarlyStop::of(metric, 0.0, k)
    }

    /// Whether bringing near rows that are only likely to be ranked pays.
    pub fn looks_ahead(&self) -> bool {
        match self {
            Self::Codes(pairs) => pairs.looks_ahead(),
            Self::Vectors(vectors) => vectors.looks_ahead(),
        }
    }

    /// Ranks of the listed rows as seen from row `from`.
    pub fn ranks(
        &self,
        from: u32,
        list: &[u32],
        out: &mut [f32],
        scratch: &mut RankScratch,
    ) -> Result<()> {
        match self {
            Self::Codes(pairs) => pairs.ranks(from, list, out, &mut scratch.products),
            Self::Vectors(vectors) => {
                if scratch.query_row != Some(from) {
                    vectors.set_query(from, &mut scratch.query)?;
                    scratch.query_row = Some(from);
                }
                vectors.ranks(&scratch.query, list, out)
            }
        }
    }
}
