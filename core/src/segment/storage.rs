//! What a search reads of a segment: ranks, edges, and whether a row may be in the answer.

use super::Segment;
use super::search::Plan;
use crate::error::Result;
use crate::filter::BoundFilter;
use crate::hnsw::search::{Halt, Storage};
use crate::quantize::CodedQuery;
use crate::vectors::Query;
use alloc::vec::Vec;
use core::convert::Infallible;

/// Which rows of a segment may be in the answer.
#[derive(Clone, Copy)]
pub(crate) struct RowFilter<'s, 'a> {
    pub segment: &'s Segment<'a>,
    pub filter: Option<&'s BoundFilter<'a>>,
}

impl RowFilter<'_, '_> {
    pub fn is_trivial(&self) -> bool {
        self.filter.is_none() && self.segment.hidden_count == 0
    }

    pub fn matches(&self, row: u32) -> Result<bool> {
        if self.segment.is_hidden(row) {
            return Ok(false);
        }
        self.filter.map_or(Ok(true), |filter| filter.matches(row))
    }

    /// About how many rows match.
    pub fn expected(&self) -> Result<u32> {
        match self.filter {
            Some(filter) => Ok(filter.estimate()?.expected),
            None => Ok(self.segment.rows - self.segment.hidden_count),
        }
    }
}

/// Ranks by which a walk is steered: of the codes, if there are any.
pub(super) fn rank_rows(
    segment: &Segment<'_>,
    query: &Query,
    coded: &mut CodedQuery,
    list: &[u32],
    out: &mut [f32],
) -> Result<()> {
    match &segment.codes {
        Some(codes) => codes.ranks(coded, list, out),
        None => segment.vectors.ranks(query, list, out),
    }
}

/// Ranks of the stored vectors, in the metric that was asked for.
pub(super) fn exact_ranks(
    segment: &Segment<'_>,
    query: &Query,
    plan: Plan,
    list: &[u32],
    out: &mut Vec<f32>,
    values: &mut Vec<f32>,
) -> Result<()> {
    out.clear();
    out.resize(list.len(), 0.0);
    if plan.metric == segment.vectors.metric() {
        segment.vectors.ranks(query, list, out)
    } else {
        segment.vectors.ranks_as(plan.metric, query, list, out, values)
    }
}

/// A segment in memory, as a walk over its base layer reads it.
pub(super) struct SegmentStorage<'s, 'a, const FILTERED: bool> {
    pub filter: RowFilter<'s, 'a>,
    pub query: &'s Query,
    pub coded: &'s mut CodedQuery,
}

impl<const FILTERED: bool> Storage for SegmentStorage<'_, '_, FILTERED> {
    type Missing = Infallible;
    const FILTERED: bool = FILTERED;

    fn nodes(&self) -> u32 {
        self.filter.segment.rows
    }

    #[inline]
    fn neighbors(&mut self, id: u32, out: &mut Vec<u32>) -> Result<(), Halt<Infallible>> {
        match &self.filter.segment.hnsw {
            Some(hnsw) => Ok(hnsw.base_neighbors(id, out)?),
            None => {
                out.clear();
                Ok(())
            }
        }
    }

    #[inline]
    fn ranks(&mut self, list: &[u32], out: &mut [f32]) -> Result<(), Halt<Infallible>> {
        Ok(rank_rows(self.filter.segment, self.query, self.coded, list, out)?)
    }

    fn matches(&mut self, id: u32) -> Result<bool, Halt<Infallible>> {
        Ok(self.filter.matches(id)?)
    }

    #[inline]
    fn prefetch(&self, id: u32) {
        if let Some(hnsw) = &self.filter.segment.hnsw {
            hnsw.prefetch(id);
        }
    }
}
