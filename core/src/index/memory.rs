//! Indexes in memory, as a search reads them: their segments and their growing rows.

use super::merge::parts::{Part, Parts, Task};
use super::{Index, IndexFilter, SearchParams};
use crate::column::ColumnSchema;
use crate::error::Result;
use crate::filter::Filter;
use crate::growing::Growing;
use crate::hnsw::search::{GraphStorage, Step};
use crate::key::{KeyRef, KeyType};
use crate::metric::Metric;
use crate::neighbor::RowId;
use crate::segment::filter::RowFilter;
use crate::segment::storage::{Interrupts, Scratch, SegmentStorage, Storage, vector_ranks};
use crate::vectors::Query;
use alloc::vec::Vec;
use core::convert::Infallible;

/// Several indexes, and how they answer as one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joined<'m, 'a> {
    pub indexes: &'m [&'m Index<'a>],
    /// The number of the first part of each index.
    pub firsts: &'m [u32],
    /// What is added to the row numbers of each index; empty if they stay as they are.
    pub offsets: &'m [i64],
    /// Whether a row replaces rows of earlier indexes that have the same key.
    pub replaces: bool,
}

impl<'m, 'a> Joined<'m, 'a> {
    /// A single index.
    pub fn one(index: &'m &'m Index<'a>) -> Self {
        let indexes = core::slice::from_ref(index);
        Self { indexes, firsts: &[0], offsets: &[], replaces: false }
    }

    /// The index that a part belongs to, and the row within that index.
    pub fn place(&self, RowId { segment, row }: RowId) -> (usize, RowId) {
        let shard = self.firsts.partition_point(|&first| first <= segment).saturating_sub(1);
        (shard, RowId { segment: segment - self.firsts[shard], row })
    }

    /// The key, among all indexes, of a row of index number `shard`.
    pub fn key(&self, shard: usize, row: RowId) -> Result<KeyRef<'m>> {
        Ok(match (self.indexes[shard].key(row)?, self.offsets.get(shard)) {
            (KeyRef::Int64(number), Some(offset)) => KeyRef::Int64(number.saturating_add(*offset)),
            (key, _) => key,
        })
    }

    /// Whether an index after number `shard` has a row with this key.
    pub fn is_replaced(&self, shard: usize, key: KeyRef<'_>) -> Result<bool> {
        for index in &self.indexes[shard + 1..] {
            if index.options.key_type != KeyType::RowNumber && index.find(key)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Indexes in memory, and the parameters of a search of them.
pub(super) struct Memory<'m, 'a, 'p> {
    pub joined: Joined<'m, 'a>,
    pub params: SearchParams<'p>,
    /// One filter for each index, in place of that of `params`; or none.
    pub filters: &'m [&'m IndexFilter<'p>],
    pub interrupts: Interrupts<'p>,
}

impl<'m, 'a, 'p> Memory<'m, 'a, 'p> {
    pub fn new(
        joined: Joined<'m, 'a>,
        params: &SearchParams<'p>,
        filters: &'m [&'m IndexFilter<'p>],
    ) -> Self {
        let params = params.planned();
        Self { joined, params, filters, interrupts: Interrupts::new(params.interrupt) }
    }

    /// How many rows to find so that `count` remain: the row that is left out is among the nearest.
    pub fn reach(&self, count: usize) -> usize {
        count.saturating_add(usize::from(self.params.except.is_some()))
    }

    /// The filter of index number `shard`.
    pub fn filter(&self, shard: usize) -> Option<&'m IndexFilter<'p>> {
        self.filters.get(shard).copied().or(self.params.filter)
    }

    /// A part, as a search reads it.
    pub fn part<'s>(
        &'s self,
        number: usize,
        query: &'s Query,
        scratch: &'s mut Scratch,
    ) -> Option<PartStorage<'s>> {
        let (shard, place) = self.joined.place(RowId { segment: number as u32, row: 0 });
        let (index, filter) = (self.joined.indexes[shard], self.filter(shard));
        let (number, interrupts) = (place.segment as usize, &self.interrupts);
        if let Some(segment) = index.segments.get(number) {
            let filter = filter.and_then(|filter| filter.segments.get(number));
            let filter = RowFilter { segment, filter };
            return Some(PartStorage::Segment(SegmentStorage {
                filter,
                query,
                scratch,
                interrupts,
            }));
        }
        let rows = index.growing.as_ref()?;
        let filter = filter.map(|filter| (&filter.filter, index.columns()));
        Some(PartStorage::Growing(GrowingStorage { rows, filter, query, scratch, interrupts }))
    }
}

/// A part of an index in memory.
pub(super) enum PartStorage<'s> {
    Segment(SegmentStorage<'s, 's>),
    Growing(GrowingStorage<'s>),
}

impl Parts for Memory<'_, '_, '_> {
    type Missing = Infallible;

    fn fill(
        &self,
        number: usize,
        Part { search, scratch }: &mut Part,
        query: &Query,
        task: Task,
    ) -> Step<(), Infallible> {
        let more = self.reach(0);
        match self.part(number, query, scratch) {
            Some(PartStorage::Segment(mut rows)) => search.run(&mut rows, task, more),
            Some(PartStorage::Growing(mut rows)) => search.run(&mut rows, task, more),
            None => Ok(()),
        }
    }

    fn key(&self, row: RowId) -> Step<KeyRef<'_>, Infallible> {
        let (shard, row) = self.joined.place(row);
        Ok(self.joined.key(shard, row)?)
    }

    fn is_passed_over(&self, row: RowId) -> Step<bool, Infallible> {
        let (replaces, except) = (self.joined.replaces, self.params.except);
        if !replaces && except.is_none() {
            return Ok(false);
        }
        let (shard, row) = self.joined.place(row);
        let key = self.joined.key(shard, row)?;
        Ok(except == Some(key) || (replaces && self.joined.is_replaced(shard, key)?))
    }
}

/// Growing rows, as a search reads them: all are measured.
pub(crate) struct GrowingStorage<'s> {
    pub rows: &'s Growing,
    pub filter: Option<(&'s Filter, &'s [ColumnSchema])>,
    pub query: &'s Query,
    pub scratch: &'s mut Scratch,
    pub interrupts: &'s Interrupts<'s>,
}

impl GraphStorage for GrowingStorage<'_> {
    type Missing = Infallible;

    fn ranks(&mut self, list: &[u32], out: &mut [f32]) -> Step<(), Infallible> {
        self.interrupts.count(out.len())?;
        Ok(self.rows.vectors.view().ranks(self.query, list, out)?)
    }
}

impl Storage for GrowingStorage<'_> {
    const STRUCTURED: bool = false;

    fn rows(&self) -> u32 {
        self.rows.rows()
    }

    fn metric(&self) -> Metric {
        self.rows.vectors.shape().metric
    }

    fn exact_ranks(
        &mut self,
        metric: Metric,
        rows: &[u32],
        out: &mut Vec<f32>,
    ) -> Step<(), Infallible> {
        self.interrupts.count(rows.len())?;
        let view = self.rows.vectors.view();
        Ok(vector_ranks(&view, self.query, metric, rows, out, &mut self.scratch.values)?)
    }

    #[cfg(feature = "std")]
    fn steer(&mut self) {
        if let Some(codes) = &self.rows.codes {
            codes.steer(self.query, &mut self.scratch.coded);
        }
    }

    #[cfg(feature = "std")]
    fn rank_bounds(
        &mut self,
        metric: Metric,
        rows: &[u32],
        out: &mut Vec<(f32, f32)>,
    ) -> Step<bool, Infallible> {
        let Some(codes) = &self.rows.codes else { return Ok(false) };
        self.interrupts.count(rows.len())?;
        let Scratch { coded, ranks, .. } = &mut *self.scratch;
        Ok(codes.rank_bounds(metric, self.query, coded, rows, (ranks, out))?)
    }

    fn listed(&mut self, out: &mut Vec<u32>) -> Step<bool, Infallible> {
        let Some((filter, schema)) = self.filter else { return Ok(false) };
        out.clear();
        for row in self.rows.live_rows() {
            if filter.matches_values(schema, |column| self.rows.value(column, row))? {
                out.push(row);
            }
        }
        Ok(true)
    }

    fn is_hidden(&self, row: u32) -> bool {
        !self.rows.is_live(row)
    }

    fn key(&self, row: u32) -> Step<KeyRef<'_>, Infallible> {
        Ok(self.rows.keys[row as usize].as_ref())
    }
}
