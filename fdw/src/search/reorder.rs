//! The order that Postgres computes: rows that a search found are given as Postgres's own distances
//! put them, and held back while one that is yet to come may precede them.
//!
//! An exact search gives all rows by our distances, which [`Rounding`] relates to Postgres's. Any
//! other gives them in rounds: the nearest that it finds, then, if more are asked for, the next
//! ones. A row of a later round that belongs into an earlier one came too late: in strict order it
//! is left out, for what is above the scan relies on the order.

use crate::search::rounding::Rounding;
use crate::sql::failure::Result;
use crate::sql::float8::Float8;
use hither_core::{Neighbor, RowId, SearchStats};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A LIMIT of more than one in so many rows costs less by measuring them all.
pub const MANY_ROWS: u64 = 16;

/// A row that was measured, ordered by Postgres's distance, ties as they came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct PendingRow {
    distance: Float8,
    number: u64,
    shard: usize,
    row: RowId,
}

/// How far the rows that a search gives may be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All rows, by distance.
    Exact,
    /// So many nearest ones at first.
    Nearest(usize),
    /// As many that pass what the search does not decide, and after them this many rows in a row,
    /// and a third of all, that are no nearer than these.
    Passing(usize, usize),
}

/// What gives rows by our distances, of files that it is given.
pub trait Nearest {
    type Files: ?Sized;

    /// A distance that no row of what is left is nearer than, as far as a first answer tells.
    fn floor(&self) -> f32;

    /// The next row and the number of its file: of a first answer, and of each batch after it, by distance.
    fn next(&mut self, files: &Self::Files) -> Result<Option<(usize, Neighbor)>>;

    /// What it did since this was asked.
    fn take_stats(&mut self) -> SearchStats;
}

/// Rows in the order of Postgres's distances.
pub struct Reorder<S> {
    search: S,
    reach: Reach,
    /// Whether rows that come too late are given nevertheless.
    relaxed: bool,
    /// Of all files.
    rows: u64,
    rounding: Option<Rounding>,
    pending: BinaryHeap<Reverse<PendingRow>>,
    /// How many rows came.
    number: u64,
    last: Float8,
    round: Round,
    late: u64,
    /// Whether some came late since it began.
    loss: bool,
}

/// Where a search that is not exact stands.
#[derive(Default)]
struct Round {
    /// How many were before it.
    number: u32,
    /// How many rows are gathered in it.
    goal: usize,
    gathered: usize,
    /// Distances of the nearest `goal` rows that pass.
    nearest: BinaryHeap<PendingRow>,
    /// Rows that came since one of these did.
    since: usize,
    complete: bool,
}

impl<S: Nearest> Reorder<S> {
    pub fn new(
        search: S,
        reach: Reach,
        relaxed: bool,
        rows: u64,
        rounding: Option<Rounding>,
    ) -> Self {
        let goal = match reach {
            Reach::Exact => 0,
            Reach::Nearest(goal) | Reach::Passing(goal, _) => goal.max(1),
        };
        let round = Round { goal, ..Round::default() };
        let (pending, last) = (BinaryHeap::new(), Float8(f64::NEG_INFINITY));
        Self {
            search,
            reach,
            relaxed,
            rows,
            rounding,
            pending,
            number: 0,
            last,
            round,
            late: 0,
            loss: false,
        }
    }

    /// The next row and the number of its shard, of those of the table. `judge` says how far Postgres
    /// finds a row, or nothing if it does not pass.
    pub fn next(
        &mut self,
        files: &S::Files,
        mut judge: impl FnMut(usize, RowId) -> Result<Option<f64>>,
    ) -> Result<Option<(usize, RowId)>> {
        loop {
            let comes_first = |pending: &PendingRow| match self.rounding {
                Some(rounding) if self.is_sorted() => {
                    pending.distance <= Float8(rounding.least(self.search.floor()))
                }
                _ => false,
            };
            let ready = self.round.complete
                || self.pending.peek().is_some_and(|Reverse(pending)| comes_first(pending));
            if ready {
                if let Some(Reverse(pending)) = self.pending.pop() {
                    self.last = pending.distance;
                    return Ok(Some((pending.shard, pending.row)));
                }
                let goal = self.round.goal.saturating_mul(2);
                // Who wants that many is likely to want all: then none is late any more.
                let all = goal as u64 > self.rows / MANY_ROWS && !self.relaxed;
                let goal = if all { usize::MAX } else { goal };
                self.round = Round { number: self.round.number + 1, goal, ..Round::default() };
            }
            let Some((shard, neighbor)) = self.search.next(files)? else {
                self.round.complete = true;
                if self.pending.is_empty() {
                    return Ok(None);
                }
                continue;
            };
            let distance = judge(shard, neighbor.row)?;
            self.round.gathered += 1;
            self.round.since += 1;
            if let Some(distance) = distance {
                self.hold(distance, shard, neighbor.row);
            }
            self.round.complete = match self.reach {
                Reach::Exact => false,
                Reach::Nearest(_) => self.round.gathered >= self.round.goal,
                Reach::Passing(_, reserve) => {
                    self.round.nearest.len() >= self.round.goal
                        && self.round.since >= reserve.max(self.round.gathered / 3)
                }
            };
        }
    }

    /// Whether rows come by our distances: those of an exact search, and those of a first answer.
    fn is_sorted(&self) -> bool {
        match self.reach {
            Reach::Exact => true,
            Reach::Nearest(_) => self.round.number == 0,
            Reach::Passing(..) => false,
        }
    }

    fn hold(&mut self, distance: f64, shard: usize, row: RowId) {
        let distance = Float8(distance);
        if distance < self.last && !self.relaxed {
            self.late += 1;
            self.loss = true;
            return;
        }
        self.number += 1;
        let pending = PendingRow { distance, number: self.number, shard, row };
        if matches!(self.reach, Reach::Passing(..)) {
            let Round { nearest, goal, since, .. } = &mut self.round;
            if nearest.len() < *goal || nearest.peek().is_some_and(|last| pending < *last) {
                nearest.push(pending);
                *since = 0;
            }
            if nearest.len() > *goal {
                nearest.pop();
            }
        }
        self.pending.push(Reverse(pending));
    }

    /// Whether rows came too late and were left out.
    pub fn has_loss(&self) -> bool {
        self.loss
    }

    /// What the search did since this was asked.
    pub fn take_stats(&mut self) -> SearchStats {
        SearchStats { dropped: std::mem::take(&mut self.late), ..self.search.take_stats() }
    }
}
