//! How far vectors that codes stand for may lie from those that were added.
//!
//! Codes alone stand for vectors that are off by a little, each row by its own length. With that length a
//! reader that has the vectors elsewhere, as a table of a database has them, knows of each row how near it
//! may be at least, and measures those alone that may be in the answer.

use super::coded_values;
use crate::distance::sqrt;
use crate::error::Result;
use crate::magnitude::inverse_length;
use crate::metric::Metric;
use crate::vectors::VectorsView;

/// What single precision may be off by, as a share of a vector's length, where values are brought to unit
/// length or decoded.
const ROUNDING: f64 = 1e-6;

/// How far row `row` of `decoded` lies from that of `vectors`, or rather more; under cosine both at unit length.
/// `added` and `stored` are scratch of one value a dimension.
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
        // What decodes to nothing has no direction; two others are at most 2 apart.
        return Ok(2.0);
    }
    let (mut square, mut length) = (0.0_f64, 0.0_f64);
    for (&added, &stored) in added.iter().zip(&*stored) {
        let (added, stored) = (f64::from(added), f64::from(stored * inverse));
        square += (added - stored) * (added - stored);
        length += added * added;
    }
    // Codes that stand for just these values, as those of decoded values do.
    if square == 0.0 {
        return Ok(0.0);
    }
    Ok((root(square) + ROUNDING * root(length)) as f32 * (1.0 + f32::EPSILON))
}

/// A square root, rounded up.
fn root(square: f64) -> f64 {
    f64::from(sqrt((square as f32).next_up()).next_up())
}

/// An error as it is stored, no less than it is: the upper half of its bits, rounded up.
pub(crate) fn encode_error(error: f32) -> [u8; 2] {
    (((error.to_bits() + 0xffff) >> 16) as u16).to_le_bytes()
}

/// An error as it was stored.
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
