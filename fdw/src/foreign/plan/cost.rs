//! What scans cost, in Postgres's unit: a page read in sequence.

use crate::foreign::table::Table;
use pgrx::pg_sys;

/// The binary logarithm, rounded down, of 2 and more: enough for a cost, and a new backend need not
/// map libm's.
fn log2(number: f64) -> f64 {
    f64::from((number.max(2.0) as u64).ilog2())
}

/// What is chosen only where there is no other way: a pass over the rows of files that are read by ranges fails.
const NEVER: f64 = 1e10;

/// Costs of the ways to read a table.
pub struct Costs {
    /// Rows of all files.
    tuples: f64,
    /// Rows that pass the conditions that the index decides.
    passing: f64,
    /// Conditions that Postgres checks on each of them.
    check: f64,
    /// One distance: of 100 dimensions it costs what an operator does.
    distance: f64,
    shards: f64,
    /// What a pass over all rows costs beside.
    all: f64,
}

impl Costs {
    /// # Safety
    /// Called by the planner with a foreign table of ours.
    pub unsafe fn new(rel: *mut pg_sys::RelOptInfo, table: &Table, passing: f64) -> Self {
        // SAFETY: the planner's structures and settings.
        unsafe {
            let dimensions = table.options().dimensions as f64;
            Self {
                tuples: (*rel).tuples,
                passing,
                check: (*rel).baserestrictcost.per_tuple,
                distance: pg_sys::cpu_operator_cost * (1.0 + dimensions / 100.0),
                shards: table.contents.len() as f64,
                all: if table.contents.is_ranges() { NEVER } else { 0.0 },
            }
        }
    }

    /// A row that is read, checked and handed on.
    fn row(&self) -> f64 {
        // SAFETY: a setting.
        unsafe { pg_sys::cpu_tuple_cost + self.check }
    }

    /// Deciding which rows pass, without reading one: a column is tested in blocks.
    fn filter(&self) -> f64 {
        // SAFETY: a setting.
        let test = unsafe { pg_sys::cpu_operator_cost } / 10.0;
        if self.passing < self.tuples { self.tuples * test } else { 0.0 }
    }

    /// All rows that pass: start and total.
    pub fn scan(&self) -> (f64, f64) {
        let start = self.shards + self.all;
        (start, start + self.filter() + self.passing * self.row())
    }

    /// The rows within a radius, of which `rows` are expected.
    pub fn within(&self, rows: f64) -> (f64, f64) {
        let start = self.shards + self.all + self.filter() + self.passing * self.distance;
        (start, start + rows * self.row())
    }

    /// All rows in exact order.
    pub fn sorted(&self) -> (f64, f64) {
        let compare = log2(self.passing) * self.distance / 20.0;
        let measure = self.passing * (self.distance + compare);
        let start = self.shards + self.all + self.filter() + measure;
        (start, start + self.passing * self.row())
    }

    /// A search that gives rows as they are asked for: to find all costs more than a scan, to find
    /// some next to nothing.
    pub fn search(&self) -> (f64, f64) {
        // A walk measures some hundred rows, a few more in a larger graph; of few that pass, all.
        let steps = 40.0 * log2(self.tuples / self.shards.max(1.0));
        let measured = (self.shards * steps).min(self.passing);
        let start = self.shards + self.filter() + measured * self.distance;
        let later = 4.0 * (self.passing - measured) * self.distance;
        (start, start + later + self.passing * self.row())
    }

    /// Look-ups of so many keys.
    pub fn look_ups(&self, keys: f64) -> (f64, f64) {
        // SAFETY: a setting.
        let compare = unsafe { pg_sys::cpu_operator_cost };
        let each = self.shards * log2(self.tuples) * compare + self.row();
        (compare, compare + keys * each)
    }

    /// How many rows pass, without reading one.
    pub fn count(&self) -> f64 {
        self.shards + self.filter()
    }
}
