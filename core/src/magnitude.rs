//! Bounds on the size of values, within which f32 arithmetic neither overflows nor loses digits.
//!
//! A distance sums products of two vectors' values, which reach the squares of their lengths: so no vector may
//! be longer than about the square root of the greatest f32, and differences below the square root of the
//! least, about 1e-19, lose digits. Under cosine only directions count, and a vector of unusual length is
//! multiplied by a power of two, which changes no digit.

use crate::distance::{Measure, measure_pair, sqrt};
use core::ops::RangeInclusive;

/// Squared lengths, 2⁻¹⁰⁰ to 2¹⁰⁰, of vectors whose products lose no digits.
const ORDINARY: RangeInclusive<f32> =
    f32::from_bits((127 - 100) << 23)..=f32::from_bits((127 + 100) << 23);

/// The greatest squared length, 2¹²⁴, of vectors that are measured unscaled. Squared differences are up to four
/// times as large, and the sums by which codes are ranked up to eight times.
const GREATEST: f32 = f32::from_bits((127 + 124) << 23);

/// Σ x².
pub(crate) fn squared_length(values: &[f32]) -> f32 {
    measure_pair(Measure::Dot, values, values)
}

/// Whether a vector of this squared length is measured against others without loss.
pub(crate) fn is_ordinary(square: f32) -> bool {
    ORDINARY.contains(&square)
}

/// Whether distances from a vector of this squared length may overflow.
pub(crate) fn overflows(square: f32) -> bool {
    square > GREATEST
}

/// Whether distances between vectors of this squared length may underflow.
pub(crate) fn underflows(square: f32) -> bool {
    square < *ORDINARY.start()
}

/// The greatest absolute value.
pub(crate) fn greatest(values: &[f32]) -> f32 {
    values
        .iter()
        .fold(0.0, |greatest, value| if value.abs() > greatest { value.abs() } else { greatest })
}

/// The inverse of a vector's length; infinite only for the zero vector.
pub(crate) fn inverse_length(values: &[f32]) -> f32 {
    let square = squared_length(values);
    if is_ordinary(square) { 1.0 / sqrt(square) } else { unusual_inverse_length(values) }
}

#[cold]
#[inline(never)]
fn unusual_inverse_length(values: &[f32]) -> f32 {
    let square: f64 = values.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
    let inverse = 1.0 / libm::sqrt(square);
    if square > 0.0 && inverse > f64::from(f32::MAX) { f32::MAX } else { inverse as f32 }
}

/// Multiplies by the power of two that brings the greatest value to between 4 and 8, so that no scaled vector
/// has length 1. The zero vector stays.
#[cold]
#[inline(never)]
pub(crate) fn rescale(values: &mut [f32]) {
    let greatest = greatest(values);
    if greatest > 0.0 {
        // No f32 is subnormal as f64, so the exponent can be read from its bits.
        let exponent = f64::from(greatest).to_bits() >> 52;
        let factor = f64::from_bits((2 * 1023 + 2 - exponent) << 52);
        values.iter_mut().for_each(|value| *value = (f64::from(*value) * factor) as f32);
    }
}
