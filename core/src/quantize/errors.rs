//! The distance between the vectors that codes stand for and those that were added.
//!
//! Codes alone stand for vectors that are a little off, each row by its own distance. A reader that has the
//! vectors elsewhere, as a table of a database has them, then knows the least distance at which each row may
//! be, and measures only the rows that may be in the answer.

use super::coded_values;
use crate::distance::sqrt;
use crate::error::Result;
use crate::magnitude::inverse_length;
use crate::metric::Metric;
use crate::vectors::VectorsView;

/// The error of single precision, as a share of a vector's length, where values are scaled to unit length or
/// decoded.
const ROUNDING: f64 = 1e-6;

/// The distance of row `row` of `decoded` from the same row of `vectors`, or slightly more; under cosine with
/// both at unit length. `added` and `stored` are scratch of one value for each dimension.
pub(crate) fn measure_error(
    vectors: &VectorsView<'_>,
    decoded: &VectorsView<'_>,
    row: u32,
    added: &mut [f32],
    stored: &mut [f32],
) -> Result<f32> {
    coded_values(vectors, row, added)?;
    decoded.get(row, stored)?;
    let inverse = match vectors.metric() {
        Metric::Cosine => inverse_length(stored),
        _ => 1.0,
    };
    if !inverse.is_finite() {
        // A vector that decodes to zeros has no direction; two unit vectors are at most 2 apart.
        return Ok(2.0);
    }
    let (mut square, mut length) = (0.0_f64, 0.0_f64);
    for (&added, &stored) in added.iter().zip(&*stored) {
        let (added, stored) = (f64::from(added), f64::from(stored * inverse));
        square += (added - stored) * (added - stored);
        length += added * added;
    }
    // The codes stand for exactly these values, as codes of decoded values do.
    if square == 0.0 {
        return Ok(0.0);
    }
    Ok((root(square) + ROUNDING * root(length)) as f32 * (1.0 + f32::EPSILON))
}

/// A square root, rounded up.
fn root(square: f64) -> f64 {
    f64::from(sqrt((square as f32).next_up()).next_up())
}

/// Encodes an error, never as less than it is: the upper half of its bits, rounded up.
pub(crate) fn encode_error(error: f32) -> [u8; 2] {
    (((error.to_bits() + 0xffff) >> 16) as u16).to_le_bytes()
}

/// Decodes an error.
pub(crate) fn decode_error(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_stored_no_less_than_they_are() {
        for bits in (0..0x7f80_0000_u32).step_by(65_521) {
            let error = f32::from_bits(bits);
            let stored = decode_error(encode_error(error));
            assert!(stored >= error && (stored <= error * 1.008 || error < 1e-37), "{error:e}");
        }
        assert_eq!(decode_error(encode_error(f32::INFINITY)), f32::INFINITY);
        assert_eq!(decode_error(encode_error(f32::MAX)), f32::INFINITY);
        assert_eq!(decode_error(encode_error(0.0)), 0.0);
    }
}
