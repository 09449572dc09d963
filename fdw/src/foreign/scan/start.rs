//! Determines where a scan's rows come from, when the first row is asked for: parameters are only known
//! then.

use super::{ALL_ROWS, Scan, Stage};
use crate::foreign::files::Contents;
use crate::foreign::plan::ExactReason;
use crate::foreign::predicate::Expression;
use crate::foreign::shortfall::RecallShortfall;
use crate::search::iterative::{FIRST_BATCH, Request, Search};
use crate::search::ranges::{RangeFiles, RangeSearch};
use crate::search::reorder::{Reach, Reorder};
use crate::search::rounding::Rounding;
use crate::search::rows::{Rows, rows_of};
use crate::search::stats;
use crate::sql::failure::{Failure, Result};
use crate::sql::vector::{self, VectorType};
use hither_core::fetch::LazyFilter;
use hither_core::{Filter, Key, Metric, RowId};
use pgrx::FromDatum;
use pgrx::pg_sys;
use std::task::Poll;

/// How many consecutive rows that are farther than all wanted ones must come before these are returned. If
/// Postgres decides which rows pass, the search goes deep, and finds some rows late.
const RESERVE: usize = 40;

impl Scan {
    /// # Safety
    /// `node` is the plan node of this scan.
    pub(super) unsafe fn start(&mut self, node: *mut pg_sys::ForeignScanState) -> Result<Stage> {
        // SAFETY: the caller's promise.
        unsafe {
            let key_type = self.table.options().key_type;
            let mut wanted_keys: Option<Vec<Key>> = None;
            let mut filters = Vec::new();
            for predicate in &mut self.predicates {
                match predicate.keys(node, key_type) {
                    // If there are several conditions on the key, their intersection counts.
                    Some(keys) => match &mut wanted_keys {
                        Some(wanted) => wanted.retain(|key| keys.contains(key)),
                        None => wanted_keys = Some(keys),
                    },
                    None => filters.push(predicate.filter(node)),
                }
            }
            let filter = (!filters.is_empty()).then(|| match filters.len() {
                1 => filters.remove(0),
                _ => Filter::And(filters),
            });
            let found = match wanted_keys {
                Some(keys) => Some(self.look_up(&keys, filter.as_ref())?),
                None => None,
            };
            if self.private.count {
                let count = match found {
                    Some(found) => found.len() as u64,
                    None => self.count(filter.as_ref())?,
                };
                stats::note_count();
                return Ok(Stage::Count(Some(count)));
            }
            if let Some(found) = found {
                stats::note_look_up();
                return Ok(Stage::Keys(found.into_iter()));
            }
            if let Some(metric) = self.private.metric
                && let Some(query) = self.query_vector(node, metric)
            {
                return self.search(node, metric, query, filter.as_ref());
            }
            self.table.contents.whole(match self.private.metric {
                Some(_) => "the query vector is null or has no direction, so that any row will do",
                None => ALL_ROWS,
            })?;
            stats::note_scan();
            Ok(Stage::Rows(Rows::new(filter)))
        }
    }

    /// Starts a search.
    ///
    /// # Safety
    /// `node` is the plan node of this scan.
    unsafe fn search(
        &mut self,
        node: *mut pg_sys::ForeignScanState,
        metric: Metric,
        query: Vec<f32>,
        filter: Option<&Filter>,
    ) -> Result<Stage> {
        // SAFETY: the caller's promise.
        let limit = unsafe { self.limit(node) };
        let mut exactness = self.exactness(limit);
        let directed = query.iter().any(|value| *value != 0.0);
        if self.table.options().metric == Metric::Cosine && !directed {
            // Without a direction there is nothing to search for.
            exactness = ExactReason::OtherMetric;
        }
        self.exact = Some(exactness);
        let exact = exactness != ExactReason::No;
        let column = self.distance.map_or(VectorType::Vector, |distance| distance.column);
        let table = &self.table;
        let rounding = match &table.contents {
            Contents::Whole(shards) => Rounding::new(shards, column, metric, &query, exact)?,
            Contents::Ranges(files) => Rounding::of_ranges(files, column, metric, &query)?,
        };
        // SAFETY: the caller's promise.
        let radius = unsafe { self.radius(node, rounding, &query) };
        let k = limit.map(|limit| limit as usize);
        // Leaves room for ties at the last place.
        let asked = if exact { k.map(|k| k.saturating_mul(2).saturating_add(64)) } else { k };
        let (open, effort) = (self.private.open, self.table.effort);
        let wanted =
            Request { query, metric, k: asked, exact, open, radius, rounding, effort, filter };
        let goal = k.unwrap_or(FIRST_BATCH);
        if !exact
            && self.measure.is_some()
            && let Some(unreached) = RecallShortfall::of(&self.table, goal)
        {
            unreached.warn();
        }
        let reach = match (exact, open && !effort.relaxed) {
            (true, _) => Reach::Exact,
            (false, true) => Reach::Passing(goal, RESERVE),
            (false, false) => Reach::Nearest(goal),
        };
        let (relaxed, rows) = (effort.relaxed, self.table.rows());
        if !exact && let Contents::Ranges(files) = &self.table.contents {
            let columns = self.table.range_columns(&self.wanted);
            let search = RangeSearch::new(files, wanted, columns)?;
            let reorder = Reorder::new(search, reach, relaxed, rows, rounding);
            return Ok(Stage::Ranges(Box::new(reorder)));
        }
        let search = Search::new(self.table.contents.whole(exactness.reason())?, wanted)?;
        Ok(match self.measure {
            None => Stage::Search(search),
            Some(_) => Stage::Ordered(Reorder::new(search, reach, relaxed, rows, rounding)),
        })
    }

    /// The query vector; `None` if it is null, or has no direction under cosine: all distances are then
    /// equal, and any order is correct.
    ///
    /// # Safety
    /// `node` is the plan node of this scan.
    unsafe fn query_vector(
        &mut self,
        node: *mut pg_sys::ForeignScanState,
        metric: Metric,
    ) -> Option<Vec<f32>> {
        let known = self.query.as_mut()?;
        // SAFETY: the caller's promise.
        let query = unsafe { vector_of(known, node) }?;
        if metric == Metric::Cosine && query.iter().all(|value| *value == 0.0) {
            return None;
        }
        if let Some(measure) = &mut self.measure {
            // SAFETY: as above; it is not null.
            unsafe { measure.set_query(known.evaluate(node).0) };
        }
        Some(query)
    }

    /// The radius of the search; `None` if it is unlimited, or if the radius is around another vector than
    /// the query. If the radius is null no row passes: Postgres checks that.
    unsafe fn radius(
        &mut self,
        node: *mut pg_sys::ForeignScanState,
        rounding: Option<Rounding>,
        query: &[f32],
    ) -> Option<f32> {
        let (around, radius) = self.radius.as_mut()?;
        // SAFETY: the caller's promise; the radius is a float8.
        let (around, radius) = unsafe {
            let (datum, null) = radius.evaluate(node);
            (vector_of(around, node)?, f64::from_datum(datum, null)?)
        };
        // NaN is greater than every distance, so it does not limit the search.
        if around == query && !radius.is_nan() { Some(rounding?.most(radius)) } else { None }
    }

    /// How many rows will be asked for, if that is known: LIMIT plus OFFSET.
    unsafe fn limit(&mut self, node: *mut pg_sys::ForeignScanState) -> Option<u64> {
        if self.private.limit > 0 {
            return Some(self.private.limit as u64);
        }
        let mut sum: Option<u64> = None;
        for (at, known) in self.limits.iter_mut().enumerate() {
            let Some(known) = known else { continue };
            // SAFETY: the caller's promise; both are of type bigint.
            let value = unsafe {
                let (datum, null) = known.evaluate(node);
                i64::from_datum(datum, null)
            };
            match (at, value) {
                // LIMIT NULL means no limit.
                (0, None) => return Some(self.table.rows()),
                (0, Some(limit)) => sum = Some(limit.max(1) as u64),
                (_, value) => {
                    sum = sum.map(|sum| sum.saturating_add(value.unwrap_or(0).max(0) as u64));
                }
            }
        }
        sum.map(|sum| sum.min(self.table.rows().max(1)))
    }

    /// The number of rows that pass, without reading rows.
    fn count(&self, filter: Option<&Filter>) -> Result<u64> {
        if filter.is_none() {
            return Ok(self.table.rows());
        }
        match &self.table.contents {
            Contents::Whole(shards) => {
                let mut counts = shards.iter().map(|shard| rows_of(shard, filter));
                counts.try_fold(0, |sum, rows| Ok(sum + rows?.len() as u64))
            }
            Contents::Ranges(files) => {
                let filters = range_filters(files, filter)?;
                Ok(filters.iter().flatten().map(LazyFilter::len).sum())
            }
        }
    }

    /// Like [`look_up`](Self::look_up), for files that are read by ranges: reads all of their keys, and the
    /// columns that the filter names.
    fn look_up_ranges(
        &self,
        files: &RangeFiles,
        keys: &[Key],
        filter: Option<&Filter>,
    ) -> Result<Vec<(usize, RowId)>> {
        let all: Vec<usize> = (0..files.files.len()).collect();
        let found = files.answers(&all, |_, index| {
            let mut found = Vec::new();
            for key in keys {
                match index.find(key.as_ref())? {
                    Poll::Ready(row) => found.extend(row),
                    Poll::Pending => return Ok(Poll::Pending),
                }
            }
            Ok(Poll::Ready(found))
        })?;
        let filters = range_filters(files, filter)?;
        let mut rows = Vec::new();
        for (number, (found, filter)) in found.into_iter().zip(filters).enumerate() {
            let passing = found.into_iter().filter(|row| match &filter {
                Some(filter) => filter.contains(*row),
                None => true,
            });
            rows.extend(passing.map(|row| (number, row)));
        }
        if !self.private.count {
            files.expect(&rows, &self.table.range_columns(&self.wanted))?;
        }
        Ok(rows)
    }

    /// The rows that have one of these keys and pass the filter.
    fn look_up(&self, keys: &[Key], filter: Option<&Filter>) -> Result<Vec<(usize, RowId)>> {
        let shards = match &self.table.contents {
            Contents::Whole(shards) => shards,
            Contents::Ranges(files) => return self.look_up_ranges(files, keys, filter),
        };
        let mut found = Vec::new();
        for (number, shard) in shards.iter().enumerate() {
            let index = shard.file.index();
            let about = |error| Failure::from(error).about(&shard.path);
            for key in keys {
                let Some(row) = index.find(key.as_ref()).map_err(about)? else { continue };
                let matches = filter.map_or(Ok(true), |filter| index.matches(filter, row));
                if matches.map_err(about)? {
                    found.push((number, row));
                }
            }
        }
        Ok(found)
    }
}

/// The filter bound to each of the files, if there is one.
fn range_filters(files: &RangeFiles, filter: Option<&Filter>) -> Result<Vec<Option<LazyFilter>>> {
    let all: Vec<usize> = (0..files.files.len()).collect();
    let Some(filter) = filter else { return Ok(vec![None; all.len()]) };
    let filters = files.answers(&all, |_, index| index.filter(filter))?;
    Ok(filters.into_iter().map(Some).collect())
}

/// The current value of an expression of a pgvector type; `None` for null.
unsafe fn vector_of(
    known: &mut Expression,
    node: *mut pg_sys::ForeignScanState,
) -> Option<Vec<f32>> {
    let vector_type = vector::vector_type(known.type_oid()).unwrap_or(VectorType::Vector);
    // SAFETY: `node` is the plan node being executed; the value has the type of its expression.
    unsafe {
        let (datum, null) = known.evaluate(node);
        (!null).then(|| vector::read(datum, vector_type))
    }
}
