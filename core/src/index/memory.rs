//! An index in memory, as a search reads it: its segments and the rows that grow.

use super::merge::{Part, Parts};
use super::{Index, SearchParams};
use crate::column::ColumnSchema;
use crate::error::Result;
use crate::filter::Filter;
use crate::growing::Growing;
use crate::hnsw::search::{GraphStorage, Halt};
use crate::key::KeyRef;
use crate::metric::Metric;
use crate::neighbor::RowId;
use crate::segment::filter::RowFilter;
use crate::segment::storage::{Scratch, SegmentStorage, Selectivity, Storage, vector_ranks};
use crate::vectors::Query;
use alloc::vec::Vec;
use core::convert::Infallible;

/// An index in memory, and what is searched for in it.
pub(super) struct Memory<'m, 'a, 'p> {
    pub index: &'m Index<'a>,
    pub params: &'m SearchParams<'p>,
}

impl Memory<'_, '_, '_> {
    pub fn segment<'s>(
        &'s self,
        number: usize,
        query: &'s Query,
        scratch: &'s mut Scratch,
    ) -> SegmentStorage<'s, 's> {
        let filter = self.params.filter.and_then(|filter| filter.segments.get(number));
        let filter = RowFilter { segment: &self.index.segments[number], filter };
        SegmentStorage { filter, query, scratch }
    }

    /// The growing rows, if they are part `number`.
    pub fn growing<'s>(
        &'s self,
        number: usize,
        query: &'s Query,
        scratch: &'s mut Scratch,
    ) -> Option<GrowingStorage<'s>> {
        let rows = self.index.growing.as_ref().filter(|_| number == self.index.segments.len())?;
        let filter = self.params.filter.map(|filter| (&filter.filter, self.index.columns()));
        Some(GrowingStorage { rows, filter, query, scratch })
    }
}

impl Parts for Memory<'_, '_, '_> {
    type Missing = Infallible;

    fn fill(
        &self,
        number: usize,
        Part { search, scratch }: &mut Part,
        query: &Query,
        want: usize,
    ) -> Result<bool, Halt<Infallible>> {
        match self.growing(number, query, scratch) {
            Some(mut rows) => search.next_batch(&mut rows, want),
            None => search.next_batch(&mut self.segment(number, query, scratch), want),
        }
    }

    fn key(&self, row: RowId) -> Result<KeyRef<'_>, Halt<Infallible>> {
        Ok(self.index.key(row)?)
    }
}

/// Growing rows as a search reads them: all are measured.
pub(crate) struct GrowingStorage<'s> {
    pub rows: &'s Growing,
    pub filter: Option<(&'s Filter, &'s [ColumnSchema])>,
    pub query: &'s Query,
    pub scratch: &'s mut Scratch,
}

impl GraphStorage for GrowingStorage<'_> {
    type Missing = Infallible;

    fn ranks(&mut self, list: &[u32], out: &mut [f32]) -> Result<(), Halt<Infallible>> {
        Ok(self.rows.vectors.view().ranks(self.query, list, out)?)
    }
}

impl Storage for GrowingStorage<'_> {
    fn rows(&self) -> u32 {
        self.rows.rows()
    }

    fn metric(&self) -> Metric {
        self.rows.vectors.shape().metric
    }

    fn selectivity(&self) -> Option<Selectivity> {
        None
    }

    fn exact_ranks(
        &mut self,
        metric: Metric,
        rows: &[u32],
        out: &mut Vec<f32>,
    ) -> Result<(), Halt<Infallible>> {
        let view = self.rows.vectors.view();
        Ok(vector_ranks(&view, self.query, metric, rows, out, &mut self.scratch.values)?)
    }

    fn listed(&mut self, out: &mut Vec<u32>) -> Result<bool, Halt<Infallible>> {
        out.clear();
        for row in self.rows.live_rows() {
            if self.row_matches(row)? {
                out.push(row);
            }
        }
        Ok(true)
    }

    fn is_hidden(&self, _: u32) -> bool {
        false // none of these is listed
    }

    fn row_matches(&mut self, row: u32) -> Result<bool, Halt<Infallible>> {
        let Some((filter, schema)) = self.filter else { return Ok(true) };
        Ok(filter.matches_values(schema, |column| self.rows.value(column, row))?)
    }

    fn node_rows(&mut self, node: u32, out: &mut Vec<u32>) -> Result<(), Halt<Infallible>> {
        out.clear();
        out.push(node);
        Ok(())
    }

    fn key(&self, row: u32) -> Result<KeyRef<'_>, Halt<Infallible>> {
        Ok(self.rows.keys[row as usize].as_ref())
    }
}
