//! What a search reads of a segment: ranks and edges.

use super::Segment;
use super::filter::RowFilter;
use crate::error::Result;
use crate::hnsw::search::{Halt, Storage};
use crate::metric::Metric;
use crate::quantize::CodedQuery;
use crate::vectors::Query;
use alloc::vec::Vec;
use core::convert::Infallible;

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

/// Ranks of the stored vectors, in the metric that is asked for.
pub(super) fn exact_ranks(
    segment: &Segment<'_>,
    query: &Query,
    metric: Metric,
    list: &[u32],
    out: &mut Vec<f32>,
    values: &mut Vec<f32>,
) -> Result<()> {
    out.clear();
    out.resize(list.len(), 0.0);
    if metric == segment.vectors.metric() {
        segment.vectors.ranks(query, list, out)
    } else {
        segment.vectors.ranks_as(metric, query, list, out, values)
    }
}

/// A segment in memory, as a walk over its base layer reads it.
pub(super) struct SegmentStorage<'s, 'a> {
    pub filter: RowFilter<'s, 'a>,
    pub query: &'s Query,
    pub coded: &'s mut CodedQuery,
}

impl Storage for SegmentStorage<'_, '_> {
    type Missing = Infallible;

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

    fn is_filtered(&self) -> bool {
        !self.filter.is_trivial()
    }

    fn matches(&mut self, id: u32) -> Result<bool, Halt<Infallible>> {
        for row in self.filter.segment.with_copies(id) {
            if self.filter.matches(row)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[inline]
    fn prefetch(&self, id: u32) {
        if let Some(hnsw) = &self.filter.segment.hnsw {
            hnsw.base.prefetch(id);
        }
    }

    #[inline]
    fn prefetch_place(&self, id: u32) {
        if let Some(hnsw) = &self.filter.segment.hnsw {
            hnsw.base.prefetch_place(id);
        }
    }
}
