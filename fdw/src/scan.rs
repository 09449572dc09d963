//! Execution: begin, the next row, again, and the figures for EXPLAIN.

use crate::failure::{Failure, Result};
use crate::plan::Private;
use crate::predicate::{Predicate, Translator, evaluate, translate_all};
use crate::search::{Search, Wanted, rows};
use crate::table::{Source, Table};
use crate::value::{datum, key_datum};
use crate::vector::{self, VectorType};
use hither_core::{Filter, RowId};
use pgrx::pg_sys::{self, Datum};
use pgrx::{PgList, PgMemoryContexts};
use std::ptr::null_mut;

/// How many rows are looked for first where no LIMIT says it.
const FIRST_BATCH: usize = 20;

/// A scan that is executed.
pub struct Scan {
    pub table: Table,
    pub private: Private,
    pub reasons: Vec<String>,
    predicates: Vec<Predicate>,
    /// The query vector, if there is an order.
    query: *mut pg_sys::Expr,
    query_state: *mut pg_sys::ExprState,
    query_type: VectorType,
    /// Attribute numbers that the plan reads.
    wanted: Vec<usize>,
    vector: Vec<f32>,
    stage: Stage,
    pub stats: Option<hither_core::SearchStats>,
}

/// The user whose rights a scan has: the owner of a view, where one is between; invalid for the
/// current one.
///
/// # Safety
/// `node` is a plan node of ours.
unsafe fn user_of(node: *mut pg_sys::ForeignScanState) -> pg_sys::Oid {
    // SAFETY: the executor's structures are valid while it executes.
    unsafe {
        let plan = (*node).ss.ps.plan.cast::<pg_sys::ForeignScan>();
        #[cfg(any(feature = "pg14", feature = "pg15"))]
        {
            let entry = pg_sys::exec_rt_fetch((*plan).scan.scanrelid, (*node).ss.ps.state);
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
            let relation = (*(*node).ss.ss_currentRelation).rd_id;
            let table = Table::open(relation, user_of(node))?;
            let (private, attributes, reasons) = Private::decode((*plan).fdw_private)?;
            let expressions = PgList::<pg_sys::Expr>::from_pg((*plan).fdw_exprs);
            let mut expressions: Vec<_> = expressions.iter_ptr().collect();
            let mut query = null_mut();
            let mut query_type = VectorType::Vector;
            if let Some(metric) = private.metric {
                query = expressions.remove(0);
                let type_oid = pg_sys::exprType(query.cast());
                query_type = vector::vector_type(type_oid).unwrap_or(VectorType::Vector);
                if !table.orders_by(metric) {
                    let message = "the files of the table changed since the statement was planned";
                    let code = pgrx::PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
                    return Err(Failure::new(code, message).hint("Prepare the statement anew."));
                }
            }
            let relation = (*plan).scan.scanrelid as i32;
            let translator = Translator { table: &table, relation };
            let predicates = translate_all(translator, expressions.into_iter())?;
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
                predicates,
                query,
                query_state: null_mut(),
                query_type,
                stage: Stage::New,
                stats: None,
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
        self.note_stats();
        self.stage = Stage::Keys(Vec::new().into_iter());
    }

    /// Adds the figures of a search that is about to be dropped.
    pub fn note_stats(&mut self) {
        if let Stage::Search(search) = &self.stage {
            let (new, mut sum) = (search.stats(), self.stats.unwrap_or_default());
            sum.visited += new.visited;
            sum.compared += new.compared;
            sum.dropped += new.dropped;
            self.stats = Some(sum);
        }
    }

    /// How the rows are found, for EXPLAIN.
    pub fn filters(&self) -> usize {
        self.predicates.len()
    }

    /// # Safety
    /// `node` is the plan node of this scan.
    unsafe fn start(&mut self, node: *mut pg_sys::ForeignScanState) -> Result<Stage> {
        // SAFETY: the caller's promise.
        unsafe {
            let key_type = self.table.index().options().key_type;
            let mut wanted_keys: Option<Vec<hither_core::Key>> = None;
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
            if let Some(keys) = wanted_keys {
                return self.look_up(&keys, filter.as_ref());
            }
            if let Some(metric) = self.private.metric
                && let Some(query) = self.query_vector(node)
            {
                let limit = self.private.limit as usize;
                let k = if limit > 0 { limit } else { FIRST_BATCH };
                let (exact, effort) = (self.private.exact, self.table.effort);
                let filter = filter.as_ref();
                let wanted = Wanted { query, metric, k, exact, effort, filter };
                return Ok(Stage::Search(Search::new(&self.table.shards, wanted)?));
            }
            Ok(Stage::Rows { shard: 0, rows: Vec::new(), next: 0, filter })
        }
    }

    /// The query vector; none if it is null or has no direction, so that all distances are alike
    /// and any order is right.
    ///
    /// # Safety
    /// `node` is the plan node of this scan.
    unsafe fn query_vector(&mut self, node: *mut pg_sys::ForeignScanState) -> Option<Vec<f32>> {
        // SAFETY: the caller's promise; the state is made once, in the memory of the query.
        unsafe {
            let plan_state = &raw mut (*node).ss.ps;
            if self.query_state.is_null() {
                let memory = (*(*plan_state).state).es_query_cxt;
                let before = pg_sys::MemoryContextSwitchTo(memory);
                self.query_state = pg_sys::ExecInitExpr(self.query, plan_state);
                pg_sys::MemoryContextSwitchTo(before);
            }
            let (datum, null) = evaluate(self.query_state, (*plan_state).ps_ExprContext);
            if null {
                return None;
            }
            let query = vector::read(datum, self.query_type);
            let cosine = [self.private.metric, Some(self.table.index().metric())]
                .contains(&Some(hither_core::Metric::Cosine));
            (!cosine || query.iter().any(|value| *value != 0.0)).then_some(query)
        }
    }

    /// The rows that have these keys and match.
    fn look_up(&self, keys: &[hither_core::Key], filter: Option<&Filter>) -> Result<Stage> {
        let mut found = Vec::new();
        for (number, shard) in self.table.shards.iter().enumerate() {
            let index = shard.file.index();
            let about = |error| Failure::from(error).about(&shard.path);
            let mut matching = None;
            for key in keys {
                let Some(row) = index.find(key.as_ref()).map_err(about)? else { continue };
                if let Some(filter) = filter {
                    if matching.is_none() {
                        matching = Some(rows(shard, Some(filter))?);
                    }
                    let sorted = matching.as_deref().unwrap_or_default();
                    if sorted.binary_search(&row).is_err() {
                        continue;
                    }
                }
                found.push((number, row));
            }
        }
        Ok(Stage::Keys(found.into_iter()))
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
        };
        let Some((shard, row)) = place else { return Ok(false) };
        self.read(shard, row, values, nulls)?;
        Ok(true)
    }

    /// Reads the wanted columns of a row, in the current memory context.
    fn read(
        &mut self,
        shard: usize,
        row: RowId,
        values: &mut [Datum],
        nulls: &mut [bool],
    ) -> Result<()> {
        let Self { table, wanted, vector, .. } = self;
        let open = &table.shards[shard];
        let index = open.file.index();
        let about = |error| Failure::from(error).about(&open.path);
        nulls.fill(true);
        for &at in wanted.iter() {
            let Some(attribute) = &table.attributes[at] else { continue };
            let (oid, typmod) = (attribute.type_oid, attribute.typmod);
            let value = match &attribute.source {
                Source::Key => Some(key_datum(index.key(row).map_err(about)?, oid, typmod)?),
                Source::Vector(vector_type) => {
                    index.vector(row, vector).map_err(about)?;
                    Some(vector::write(vector, *vector_type))
                }
                Source::Column { numbers, .. } => {
                    datum(index.value(row, numbers[shard]).map_err(about)?, oid, typmod)?
                }
            };
            if let (Some(value), Some(place)) = (value, values.get_mut(at)) {
                (*place, nulls[at]) = (value, false);
            }
        }
        Ok(())
    }
}
