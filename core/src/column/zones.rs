//! Zones: summaries of 4,096 rows, from which filters decide without reading the rows; and values as ordered
//! numbers.
//!
//! Every value has a key, a u64 with the order of the values, so that one comparison serves all types: integers
//! and timestamps with their sign bit flipped; doubles by their bits, NaN last; bools 0 and 1; text with a
//! dictionary its code; other text, bytes and UUIDs by their first 8 bytes, high byte first, which keeps the
//! order but may be equal for different values.

use super::ValueRef;
use alloc::vec::Vec;

/// Rows of a zone.
pub(crate) const ZONE_ROWS: u32 = 4096;

/// Bytes of a zone.
const STRIDE: usize = 24;

/// The summary of a zone's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    /// Least key; above `max` if all rows are null.
    pub min: u64,
    /// Greatest key.
    pub max: u64,
    /// Rows without a value.
    pub nulls: u32,
}

impl Zone {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.min.to_le_bytes());
        out.extend_from_slice(&self.max.to_le_bytes());
        out.extend_from_slice(&self.nulls.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
    }

    /// Zone number `number` of a column's zones.
    pub fn read(zones: &[u8], number: u32) -> Option<Self> {
        let record = zones.as_chunks::<STRIDE>().0.get(number as usize)?;
        let (min, rest) = record.split_first_chunk()?;
        let (max, rest) = rest.split_first_chunk()?;
        let (nulls, _) = rest.split_first_chunk()?;
        Some(Self {
            min: u64::from_le_bytes(*min),
            max: u64::from_le_bytes(*max),
            nulls: u32::from_le_bytes(*nulls),
        })
    }
}

/// Bytes that the zones of a column with `rows` rows take.
pub(super) fn zones_len(rows: u32) -> u64 {
    u64::from(rows.div_ceil(ZONE_ROWS)) * STRIDE as u64
}

/// The zones of rows `0..rows`; `key` gives the key of a row, or none if it is null.
pub(super) fn encode_zones<E>(
    rows: u32,
    key: impl Fn(u32) -> Result<Option<u64>, E>,
) -> Result<Vec<u8>, E> {
    let mut zones = Vec::with_capacity(zones_len(rows) as usize);
    for number in 0..rows.div_ceil(ZONE_ROWS) {
        let mut zone = Zone { min: u64::MAX, max: 0, nulls: 0 };
        let first = number * ZONE_ROWS;
        for row in first..rows.min(first + ZONE_ROWS) {
            match key(row)? {
                Some(key) => {
                    zone.min = zone.min.min(key);
                    zone.max = zone.max.max(key);
                }
                None => zone.nulls += 1,
            }
        }
        zone.encode(&mut zones);
    }
    Ok(zones)
}

/// The key of a value that has no dictionary code; none for null.
pub(super) fn value_key(value: ValueRef<'_>) -> Option<u64> {
    match value {
        ValueRef::Null => None,
        ValueRef::Bool(value) => Some(value.into()),
        ValueRef::Int64(value) | ValueRef::Timestamp(value) => Some(int_key(value)),
        ValueRef::Float64(value) => Some(float_key(value)),
        ValueRef::Text(value) | ValueRef::Json(value) => Some(bytes_key(value.as_bytes())),
        ValueRef::Uuid(value) => Some(bytes_key(&value)),
        ValueRef::Bytes(value) => Some(bytes_key(value)),
    }
}

/// The key of an integer or a timestamp.
pub(crate) fn int_key(value: i64) -> u64 {
    value as u64 ^ 1 << 63
}

/// The key of a double, in PostgreSQL's order: NaN equals itself and is greater than all others,
/// and the two zeros are equal.
pub(crate) fn float_key(value: f64) -> u64 {
    if value.is_nan() {
        return u64::MAX;
    }
    // Adding zero makes -0 a 0.
    let bits = (value + 0.0).to_bits();
    bits ^ ((bits as i64 >> 63) as u64 | 1 << 63)
}

/// The key of bytes: their first 8, with zeros where there are fewer.
pub(crate) fn bytes_key(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    let length = bytes.len().min(8);
    first[..length].copy_from_slice(&bytes[..length]);
    u64::from_be_bytes(first)
}
