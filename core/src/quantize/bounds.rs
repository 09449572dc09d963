//! Between which ranks a row lies for certain, by its codes.
//!
//! The codes of a query are off by half a step a value at most, so its product with what a row's codes stand for is
//! off by no more than the lengths of both errors allow; and so is the rank. That is the worst case, in 384
//! dimensions some twenty times what it mostly is. But who leaves out what is farther for certain, and measures the
//! rest, answers as if all had been measured: of 2,048 rows of words sixty are left.

use super::{CodedQuery, CodesView, Width};
use crate::distance::sqrt;
use crate::error::Result;
use crate::magnitude::{is_ordinary, squared_length};
use crate::metric::Metric;
use crate::vectors::Query;
use alloc::vec::Vec;

/// Of how much of its terms a sum over so many dimensions is off, at most: no kernel adds up more than a quarter
/// of them one after another.
pub(super) fn rounding(dimensions: usize) -> f32 {
    (dimensions as f32 / 4.0 + 64.0) * f32::EPSILON
}

/// What is no farther than `error` from `rank`: the least and the greatest.
pub(super) fn around(rank: f32, error: f32) -> (f32, f32) {
    let (least, greatest) = (rank - error, rank + error);
    match least <= greatest {
        true => (least, greatest),
        false => (f32::NEG_INFINITY, f32::INFINITY),
    }
}

impl CodedQuery {
    /// How long the error of its codes is at most, where those of rows have this scale.
    pub(super) fn error(&self, scale: f32, dimensions: usize) -> f32 {
        let factor = if self.metric == Some(Metric::L2) { 2.0 } else { 1.0 };
        // A half, and room for rounding.
        0.501 * self.slope / (factor * scale) * sqrt(dimensions as f32)
    }
}

impl CodesView<'_> {
    /// Between which two ranks each of the listed rows lies, if the vectors are what the codes stand for; false if
    /// values are too small or too large to say. `coded` was set for these codes; `ranks` is scratch.
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
        // Where the query is brought to another length, products are others.
        let is_same = self.metric == Metric::Cosine || query.inverse_length == 1.0;
        if self.meaning.width != Width::Eight || !is_measured || !is_same {
            return Ok(false);
        }
        ranks.resize(list.len(), 0.0);
        self.ranks(coded, list, ranks)?;
        let (off, rounding) = (coded.error(scale, dimensions), rounding(dimensions));
        let centre = sqrt(squared_length(self.meaning.centre));
        // By no more do codes lead away from the centre.
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
                // Of length 1 both.
                Metric::Cosine => (off + rounding) * (1.0 + centre * self.factors.get(row)?),
                _ => off * widest + rounding * length * (centre + widest),
            };
            out.push(around(rank, error));
        }
        Ok(true)
    }
}
