//! Postgres's own distances: calls pgvector's function on rows of ours as Postgres would on those of any
//! table. Its sums differ from ours in their last digits, and Postgres only relies on its own.

use crate::foreign::plan::Distance;
use crate::foreign::table::Table;
use crate::sql::failure::{Failure, Result};
use crate::sql::vector;
use hither_core::RowId;
use pgrx::pg_sys::{self, Datum};
use pgrx::{FromDatum, PgMemoryContexts};

/// An operator's function, with the query and a place for a row's vector.
pub struct Measure {
    distance: Distance,
    function: Box<pg_sys::FmgrInfo>,
    /// Both are in the memory context of the query.
    query: Datum,
    place: *mut u8,
    memory: pg_sys::MemoryContext,
    /// One value per dimension, for vectors that are stored in another form.
    values: Vec<f32>,
}

impl Measure {
    /// # Safety
    /// `node` is the plan node being executed, and `distance` one of its expressions.
    pub unsafe fn new(
        node: *mut pg_sys::ForeignScanState,
        distance: Distance,
        table: &Table,
    ) -> Self {
        // SAFETY: the executor's structures are valid while it executes; the function exists.
        unsafe {
            let memory = (*(*node).ss.ps.state).es_query_cxt;
            let mut function = Box::new(pg_sys::FmgrInfo::default());
            pg_sys::fmgr_info_cxt(distance.function(), &raw mut *function, memory);
            let dimensions = table.options().dimensions;
            let place = PgMemoryContexts::For(memory)
                .switch_to(|_| vector::allocate(dimensions, distance.column));
            let values = vec![0.0; dimensions];
            Self { distance, function, query: Datum::null(), place, memory, values }
        }
    }

    /// Sets the query for the distances that follow.
    ///
    /// # Safety
    /// `query` is a value of the operator's type, not null.
    pub unsafe fn set_query(&mut self, query: Datum) {
        // SAFETY: the caller's promise; the previous copy is ours.
        unsafe {
            if !self.query.is_null() {
                pg_sys::pfree(self.query.cast_mut_ptr());
            }
            self.query = PgMemoryContexts::For(self.memory)
                .switch_to(|_| Datum::from(pg_sys::pg_detoast_datum_copy(query.cast_mut_ptr())));
        }
    }

    /// Postgres's distance of a row.
    pub fn distance(&mut self, table: &Table, shard: usize, row: RowId) -> Result<f64> {
        let Self { distance, function, query, place, values, .. } = self;
        // SAFETY: the place is of the column's type and the table's dimensions; the function takes
        // two vectors and gives a float8.
        unsafe {
            table.read_vector(shard, row, distance.column, values, *place)?;
            let vector = Datum::from(*place);
            let (left, right) =
                if distance.query_first { (*query, vector) } else { (vector, *query) };
            let collation = distance.collation();
            let found = pg_sys::FunctionCall2Coll(&raw mut **function, collation, left, right);
            f64::from_datum(found, false).ok_or_else(Failure::outdated)
        }
    }
}
