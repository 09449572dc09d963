//! Lower bounds of Postgres's distances, from what a search knows about a row.
//!
//! Of a row whose vector is only in the table, the search knows the vector that its codes decode to and how
//! far the true vector is from that. In the worst case the whole of this error points in the direction of
//! the query. Otherwise, in `n` dimensions, its share in that direction is about one over the root of `n`,
//! as the error may point anywhere. An exact search assumes the worst case, any other four times that
//! share, which one row in thirty thousand exceeds: such a row may come late. With 384 dimensions the share
//! is a fifth, and eleven rows of the table are read where it would be thirty.

use crate::search::rounding::Rounding;
use hither_core::Metric;

/// How many standard deviations distances by codes may be off.
const DEVIATIONS: f64 = 4.0;

/// The greatest share of an error that may point in the direction of the query.
pub fn share(dimensions: usize, is_exact: bool) -> f64 {
    match is_exact {
        true => 1.0,
        false => (DEVIATIONS / (dimensions as f64).sqrt()).min(1.0),
    }
}

/// What lower bounds of Postgres's distances are computed from.
pub struct Bounds {
    pub metric: Metric,
    pub rounding: Option<Rounding>,
    /// The length of the query.
    pub length: f64,
    /// An upper bound on the error of nearly all vectors of which only codes are stored.
    pub usual_error: f64,
    /// The greatest share of an error that may point in the direction of the query.
    pub share: f64,
}

impl Bounds {
    /// The bound for a row at this distance whose vector is off by at most `error`.
    pub fn least(&self, distance: f32, error: f64) -> f64 {
        let Some(rounding) = self.rounding else { return f64::NEG_INFINITY };
        if error == 0.0 {
            return rounding.least(distance);
        }
        // Leaves room for the rounding error of our own sum, which may be of a longer vector.
        let error = error * self.share * 1.01;
        match self.metric {
            Metric::Cosine => {
                // Between vectors of length 1 the distance is half of the squared L2 distance.
                let apart = (2.0 * f64::from(distance)).max(0.0).sqrt() - error;
                rounding.least((apart.max(0.0).powi(2) / 2.0) as f32)
            }
            Metric::InnerProduct => rounding.least(distance) - error * self.length,
            _ => rounding.least(distance) - error,
        }
    }
}
