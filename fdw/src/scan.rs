//! Execution: begin, the next row, again, and the figures for EXPLAIN.

use crate::encoding;
use crate::exact;
use crate::failure::{Failure, Result};
use crate::plan::{Exact, Private};
use crate::predicate::{Known, Predicate, Translator, translate_all};
use crate::search::{Search, Wanted, rows};
use crate::stats;
use crate::table::Table;
use crate::vector::{self, VectorType};
use hither_core::{Filter, Key, Metric, RowId, SearchStats};
use pgrx::pg_sys::{self, Datum};
use pgrx::{FromDatum, PgList, PgMemoryContexts};

/// A LIMIT of more than one in so many rows costs less by measuring them all.
const MANY_ROWS: u64 = 16;

/// A scan that is executed.
pub struct Scan {
    pub table: Table,
    pub private: Private,
    pub reasons: Vec<String>,
    /// What the searches of this scan did; none before the first.
    pub stats: Option<SearchStats>,
    /// Why they were exact, if they were.
    pub exact: Option<Exact>,
    predicates: Vec<Predicate>,
    query: Option<Known>,
    /// Around which vector, and how far.
    radius: Option<(Known, Known)>,
    limits: [Option<Known>; 2],
    /// Numbers of the columns that the plan reads, less one.
    wanted: Vec<usize>,
    vector: Vec<f32>,
    stage: Stage,
}

/// The user whose rights a scan has: the owner of a view, where one is between; invalid for the
/// current one.
///
/// # Safety
/// `node` is a plan node of ours.
unsafe fn user_of(node: *mut pg_sys::ForeignScanState) -> pg_sys::Oid {
    // SAFETY: the executor's structures are valid while it executes. A count has no relation of its
    // own, only one that it is about.
    unsafe {
        let plan = (*node).ss.ps.plan.cast::<pg_sys::ForeignScan>();
        #[cfg(any(feature = "pg14", feature = "pg15"))]
        {
            let relation = pg_sys::bms_next_member((*plan).fs_relids, -1);
            let entry = pg_sys::exec_rt_fetch(relation as u32, (*node).ss.ps.state);
            (*entry).checkAsUser
        }
        #[cfg(not(any(feature = "pg14", feature = "pg15")))]
        (*plan).checkAsUser
    }
}

/// Where its rows come from.
enum Stage {
    /// Not known yet: parameters are evaluated when the first row is asked for.
    New,
    Search(Search),
    /// Rows that were found, a shard after another.
    Rows {
        shard: usize,
        rows: Vec<RowId>,
        next: usize,
        filter: Option<Filter>,
    },
    Keys(std::vec::IntoIter<(usize, RowId)>),
    /// The number of rows, until it was given.
    Count(Option<u64>),
}

impl Scan {
    /// Prepares a scan in the memory of the query.
    ///
    /// # Safety
    /// `node` is a plan node of ours.
    pub unsafe fn begin(node: *mut pg_sys::ForeignScanState) -> Result<()> {
        // SAFETY: the executor's structures are valid while it executes.
        unsafe {
            let plan = (*node).ss.ps.plan.cast::<pg_sys::ForeignScan>();
            let (private, attributes, reasons) = Private::decode((*plan).fdw_private)?;
            let table = Table::open(private.relation, user_of(node))?;
            let expressions = PgList::<pg_sys::Expr>::from_pg((*plan).fdw_exprs);
            let mut expressions = expressions.iter_ptr();
            let mut next = |wanted: bool| {
                if wanted { expressions.next().map(Known::new) } else { None }
            };
            let query = next(private.metric.is_some());
            let radius = next(private.radius).zip(next(private.radius));
            let limits = private.limits.map(next);
            if let (Exact::No, Some(metric)) = (private.exact, private.metric)
                && !table.orders_by(metric)
            {
                return Err(Failure::outdated());
            }
            let relation = (*plan).scan.scanrelid as i32;
            let columns = (*plan).fdw_scan_tlist;
            let translator = Translator { table: &table, relation, columns };
            let predicates = translate_all(translator, expressions)?;
            // Attribute 0 is the whole row; negative ones are Postgres's own.
            let all = attributes.contains(&0);
            let numbers = 0..table.attributes.len();
            let wanted = numbers.filter(|at| all || attributes.contains(&(*at as i32 + 1)));
            let scan = Self {
                wanted: wanted.collect(),
                vector: vec![0.0; table.index().dimensions()],
                table,
                private,
                reasons,
                stats: None,
                exact: None,
                predicates,
                query,
                radius,
                limits,
                stage: Stage::New,
            };
            // Dropped with the query's memory, whether it ends well or not.
            let scan = PgMemoryContexts::For((*(*node).ss.ps.state).es_query_cxt)
                .leak_and_drop_on_delete(scan);
            (*node).fdw_state = scan.cast();
            Ok(())
        }
    }

    /// Starts over: parameters may have changed.
    pub fn rescan(&mut self) {
        self.note_stats();
        self.stage = Stage::New;
    }

    /// Frees what the scan holds.
    pub fn end(&mut self) {
        self.rescan();
    }

    /// Adds the figures of a search that is about to be dropped.
    pub fn note_stats(&mut self) {
        if let Stage::Search(search) = &mut self.stage {
            let (new, mut sum) = (search.take_stats(), self.stats.unwrap_or_default());
            sum.visited += new.visited;
            sum.compared += new.compared;
            sum.dropped += new.dropped;
            self.stats = Some(sum);
            stats::note_search(new);
        }
    }

    /// The name of the table, for people.
    pub fn relation_name(&self) -> String {
        // SAFETY: a look-up in the catalogs; get_rel_name gives a palloc'ed string or null.
        unsafe {
            let name = pg_sys::get_rel_name(self.private.relation);
            if name.is_null() {
                return String::new();
            }
            encoding::name(name)
        }
    }

    /// How many conditions the index decides.
    pub fn filters(&self) -> usize {
        self.predicates.len()
    }

    /// Why the answer is exact, if it is: of the plan, or since so many rows are wanted.
    pub fn exactness(&self, limit: Option<u64>) -> Exact {
        let known = (self.private.limit > 0).then_some(self.private.limit as u64);
        match (self.private.exact, limit.or(known)) {
            (Exact::No, Some(limit)) if limit >= self.table.rows() / MANY_ROWS => Exact::ManyRows,
            (exact, _) => exact,
        }
    }

    /// # Safety
    /// `node` is the plan node of this scan.
    unsafe fn start(&mut self, node: *mut pg_sys::ForeignScanState) -> Result<Stage> {
        // SAFETY: the caller's promise.
        unsafe {
            let key_type = self.table.index().options().key_type;
            let mut wanted_keys: Option<Vec<Key>> = None;
            let mut filters = Vec::new();
            for predicate in &mut self.predicates {
                match predicate.keys(node, key_type) {
                    // Several conditions on the key: those that all ask for.
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
                let bound = self.bound(node, metric, &query);
                let limit = self.limit(node);
                let exact = self.exactness(limit);
                self.exact = Some(exact);
                let k = limit.map(|limit| limit as usize);
                let (exact, effort) = (exact != Exact::No, self.table.effort);
                let filter = filter.as_ref();
                let wanted = Wanted { query, metric, k, exact, bound, effort, filter };
                return Ok(Stage::Search(Search::new(&self.table.shards, wanted)?));
            }
            stats::note_scan();
            Ok(Stage::Rows { shard: 0, rows: Vec::new(), next: 0, filter })
        }
    }

    /// The query vector; none if it is null or has no direction, so that all distances are alike
    /// and any order is right.
    ///
    /// # Safety
    /// `node` is the plan node of this scan.
    unsafe fn query_vector(
        &mut self,
        node: *mut pg_sys::ForeignScanState,
        metric: Metric,
    ) -> Option<Vec<f32>> {
        // SAFETY: the caller's promise.
        let query = unsafe { vector_of(self.query.as_mut()?, node) }?;
        let cosine = [metric, self.table.index().metric()].contains(&Metric::Cosine);
        (!cosine || query.iter().any(|value| *value != 0.0)).then_some(query)
    }

    /// How far to search; none if there is no end, or if the radius is around another vector than
    /// is searched for. A radius of null lets nothing pass, which Postgres sees to.
    unsafe fn bound(
        &mut self,
        node: *mut pg_sys::ForeignScanState,
        metric: Metric,
        query: &[f32],
    ) -> Option<f32> {
        let (around, radius) = self.radius.as_mut()?;
        // SAFETY: the caller's promise; the radius is a float8.
        let (around, radius) = unsafe {
            let (datum, null) = radius.evaluate(node);
            (vector_of(around, node)?, f64::from_datum(datum, null)?)
        };
        if around == query { exact::bound(metric, radius, query) } else { None }
    }

    /// How many rows are about to be asked for, if that is known: LIMIT and OFFSET together.
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
                // LIMIT NULL is no limit.
                (0, None) => return Some(self.table.rows()),
                (0, Some(limit)) => sum = Some(limit.max(1) as u64),
                (_, value) => {
                    sum = sum.map(|sum| sum.saturating_add(value.unwrap_or(0).max(0) as u64));
                }
            }
        }
        sum.map(|sum| sum.min(self.table.rows().max(1)))
    }

    /// How many rows pass, without reading one.
    fn count(&self, filter: Option<&Filter>) -> Result<u64> {
        if filter.is_none() {
            return Ok(self.table.rows());
        }
        self.table.shards.iter().try_fold(0, |sum, shard| {
            pgrx::check_for_interrupts!();
            Ok(sum + rows(shard, filter)?.len() as u64)
        })
    }

    /// The rows that have these keys and match.
    fn look_up(&self, keys: &[Key], filter: Option<&Filter>) -> Result<Vec<(usize, RowId)>> {
        let mut found = Vec::new();
        for (number, shard) in self.table.shards.iter().enumerate() {
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

    /// Puts the next row into the slot; false at the end.
    ///
    /// # Safety
    /// `node` is the plan node of this scan; `values` and `nulls` have a place for every attribute.
    pub unsafe fn next(
        &mut self,
        node: *mut pg_sys::ForeignScanState,
        values: &mut [Datum],
        nulls: &mut [bool],
    ) -> Result<bool> {
        if matches!(self.stage, Stage::New) {
            // SAFETY: the caller's promise.
            self.stage = unsafe { self.start(node) }?;
        }
        let place = match &mut self.stage {
            Stage::New => None,
            Stage::Search(search) => search.next()?,
            Stage::Keys(found) => found.next(),
            Stage::Rows { shard, rows: list, next, filter } => loop {
                if let Some(row) = list.get(*next) {
                    *next += 1;
                    break Some((*shard - 1, *row));
                }
                let Some(open) = self.table.shards.get(*shard) else { break None };
                *list = rows(open, filter.as_ref())?;
                *shard += 1;
                *next = 0;
            },
            Stage::Count(count) => {
                let Some(count) = count.take() else { return Ok(false) };
                nulls.fill(true);
                // The columns of the conditions come after it.
                (values[0], nulls[0]) = (Datum::from(count as i64), false);
                return Ok(true);
            }
        };
        let Some((shard, row)) = place else { return Ok(false) };
        stats::note_row();
        self.table.read(shard, row, &self.wanted, &mut self.vector, values, nulls)?;
        Ok(true)
    }
}

/// The vector that an expression of one of pgvector's types is now; none for null.
unsafe fn vector_of(known: &mut Known, node: *mut pg_sys::ForeignScanState) -> Option<Vec<f32>> {
    let vector_type = vector::vector_type(known.type_oid()).unwrap_or(VectorType::Vector);
    // SAFETY: `node` is the plan node that is executed; the value has the type of its expression.
    unsafe {
        let (datum, null) = known.evaluate(node);
        (!null).then(|| vector::read(datum, vector_type))
    }
}
