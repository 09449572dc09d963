//! Evaluation of a bound filter: of one row, or of all rows, 64 to a word.
//!
//! # Three values
//!
//! A comparison with null is neither true nor false but unknown, as in SQL: `not (year > 2000)` does not
//! match a row without a year. So a node's answer for a row is true, false or unknown. For a block of
//! rows it is two words of bits: those for which it is true, and those for which it is *possible*, true
//! or unknown. Then
//!
//! ```text
//! and   truths = a.truths & b.truths      possible = a.possible & b.possible
//! or    truths = a.truths | b.truths      possible = a.possible | b.possible
//! not   truths = !a.possible              possible = !a.truths
//! ```
//!
//! and a row matches if its bit is in the truths of the root.
//!
//! # A walk tests one row, a scan all rows
//!
//! A walk tests the rows that it visits, one at a time (`matches`). A scan needs all rows that match, and looks
//! at zones first (`zones.rs`): it skips 4,096 rows if, by their least and greatest values, all or none match.
//! In other zones it evaluates blocks of 512 rows, node by node, so that traversing the tree costs little.
//! Decided rows are not evaluated again: the second part of an `and` is evaluated only for rows that the first
//! leaves possible, and not at all if there are none.
//!
//! # Comparisons become ranges of integers
//!
//! Binding a filter to a segment (`bind.rs`) turns `<`, `=`, `between` and prefixes into ranges of keys, u64
//! with the order of the values, and one subtraction tests both ends: `key − least ≤ most − least`. In a column
//! with a dictionary the keys are the codes of its entries, which are sorted. The loops over 64 records write
//! bytes, which compilers turn into vector instructions, and then gather the bits of these.

use super::Truth;
use super::bind::{BoundFilter, Leaf, Node, Test};
use super::tally::Bounds;
use crate::column::{Cells, Layout, ZONE_ROWS, float_key, int_key};
use crate::distance::vectorized;
use crate::error::Result;
use alloc::vec::Vec;

/// Words of a block: enough rows that traversing the filter's tree takes little of the time.
const WORDS: usize = 8;
const BLOCK_ROWS: u32 = 64 * WORDS as u32;

/// A bit for each row of a block, the first in the lowest bit.
type Words = [u64; WORDS];

/// For which rows of a block a predicate is true, and for which it is possible: true or unknown.
#[derive(Clone, Copy)]
struct Masks {
    truths: Words,
    possible: Words,
}

impl BoundFilter<'_> {
    /// Whether a row matches.
    pub fn matches(&self, row: u32) -> Result<bool> {
        Ok(truth(&self.root, row)? == Some(true))
    }

    /// Appends all rows that match, ascending.
    pub fn collect_into(&self, out: &mut Vec<u32>) -> Result<()> {
        for zone in 0..self.rows.div_ceil(ZONE_ROWS) {
            let rows = self.zone_rows(zone);
            let first = zone * ZONE_ROWS;
            let Bounds { least, most } = self.zone_truths(zone)?;
            if most == 0 {
                continue;
            }
            if least == rows {
                out.extend(first..first + rows);
                continue;
            }
            for first in (first..first + rows).step_by(BLOCK_ROWS as usize) {
                self.collect_block(first, out)?;
            }
        }
        Ok(())
    }

    fn collect_block(&self, first: u32, out: &mut Vec<u32>) -> Result<()> {
        let rows = (self.rows - first).min(BLOCK_ROWS);
        let mut wanted = [u64::MAX; WORDS];
        for (word, wanted) in wanted.iter_mut().enumerate() {
            let rows = rows.saturating_sub(64 * word as u32);
            *wanted = 1_u64.checked_shl(rows).map_or(u64::MAX, |end| end - 1);
        }
        let masks = masks(&self.root, first as usize / 64, &wanted)?;
        for (word, (truths, wanted)) in masks.truths.iter().zip(wanted).enumerate() {
            let first = first + 64 * word as u32;
            out.extend(Bits(truths & wanted).map(|bit| first + bit));
        }
        Ok(())
    }
}

fn truth(node: &Node<'_>, row: u32) -> Result<Truth> {
    Ok(match node {
        Node::Constant(truth) => *truth,
        Node::IsNull(cells) => Some(cells.is_null(row)?),
        Node::Leaf(leaf) if leaf.cells.is_null(row)? => None,
        Node::Leaf(leaf) => Some(leaf.test.passes(&leaf.cells, row)?),
        Node::And(inner) => all(inner, row, false)?,
        Node::Or(inner) => all(inner, row, true)?,
        Node::Not(inner) => truth(inner, row)?.map(|truth| !truth),
        Node::NotTrue(inner) => Some(truth(inner, row)? != Some(true)),
    })
}

/// Gives `unless` if any part does, else unknown if any part is unknown, else the opposite of `unless`.
fn all(inner: &[Node<'_>], row: u32, unless: bool) -> Result<Truth> {
    let mut result = Some(!unless);
    for node in inner {
        match truth(node, row)? {
            Some(truth) if truth == unless => return Ok(Some(unless)),
            Some(_) => {}
            None => result = None,
        }
    }
    Ok(result)
}

/// The masks of the block that begins with word `first`. They are valid only for the `wanted` rows; other bits
/// mean nothing.
fn masks(node: &Node<'_>, first: usize, wanted: &Words) -> Result<Masks> {
    let mut result = Masks { truths: *wanted, possible: *wanted };
    match node {
        Node::Constant(truth) => {
            result.truths = [if *truth == Some(true) { u64::MAX } else { 0 }; WORDS];
            result.possible = [if *truth == Some(false) { 0 } else { u64::MAX }; WORDS];
        }
        Node::IsNull(cells) => {
            result.truths = core::array::from_fn(|word| !cells.validity(first + word));
            result.possible = result.truths;
        }
        Node::Leaf(leaf) => return leaf_masks(leaf, first, wanted),
        Node::And(inner) => {
            for node in inner {
                // Where it is false already, it stays so.
                let open = result.possible;
                if open == [0; WORDS] {
                    break;
                }
                let next = masks(node, first, &open)?;
                result.truths = zip(result.truths, next.truths, |a, b| a & b);
                result.possible = zip(open, next.possible, |a, b| a & b);
            }
        }
        Node::Or(inner) => {
            result = Masks { truths: [0; WORDS], possible: [0; WORDS] };
            for node in inner {
                // Where it is true already, it stays so.
                let open = zip(*wanted, result.truths, |wanted, truths| wanted & !truths);
                if open == [0; WORDS] {
                    break;
                }
                let next = masks(node, first, &open)?;
                let truths = zip(next.truths, open, |next, open| next & open);
                result.truths = zip(result.truths, truths, |a, b| a | b);
                result.possible = zip(result.possible, next.possible, |a, b| a | b);
                result.possible = zip(result.possible, result.truths, |a, b| a | b);
            }
        }
        Node::Not(inner) => {
            let inner = masks(inner, first, wanted)?;
            result.truths = inner.possible.map(|word| !word);
            result.possible = inner.truths.map(|word| !word);
        }
        Node::NotTrue(inner) => {
            result.truths = masks(inner, first, wanted)?.truths.map(|word| !word);
            result.possible = result.truths;
        }
    }
    Ok(result)
}

fn leaf_masks(leaf: &Leaf<'_>, first: usize, wanted: &Words) -> Result<Masks> {
    let cells = &leaf.cells;
    let validity: Words = core::array::from_fn(|word| cells.validity(first + word));
    let mut passing = [0; WORDS];
    match &leaf.test {
        Test::Range(least, most) => {
            // A single comparison tests both ends.
            let length = most - least;
            vectorized(
                #[inline(always)]
                || {
                    for (passing, word) in passing.iter_mut().zip(first..) {
                        *passing = word_of_range(cells, word, *least, length);
                    }
                },
            );
        }
        Test::Keys(keys) => {
            let each = |word| word_of_keys(cells, word, |key| keys.binary_search(&key).is_ok());
            passing = core::array::from_fn(|word| each(first + word));
        }
        test => {
            for (word, passing) in passing.iter_mut().enumerate() {
                for bit in Bits(wanted[word] & validity[word]) {
                    let row = 64 * (first + word) as u32 + bit;
                    *passing |= u64::from(test.passes(cells, row)?) << bit;
                }
            }
        }
    }
    Ok(Masks {
        truths: zip(passing, validity, |passing, valid| passing & valid),
        possible: zip(passing, validity, |passing, valid| passing | !valid),
    })
}

/// Which of the 64 rows of a word have a key in `least..=least + length`.
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
fn word_of_range(cells: &Cells<'_>, word: usize, least: u64, length: u64) -> u64 {
    match (cells.layout, cells.code_width()) {
        (Layout::Ints, _) => {
            // Subtraction wraps in the same way whether sign bits are flipped or not.
            let least = least ^ 1 << 63;
            pack(cells.records(word), |v| u64::from_le_bytes(v).wrapping_sub(least) <= length)
        }
        // A range of codes ends with the dictionary, so both ends fit a code.
        (Layout::Codes(_), 1) => {
            pack(cells.records(word), |[v]| v.wrapping_sub(least as u8) <= length as u8)
        }
        (Layout::Codes(_), 2) => pack(cells.records(word), |v| {
            u16::from_le_bytes(v).wrapping_sub(least as u16) <= length as u16
        }),
        (Layout::Codes(_), 4) => pack(cells.records(word), |v| {
            u32::from_le_bytes(v).wrapping_sub(least as u32) <= length as u32
        }),
        _ => word_of_keys(cells, word, |key| key.wrapping_sub(least) <= length),
    }
}

/// Which of the 64 rows of a word have a key that passes.
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
fn word_of_keys(cells: &Cells<'_>, word: usize, passes: impl Fn(u64) -> bool) -> u64 {
    match (cells.layout, cells.code_width()) {
        (Layout::Bits, _) => {
            let bits = cells.bits(word);
            let of = |key, bits| if passes(key) { bits } else { 0 };
            of(1, bits) | of(0, !bits)
        }
        (Layout::Ints, _) => pack(cells.records(word), |v| passes(int_key(i64::from_le_bytes(v)))),
        (Layout::Floats, _) => {
            pack(cells.records(word), |v| passes(float_key(f64::from_le_bytes(v))))
        }
        (Layout::Codes(_), 1) => pack(cells.records(word), |[v]| passes(v.into())),
        (Layout::Codes(_), 2) => {
            pack(cells.records(word), |v| passes(u16::from_le_bytes(v).into()))
        }
        (Layout::Codes(_), _) => {
            pack(cells.records(word), |v| passes(u32::from_le_bytes(v).into()))
        }
        (Layout::Uuids | Layout::Blobs, _) => 0,
    }
}

/// The results of a test of up to 64 records as a word. Comparing into bytes first is what
/// compilers turn into vector instructions.
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
fn pack<const N: usize>(records: &[[u8; N]], test: impl Fn([u8; N]) -> bool) -> u64 {
    let mut bytes = [0_u8; 64];
    if let Some(records) = records.first_chunk::<64>() {
        for (byte, record) in bytes.iter_mut().zip(records) {
            *byte = test(*record).into();
        }
    } else {
        for (byte, record) in bytes.iter_mut().zip(records) {
            *byte = test(*record).into();
        }
    }
    gather(&bytes)
}

/// The lowest bits of 64 bytes.
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
#[cfg_attr(target_arch = "wasm32", inline(never))]
fn gather(bytes: &[u8; 64]) -> u64 {
    let eights = bytes.as_chunks::<8>().0.iter().enumerate();
    eights.fold(0, |word, (at, eight)| {
        // Joins the bits of two bytes, of four, of eight, without a multiplication, which is slow in 64-bit
        // vector lanes.
        let mut bits = u64::from_le_bytes(*eight);
        bits |= bits >> 7;
        bits |= bits >> 14;
        bits |= bits >> 28;
        word | (bits & 0xff) << (8 * at)
    })
}

fn zip(a: Words, b: Words, each: impl Fn(u64, u64) -> u64) -> Words {
    core::array::from_fn(|word| each(a[word], b[word]))
}

/// The numbers of the bits that are set, ascending.
struct Bits(u64);

impl Iterator for Bits {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let bit = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        (bit < 64).then_some(bit)
    }
}
