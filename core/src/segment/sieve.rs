//! Leaves out rows that, by their codes, are certainly farther than the wanted ones.
//!
//! For each row the codes give a lower and an upper bound of its rank. Once as many rows as are wanted have
//! upper bounds of at most some rank, a row whose lower bound is above that rank cannot be among them, and its
//! vector need not be measured.

use super::order::most_kept;
use alloc::vec::Vec;

/// Codes are used only where at most one in this many rows is wanted.
const ROWS_OF_ONE: usize = 16;

/// The state of sifting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// All rows are to be measured.
    #[default]
    Left,
    Begun,
    /// The rows that are left are to be measured.
    Done,
}

/// Rows that may be among the nearest.
#[derive(Clone, Debug, Default)]
pub(super) struct Sieve {
    pub stage: Stage,
    /// The lower and upper bound of the rank of each row of a block.
    pub bounds: Vec<(f32, f32)>,
    rows: Vec<((f32, f32), u32)>,
    /// The rank up to which as many rows as are wanted certainly lie.
    bound: f32,
    /// The number of rows at which they are cut.
    most: usize,
}

impl Sieve {
    /// Begins sifting for the nearest `want` of `rows` rows.
    pub fn start(&mut self, want: usize, rows: usize) {
        self.stage = if want <= rows / ROWS_OF_ONE { Stage::Begun } else { Stage::Left };
        self.rows.clear();
        (self.bound, self.most) = (f32::INFINITY, most_kept(want));
    }

    /// Adds the rows of a block, whose bounds are in `bounds`.
    pub fn add(&mut self, rows: &[u32], want: usize) {
        for (at, &row) in rows.iter().enumerate() {
            let bounds = self.bounds[at];
            if bounds.0 > self.bound {
                continue;
            }
            self.rows.push((bounds, row));
            if self.rows.len() >= self.most {
                self.cut(want);
                self.most = most_kept(self.rows.len());
            }
        }
    }

    /// Moves the rows that are left to `out`.
    pub fn finish(&mut self, want: usize, out: &mut Vec<u32>) {
        self.cut(want);
        out.clear();
        out.extend(self.rows.iter().map(|row| row.1));
        self.stage = Stage::Done;
    }

    fn cut(&mut self, want: usize) {
        if let Some(last) = want.checked_sub(1).filter(|last| *last < self.rows.len()) {
            let by_greatest =
                |a: &((f32, f32), u32), b: &((f32, f32), u32)| a.0.1.total_cmp(&b.0.1);
            let (_, last, _) = self.rows.select_nth_unstable_by(last, by_greatest);
            self.bound = last.0.1;
            self.rows.retain(|row| row.0.0 <= self.bound);
        }
    }
}
