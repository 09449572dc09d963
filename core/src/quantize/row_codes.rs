//! Codes of rows that come one at a time: each row has a scale of its own, for which its greatest value has the
//! greatest code.
//!
//! They need no training on other rows, and the error of each row's codes is known. So they bound ranks
//! ([`RowCodes::rank_bounds`]), and the vectors, which are there, are measured.

use super::bounds::{around, rounding};
use super::{CodeMeaning, CodedQuery, CodesView, Width, nearest};
use crate::distance::{Records, sqrt};
use crate::error::{ErrorKind, Result};
use crate::magnitude::{greatest, is_ordinary, squared_length};
use crate::metric::Metric;
use crate::vectors::{Factors, Query, VectorsView};
use alloc::vec;
use alloc::vec::Vec;

/// What is known of a row besides its codes.
#[derive(Clone, Copy, Debug)]
struct RowScale {
    scale: f32,
    /// The length of the row, and the greatest length of the error of its codes.
    length: f32,
    error: f32,
}

/// 8-bit codes and their scales.
#[derive(Clone, Debug)]
pub(crate) struct RowCodes {
    codes: Vec<u8>,
    rows: Vec<RowScale>,
    /// Zeros: rows are not centred.
    centre: Vec<f32>,
    values: Vec<f32>,
}

impl RowCodes {
    /// Codes of no rows yet, for vectors of this many dimensions.
    pub fn new(dimensions: usize) -> Self {
        let centre = vec![0.0; dimensions];
        Self { codes: Vec::new(), rows: Vec::new(), values: centre.clone(), centre }
    }

    /// Appends the codes of row `row` of `vectors`, which must be the next row.
    pub fn push(&mut self, vectors: &VectorsView<'_>, row: u32) -> Result<()> {
        let Self { codes, rows, values, .. } = self;
        let stride = Width::Eight.stride(values.len());
        let bytes = (codes.len() + stride) as u64;
        codes.try_reserve(stride).map_err(|_| ErrorKind::OutOfMemory { bytes })?;
        vectors.get(row, values)?;
        let square = squared_length(values);
        let scale = greatest(values) / Width::Eight.greatest();
        let first = codes.len();
        codes.resize(first + stride, 0);
        let (mut length, mut error) = (f32::INFINITY, f32::INFINITY);
        if is_ordinary(square) && scale.is_normal() {
            let inverse = 1.0 / scale;
            for (value, code) in values.iter_mut().zip(&mut codes[first..]) {
                let nearest = nearest(Width::Eight.clamp(*value * inverse));
                *code = nearest as u8;
                *value -= scale * f32::from(nearest);
            }
            let rounded = 1.0 + rounding(values.len());
            length = sqrt(square) * rounded;
            error = sqrt(squared_length(values)) * rounded + length * f32::EPSILON;
        }
        rows.push(RowScale { scale, length, error });
        Ok(())
    }

    /// The codes, with a scale of 1.
    fn view(&self) -> CodesView<'_> {
        let meaning = CodeMeaning { width: Width::Eight, centre: &self.centre, scale: 1.0 };
        let stride = Width::Eight.stride(self.centre.len());
        CodesView {
            records: Records { bytes: &self.codes, stride },
            meaning,
            factors: Factors { bytes: &[], stride: 0 },
            metric: Metric::InnerProduct,
        }
    }

    /// Codes a query for these rows.
    pub fn steer(&self, query: &Query, coded: &mut CodedQuery) {
        coded.set(query, &self.view());
    }

    /// The lower and upper bound of the rank by `metric` of each listed row; false if values are too small or
    /// too large for bounds. `coded` was set by [`steer`](Self::steer); `ranks` is scratch.
    pub fn rank_bounds(
        &self,
        metric: Metric,
        query: &Query,
        coded: &mut CodedQuery,
        list: &[u32],
        (ranks, out): (&mut Vec<f32>, &mut Vec<(f32, f32)>),
    ) -> Result<bool> {
        let square = squared_length(&query.values);
        if !is_ordinary(square) || !metric.takes_codes() {
            return Ok(false);
        }
        ranks.resize(list.len(), 0.0);
        self.view().ranks(coded, list, ranks)?;
        let dimensions = self.centre.len();
        let (off, rounding) = (coded.error(1.0, dimensions), rounding(dimensions));
        // The query that was coded may have been scaled to length 1.
        let (inverse, length) = (query.inverse_length, sqrt(square));
        let coded_length = length * inverse;
        out.clear();
        for (&row, &rank) in list.iter().zip(&*ranks) {
            let known = self.rows.get(row as usize);
            let Some(RowScale { scale, length: own, error }) = known.copied() else {
                out.push((f32::NEG_INFINITY, f32::INFINITY));
                continue;
            };
            let product = -rank * scale;
            let apart = off * (own + error) + coded_length * (error + rounding * own);
            out.push(match metric {
                Metric::Cosine => around(1.0 - product / own, apart / own + rounding),
                Metric::L2 => {
                    let (product, apart) = (product / inverse, apart / inverse);
                    let (sum, squares) = (length + own, square + own * own);
                    around(squares - 2.0 * product, 2.0 * apart + 4.0 * rounding * sum * sum)
                }
                _ => around(-product / inverse, apart / inverse),
            });
        }
        Ok(true)
    }
}
