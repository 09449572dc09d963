//! Certain bounds of the rank of a row, by its codes.
//!
//! The codes of a query are off by at most half a step for each value, so its product with the decoded row is
//! off by no more than the lengths of both errors allow, and so is the rank. That is the worst case: in 384
//! dimensions it is some twenty times the usual error. But a search that leaves out the rows that are certainly
//! too far, and measures the rest, answers as if all had been measured: of 2,048 rows of words, sixty are left.

use super::{CodedQuery, CodesView, Width};
use crate::distance::sqrt;
use crate::error::Result;
use crate::magnitude::{is_ordinary, squared_length};
use crate::metric::Metric;
use crate::vectors::Query;
use alloc::vec::Vec;

/// The greatest rounding error of a sum over this many dimensions, as a share of the sum of its terms: no
/// kernel adds more than a quarter of them one after another.
pub(super) fn rounding(dimensions: usize) -> f32 {
    (dimensions as f32 / 4.0 + 64.0) * f32::EPSILON
}

/// The least and the greatest rank within `error` of `rank`.
pub(super) fn around(rank: f32, error: f32) -> (f32, f32) {
    let (least, greatest) = (rank - error, rank + error);
    match least <= greatest {
        true => (least, greatest),
        false => (f32::NEG_INFINITY, f32::INFINITY),
    }
}

impl CodedQuery {
    /// The greatest length of the error of its codes, for rows whose codes have this scale.
    pub(super) fn error(&self, scale: f32, dimensions: usize) -> f32 {
        let factor = if self.metric == Some(Metric::L2) { 2.0 } else { 1.0 };
        // A half of a step, and a margin for rounding.
        0.501 * self.slope / (factor * scale) * sqrt(dimensions as f32)
    }
}

impl CodesView<'_> {
    /// The lower and upper bound of the rank of each listed row, provided that the vectors are what the codes
    /// stand for; false if values are too small or too large for bounds. `coded` was set for these codes;
    /// `ranks` is scratch.
    pub fn rank_bounds(
        &self,
        query: &Query,
        coded: &mut CodedQuery,
        list: &[u32],
        ranks: &mut Vec<f32>,
        out: &mut Vec<(f32, f32)>,
    ) -> Result<bool> {
        let (dimensions, scale) = (self.meaning.centre.len(), self.meaning.scale);
        let is_measured = is_ordinary(squared_length(&query.values)) && is_ordinary(scale * scale);
        // If the query is scaled to another length, products are different.
        let is_same = self.metric == Metric::Cosine || query.inverse_length == 1.0;
        if self.meaning.width != Width::Eight || !is_measured || !is_same {
            return Ok(false);
        }
        ranks.resize(list.len(), 0.0);
        self.ranks(coded, list, ranks)?;
        let (off, rounding) = (coded.error(scale, dimensions), rounding(dimensions));
        let centre = sqrt(squared_length(self.meaning.centre));
        // The greatest distance of a decoded row from the centre.
        let widest = scale * self.meaning.width.greatest() * sqrt(dimensions as f32);
        let length = sqrt(squared_length(&query.values));
        out.clear();
        for (&row, &rank) in list.iter().zip(&*ranks) {
            let error = match self.metric {
                Metric::L2 => {
                    let square = self.factors.get(row)?;
                    let apart = sqrt(coded.base.abs()) + sqrt(square);
                    2.0 * (off * sqrt(square) + rounding * apart * (apart + centre))
                }
                // Both have length 1.
                Metric::Cosine => (off + rounding) * (1.0 + centre * self.factors.get(row)?),
                _ => off * widest + rounding * length * (centre + widest),
            };
            out.push(around(rank, error));
        }
        Ok(true)
    }
}
