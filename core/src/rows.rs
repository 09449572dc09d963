//! Row numbers and sets of them.

use alloc::vec::Vec;

/// A set of row numbers. Emptying it takes time in proportion to its size.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowSet {
    words: Vec<u64>,
    /// The rows in the set: clearing touches only the words that have one.
    rows: Vec<u32>,
}

impl RowSet {
    /// Empties the set and makes room for rows `0..rows`.
    pub fn reset(&mut self, rows: u32) {
        for &row in &self.rows {
            self.words[row as usize / 64] = 0;
        }
        self.rows.clear();
        let words = (rows as usize).div_ceil(64);
        if self.words.len() < words {
            self.words.resize(words, 0);
        }
    }

    #[inline]
    pub fn contains(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Adds a row; false if it was there already, or lies beyond the room.
    #[inline]
    pub fn insert(&mut self, row: u32) -> bool {
        let Some(word) = self.words.get_mut(row as usize / 64) else { return false };
        let bit = 1 << (row % 64);
        if *word & bit != 0 {
            return false;
        }
        self.rows.push(row);
        *word |= bit;
        true
    }

    /// Adds rows, all of which lie within the room, and appends the new ones to `out`. It has no branch for
    /// each row: half of a node's neighbours were visited before, and no processor predicts which.
    #[inline]
    pub fn insert_new(&mut self, rows: &[u32], out: &mut Vec<u32>) {
        let first = out.len();
        out.resize(first + rows.len(), 0);
        let mut end = first;
        for &row in rows {
            let word = &mut self.words[row as usize / 64];
            let bit = 1 << (row % 64);
            out[end] = row;
            end += usize::from(*word & bit == 0);
            *word |= bit;
        }
        out.truncate(end);
        self.rows.extend_from_slice(&out[first..]);
    }
}

/// A bitmap of rows, bit `row % 8` of byte `row / 8`, as files store it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bitmap<'a>(pub &'a [u8]);

impl Bitmap<'_> {
    pub fn contains(self, row: u32) -> bool {
        self.0.get(row as usize / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1)
    }

    pub fn count(self) -> u32 {
        self.0.iter().map(|byte| byte.count_ones()).sum()
    }
}
