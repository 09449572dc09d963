//! Planning: which conditions the index decides, and whether it gives the order that is wanted.

use crate::failure::{Failure, Result};
use crate::predicate::{Predicate, Translator, operator_name};
use crate::table::{Source, Table};
use crate::vector::metric_of;
use hither_core::Metric;
use pgrx::pg_sys::{self, NodeTag};
use pgrx::{PgList, PgMemoryContexts, is_a};
use std::ffi::CString;
use std::ptr::null_mut;

/// What planning one scan found out; lives in the planner's memory.
pub struct Planned {
    pub table: Table,
    /// Conditions that the index decides.
    pushed: Vec<*mut pg_sys::RestrictInfo>,
    /// Whether one of them is about the key.
    by_key: bool,
    /// Why the others, or the order, were not pushed.
    reasons: Vec<String>,
    order: Option<DistanceOrder>,
}

/// An order by distance that the index gives.
struct DistanceOrder {
    query: *mut pg_sys::Expr,
    metric: Metric,
}

/// What a plan says to the scan, as numbers in `fdw_private`, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Private {
    /// The metric to search by; none for a plain scan.
    pub metric: Option<Metric>,
    /// How many rows are wanted; 0 if that is not known.
    pub limit: i32,
    /// Whether every row is wanted, so that the search must be exact.
    pub exact: bool,
}

const METRICS: [Metric; 4] = [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1];

/// Opens the table, sorts the conditions, and estimates how many rows pass.
///
/// # Safety
/// Called by the planner with a foreign table of ours.
pub unsafe fn size(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    relation: pg_sys::Oid,
) -> Result<()> {
    // SAFETY: the planner's structure is valid.
    let table = Table::open(relation, unsafe { (*rel).userid })?;
    let mut planned =
        Planned { table, pushed: Vec::new(), by_key: false, reasons: Vec::new(), order: None };
    // SAFETY: `rel` is a base relation; its restrictions are a list of RestrictInfo.
    unsafe {
        let translator = Translator { table: &planned.table, relation: (*rel).relid as i32 };
        let restrictions = PgList::<pg_sys::RestrictInfo>::from_pg((*rel).baserestrictinfo);
        for restriction in restrictions.iter_ptr() {
            if (*restriction).pseudoconstant {
                continue;
            }
            match translator.top((*restriction).clause) {
                Ok(predicate) => {
                    planned.by_key |= matches!(predicate, Predicate::Key(_));
                    planned.pushed.push(restriction);
                }
                Err(why) => {
                    planned.reasons.push(format!("{}: {why}", describe((*restriction).clause)));
                }
            }
        }
        (*rel).tuples = planned.table.rows() as f64;
        (*rel).pages = 1;
        pg_sys::set_baserel_size_estimates(root, rel);
        let (order, why) = order(root, rel, &planned.table);
        planned.order = order;
        planned.reasons.extend(why);
        let planned = PgMemoryContexts::CurrentMemoryContext.leak_and_drop_on_delete(planned);
        (*rel).fdw_private = planned.cast();
    }
    Ok(())
}

/// The kind of a condition, for people.
unsafe fn describe(expression: *mut pg_sys::Expr) -> String {
    // SAFETY: node tags say what may be cast to what.
    unsafe {
        match (*expression).type_ {
            NodeTag::T_OpExpr => {
                format!("operator {}", operator_name((*expression.cast::<pg_sys::OpExpr>()).opno))
            }
            NodeTag::T_ScalarArrayOpExpr => "ANY or ALL".into(),
            NodeTag::T_BoolExpr => "AND, OR or NOT".into(),
            NodeTag::T_FuncExpr => "function".into(),
            _ => "condition".into(),
        }
    }
}

/// The order by distance that the query wants first, if the index gives it; else why not.
unsafe fn order(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    table: &Table,
) -> (Option<DistanceOrder>, Option<String>) {
    // SAFETY: the planner's structures are valid while it plans.
    unsafe {
        let pathkeys = PgList::<pg_sys::PathKey>::from_pg((*root).query_pathkeys);
        let Some(pathkey) = pathkeys.get_ptr(0) else { return (None, None) };
        let translator = Translator { table, relation: (*rel).relid as i32 };
        for member in members((*pathkey).pk_eclass, rel) {
            if !is_a(member.cast(), NodeTag::T_OpExpr) {
                continue;
            }
            let operator = member.cast::<pg_sys::OpExpr>();
            let Some(metric) = metric_of((*operator).opno) else { continue };
            let arguments = PgList::<pg_sys::Expr>::from_pg((*operator).args);
            let (Some(left), Some(right)) = (arguments.get_ptr(0), arguments.get_ptr(1)) else {
                continue;
            };
            let is_ours = |expression| {
                let attribute = translator.attribute(expression);
                attribute.is_some_and(|a| matches!(a.source, Source::Vector(_)))
            };
            let query = match (is_ours(left), is_ours(right)) {
                (true, false) => right,
                (false, true) => left,
                _ => continue,
            };
            let name = metric.operator();
            let why = if !ascending(pathkey) {
                "the index gives the nearest first, not the farthest".into()
            } else if let Err(why) = translator.is_operand(query) {
                format!("the query vector: {why}")
            } else if !table.orders_by(metric) {
                format!("the index is ordered by {}", table.index().metric().operator())
            } else {
                return (Some(DistanceOrder { query, metric }), None);
            };
            return (None, Some(format!("order by {name}: {why}")));
        }
        (None, None)
    }
}

#[cfg(feature = "pg18")]
unsafe fn ascending(pathkey: *mut pg_sys::PathKey) -> bool {
    // SAFETY: a valid path key.
    unsafe {
        (*pathkey).pk_cmptype == pg_sys::CompareType::COMPARE_LT && !(*pathkey).pk_nulls_first
    }
}

#[cfg(not(feature = "pg18"))]
unsafe fn ascending(pathkey: *mut pg_sys::PathKey) -> bool {
    // SAFETY: a valid path key.
    unsafe {
        (*pathkey).pk_strategy == pg_sys::BTLessStrategyNumber as i32 && !(*pathkey).pk_nulls_first
    }
}

/// The expressions of an equivalence class that may be about this relation: since PostgreSQL 18
/// those of partitions and other children lie apart.
unsafe fn members(
    class: *mut pg_sys::EquivalenceClass,
    rel: *mut pg_sys::RelOptInfo,
) -> Vec<*mut pg_sys::Expr> {
    // SAFETY: the planner's structures are valid while it plans.
    unsafe {
        let all = PgList::<pg_sys::EquivalenceMember>::from_pg((*class).ec_members);
        #[cfg_attr(not(feature = "pg18"), allow(unused_mut, reason = "children are among all"))]
        let mut found: Vec<_> = all.iter_ptr().map(|member| (*member).em_expr).collect();
        #[cfg(feature = "pg18")]
        if !(*class).ec_childmembers.is_null()
            && ((*rel).relid as i32) < (*class).ec_childmembers_size
        {
            let list = *(*class).ec_childmembers.add((*rel).relid as usize);
            let children = PgList::<pg_sys::EquivalenceMember>::from_pg(list);
            found.extend(children.iter_ptr().map(|member| (*member).em_expr));
        }
        let _ = rel;
        found
    }
}

/// Adds a path for a plain scan, and one for a search if the index gives the order.
///
/// # Safety
/// Called by the planner after [`size`].
pub unsafe fn paths(root: *mut pg_sys::PlannerInfo, rel: *mut pg_sys::RelOptInfo) {
    // SAFETY: `fdw_private` was set by `size`.
    unsafe {
        let planned = &*(*rel).fdw_private.cast::<Planned>();
        let rows = (*rel).rows;
        let tuple = pg_sys::cpu_tuple_cost;
        let scanned = if planned.by_key { rows } else { (*rel).tuples };
        // A row that passes is decoded; one that does not costs a fraction of that.
        let total = 1.0 + scanned * tuple / 4.0 + rows * tuple;
        add_path(root, rel, 1.0, total, null_mut(), false);
        // With a key given there is next to nothing to sort.
        if planned.order.is_some() && !planned.by_key {
            let first = PgList::<pg_sys::PathKey>::from_pg((*root).query_pathkeys).get_ptr(0);
            let mut pathkeys = PgList::<pg_sys::PathKey>::new();
            first.into_iter().for_each(|pathkey| pathkeys.push(pathkey));
            let startup = 1.0 + (rows + 1.0).log2() * tuple * 10.0;
            let total = startup + total + rows * tuple;
            add_path(root, rel, startup, total, pathkeys.into_pg(), true);
        }
    }
}

unsafe fn add_path(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    startup: f64,
    total: f64,
    pathkeys: *mut pg_sys::List,
    ordered: bool,
) {
    // SAFETY: the planner's structures are valid while it plans.
    unsafe {
        let mut private = PgList::<pg_sys::Integer>::new();
        private.push(pg_sys::makeInteger(ordered.into()));
        let path = pg_sys::create_foreignscan_path(
            root,
            rel,
            null_mut(),
            (*rel).rows,
            #[cfg(feature = "pg18")]
            0,
            startup,
            total,
            pathkeys,
            (*rel).lateral_relids,
            null_mut(),
            #[cfg(any(feature = "pg17", feature = "pg18"))]
            null_mut(),
            private.into_pg(),
        );
        pg_sys::add_path(rel, path.cast());
    }
}

/// Makes the plan of the path that was chosen.
///
/// # Safety
/// Called by the planner with a path of [`paths`].
pub unsafe fn plan(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    path: *mut pg_sys::ForeignPath,
    target_list: *mut pg_sys::List,
    clauses: *mut pg_sys::List,
    outer: *mut pg_sys::Plan,
) -> *mut pg_sys::ForeignScan {
    // SAFETY: `fdw_private` was set by `size`; the lists are what the planner says they are.
    unsafe {
        let planned = &*(*rel).fdw_private.cast::<Planned>();
        let chosen = PgList::<pg_sys::Integer>::from_pg((*path).fdw_private);
        let ordered = chosen.get_ptr(0).is_some_and(|flag| integer(flag) == 1);
        let order = planned.order.as_ref().filter(|_| ordered);

        let mut expressions = PgList::<pg_sys::Expr>::new();
        let mut recheck = PgList::<pg_sys::Expr>::new();
        let mut local = PgList::<pg_sys::Expr>::new();
        if let Some(order) = order {
            expressions.push(order.query);
        }
        let clauses = PgList::<pg_sys::RestrictInfo>::from_pg(clauses);
        for clause in clauses.iter_ptr().filter(|clause| !(**clause).pseudoconstant) {
            if planned.pushed.contains(&clause) {
                expressions.push((*clause).clause);
                recheck.push((*clause).clause);
            } else {
                local.push((*clause).clause);
            }
        }
        let limit = (*root).limit_tuples;
        let private = Private {
            metric: order.map(|order| order.metric),
            limit: if limit > 0.0 { limit.min(f64::from(1 << 20)) as i32 } else { 0 },
            exact: limit <= 0.0 && (*(*root).parse).limitCount.is_null(),
        };
        let mut wanted = null_mut();
        pg_sys::pull_varattnos((*(*rel).reltarget).exprs.cast(), (*rel).relid, &mut wanted);
        pg_sys::pull_varattnos(local.as_ptr().cast(), (*rel).relid, &mut wanted);
        pg_sys::make_foreignscan(
            target_list,
            local.into_pg(),
            (*rel).relid,
            expressions.into_pg(),
            private.encode(wanted, &planned.reasons),
            null_mut(),
            recheck.into_pg(),
            outer,
        )
    }
}

unsafe fn integer(node: *mut pg_sys::Integer) -> i32 {
    // SAFETY: a node made by makeInteger. In PostgreSQL 14 Integer is a Value.
    unsafe {
        #[cfg(feature = "pg14")]
        return (*node).val.ival;
        #[cfg(not(feature = "pg14"))]
        (*node).ival
    }
}

impl Private {
    /// A list of three lists: numbers, attribute numbers that are wanted, reasons.
    unsafe fn encode(
        self,
        wanted: *mut pg_sys::Bitmapset,
        reasons: &[String],
    ) -> *mut pg_sys::List {
        // SAFETY: node constructors in the planner's memory.
        unsafe {
            let metric = self.metric.map_or(-1, |metric| metric as i32);
            let mut numbers = PgList::<pg_sys::Integer>::new();
            for number in [metric, self.limit, self.exact.into()] {
                numbers.push(pg_sys::makeInteger(number));
            }
            let mut attributes = PgList::<pg_sys::Integer>::new();
            let mut member = pg_sys::bms_next_member(wanted, -1);
            while member >= 0 {
                let number = member + pg_sys::FirstLowInvalidHeapAttributeNumber;
                attributes.push(pg_sys::makeInteger(number));
                member = pg_sys::bms_next_member(wanted, member);
            }
            let mut texts = PgList::<pg_sys::Node>::new();
            for reason in reasons {
                let text = CString::new(reason.replace('\0', "")).unwrap_or_default();
                texts.push(pg_sys::makeString(pg_sys::pstrdup(text.as_ptr())).cast());
            }
            let mut all = PgList::<pg_sys::List>::new();
            for list in [numbers.into_pg(), attributes.into_pg(), texts.into_pg()] {
                all.push(list);
            }
            all.into_pg()
        }
    }

    /// What [`encode`](Self::encode) wrote: numbers, attribute numbers, reasons.
    ///
    /// # Safety
    /// `list` is the `fdw_private` of a plan of ours.
    pub unsafe fn decode(list: *mut pg_sys::List) -> Result<(Self, Vec<i32>, Vec<String>)> {
        // SAFETY: the caller's promise.
        unsafe {
            let all = PgList::<pg_sys::List>::from_pg(list);
            let numbers_of = |at| {
                let list =
                    PgList::<pg_sys::Integer>::from_pg(all.get_ptr(at).unwrap_or(null_mut()));
                list.iter_ptr().map(|node| integer(node)).collect::<Vec<i32>>()
            };
            let numbers = numbers_of(0);
            let [metric, limit, exact] = numbers[..] else {
                return Err(Failure::new(
                    pgrx::PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
                    "the plan is none of this version of hither",
                ));
            };
            let metric = METRICS.into_iter().find(|known| *known as i32 == metric);
            let texts = PgList::<pg_sys::Node>::from_pg(all.get_ptr(2).unwrap_or(null_mut()));
            let reasons = texts.iter_ptr().map(|node| {
                let text = (*node.cast::<pg_sys::String>()).sval;
                std::ffi::CStr::from_ptr(text).to_string_lossy().into_owned()
            });
            let private = Self { metric, limit, exact: exact == 1 };
            Ok((private, numbers_of(1), reasons.collect()))
        }
    }
}
