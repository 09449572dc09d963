//! Rows of a search in the order of Postgres's distances.
//!
//! A row waits with a lower bound of its distance, and is measured when no other has a lower one; then it
//! waits with its distance, until none that the search has yet to give can be nearer. So of rows whose
//! vectors are in the table no more are fetched than may be among the nearest.

use crate::search::reorder::compare;
use hither_core::RowId;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A row that waits.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// Its distance, or a lower bound of it.
    pub distance: f64,
    pub is_measured: bool,
    /// Which it was of those that came; of one that is measured, its place in the table.
    number: u64,
    pub shard: usize,
    pub row: RowId,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        // Of one that is measured and one that may be as near, the latter is to be measured first.
        let measured = self.is_measured.cmp(&other.is_measured);
        compare(self.distance, other.distance).then(measured).then(self.number.cmp(&other.number))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

/// Rows that wait.
#[derive(Debug, Default)]
pub struct Queue {
    rows: BinaryHeap<Reverse<Waiting>>,
    number: u64,
}

impl Queue {
    /// Adds a row that is at least so far.
    pub fn push(&mut self, least: f64, shard: usize, row: RowId) {
        self.number += 1;
        let number = self.number;
        let waiting = Waiting { distance: least, is_measured: false, number, shard, row };
        self.rows.push(Reverse(waiting));
    }

    /// Takes the nearest row, if it is no farther than `most`.
    pub fn pop(&mut self, most: f64) -> Option<Waiting> {
        let Reverse(nearest) = self.rows.peek()?;
        if compare(nearest.distance, most).is_gt() {
            return None;
        }
        self.rows.pop().map(|Reverse(nearest)| nearest)
    }

    /// Puts back a row with its distance and its place in the table, by which rows lie that are as far.
    pub fn put_back(&mut self, row: Waiting, distance: f64, tid: u64) {
        self.rows.push(Reverse(Waiting { distance, is_measured: true, number: tid, ..row }));
    }
}
