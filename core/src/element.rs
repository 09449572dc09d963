//! The stored form of a vector's values: f32, or IEEE binary16.

use crate::error::{ErrorKind, Result};
use crate::names::named;
use half::f16;

/// The stored form of a vector's values.
///
/// ```
/// use hither::{Element, IndexOptions, Metric};
///
/// let options = IndexOptions { element: Element::F32, ..IndexOptions::new(384, Metric::L2) };
/// assert_eq!(options.element.size(), 4);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Element {
    /// IEEE binary32: 4 bytes a value.
    F32 = 0,
    /// IEEE binary16: 2 bytes a value, 11 significant bits, at most ±65504.
    F16 = 1,
}

named!(Element, "element": F32 = "f32", F16 = "f16");

impl Element {
    /// Bytes that one value takes.
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    /// Writes `values` in this form, little-endian, into `out` (`values.len() * size()` bytes).
    ///
    /// # Errors
    /// [`ErrorKind::NonFinite`] for NaN and infinities, [`ErrorKind::HalfOverflow`] for a value
    /// that rounds beyond the range of binary16.
    pub fn encode(self, values: &[f32], out: &mut [u8]) -> Result<()> {
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(ErrorKind::NonFinite { at }.into());
        }
        match self {
            Self::F32 => {
                for (value, out) in values.iter().zip(out.as_chunks_mut().0) {
                    *out = value.to_le_bytes();
                }
            }
            Self::F16 => {
                for (at, (value, out)) in values.iter().zip(out.as_chunks_mut().0).enumerate() {
                    let half = f16::from_f32(*value);
                    if !half.is_finite() {
                        return Err(ErrorKind::HalfOverflow { at }.into());
                    }
                    *out = half.to_bits().to_le_bytes();
                }
            }
        }
        Ok(())
    }

    /// Reads values that [`encode`](Self::encode) wrote.
    pub fn decode(self, bytes: &[u8], out: &mut [f32]) {
        match self {
            Self::F32 => {
                for (out, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *out = f32::from_le_bytes(*bytes);
                }
            }
            Self::F16 => {
                for (out, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *out = widen(u16::from_le_bytes(*bytes));
                }
            }
        }
    }
}

/// The f32 of the same value as a binary16 given as its bits. Plain code: kernels widen many values at once,
/// and `to_f32` would detect the processor's features on every call.
pub(crate) fn widen(bits: u16) -> f32 {
    f16::from_bits(bits).to_f32_const()
}
