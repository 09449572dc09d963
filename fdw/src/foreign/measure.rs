//! Postgres's own distances: pgvector's function, called for rows of ours as Postgres calls it for
//! those of any table. Its sums differ from ours in their last digits, and Postgres believes only
//! its own.

use crate::foreign::plan::Distance;
use crate::foreign::table::Table;
use crate::sql::failure::{Failure, Result};
use crate::sql::vector;
use hither_core::RowId;
use pgrx::pg_sys::{self, Datum};
use pgrx::{FromDatum, PgMemoryContexts};

/// The function of an operator, with the query and a place for a row's vector.
pub struct Measure {
    distance: Distance,
    function: Box<pg_sys::FmgrInfo>,
    /// In the memory of the query of Postgres, as is the place.
    query: Datum,
    place: *mut u8,
    memory: pg_sys::MemoryContext,
    /// A value a dimension, for vectors that are stored in another form.
    values: Vec<f32>,
}

impl Measure {
    /// # Safety
    /// `node` is the plan node that is executed, `distance` one of its expressions.
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

    /// Measures from this query on.
    ///
    /// # Safety
    /// `query` is a value of the type that the operator takes, not null.
    pub unsafe fn set_query(&mut self, query: Datum) {
        // SAFETY: the caller's promise; the copy before is ours.
        unsafe {
            if !self.query.is_null() {
                pg_sys::pfree(self.query.cast_mut_ptr());
            }
            self.query = PgMemoryContexts::For(self.memory)
                .switch_to(|_| Datum::from(pg_sys::pg_detoast_datum_copy(query.cast_mut_ptr())));
        }
    }

    /// How far Postgres finds a row.
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
