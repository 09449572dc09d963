//! Estimates how many rows match: from zones and dictionaries, and from a sample where these leave it open.
//!
//! A search with a filter either lists the rows that match and measures them all, or walks the graph and tests
//! the rows that it visits. Which is cheaper depends on how many match, and a wrong guess makes a query slow.
//! The estimate must itself cost next to nothing: it reads zones, and at most 256 rows.
//!
//! # Bounds
//!
//! For each zone of 4,096 rows, and for the segment, every node of the filter gives a *tally*: bounds on the
//! number of rows for which it is true, or unknown (`tally.rs`). A leaf takes it from the zone's least and
//! greatest value and its count of nulls; where a dictionary counts its entries, a leaf knows the exact number
//! for the segment. `and`, `or` and `not` combine bounds: of two conditions that hold for at least 3,000 and
//! 2,000 of 4,096 rows, at least 904 rows satisfy both. The sums over zones are bounds for the segment, and
//! where both are equal they are the answer.
//!
//! # The sample
//!
//! The rows of undecided zones are divided into as many equal parts as rows are sampled, and one row of each
//! part is tested, at a position that varies from part to part, so that rows in a regular order (every second
//! one in one language) do not mislead. The certain rows are added, and the sum is clamped to the bounds. A
//! filter that matches fewer than one row in a hundred may have no row in the sample, and is then expected to
//! match only the certain rows: a scan of so few is cheap, and a walk would be expensive.

use super::bind::{BoundFilter, Node};
use super::tally::{Bounds, Tally};
use crate::column::ZONE_ROWS;
use crate::error::Result;

/// Most rows that an estimate reads.
const SAMPLE: u64 = 256;

/// How many rows of a segment match a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Estimate {
    /// A lower bound.
    pub lower: u32,
    /// An upper bound.
    pub upper: u32,
    /// An estimate between the two, from a sample of 256 rows: a filter that matches fewer than one row in a
    /// hundred may well give `lower`.
    pub expected: u32,
}

/// The rows of a tally.
#[derive(Clone, Copy)]
enum Part {
    Zone(u32),
    Whole,
}

impl BoundFilter<'_> {
    /// How many rows match. Reads the zones, and at most 256 rows.
    pub fn estimate(&self) -> Result<Estimate> {
        let zones = 0..self.rows.div_ceil(ZONE_ROWS);
        let whole = tally(&self.root, Part::Whole, self.rows)?.truths;
        let (mut lower, mut upper, mut undecided) = (0, 0, 0_u64);
        for zone in zones.clone() {
            let Bounds { least, most } = self.zone_truths(zone)?;
            lower += least;
            upper += most;
            if least < most {
                undecided += u64::from(self.zone_rows(zone));
            }
        }
        let lower = lower.max(whole.least);
        let upper = upper.min(whole.most).max(lower);
        let mut estimate = Estimate { lower, upper, expected: lower };
        if estimate.lower == estimate.upper {
            return Ok(estimate);
        }
        // One row of each of `samples` equal parts of the undecided rows, at varying positions, so that rows in
        // a regular order do not mislead.
        let samples = undecided.min(SAMPLE);
        let place = |sample: u64| {
            let start = sample * undecided / samples;
            let length = (sample + 1) * undecided / samples - start;
            let fraction = u64::from((sample as u32).wrapping_mul(0x9e37_79b9));
            start + ((fraction * length) >> 32)
        };
        let (mut sample, mut hits, mut decided, mut passed) = (0, 0_u64, 0_u64, 0_u64);
        for zone in zones {
            let Bounds { least, most } = self.zone_truths(zone)?;
            if least == most {
                decided += u64::from(least);
                continue;
            }
            let rows = u64::from(self.zone_rows(zone));
            while sample < samples && place(sample) < passed + rows {
                let row = zone * ZONE_ROWS + (place(sample) - passed) as u32;
                hits += u64::from(self.matches(row)?);
                sample += 1;
            }
            passed += rows;
        }
        let expected = decided + (undecided * hits + samples / 2) / samples.max(1);
        estimate.expected = (expected as u32).clamp(lower, upper);
        Ok(estimate)
    }

    /// Bounds on the number of matching rows of a zone.
    pub(super) fn zone_truths(&self, zone: u32) -> Result<Bounds> {
        Ok(tally(&self.root, Part::Zone(zone), self.zone_rows(zone))?.truths)
    }

    pub(super) fn zone_rows(&self, zone: u32) -> u32 {
        self.rows.saturating_sub(zone.saturating_mul(ZONE_ROWS)).min(ZONE_ROWS)
    }
}

fn tally(node: &Node<'_>, part: Part, rows: u32) -> Result<Tally> {
    let inner_tally = |inner: &Node<'_>| tally(inner, part, rows);
    Ok(match node {
        Node::Constant(Some(truth)) => Tally::new(rows, if *truth { rows } else { 0 }, rows),
        Node::Constant(None) => Tally::new(rows, 0, 0),
        Node::IsNull(cells) => match part {
            Part::Zone(zone) => Tally::new(rows, cells.zone(zone)?.nulls.min(rows), rows),
            Part::Whole => Tally::undecided(rows, rows),
        },
        Node::Leaf(leaf) => match part {
            Part::Zone(zone) => leaf.tally(leaf.cells.zone(zone)?, rows),
            Part::Whole => leaf.total.unwrap_or(Tally::undecided(rows, rows)),
        },
        Node::And(inner) => inner.iter().try_fold(Tally::new(rows, rows, rows), |all, inner| {
            Ok::<_, crate::Error>(all.and(inner_tally(inner)?))
        })?,
        // An `or` is true unless all parts are not.
        Node::Or(inner) => {
            let none = inner.iter().try_fold(Tally::new(rows, rows, rows), |all, inner| {
                Ok::<_, crate::Error>(all.and(inner_tally(inner)?.not()))
            })?;
            none.not()
        }
        Node::Not(inner) => inner_tally(inner)?.not(),
        Node::NotTrue(inner) => inner_tally(inner)?.not_true(),
    })
}
