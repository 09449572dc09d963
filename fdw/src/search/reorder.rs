//! Restores the order of Postgres's distances: found rows are returned in the order of these, and held back
//! while a row that is yet to come may precede them.
//!
//! An exact search yields all rows by our distances, which [`Rounding`] relates to Postgres's. Any other
//! search yields rows in rounds: first the nearest ones that it finds, then, if more are asked for, the
//! next ones. A row of a later round that belongs in an earlier one comes too late: in strict order it is
//! left out, because the nodes above the scan rely on the order.

use crate::search::rounding::Rounding;
use crate::sql::failure::Result;
use crate::sql::float8::Float8;
use hither_core::{Neighbor, RowId, SearchStats};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// If LIMIT is more than one in so many rows, comparing all rows costs less.
pub const MANY_ROWS: u64 = 16;

/// A row with its distance, ordered by Postgres's distance, ties by arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct PendingRow {
    distance: Float8,
    number: u64,
    shard: usize,
    row: RowId,
}

/// How far the order of a search's rows can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All rows come, ordered by distance.
    Exact,
    /// The first round has this many of the nearest rows.
    Nearest(usize),
    /// The first round ends when this many rows have passed what the search does not decide, and when the
    /// second number of consecutive rows, and a third of all rows of the round, were no nearer than these.
    Passing(usize, usize),
}

/// A search that returns rows by our distances; the files are passed to each call.
pub trait Nearest {
    type Files: ?Sized;

    /// A lower bound of the distances of all remaining rows, as far as the answer so far tells.
    fn floor(&self) -> f32;

    /// The next row and the number of its file. The first answer and each later batch are ordered by
    /// distance.
    fn next(&mut self, files: &Self::Files) -> Result<Option<(usize, Neighbor)>>;

    /// The statistics since the last call.
    fn take_stats(&mut self) -> SearchStats;
}

/// Rows in the order of Postgres's distances.
pub struct Reorder<S> {
    search: S,
    reach: Reach,
    /// Whether rows that come too late are returned nevertheless.
    relaxed: bool,
    /// The number of rows in all files.
    rows: u64,
    rounding: Option<Rounding>,
    pending: BinaryHeap<Reverse<PendingRow>>,
    /// How many rows came so far.
    number: u64,
    last: Float8,
    round: Round,
    late: u64,
    /// Whether any row came too late since the start.
    loss: bool,
}

/// The state of a round of a search that is not exact.
#[derive(Default)]
struct Round {
    /// The number of rounds before it.
    number: u32,
    /// How many rows the round gathers.
    goal: usize,
    gathered: usize,
    /// The nearest `goal` rows that pass.
    nearest: BinaryHeap<PendingRow>,
    /// Rows that came since one was added to `nearest`.
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

    /// The next row and the number of its shard. `judge` returns Postgres's distance of a row, or `None` if
    /// the row does not pass.
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
                // A query that wants this many rows probably wants all: gathering all in one round means
                // that none comes late.
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

    /// Whether rows come in the order of our distances: in an exact search, and in the first answer of
    /// others.
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

    /// The statistics since the last call.
    pub fn take_stats(&mut self) -> SearchStats {
        SearchStats { dropped: std::mem::take(&mut self.late), ..self.search.take_stats() }
    }
}
