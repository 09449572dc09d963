//! Bounds of the difference between our distances and Postgres's: both are summed in single precision, each
//! in its own order.
//!
//! Whatever the order, a sum of `n` rounded terms is off by at most about `n` rounding errors of the sum of
//! the terms' magnitudes. Under L2 and L1 all terms have the same sign, so the error is a share of the
//! distance; under cosine and inner product it is a share of the product of the lengths.

use crate::search::lengths::{Lengths, length, lengths};
use crate::search::ranges::RangeFiles;
use crate::search::shards::Shard;
use crate::sql::failure::Result;
use crate::sql::vector::VectorType;
use hither_core::{Codes, Element, IndexOptions, Metric};

/// Lengths whose squares, summed in single precision, neither overflow nor lose digits.
const MODERATE: std::ops::RangeInclusive<f64> = 1e-15..=1e15;

/// Bounds Postgres's distance by ours, and vice versa.
#[derive(Clone, Copy, Debug)]
pub struct Rounding {
    /// The error relative to the distance.
    relative: f64,
    /// The absolute error, which adds to that.
    absolute: f64,
    /// If sums overflow, ours or Postgres's, the distance is at least this.
    greatest: f64,
}

impl Rounding {
    /// For cases where only our own distances count.
    pub const NONE: Self = Self { relative: 0.0, absolute: 0.0, greatest: f64::INFINITY };

    /// The bounds for distances from this query. `None` if they are unknown: because the column rounds the
    /// vectors that our distances are of, or because the lengths are such that sums may over- or underflow.
    /// The bounds may depend on the lengths of the rows; `measure` allows a pass over all rows to compute
    /// these, once per file.
    pub fn new(
        shards: &[Shard],
        column: VectorType,
        metric: Metric,
        query: &[f32],
        measure: bool,
    ) -> Result<Option<Self>> {
        let is_half = |shard: &Shard| is_half(shard.file.index().options());
        if column == VectorType::Halfvec && !shards.iter().all(is_half) {
            return Ok(None);
        }
        Self::of_lengths(metric, query, || {
            let mut all = Lengths::NONE;
            for shard in shards {
                let Some(own) = lengths_of(shard, metric, measure)? else { return Ok(None) };
                all = all.and(own);
            }
            Ok(Some(all))
        })
    }

    /// The bounds for files that are read by ranges, for which lengths are never computed.
    pub fn of_ranges(
        files: &RangeFiles,
        column: VectorType,
        metric: Metric,
        query: &[f32],
    ) -> Result<Option<Self>> {
        let files = &files.files;
        if column == VectorType::Halfvec && !files.iter().all(|file| is_half(&file.options)) {
            return Ok(None);
        }
        let lengths = files.iter().map(|file| {
            if file.rows == 0 {
                return Some(Lengths::NONE);
            }
            known_lengths(&file.options, file.is_unit_length, metric)
        });
        let lengths: Option<Vec<Lengths>> = lengths.collect();
        Self::of_lengths(metric, query, || {
            Ok(lengths.map(|lengths| lengths.into_iter().fold(Lengths::NONE, Lengths::and)))
        })
    }

    /// The bounds for rows whose lengths are within the given bounds, which are only asked for if the
    /// metric needs them.
    pub fn of_lengths(
        metric: Metric,
        query: &[f32],
        lengths: impl FnOnce() -> Result<Option<Lengths>>,
    ) -> Result<Option<Self>> {
        // Twice the worst case of a sum of this many rounded terms.
        let share = (query.len() as f64 + 16.0) * f64::from(f32::EPSILON);
        let (relative, absolute, greatest) = match metric {
            // 1e-15 covers underflow: the root of what squares lose is far less.
            Metric::L2 => (share, 1e-15, f64::from(f32::MAX).sqrt()),
            Metric::L1 => (share, 1e-15, f64::from(f32::MAX)),
            Metric::Cosine | Metric::InnerProduct => {
                let length = length(query);
                let Some(all) = lengths()? else { return Ok(None) };
                if metric == Metric::Cosine {
                    let moderate = [length, all.least, all.greatest];
                    if !moderate.iter().all(|length| MODERATE.contains(length)) {
                        return Ok(None);
                    }
                    (0.0, 2.0 * share, f64::INFINITY)
                } else {
                    let product = length * all.greatest;
                    if product.is_nan() || product > *MODERATE.end() {
                        return Ok(None);
                    }
                    // 1e-30 covers underflow: what products lose is far less.
                    (0.0, 2.0 * share * product + 1e-30, f64::INFINITY)
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(Self { relative, absolute, greatest }))
    }

    /// The least value that Postgres's distance may have where ours is `ours`.
    pub fn least(&self, ours: f32) -> f64 {
        if ours.is_nan() {
            return f64::NEG_INFINITY;
        }
        let ours = f64::from(ours).min(self.greatest);
        ours - ours.abs() * self.relative - self.absolute
    }

    /// The greatest value that our distance may have where Postgres's is at most `theirs`, which is not
    /// NaN.
    pub fn most(&self, theirs: f64) -> f32 {
        let ours = theirs + theirs.abs() * 2.0 * self.relative + self.absolute;
        if ours < self.greatest { (ours as f32).next_up() } else { f32::INFINITY }
    }
}

/// Whether our distances in such a file are of half-precision values.
pub fn is_half(options: &IndexOptions) -> bool {
    options.element == Element::F16 && options.codes != Some(Codes::Sq8Only)
}

/// Bounds of the lengths of a file's rows, as far as the metric needs them.
fn lengths_of(shard: &Shard, metric: Metric, measure: bool) -> Result<Option<Lengths>> {
    let index = shard.file.index();
    if index.is_empty() {
        return Ok(Some(Lengths::NONE));
    }
    match known_lengths(index.options(), index.is_unit_length(), metric) {
        None if measure => lengths(shard).map(Some),
        known => Ok(known),
    }
}

/// The bounds that are known without a pass over the rows.
fn known_lengths(options: &IndexOptions, is_unit_length: bool, metric: Metric) -> Option<Lengths> {
    if is_unit_length {
        return Some(Lengths { least: 0.5, greatest: 2.0 });
    }
    // The smallest value above zero, and 65,535 of the greatest. A row of zeros has no direction for either
    // side.
    let is_bounded = metric == Metric::Cosine && is_half(options);
    is_bounded.then_some(Lengths { least: 5e-8, greatest: 2e7 })
}
