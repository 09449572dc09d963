//! Numbers packed at a fixed count of bits, lowest bits first, one after another.

use crate::error::{OrCorrupt, Result};
use alloc::vec::Vec;

/// Bits that hold any number below `bound`.
pub(crate) fn bits_below(bound: u64) -> u32 {
    u64::BITS - bound.saturating_sub(1).leading_zeros()
}

/// Bytes that `count` numbers of `bits` bits take.
pub(crate) fn packed_len(count: u64, bits: u32) -> u64 {
    (count * u64::from(bits)).div_ceil(8)
}

/// Packs numbers one by one: all of them at once would take far more memory than their bytes.
#[derive(Default)]
pub(crate) struct Packer {
    bytes: Vec<u8>,
    bits: u32,
    /// Bits that do not fill a byte yet, and their count.
    waiting: u128,
    count: u32,
}

impl Packer {
    /// For numbers of at most `bits` bits, up to 64.
    pub fn new(bits: u32) -> Self {
        Self { bits, ..Self::default() }
    }

    pub fn push(&mut self, number: u64) {
        self.waiting |= u128::from(number) << self.count;
        self.count += self.bits;
        while self.count >= 8 {
            self.bytes.push(self.waiting as u8);
            self.waiting >>= 8;
            self.count -= 8;
        }
    }

    pub fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.bytes.push(self.waiting as u8);
        }
        self.bytes
    }
}

/// Padding after packed numbers, so that each can be read as 8 bytes.
pub(crate) const SLACK: usize = 8;

/// The number of at most 57 bits that begins at bit `bit`; `bytes` ends with [`SLACK`].
#[inline(always)]
pub(crate) fn read_bits(bytes: &[u8], bit: u64, bits: u32) -> Option<u64> {
    let word = u64::from_le_bytes(*bytes.get((bit / 8) as usize..)?.first_chunk()?);
    Some(word >> (bit % 8) & ((1 << bits) - 1))
}

/// The number of `bits` bits, up to 64, that begins at bit `first` of `bytes`, which end with its last byte.
pub(crate) fn unpack(bytes: &[u8], first: u64, bits: u32) -> u64 {
    // It may begin within a byte, so it spans 9 bytes at most.
    let word = bytes.iter().rev().fold(0, |word, &byte| word << 8 | u128::from(byte));
    let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
    (word >> (first % 8)) as u64 & mask
}

/// Packed numbers, read in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackedView<'a> {
    pub bytes: &'a [u8],
    pub bits: u32,
}

impl PackedView<'_> {
    /// The number at index `at`.
    pub fn get(&self, at: u32) -> Result<u64> {
        const WHAT: &str = "packed numbers";
        let first = u64::from(at) * u64::from(self.bits);
        let last = first + u64::from(self.bits);
        let bytes = self.bytes.get((first / 8) as usize..last.div_ceil(8) as usize);
        Ok(unpack(bytes.or_corrupt(WHAT)?, first, self.bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for bits in [0, 1, 7, 8, 9, 17, 31, 33, 57, 63, 64] {
            let mut random = crate::random::Random::new(u64::from(bits));
            let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
            let numbers: Vec<u64> = (0..100).map(|_| random.next() & mask).collect();
            let mut packer = Packer::new(bits);
            numbers.iter().for_each(|&number| packer.push(number));
            let bytes = packer.finish();
            assert_eq!(bytes.len() as u64, packed_len(100, bits));
            let view = PackedView { bytes: &bytes, bits };
            for (at, number) in numbers.iter().enumerate() {
                assert_eq!(view.get(at as u32), Ok(*number));
            }
            if bits > 0 {
                assert!(view.get(100 + 8).is_err());
            }
        }
        assert_eq!([bits_below(1), bits_below(2), bits_below(3), bits_below(256)], [0, 1, 2, 8]);
    }
}
