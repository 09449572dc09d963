//! Searches a segment by measuring every row that may be in the answer.

use super::order::{most_kept, sort_rows};
#[cfg(feature = "std")]
use super::sieve::{Sieve, Stage};
use super::storage::Storage;
use crate::hnsw::search::Step;
use crate::metric::Metric;
use crate::rows::RowSet;
use crate::sort::sort_by;
use alloc::vec::Vec;

/// How many rows are measured at a time.
pub(super) const BLOCK: usize = 256;

/// The state of a scan.
#[derive(Clone, Debug, Default)]
pub(super) struct Scan {
    /// Whether the scan is running.
    begun: bool,
    /// The rows that pass the filter, if there is one; and how many rows to measure, of these or of all.
    listed: Vec<u32>,
    count: usize,
    /// How many rows were measured.
    done: usize,
    /// Rows that were returned before, and are skipped.
    passed: RowSet,
    /// The nearest rows so far, the rank beyond which no row is wanted, and the number of rows at which they
    /// are cut.
    nearest: Vec<(f32, u32)>,
    bound: Option<f32>,
    most: usize,
    rows: Vec<u32>,
    ranks: Vec<f32>,
    /// Rules rows out by their codes before any is measured. Not without std, where the size of a program
    /// counts: all rows are measured there.
    #[cfg(feature = "std")]
    sieve: Sieve,
    /// How many rows were measured or ruled out.
    pub compared: u64,
}

impl Scan {
    pub fn start(&mut self) {
        self.begun = false;
        self.compared = 0;
    }

    /// Finds, by stored vectors, the nearest `want` of all rows that match, are within `radius` if there is
    /// one, and are not in `emitted`, nearest first; fewer only if there are no more.
    pub fn run<S: Storage>(
        &mut self,
        storage: &mut S,
        emitted: &[u32],
        (metric, radius): (Metric, Option<f32>),
        want: usize,
    ) -> Step<&[(f32, u32)], S::Missing> {
        if !self.begun {
            let is_listed = storage.listed(&mut self.listed)?;
            if !is_listed {
                self.listed.clear();
            }
            self.count = if is_listed { self.listed.len() } else { storage.rows() as usize };
            self.passed.reset(storage.rows());
            for &row in emitted {
                self.passed.insert(row);
            }
            self.nearest.clear();
            (self.done, self.bound, self.begun) = (0, None, true);
            self.most = most_kept(want);
            #[cfg(feature = "std")]
            self.sieve.start(want, self.count);
        }
        #[cfg(feature = "std")]
        self.sift(storage, metric, want)?;
        loop {
            if self.done == self.count {
                sort_rows(&mut self.nearest, |row| row.0, |row| storage.key(row.1))?;
                self.nearest.truncate(want);
                self.begun = false;
                return Ok(&self.nearest);
            }
            let last = self.list_block(storage);
            storage.exact_ranks(metric, &self.rows, &mut self.ranks)?;
            if !self.is_sifted() {
                self.compared += self.rows.len() as u64;
            }
            for at in 0..self.rows.len() {
                let (rank, row) = (self.ranks[at], self.rows[at]);
                if self.bound.is_some_and(|bound| rank > bound) {
                    continue;
                }
                // NaN sorts last, whatever its sign, and is within no radius.
                let rank = if rank.is_nan() { f32::NAN } else { rank };
                if radius.is_none_or(|radius| metric.distance(rank) <= radius) {
                    self.nearest.push((rank, row));
                }
                if self.nearest.len() >= self.most {
                    self.cut(want);
                }
            }
            self.done = last;
        }
    }

    /// Lists the rows of the next block that may be in the answer, and returns the end of the block.
    fn list_block<S: Storage>(&mut self, storage: &S) -> usize {
        let last = self.count.min(self.done + BLOCK);
        self.rows.clear();
        match self.listed.get(self.done..last) {
            Some(listed) => self.rows.extend_from_slice(listed),
            None => self.rows.extend(self.done as u32..last as u32),
        }
        let passed = &self.passed;
        self.rows.retain(|&row| !storage.is_hidden(row) && !passed.contains(row));
        last
    }

    /// Whether the listed rows were counted when they were sifted.
    fn is_sifted(&self) -> bool {
        #[cfg(feature = "std")]
        return self.sieve.stage == Stage::Done;
        #[cfg(not(feature = "std"))]
        false
    }

    /// Rules rows out by codes, so that only the rest is measured; where codes say nothing, all rows are.
    #[cfg(feature = "std")]
    fn sift<S: Storage>(
        &mut self,
        storage: &mut S,
        metric: Metric,
        want: usize,
    ) -> Step<(), S::Missing> {
        if self.sieve.stage != Stage::Begun {
            return Ok(());
        }
        if self.done == 0 {
            storage.steer();
        }
        while self.done < self.count {
            let last = self.list_block(storage);
            if !storage.rank_bounds(metric, &self.rows, &mut self.sieve.bounds)? {
                self.sieve.stage = Stage::Left;
                return Ok(());
            }
            self.compared += self.rows.len() as u64;
            self.sieve.add(&self.rows, want);
            self.done = last;
        }
        self.sieve.finish(want, &mut self.listed);
        (self.count, self.done) = (self.listed.len(), 0);
        Ok(())
    }

    /// Keeps the nearest `want` rows and those that are as far as the last of them, since keys decide only at
    /// the end. It runs seldom, so that its cost is a sort of `want` rows now and then.
    fn cut(&mut self, want: usize) {
        sort_by(&mut self.nearest, |a, b| a.0.total_cmp(&b.0));
        if let Some(&(last, _)) = self.nearest.get(want - 1) {
            let end = self.nearest.partition_point(|row| row.0.total_cmp(&last).is_le());
            self.nearest.truncate(end);
            self.bound = Some(last);
        }
        self.most = most_kept(self.nearest.len());
    }
}
