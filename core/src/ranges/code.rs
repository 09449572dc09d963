//! One-bit codes: residuals are rotated and reduced to their signs; and a query that is ranked against them.

use crate::metric::sqrt;
use crate::random::mix;
use alloc::vec::Vec;

/// The number of 64-bit words in a code.
pub(crate) fn words(dimensions: usize) -> usize {
    dimensions.div_ceil(64)
}

/// Rotates a vector in place, always in the same way: signs are flipped at random, then the first and the last
/// 2ᵏ values, for the greatest 2ᵏ that fits, undergo a Hadamard transform; all that twice. Lengths and products
/// do not change.
///
/// The signs of rotated values describe all directions equally well, whatever the axes of the data. The signs
/// of pixels, most of which hardly change, would say little.
pub(crate) fn rotate(values: &mut [f32]) {
    let dimensions = values.len();
    let size = 1 << dimensions.ilog2();
    let scale = 1.0 / sqrt(size as f32);
    for round in 0..2_u64 {
        for (word, values) in values.chunks_mut(64).enumerate() {
            let signs = mix(round << 32 | word as u64);
            for (bit, value) in values.iter_mut().enumerate() {
                if signs >> bit & 1 == 1 {
                    *value = -*value;
                }
            }
        }
        hadamard(&mut values[..size], scale);
        if size < dimensions {
            hadamard(&mut values[dimensions - size..], scale);
        }
    }
}

/// The Walsh–Hadamard transform of 2ᵏ values, times `scale`.
fn hadamard(values: &mut [f32], scale: f32) {
    let mut half = 1;
    while half < values.len() {
        for pair in values.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (low, high) in low.iter_mut().zip(high) {
                (*low, *high) = (*low + *high, *low - *high);
            }
        }
        half *= 2;
    }
    values.iter_mut().for_each(|value| *value *= scale);
}

/// Appends the signs of a rotated residual as little-endian words: a bit is set where a value is not negative.
pub(crate) fn push_signs(rotated: &[f32], out: &mut Vec<u8>) {
    for values in rotated.chunks(64) {
        let mut word = 0_u64;
        for (bit, value) in values.iter().enumerate() {
            word |= u64::from(*value >= 0.0) << bit;
        }
        out.extend_from_slice(&word.to_le_bytes());
    }
}

const BITS: usize = 8;

/// A query, rotated and coded in 8 bits, ready for products with sign codes.
#[derive(Clone, Debug, Default)]
pub(crate) struct SignQuery {
    values: Vec<f32>,
    /// For each word of a code its bit planes: plane `i` has the bits of weight 2ⁱ.
    planes: Vec<[u64; BITS]>,
    /// The sum of the codes.
    sum: i32,
    step: f32,
}

/// Added to each code, so that none is negative.
const ADDED: i32 = 128;

impl SignQuery {
    /// Codes a query, which has unit length under cosine.
    pub fn set(&mut self, query: impl Iterator<Item = f32>) {
        self.values.clear();
        self.values.extend(query);
        rotate(&mut self.values);
        let widest = self.values.iter().fold(0.0_f32, |widest, value| widest.max(value.abs()));
        self.step = widest / 127.0;
        let inverse = if self.step.is_normal() { 1.0 / self.step } else { 0.0 };
        self.planes.clear();
        self.sum = 0;
        for values in self.values.chunks(64) {
            let mut planes = [0; BITS];
            for (bit, value) in values.iter().enumerate() {
                let code = crate::quantize::nearest(value * inverse);
                self.sum += i32::from(code);
                let added = (i32::from(code) + ADDED) as u64;
                for (weight, plane) in planes.iter_mut().enumerate() {
                    *plane |= (added >> weight & 1) << bit;
                }
            }
            self.planes.push(planes);
        }
    }

    /// ⟨q, s⟩ for the signs of a code with the same number of words. Inlined, so that callers compiled for a
    /// processor with an instruction for counting ones use that.
    #[inline(always)]
    pub fn product(&self, code: &[u8]) -> f32 {
        let (words, _) = code.as_chunks();
        let (mut sum, mut ones) = (0_u32, 0_u32);
        for (word, planes) in words.iter().zip(&self.planes) {
            let word = u64::from_le_bytes(*word);
            ones += word.count_ones();
            for (weight, plane) in planes.iter().enumerate() {
                sum += (word & plane).count_ones() << weight;
            }
        }
        // The sum over the dimensions whose bit is set; the others make up the rest of the whole sum.
        let set = sum as i32 - ADDED * ones as i32;
        self.step * (2 * set - self.sum) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::{SignQuery, push_signs, rotate};
    use crate::random::Random;
    use alloc::vec::Vec;

    fn random(random: &mut Random, dimensions: usize) -> Vec<f32> {
        (0..dimensions).map(|_| random.unit() - 0.5).collect()
    }

    fn dot(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    }

    #[test]
    fn a_rotation_keeps_products_and_spreads_what_lies_along_one_axis() {
        let mut source = Random::new(1);
        for dimensions in [1, 2, 3, 64, 100, 384, 784] {
            let (mut a, mut b) = (random(&mut source, dimensions), random(&mut source, dimensions));
            let before = dot(&a, &b);
            rotate(&mut a);
            rotate(&mut b);
            assert!((dot(&a, &b) - before).abs() < 1e-4 * dimensions as f64, "{dimensions}");
        }
        let mut axis = alloc::vec![0.0; 784];
        axis[5] = 1.0;
        rotate(&mut axis);
        assert!(axis.iter().all(|value| value.abs() < 0.3));
    }

    #[test]
    fn a_product_with_signs_is_the_sum_by_the_signs() {
        let mut source = Random::new(2);
        for dimensions in [1, 7, 63, 64, 65, 384, 1000] {
            let (query, row) = (random(&mut source, dimensions), random(&mut source, dimensions));
            let mut coded = SignQuery::default();
            coded.set(query.iter().copied());
            let mut signs = Vec::new();
            push_signs(&row, &mut signs);
            let mut rotated = query.clone();
            rotate(&mut rotated);
            let expected: f64 = rotated
                .iter()
                .zip(&row)
                .map(|(q, r)| f64::from(if *r >= 0.0 { *q } else { -*q }))
                .sum();
            let got = f64::from(coded.product(&signs));
            let most = dimensions as f64 * f64::from(coded.step) * 0.51;
            assert!((got - expected).abs() <= most, "{dimensions}: {got} {expected}");
        }
    }
}
