//! Executing a scan: starting it, returning rows, restarting it, and its figures for EXPLAIN.

mod start;

use crate::foreign::files::Contents;
use crate::foreign::local::LocalConditions;
use crate::foreign::measure::Measure;
use crate::foreign::plan::{self, Distance, ExactReason, PlanData};
use crate::foreign::predicate::{Expression, Predicate, Translator, translate_all};
use crate::foreign::table::Table;
use crate::search::iterative::Search;
use crate::search::ranges::RangeSearch;
use crate::search::reorder::{MANY_ROWS, Reorder};
use crate::search::rows::Rows;
use crate::search::stats;
use crate::sql::encoding;
use crate::sql::failure::{Failure, Result};
use hither_core::{RowId, SearchStats};
use pgrx::pg_sys::{self, Datum};
use pgrx::{PgList, PgMemoryContexts, PgSqlErrorCode as Code};

/// A scan that is being executed.
pub struct Scan {
    pub table: Table,
    pub private: PlanData,
    pub reasons: Vec<String>,
    /// The statistics of this scan's searches; `None` before the first.
    pub stats: Option<SearchStats>,
    /// Whether the searches were exact, and why.
    pub exact: Option<ExactReason>,
    predicates: Vec<Predicate>,
    distance: Option<Distance>,
    query: Option<Expression>,
    /// Postgres's own distances, which decide the order.
    measure: Option<Measure>,
    /// Conditions that Postgres decides, evaluated during the search.
    local: Option<LocalConditions>,
    /// The vector and the bound of the radius.
    radius: Option<(Expression, Expression)>,
    limits: [Option<Expression>; 2],
    /// The attribute numbers of the columns that the plan reads, less one.
    wanted: Vec<usize>,
    vector: Vec<f32>,
    stage: Stage,
    /// Whether a warning said that rows were left out: one is enough for a scan that restarts.
    warned: bool,
}

/// The user whose rights a scan uses: the owner of a view, if there is one in between; invalid for the
/// current user.
///
/// # Safety
/// `node` is a plan node of ours.
unsafe fn user_of(node: *mut pg_sys::ForeignScanState) -> pg_sys::Oid {
    // SAFETY: the executor's structures are valid while it executes. A count has no relation of its own,
    // only that of its plan data.
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

/// The reason why a scan fails for files that are read by ranges.
const ALL_ROWS: &str = "this scan reads all rows";

/// The source of the scan's rows.
enum Stage {
    /// Not known yet: parameters are evaluated when the first row is asked for.
    New,
    Search(Search),
    Ordered(Reorder<Search>),
    Ranges(Box<Reorder<RangeSearch>>),
    Rows(Rows),
    Keys(std::vec::IntoIter<(usize, RowId)>),
    /// The number of rows, until it was returned.
    Count(Option<u64>),
}

impl Scan {
    /// Prepares a scan in the query's memory context.
    ///
    /// # Safety
    /// `node` is a plan node of ours.
    pub unsafe fn begin(node: *mut pg_sys::ForeignScanState) -> Result<()> {
        // SAFETY: the executor's structures are valid while it executes.
        unsafe {
            let plan = (*node).ss.ps.plan.cast::<pg_sys::ForeignScan>();
            let (private, attributes, reasons) = PlanData::decode((*plan).fdw_private)?;
            let table = Table::open(private.relation, user_of(node))?;
            let expressions = PgList::<pg_sys::Expr>::from_pg((*plan).fdw_exprs);
            let mut expressions = expressions.iter_ptr();
            let distance = if private.metric.is_some() { expressions.next() } else { None };
            let mut next = |wanted: bool| {
                if wanted { expressions.next().map(Expression::new) } else { None }
            };
            let radius = next(private.radius).zip(next(private.radius));
            let limits = private.limits.map(next);
            if let (ExactReason::No, Some(metric)) = (private.exact, private.metric)
                && !table.orders_by(metric)
            {
                return Err(Failure::outdated());
            }
            let relation = (*plan).scan.scanrelid as i32;
            let columns = (*plan).fdw_scan_tlist;
            let translator = Translator { table: &table, relation, columns };
            let predicates = translate_all(translator, expressions)?;
            let distance = distance.map(|expression| {
                // In another file the vector's column may be something else.
                plan::distance(expression, translator).ok_or_else(Failure::outdated)
            });
            let distance = distance.transpose()?;
            let by_key = predicates.iter().any(|one| matches!(one, Predicate::Key(_)));
            let ordered = distance.filter(|_| private.exact != ExactReason::Radius);
            if ordered.is_some() && by_key {
                // The key was an attribute column of the file when the search was planned.
                return Err(Failure::outdated());
            }
            let measure = ordered.map(|distance| Measure::new(node, distance, &table));
            let local = ordered.filter(|_| private.exact == ExactReason::No && private.open);
            let local = local.and_then(|_| LocalConditions::take(node));
            // Attribute 0 is the whole row; negative ones are system columns.
            let all = attributes.contains(&0);
            let numbers = 0..table.attributes.len();
            let wanted = numbers.filter(|at| all || attributes.contains(&(*at as i32 + 1)));
            let scan = Self {
                wanted: wanted.collect(),
                vector: vec![0.0; table.options().dimensions],
                table,
                private,
                reasons,
                stats: None,
                exact: None,
                predicates,
                distance,
                query: distance.map(|distance| Expression::new(distance.query)),
                measure,
                local,
                radius,
                limits,
                stage: Stage::New,
                warned: false,
            };
            // Dropped with the query's memory context, even after an error.
            let scan = PgMemoryContexts::For((*(*node).ss.ps.state).es_query_cxt)
                .leak_and_drop_on_delete(scan);
            (*node).fdw_state = scan.cast();
            Ok(())
        }
    }

    /// Restarts the scan: parameters may have changed.
    pub fn rescan(&mut self) {
        self.note_stats();
        self.stage = Stage::New;
    }

    /// Releases what the scan holds.
    pub fn end(&mut self) {
        self.rescan();
    }

    /// Adds the statistics of a search before it is dropped.
    pub fn note_stats(&mut self) {
        let new = match &mut self.stage {
            Stage::Search(search) => Some(search.take_stats()),
            Stage::Ordered(reorder) => Some(reorder.take_stats()),
            Stage::Ranges(reorder) => Some(reorder.take_stats()),
            _ => None,
        };
        if let Some(new) = new {
            let mut sum = self.stats.unwrap_or_default();
            sum.visited += new.visited;
            sum.compared += new.compared;
            sum.dropped += new.dropped;
            self.stats = Some(sum);
            stats::note_search(new);
        }
    }

    /// The name of the table, for users.
    pub fn relation_name(&self) -> String {
        // SAFETY: a catalog look-up; get_rel_name returns a palloc'ed string or null.
        unsafe {
            let name = pg_sys::get_rel_name(self.private.relation);
            if name.is_null() {
                return String::new();
            }
            encoding::name(name)
        }
    }

    /// The number of conditions that the index decides.
    pub fn filters(&self) -> usize {
        self.predicates.len()
    }

    /// Whether and why the answer is exact: because the plan says so, or because so many rows are wanted.
    pub fn exactness(&self, limit: Option<u64>) -> ExactReason {
        let known = (self.private.limit > 0).then_some(self.private.limit as u64);
        match (self.private.exact, limit.or(known)) {
            (ExactReason::No, Some(limit))
                if limit >= self.table.rows() / MANY_ROWS && !self.table.contents.is_ranges() =>
            {
                ExactReason::ManyRows
            }
            (exact, _) => exact,
        }
    }

    /// Stores the next row in the slot; false at the end.
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
        let Self { stage, table, measure, local, wanted, vector, warned, .. } = self;
        loop {
            let mut decided = local.is_none();
            let place = match &mut *stage {
                Stage::New => None,
                Stage::Search(search) => {
                    let shards = table.contents.whole(ALL_ROWS)?;
                    search.next(shards)?.map(|(shard, found)| (shard, found.row))
                }
                Stage::Ordered(_) | Stage::Ranges(_) => {
                    decided = true;
                    let judge = |shard, row| {
                        if let Some(local) = local {
                            pgrx::check_for_interrupts!();
                            table.read(shard, row, wanted, vector, values, nulls)?;
                            // SAFETY: the caller's promise; the row was read into the slot.
                            let passes = unsafe { local.passes(node) };
                            // SAFETY: what was read is no longer needed.
                            unsafe { LocalConditions::forget(node) };
                            if !passes {
                                return Ok(None);
                            }
                        }
                        let measured = measure.as_mut().map(|one| one.distance(table, shard, row));
                        measured.transpose()
                    };
                    let (found, has_loss) = match (&mut *stage, &table.contents) {
                        (Stage::Ordered(reorder), Contents::Whole(shards)) => {
                            (reorder.next(shards, judge)?, reorder.has_loss())
                        }
                        (Stage::Ranges(reorder), Contents::Ranges(files)) => {
                            (reorder.next(files, judge)?, reorder.has_loss())
                        }
                        _ => return Err(Failure::outdated()),
                    };
                    if found.is_none() && has_loss && !std::mem::replace(warned, true) {
                        warn_of_loss();
                    }
                    found
                }
                Stage::Keys(found) => found.next(),
                Stage::Rows(rows) => rows.next(table.contents.whole(ALL_ROWS)?)?,
                Stage::Count(count) => {
                    let Some(count) = count.take() else { return Ok(false) };
                    nulls.fill(true);
                    // The columns in the conditions come after the count.
                    (values[0], nulls[0]) = (Datum::from(count as i64), false);
                    return Ok(true);
                }
            };
            let Some((shard, row)) = place else { return Ok(false) };
            table.read(shard, row, wanted, vector, values, nulls)?;
            // SAFETY: the caller's promise; the row was read into the slot.
            if decided || local.as_ref().is_none_or(|local| unsafe { local.passes(node) }) {
                stats::note_row();
                return Ok(true);
            }
            // SAFETY: what was read is no longer needed.
            unsafe { LocalConditions::forget(node) };
            pgrx::check_for_interrupts!();
        }
    }
}

/// Nothing else tells the user about rows that came too late for strict order.
fn warn_of_loss() {
    let message = "rows that were found too late for their place in the order were left out";
    Failure::new(Code::ERRCODE_WARNING, message)
        .hint("SET hither.iterative_scan = relaxed gives them as they are found; with a greater hither.ef_search fewer are found late.")
        .warn();
}
