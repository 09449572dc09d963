//! Scalar codes: a value is `centre[dimension] + scale · code`, code from −127 to 127 (SQ8) or from −8
//! to 7 (SQ4).
//!
//! # What for
//!
//! A walk reads rows at random and waits for their bytes. The code of a value takes one byte or half a byte,
//! the value two or four: so a search walks by codes, whose ranks are nearly right, and reranks the best
//! candidates by the stored vectors. Products of codes are sums of integers, the same on every platform in any
//! order, and processors have instructions for them.
//!
//! # One scale for all dimensions
//!
//! If each dimension had its own scale, every product of two codes would have to be multiplied by two scales
//! before the sum. With one scale the whole sum is an integer, multiplied once. Rows are centred first, so that
//! a common offset costs no bits. Of two centres and a few scales, `Quantizer::train` takes those with the
//! least squared error on a sample: a smaller scale clips outliers and is finer for all others.
//!
//! # Ranks
//!
//! For a query `q` and a row `x` = centre + scale · c, with the query coded too, as step · d:
//!
//! ```text
//! L2       |q − x|² = |q − centre|² + |scale · c|² − 2 · scale · step · (c · d)     d codes q − centre
//! cosine   1 − (q · centre + scale · step · (c · d)) / |x|                         d codes q / |q|
//! product  −(q · centre + scale · step · (c · d))                                  d codes q
//! ```
//!
//! The first term is one number a query; the second, or 1 / |x|, is the row's *factor*, an f32. It follows the
//! row's codes where their stride has room for it; otherwise all factors lie apart, so that rows of common
//! dimensions fill cache lines: 384 bytes take six lines, 400 would take seven. The query is always coded in 8
//! bits, because its error affects every row.
//!
//! # The layout of 4-bit codes
//!
//! 8 is added to each code. Byte `i` of a row's `n` bytes has the code of dimension `i` in its low bits and
//! that of dimension `n + i` in its high bits: at any register width, one load of codes goes with two loads of
//! the query, one from each half. The added 8 contributes 8 times the sum of the query's codes to a product,
//! which is subtracted once.

#[cfg(feature = "std")]
mod bounds;
mod errors;
mod pairs;
#[cfg(feature = "std")]
mod row_codes;
#[cfg(test)]
mod tests;
mod view;
mod width;

use crate::error::Result;
use crate::magnitude::{inverse_length, overflows, squared_length};
use crate::metric::Metric;
use crate::vectors::VectorsView;
use alloc::vec;
use alloc::vec::Vec;
pub(crate) use errors::{decode_error, encode_error, measure_error};
pub(crate) use pairs::CodePairs;
#[cfg(feature = "std")]
pub(crate) use row_codes::RowCodes;
pub(crate) use view::{CodeMeaning, CodedQuery, CodesView};
pub(crate) use width::Width;

/// What codes mean.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Quantizer {
    pub width: Width,
    pub centre: Vec<f32>,
    pub scale: f32,
}

/// How many rows the centre and the scale are computed from.
const TRAINING_ROWS: u32 = 2048;

/// Reads row `row` for coding: under cosine scaled to unit length.
pub(crate) fn coded_values(vectors: &VectorsView<'_>, row: u32, out: &mut [f32]) -> Result<()> {
    vectors.get(row, out)?;
    if vectors.metric() == Metric::Cosine {
        let inverse = inverse_length(out);
        out.iter_mut().for_each(|value| *value *= inverse);
    }
    Ok(())
}

/// The nearest integer, ties to even, for |x| ≤ 127: the sum has no fraction bits, and its low bits are the
/// integer.
#[inline]
pub(crate) fn nearest(x: f32) -> i8 {
    const SHIFT: f32 = 12_582_912.0; // 1.5 · 2²³
    (x + SHIFT).to_bits() as i8
}

impl Quantizer {
    /// Learns centre and scale from rows spread evenly over `vectors`: of two centres (mean,
    /// middle of the range) and a few scales (outliers may be clipped), those with the least
    /// squared error.
    pub fn train(width: Width, vectors: &VectorsView<'_>, rows: u32) -> Result<Self> {
        let dimensions = vectors.dimensions();
        let count = rows.min(TRAINING_ROWS);
        let mut sample = vec![0.0; count as usize * dimensions];
        for (i, values) in sample.chunks_exact_mut(dimensions).enumerate() {
            let row = (i as u64 * u64::from(rows) / u64::from(count)) as u32;
            coded_values(vectors, row, values)?;
        }
        let mut mean = vec![0.0_f64; dimensions];
        let mut low = vec![f32::INFINITY; dimensions];
        let mut high = vec![f32::NEG_INFINITY; dimensions];
        for values in sample.chunks_exact(dimensions) {
            for (d, &value) in values.iter().enumerate() {
                mean[d] += f64::from(value);
                low[d] = low[d].min(value);
                high[d] = high[d].max(value);
            }
        }
        let mean = mean.iter().map(|sum| (sum / f64::from(count.max(1))) as f32).collect();
        let middle = low.iter().zip(&high).map(|(low, high)| low * 0.5 + high * 0.5).collect();

        let mut best = Self::default();
        let mut least = f64::INFINITY;
        // The mean of rows that are all short enough is short enough; the middle of the range may not be.
        let middle =
            Some(middle).filter(|middle: &Vec<f32>| !overflows(squared_length(middle) / 2.0));
        for centre in [Some(mean), middle].into_iter().flatten() {
            let centre: Vec<f32> = centre;
            let widest = sample.chunks_exact(dimensions).fold(0.0_f32, |widest, values| {
                values.iter().zip(&centre).fold(widest, |w, (v, c)| w.max((v - c).abs()))
            });
            for part in [1.0, 0.85, 0.7, 0.55, 0.4, 0.3] {
                let scale = widest * part / width.greatest();
                // A scale of zero (all rows equal) codes every row as the centre.
                let scale = if scale.is_normal() { scale } else { f32::MIN_POSITIVE };
                let candidate = Self { width, centre: centre.clone(), scale };
                let error = candidate.squared_error(&sample, least);
                if error < least {
                    (best, least) = (candidate, error);
                }
            }
        }
        if best.centre.is_empty() {
            best = Self::zero(width, dimensions);
        }
        Ok(best)
    }

    /// A quantizer for no rows.
    pub fn zero(width: Width, dimensions: usize) -> Self {
        Self { width, centre: vec![0.0; dimensions], scale: 1.0 }
    }

    #[inline]
    fn code(&self, value: f32, centre: f32, inverse_scale: f32) -> i8 {
        nearest(self.width.clamp((value - centre) * inverse_scale))
    }

    /// The squared error of a sample's codes; stops at a number that is at least `least` if the error is not
    /// below it.
    fn squared_error(&self, sample: &[f32], least: f64) -> f64 {
        let inverse = 1.0 / self.scale;
        let mut total = 0.0;
        for values in sample.chunks_exact(self.centre.len()) {
            let mut row = 0.0_f32;
            for (&value, &centre) in values.iter().zip(&self.centre) {
                let decoded = centre + self.scale * f32::from(self.code(value, centre, inverse));
                row += (value - decoded) * (value - decoded);
            }
            total += f64::from(row);
            if total >= least {
                break;
            }
        }
        total
    }

    /// Writes the codes of row `row` to `codes`, which are zero, followed by its factor if there is room, and
    /// returns the factor. `values` is scratch of one value a dimension.
    pub fn encode(
        &self,
        vectors: &VectorsView<'_>,
        row: u32,
        values: &mut [f32],
        codes: &mut [u8],
    ) -> Result<f32> {
        coded_values(vectors, row, values)?;
        let inverse = 1.0 / self.scale;
        let mut squares = 0_i64;
        let bytes = self.width.bytes(values.len());
        let halves = values.chunks_mut(bytes).zip(self.centre.chunks(bytes));
        for ((values, centre), shift) in halves.zip([0, 4]) {
            for ((value, &centre), out) in values.iter_mut().zip(centre).zip(&mut *codes) {
                let code = self.code(*value, centre, inverse);
                *value = centre + self.scale * f32::from(code);
                *out |= ((code + self.width.added()) as u8) << shift;
                squares += i64::from(code) * i64::from(code);
            }
        }
        let factor = match vectors.metric() {
            Metric::L2 => self.scale * self.scale * squares as f32,
            Metric::Cosine => {
                let inverse = inverse_length(values);
                if inverse.is_finite() { inverse } else { 0.0 }
            }
            Metric::InnerProduct | Metric::L1 => 0.0,
        };
        if let Some(place) = codes[bytes..].first_chunk_mut() {
            *place = factor.to_le_bytes();
        }
        Ok(factor)
    }
}
