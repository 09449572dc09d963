//! Postgres's distances of rows, by which they are ordered. pgvector's own function computes them, which
//! its sorting calls, too. It receives the vector of the index; or that of the table, if the index has
//! codes alone or scaled the vector to another length.
//!
//! The executor could compute the distances itself, if the index returned rows with lower bounds
//! (`xs_recheckorderby`). But a row that waits in the executor's queue loses its TID: `ctid`, FOR UPDATE
//! and WHERE CURRENT OF then do not work.

use crate::access::column::Column;
use crate::access::table_rows::TableRows;
use crate::search::lengths::Lengths;
use crate::search::shards::Shard;
use crate::sql::failure::{Failure, Result};
use crate::sql::vector;
use hither_core::{Metric, RowId};
use pgrx::pg_sys::{self, Datum};
use pgrx::{FromDatum, PgMemoryContexts};

/// Lengths of vectors that an index under cosine stores unscaled.
const KEPT_LENGTHS: std::ops::RangeInclusive<f64> = 1e-14..=1e14;

/// The function of a scan's ordering, with the query and the memory for its calls.
pub struct Measure {
    order: pg_sys::ScanKey,
    query: Datum,
    /// Where the function reads a vector of the index, and how many bytes its values have.
    place: *mut u8,
    width: usize,
    /// The rows of the table, and the number of the vector's column; `None` if the index is on an
    /// expression.
    rows: Option<(TableRows, i16)>,
    /// Whether the index's vectors may be multiples of the table's.
    may_be_scaled: bool,
    /// The memory contexts of this value, and of a single call of the function.
    memory: pg_sys::MemoryContext,
    call: pg_sys::MemoryContext,
    /// How many rows of the table were fetched.
    pub fetched: u64,
}

/// Creates a memory context as a child of another.
unsafe fn context(parent: pg_sys::MemoryContext) -> pg_sys::MemoryContext {
    let sizes = [
        pg_sys::ALLOCSET_SMALL_MINSIZE,
        pg_sys::ALLOCSET_SMALL_INITSIZE,
        pg_sys::ALLOCSET_SMALL_MAXSIZE,
    ];
    let [least, first, most] = sizes.map(|size| size as usize);
    let name = c"hither measure".as_ptr();
    // SAFETY: the caller passes a valid parent.
    unsafe { pg_sys::AllocSetContextCreateInternal(parent, name, least, first, most) }
}

/// What became of measuring a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RowDistance {
    /// Its distance.
    At(f64),
    /// The scan's snapshot does not see the row.
    Unseen,
    /// No transaction can see the row any more.
    Dead,
}

impl Measure {
    /// A measure for an ordering by a query that is not null, of rows whose lengths are within `lengths`.
    ///
    /// # Safety
    /// The scan is Postgres's; it and the memory context outlive this value.
    pub unsafe fn new(
        scan: pg_sys::IndexScanDesc,
        memory: pg_sys::MemoryContext,
        column: &Column,
        lengths: Lengths,
    ) -> Self {
        // SAFETY: the caller's promise; the scan has one ordering.
        unsafe {
            let memory = context(memory);
            let call = context(memory);
            let order = (*scan).orderByData;
            PgMemoryContexts::For(memory).switch_to(|_| {
                let query = pg_sys::pg_detoast_datum((*order).sk_argument.cast_mut_ptr());
                let (table, snapshot) = ((*scan).heapRelation, (*scan).xs_snapshot);
                Self {
                    order,
                    query: Datum::from(query),
                    place: vector::allocate(column.dimensions, column.vector_type),
                    width: column.width(),
                    rows: column
                        .attribute
                        .map(|attribute| (TableRows::new(table, snapshot), attribute)),
                    may_be_scaled: column.metric == Metric::Cosine
                        && ![lengths.least, lengths.greatest]
                            .iter()
                            .all(|length| KEPT_LENGTHS.contains(length)),
                    memory,
                    call,
                    fetched: 0,
                }
            })
        }
    }

    /// Postgres's distance of a row of a shard, whose TID is `tid`.
    pub fn distance(&mut self, shard: &Shard, row: RowId, tid: u64) -> Result<RowDistance> {
        let index = shard.file.index();
        let stored =
            index.vector_bytes(row).map_err(|error| Failure::from_search(error, &shard.path))?;
        let is_near = || index.vector_error(row).is_ok_and(|error| error > 0.0);
        let stored = stored.filter(|_| !(self.may_be_scaled || is_near()) || self.rows.is_none());
        let vector = match (stored, &mut self.rows) {
            (Some(stored), _) => {
                // SAFETY: the place has room for this many bytes.
                unsafe { vector::copy(&stored[..self.width], self.place) };
                Datum::from(self.place)
            }
            (None, Some((rows, attribute))) => {
                self.fetched += 1;
                match rows.find(tid).then(|| rows.value(*attribute)).flatten() {
                    Some(vector) => vector,
                    None if rows.is_dead() => return Ok(RowDistance::Dead),
                    None => return Ok(RowDistance::Unseen),
                }
            }
            (None, None) => return Err(Failure::outdated()),
        };
        // SAFETY: the operator's function, with a vector of the column's type and the query.
        unsafe {
            let (function, collation) =
                (&raw mut (*self.order).sk_func, (*self.order).sk_collation);
            let found = PgMemoryContexts::For(self.call)
                .switch_to(|_| pg_sys::FunctionCall2Coll(function, collation, vector, self.query));
            pg_sys::MemoryContextReset(self.call);
            Ok(f64::from_datum(found, false).map_or(RowDistance::Unseen, RowDistance::At))
        }
    }

    /// Releases its resources; after an error the end of the transaction does so.
    pub fn end(self) {
        if let Some((mut rows, _)) = self.rows {
            rows.end();
        }
        // SAFETY: created by `new`.
        unsafe { pg_sys::MemoryContextDelete(self.memory) }
    }
}
