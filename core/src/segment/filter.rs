//! The rows of a segment that may be in the answer, and the cost of finding them.

use super::Segment;
use crate::error::Result;
use crate::filter::BoundFilter;
use crate::limits::DEFAULT_EF_SEARCH;
use alloc::vec::Vec;

/// The cost of measuring a row in a scan, in ranks of a walk.
const SCAN_COST: u64 = 2;

/// How many rows a filter tests at the cost of one rank.
const FILTER_ROWS_PER_RANK: u64 = 8;

/// About how many new rows a walk measures for each row that it expands.
const RANKS_PER_STEP: u64 = 10;

/// A filter bound to one segment, and what is known of the rows that match it.
#[derive(Clone, Debug)]
pub(crate) struct SegmentFilter<'a> {
    bound: BoundFilter<'a>,
    /// About how many rows match.
    expected: u32,
    /// The matching rows, ascending, if they are so few that searches will probably scan them.
    rows: Option<Vec<u32>>,
}

impl<'a> SegmentFilter<'a> {
    /// Estimates how many rows match. Where searches would rather scan than walk, finds these rows, once for
    /// all searches.
    pub fn new(bound: BoundFilter<'a>, segment: &Segment<'a>) -> Result<Self> {
        let mut expected = bound.estimate()?.expected;
        let steered = segment.hnsw.is_some() || segment.ivf.is_some();
        let all = u64::from(segment.rows);
        let few = u64::from(expected);
        let mut rows = None;
        if !steered || scan_cost(few, all, false) <= walk_cost(DEFAULT_EF_SEARCH, few, all) {
            let mut found = Vec::new();
            bound.collect_into(&mut found)?;
            expected = found.len() as u32;
            rows = Some(found);
        }
        Ok(Self { bound, expected, rows })
    }

    /// Appends the rows that match, ascending, including hidden rows.
    pub fn collect_into(&self, out: &mut Vec<u32>) -> Result<()> {
        match &self.rows {
            Some(rows) => out.extend_from_slice(rows),
            None => self.bound.collect_into(out)?,
        }
        Ok(())
    }
}

/// The rows of a segment that match a filter and are not hidden.
#[derive(Clone, Copy)]
pub(crate) struct RowFilter<'s, 'a> {
    pub segment: &'s Segment<'a>,
    pub filter: Option<&'s SegmentFilter<'a>>,
}

impl RowFilter<'_, '_> {
    /// Whether all rows pass.
    pub fn is_trivial(&self) -> bool {
        self.filter.is_none() && self.segment.hidden_count == 0
    }

    pub fn matches(&self, row: u32) -> Result<bool> {
        if self.segment.is_hidden(row) {
            return Ok(false);
        }
        self.filter.map_or(Ok(true), |filter| filter.bound.matches(row))
    }

    /// About how many rows match.
    pub fn expected(&self) -> u32 {
        match self.filter {
            Some(filter) => filter.expected,
            None => self.segment.rows - self.segment.hidden_count,
        }
    }

    /// The cost of scanning the matching rows, in ranks.
    pub fn scan_cost(&self) -> u64 {
        let listed = self.filter.is_none_or(|filter| filter.rows.is_some());
        scan_cost(self.expected().into(), self.segment.rows.into(), listed)
    }
}

/// The cost of scanning `expected` of `rows` rows, in ranks.
fn scan_cost(expected: u64, rows: u64, listed: bool) -> u64 {
    SCAN_COST * expected + if listed { 0 } else { rows / FILTER_ROWS_PER_RANK }
}

/// How many steps a walk takes to meet `ef_search` matching rows, of which there is one in `rows / expected`
/// rows.
pub(crate) fn walk_steps(ef_search: usize, expected: u64, rows: u64) -> u64 {
    (ef_search as u64).saturating_mul(rows) / expected.max(1)
}

/// The cost of such a walk, in ranks.
pub(crate) fn walk_cost(ef_search: usize, expected: u64, rows: u64) -> u64 {
    RANKS_PER_STEP.saturating_mul(walk_steps(ef_search, expected, rows))
}
