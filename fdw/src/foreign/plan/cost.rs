//! The costs of scans, in Postgres's unit: a page read sequentially.

use crate::foreign::table::Table;
use pgrx::pg_sys;

/// The binary logarithm, rounded down, of a number of at least 2. This is exact enough for a cost, and a
/// new backend need not map libm for it.
fn log2(number: f64) -> f64 {
    f64::from((number.max(2.0) as u64).ilog2())
}

/// The cost of a pass over all rows of files that are read by ranges. It fails, so it must only be chosen
/// if there is no other path.
const NEVER: f64 = 1e10;

/// The costs of the ways to read a table.
pub struct Costs {
    /// The number of rows in all files.
    tuples: f64,
    /// The number of rows that pass the pushed conditions.
    passing: f64,
    /// The cost per row of the conditions that Postgres checks.
    check: f64,
    /// The cost of one distance: with 100 dimensions, twice that of an operator.
    distance: f64,
    shards: f64,
    /// The additional cost of a pass over all rows.
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

    /// The cost of reading, checking and returning a row.
    fn row(&self) -> f64 {
        // SAFETY: a setting.
        unsafe { pg_sys::cpu_tuple_cost + self.check }
    }

    /// The cost of deciding which rows pass, without reading rows: columns are tested in blocks.
    fn filter(&self) -> f64 {
        // SAFETY: a setting.
        let test = unsafe { pg_sys::cpu_operator_cost } / 10.0;
        if self.passing < self.tuples { self.tuples * test } else { 0.0 }
    }

    /// The cost of returning all rows that pass: start and total.
    pub fn scan(&self) -> (f64, f64) {
        let start = self.shards + self.all;
        (start, start + self.filter() + self.passing * self.row())
    }

    /// The cost of returning the rows within a radius, of which `rows` are expected.
    pub fn within(&self, rows: f64) -> (f64, f64) {
        let start = self.shards + self.all + self.filter() + self.passing * self.distance;
        (start, start + rows * self.row())
    }

    /// The cost of returning all rows in exact order.
    pub fn sorted(&self) -> (f64, f64) {
        let compare = log2(self.passing) * self.distance / 20.0;
        let measure = self.passing * (self.distance + compare);
        let start = self.shards + self.all + self.filter() + measure;
        (start, start + self.passing * self.row())
    }

    /// The cost of a search that returns rows as they are asked for: finding all rows costs more than a
    /// scan, finding a few next to nothing.
    pub fn search(&self) -> (f64, f64) {
        // A walk computes some hundred distances, a few more in a larger graph; if few rows pass, those of
        // all of them.
        let steps = 40.0 * log2(self.tuples / self.shards.max(1.0));
        let measured = (self.shards * steps).min(self.passing);
        let start = self.shards + self.filter() + measured * self.distance;
        let later = 4.0 * (self.passing - measured) * self.distance;
        (start, start + later + self.passing * self.row())
    }

    /// The cost of looking up `keys` keys.
    pub fn look_ups(&self, keys: f64) -> (f64, f64) {
        // SAFETY: a setting.
        let compare = unsafe { pg_sys::cpu_operator_cost };
        let each = self.shards * log2(self.tuples) * compare + self.row();
        (compare, compare + keys * each)
    }

    /// The cost of counting the rows that pass, without reading rows.
    pub fn count(&self) -> f64 {
        self.shards + self.filter()
    }
}
