//! Merges the rows that the parts of one index, or of several, find.

mod joint;
pub(crate) mod parts;
#[cfg(test)]
mod tests;

use super::{Order, SearchParams};
use crate::hnsw::search::Step;
use crate::metric::Metric;
use crate::neighbor::{Neighbor, RowId};
use crate::segment::order::sort_rows;
use crate::vectors::Query;
use alloc::vec::Vec;
use core::cell::Cell;
use core::cmp::Ordering;
use joint::JointAnswer;
use parts::{Part, Parts, Task};

/// A search of several parts as one.
#[derive(Clone, Default)]
pub(crate) struct Merge {
    /// For each index the searches of its segments, then that of its growing rows.
    pub parts: Vec<Part>,
    pub found: Vec<Neighbor>,
    /// Whether `found` is being filled.
    advancing: bool,
    /// The rank of the last row in strict order, and how many rows were dropped because of it.
    last: Option<f32>,
    pub dropped: u64,
    /// The number of the part that was read last.
    pub reading: usize,
    /// The first answer, if it is a joint one.
    pub joint: JointAnswer,
}

impl Merge {
    /// Begins a search of `count` parts, each of which the caller starts.
    pub fn start(&mut self, count: usize) -> &mut [Part] {
        self.parts.resize_with(count, Part::default);
        self.found.clear();
        (self.advancing, self.last, self.dropped, self.reading) = (false, None, 0, 0);
        self.joint.end();
        &mut self.parts
    }

    /// Says that the first answer, of `k` rows, may be a joint one: all parts were started, and their ranks are of
    /// one metric.
    pub fn join(&mut self, k: usize) {
        self.joint.start(&mut self.parts, k);
    }

    /// Moves up to `want` of the next rows of all parts to `found`. Where bytes are missing, it is called again
    /// with the same arguments and goes on. `metric` is that of the distances.
    pub fn advance<P: Parts>(
        &mut self,
        parts: &P,
        query: &Query,
        params: &SearchParams<'_>,
        metric: Metric,
        want: usize,
    ) -> Step<(), P::Missing> {
        if !self.advancing {
            self.found.clear();
            self.advancing = true;
        }
        let reading = &mut self.reading;
        self.joint.find(parts, (&mut self.parts, reading), query, want)?;
        while self.found.len() < want {
            let Some((rank, row)) = self.nearest(parts, query, want)? else { break };
            let distance = metric.distance(rank);
            if params.radius.is_some_and(|radius| distance > radius) {
                break;
            }
            let is_passed_over = parts.is_passed_over(row)?;
            self.parts[row.segment as usize].search.take();
            if is_passed_over {
                continue;
            }
            if params.order == Order::Strict {
                if self.last.is_some_and(|last| rank.total_cmp(&last).is_lt()) {
                    self.dropped += 1;
                    continue;
                }
                self.last = Some(rank);
            }
            self.found.push(Neighbor { row, distance });
            self.joint.give();
        }
        if params.order == Order::Relaxed {
            // A batch may contain several batches of a part, each of which begins anew.
            let reading = Cell::new(self.reading as u32);
            let key = |found: &Neighbor| {
                reading.set(found.row.segment);
                Ok((parts.key(found.row)?, found.row.segment))
            };
            let sorted = sort_rows(&mut self.found, |found| found.distance, key);
            self.reading = reading.get() as usize;
            sorted?;
        }
        self.advancing = false;
        Ok(())
    }

    /// The nearest of the next rows of all parts: by rank, ties by key.
    fn nearest<P: Parts>(
        &mut self,
        parts: &P,
        query: &Query,
        want: usize,
    ) -> Step<Option<(f32, RowId)>, P::Missing> {
        if self.parts.iter().all(|part| part.search.head().is_none()) {
            self.joint.end();
        }
        let is_joint = self.joint.is_found();
        let mut best: Option<(f32, RowId)> = None;
        for (number, part) in self.parts.iter_mut().enumerate() {
            self.reading = number;
            if part.search.head().is_none() && !is_joint {
                parts.fill(number, part, query, Task::Batch(want))?;
            }
            let Some((rank, row)) = part.search.head() else { continue };
            let row = RowId { segment: number as u32, row };
            let is_nearer = match best {
                None => true,
                Some((least, other)) => match rank.total_cmp(&least) {
                    Ordering::Equal => {
                        let key = parts.key(row)?;
                        self.reading = other.segment as usize;
                        key < parts.key(other)?
                    }
                    ordering => ordering.is_lt(),
                },
            };
            if is_nearer {
                best = Some((rank, row));
            }
        }
        Ok(best)
    }

    /// A lower bound, as far as is known, of the distances of the rows to come.
    pub fn floor(&self, metric: Metric) -> f32 {
        let heads = self.parts.iter().filter_map(|part| part.search.head());
        let floors = self.parts.iter().map(|part| part.search.floor());
        let floor = match self.joint.is_found() {
            true => heads.map(|head| head.0).min_by(f32::total_cmp).unwrap_or(f32::NEG_INFINITY),
            false => floors.min_by(f32::total_cmp).unwrap_or(f32::INFINITY),
        };
        if floor.is_finite() { metric.distance(floor) } else { floor }
    }
}
