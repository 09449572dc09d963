//! Orders the rows of a search by Postgres's distances.
//!
//! A row waits with a lower bound of its distance until no other row has a lower one; then its distance is
//! computed. It waits again, with its distance, until no row that the search has yet to return can be
//! nearer. So of the rows whose vectors are in the table, only those are fetched that may be among the
//! nearest.

use crate::sql::float8::Float8;
use hither_core::RowId;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A waiting row. Of a measured row and one that may be equally near, the latter sorts first, so that it is
/// measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// Its distance, or a lower bound of it.
    pub distance: Float8,
    pub is_measured: bool,
    /// The position in which the row came; for a measured row, its TID.
    number: u64,
    pub shard: usize,
    pub row: RowId,
}

/// The waiting rows.
#[derive(Debug, Default)]
pub struct Queue {
    rows: BinaryHeap<Reverse<Candidate>>,
    number: u64,
}

impl Queue {
    /// Adds a row whose distance is at least `least`.
    pub fn push(&mut self, least: f64, shard: usize, row: RowId) {
        self.number += 1;
        let number = self.number;
        let distance = Float8(least);
        let waiting = Candidate { distance, is_measured: false, number, shard, row };
        self.rows.push(Reverse(waiting));
    }

    /// Takes the nearest row, if its distance is at most `most`.
    pub fn pop(&mut self, most: Float8) -> Option<Candidate> {
        let Reverse(nearest) = self.rows.peek()?;
        if nearest.distance > most {
            return None;
        }
        self.rows.pop().map(|Reverse(nearest)| nearest)
    }

    /// Puts back a row with its distance and its TID, which orders rows at the same distance.
    pub fn put_back(&mut self, row: Candidate, distance: Float8, tid: u64) {
        self.rows.push(Reverse(Candidate { distance, is_measured: true, number: tid, ..row }));
    }
}
