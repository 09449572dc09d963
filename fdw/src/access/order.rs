//! Rows of a search in the order of Postgres's distances.
//!
//! A row waits with a lower bound of its distance, and is measured when no other has a lower one; then it
//! waits with its distance, until none that the search has yet to give can be nearer. So of rows whose
//! vectors are in the table no more are fetched than may be among the nearest.

use crate::sql::float8::Float8;
use hither_core::RowId;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A row that waits. Of one that is measured and one that may be as near, the latter comes first, to be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// Its distance, or a lower bound of it.
    pub distance: Float8,
    pub is_measured: bool,
    /// Which it was of those that came; of one that is measured, its place in the table.
    number: u64,
    pub shard: usize,
    pub row: RowId,
}

/// Rows that wait.
#[derive(Debug, Default)]
pub struct Queue {
    rows: BinaryHeap<Reverse<Candidate>>,
    number: u64,
}

impl Queue {
    /// Adds a row that is at least so far.
    pub fn push(&mut self, least: f64, shard: usize, row: RowId) {
        self.number += 1;
        let number = self.number;
        let distance = Float8(least);
        let waiting = Candidate { distance, is_measured: false, number, shard, row };
        self.rows.push(Reverse(waiting));
    }

    /// Takes the nearest row, if it is no farther than `most`.
    pub fn pop(&mut self, most: Float8) -> Option<Candidate> {
        let Reverse(nearest) = self.rows.peek()?;
        if nearest.distance > most {
            return None;
        }
        self.rows.pop().map(|Reverse(nearest)| nearest)
    }

    /// Puts back a row with its distance and its place in the table, by which rows lie that are as far.
    pub fn put_back(&mut self, row: Candidate, distance: Float8, tid: u64) {
        self.rows.push(Reverse(Candidate { distance, is_measured: true, number: tid, ..row }));
    }
}
