//! The costs of a scan, in Postgres's unit: a page read sequentially.

use crate::access::column::Column;
use crate::access::metapage::Metapage;
use crate::access::relation::IndexRelation;
use crate::sql::failure::Result;
use pgrx::pg_sys;

/// The estimates that the planner asks for.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    pub start: f64,
    pub total: f64,
    pub pages: f64,
}

/// A search computes so many distances, times the binary logarithm of the number of rows.
const STEPS: f64 = 40.0;

/// In a search that goes on to the last row, each distance costs so many times as much.
const LATER: f64 = 4.0;

/// The cost of finding, fetching and ordering a row, in rows of a sequential scan: 2 µs, in which such a
/// scan reads ten rows (10,000 rows of 3 dimensions, PostgreSQL 18).
const ROW: f64 = 25.0;

/// Estimates the costs of searching an index of `rows` rows. `share` of them pass the conditions on key
/// columns, and `near` of those lie within the radius.
///
/// # Errors
/// If the index is damaged.
pub fn estimate(index: IndexRelation, rows: f64, share: f64, near: f64) -> Result<Costs> {
    let column = Column::of(index)?;
    let meta = Metapage::read(index)?;
    // SAFETY: settings.
    let (operator, tuple) = unsafe { (pg_sys::cpu_operator_cost, pg_sys::cpu_tuple_cost) };
    let distance = operator * (1.0 + column.dimensions as f64 / 100.0);
    let segments = meta.segments.len() as f64;
    let growing = meta.head.growing_rows as f64;
    let steps = STEPS * (rows / segments.max(1.0)).max(2.0).log2();
    let passing = rows * share;
    // Evaluating a filter reads each column in blocks.
    let filter = if share < 1.0 { rows * operator / 10.0 } else { 0.0 };
    let measured = (segments * steps + growing).min(passing);
    let start = (1.0 + segments) * operator + filter + measured * distance;
    let given = passing * near;
    let later = LATER * (given - measured).max(0.0) * distance;
    Ok(Costs {
        start,
        total: start + later + given * ROW * tuple,
        pages: f64::from(index.blocks()),
    })
}

/// Whether a path has a condition that the vector is null: such rows are in no index.
///
/// # Safety
/// A path of the planner.
pub unsafe fn asks_for_null(path: *mut pg_sys::IndexPath) -> bool {
    // SAFETY: the caller's promise; a list of clauses, each with a condition.
    unsafe {
        let clauses = pgrx::PgList::<pg_sys::IndexClause>::from_pg((*path).indexclauses);
        clauses.iter_ptr().any(|clause| {
            let condition = (*(*clause).rinfo).clause.cast::<pg_sys::NullTest>();
            (*clause).indexcol == 0
                && pgrx::is_a(condition.cast(), pg_sys::NodeTag::T_NullTest)
                && (*condition).nulltesttype == pg_sys::NullTestType::IS_NULL
        })
    }
}
