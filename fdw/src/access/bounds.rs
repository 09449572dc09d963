//! How far Postgres finds a row at least, by what a search knows of it.
//!
//! Of a row whose vector is in the table alone the search knows what its codes stand for, and how far off the
//! vector is. By all of that, in the direction of the query, it is off in the worst case; in others, of `n`
//! dimensions, as the error points anywhere, by a share of one by the root of `n`. An exact search counts on the
//! worst case, any other on four times that share, which one row in thirty thousand exceeds: it may come late.
//! Of 384 dimensions, that is a fifth, and eleven rows of the table are read where thirty would be.

use crate::search::rounding::Rounding;
use hither_core::Metric;

/// By how many standard deviations distances by codes may be off.
const DEVIATIONS: f64 = 4.0;

/// How much of an error is in the direction of the query, at most.
pub fn share(dimensions: usize, is_exact: bool) -> f64 {
    match is_exact {
        true => 1.0,
        false => (DEVIATIONS / (dimensions as f64).sqrt()).min(1.0),
    }
}

/// How far Postgres finds rows at least.
pub struct Bounds {
    pub metric: Metric,
    pub rounding: Option<Rounding>,
    /// The length of the query.
    pub length: f64,
    /// How far vectors are off that only codes are stored of, nearly all of them.
    pub usual_error: f64,
    /// How much of an error is in the direction of the query, at most.
    pub share: f64,
}

impl Bounds {
    /// Of a row at this distance, whose vector is off by at most `error`.
    pub fn least(&self, distance: f32, error: f64) -> f64 {
        let Some(rounding) = self.rounding else { return f64::NEG_INFINITY };
        if error == 0.0 {
            return rounding.least(distance);
        }
        // Room for what our own sum is off by, which may be of a longer vector.
        let error = error * self.share * 1.01;
        match self.metric {
            Metric::Cosine => {
                // Between vectors of length 1 it is half of the square of the L2 distance.
                let apart = (2.0 * f64::from(distance)).max(0.0).sqrt() - error;
                rounding.least((apart.max(0.0).powi(2) / 2.0) as f32)
            }
            Metric::InnerProduct => rounding.least(distance) - error * self.length,
            _ => rounding.least(distance) - error,
        }
    }
}
