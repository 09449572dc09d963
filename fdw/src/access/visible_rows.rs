//! Rows of an index's table as a snapshot sees them, found by TID.

use crate::access::column::Column;
use crate::access::keys::{self, Keys};
use crate::access::relation::IndexRelation;
use crate::access::table_rows::TableRows;
use crate::sql::failure::{Failure, Result};
use crate::sql::vector::VectorValue;
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys::{self, Datum};

/// Reads single rows. The values of a row are valid until the next row is read.
pub struct VisibleRows {
    rows: TableRows,
    /// For indexes of expressions.
    info: *mut pg_sys::IndexInfo,
    state: *mut pg_sys::EState,
}

impl VisibleRows {
    /// Reads what the statement sees.
    ///
    /// # Errors
    /// If the index cannot be relied on: it is incomplete, or newer than the snapshot.
    ///
    /// # Safety
    /// The index is open, and so is its table, which stays so.
    pub unsafe fn new(table: pg_sys::Relation, index: IndexRelation) -> Result<Self> {
        // SAFETY: the caller's promise.
        unsafe {
            check_index(index)?;
            let snapshot = pg_sys::GetActiveSnapshot();
            lock_for_serializable(index, snapshot);
            let (rows, state) = (TableRows::new(table, snapshot), pg_sys::CreateExecutorState());
            (*per_row(state)).ecxt_scantuple = rows.slot();
            Ok(Self { rows, info: pg_sys::BuildIndexInfo(index.raw()), state })
        }
    }

    /// Whether the snapshot sees a row with this TID.
    pub fn find(&mut self, tid: u64) -> bool {
        // SAFETY: the state was created by `new`.
        unsafe { pg_sys::ReScanExprContext(per_row(self.state)) };
        self.rows.find(tid)
    }

    /// The row that was found last, as the index stores it: copies its vector to `vector` and returns its
    /// keys; `None` if the row is not indexed.
    ///
    /// # Errors
    /// If the vector does not fit the index.
    pub fn indexed(&mut self, column: &Column, vector: &mut [f32]) -> Result<Option<Keys>> {
        const MOST: usize = pg_sys::INDEX_MAX_KEYS as usize;
        let (mut values, mut nulls) = ([Datum::from(0); MOST], [true; MOST]);
        // SAFETY: there is a row in the slot, and room for the greatest number of attributes of an index;
        // those of this index have the types in `column`.
        let (value, keys) = unsafe {
            let before =
                pg_sys::MemoryContextSwitchTo((*per_row(self.state)).ecxt_per_tuple_memory);
            let (out, null) = (values.as_mut_ptr(), nulls.as_mut_ptr());
            pg_sys::FormIndexDatum(self.info, self.rows.slot(), self.state, out, null);
            pg_sys::MemoryContextSwitchTo(before);
            if nulls[0] {
                return Ok(None);
            }
            let keys = keys::of_row(&column.keys, values.as_ptr(), nulls.as_ptr());
            (VectorValue::new(values[0], column.vector_type), keys)
        };
        column.check(&value)?;
        column.element().decode(value.bytes(), vector);
        Ok(column.takes(vector)?.then_some(keys))
    }

    /// The value of a column of the table; `None` if it is null.
    pub fn value(&mut self, attribute: i16) -> Option<Datum> {
        self.rows.value(attribute)
    }

    /// Runs `read` in a memory context that is reset at the next row.
    pub fn within<T>(&mut self, read: impl FnOnce() -> T) -> T {
        // SAFETY: the context lives as long as this value.
        unsafe {
            let before =
                pg_sys::MemoryContextSwitchTo((*per_row(self.state)).ecxt_per_tuple_memory);
            let read = read();
            pg_sys::MemoryContextSwitchTo(before);
            read
        }
    }
}

impl Drop for VisibleRows {
    fn drop(&mut self) {
        // After an error the end of the transaction frees them.
        if !std::thread::panicking() {
            self.rows.end();
            // SAFETY: created by `new`.
            unsafe { pg_sys::FreeExecutorState(self.state) };
        }
    }
}

/// The expression context for the current row.
///
/// # Safety
/// The state is valid.
unsafe fn per_row(state: *mut pg_sys::EState) -> *mut pg_sys::ExprContext {
    // SAFETY: the caller's promise; Postgres's macro does the same.
    unsafe {
        match (*state).es_per_tuple_exprcontext.is_null() {
            true => pg_sys::MakePerTupleExprContext(state),
            false => (*state).es_per_tuple_exprcontext,
        }
    }
}

/// Takes the predicate lock that serializable transactions need: as in any index scan of an access method
/// without page-level predicate locks.
///
/// # Safety
/// The index is open and the snapshot is valid.
unsafe fn lock_for_serializable(index: IndexRelation, snapshot: pg_sys::Snapshot) {
    unsafe extern "C-unwind" {
        fn PredicateLockRelation(relation: pg_sys::Relation, snapshot: pg_sys::Snapshot);
    }
    // SAFETY: the caller's promise; an error of Postgres's becomes a panic, as in pgrx's own bindings.
    unsafe {
        pg_sys::ffi::pg_guard_ffi_boundary(|| PredicateLockRelation(index.raw(), snapshot));
    }
}

/// Checks that an index has all rows that the snapshot sees.
///
/// # Safety
/// The index is open.
unsafe fn check_index(index: IndexRelation) -> Result<()> {
    // SAFETY: the caller's promise; the planner checks the same before it uses an index.
    unsafe {
        let entry = &*(*index.raw()).rd_index;
        if !entry.indisvalid {
            let message = format!("index \"{}\" is not valid", index.name());
            return Err(Failure::new(Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, message)
                .hint("REINDEX makes it again, and so does dropping and creating it."));
        }
        if entry.indcheckxmin {
            let tuple = (*(*index.raw()).rd_indextuple).t_data;
            let made = pg_sys::htup::HeapTupleHeaderGetXmin(tuple);
            if !pg_sys::TransactionIdPrecedes(made, pg_sys::TransactionXmin) {
                let message =
                    format!("index \"{}\" is too young for this transaction", index.name());
                return Err(Failure::new(Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, message)
                    .hint("Try again when the transactions that were open when it was made have ended."));
            }
        }
    }
    Ok(())
}

/// Runs as the table's owner until this is dropped, as building an index does: the index's expressions call
/// functions of the owner.
pub struct OwnersRights {
    user: pg_sys::Oid,
    context: i32,
    settings: i32,
}

impl OwnersRights {
    /// # Safety
    /// The table is open.
    pub unsafe fn take(table: pg_sys::Relation) -> Self {
        let mut before = Self { user: pg_sys::InvalidOid, context: 0, settings: 0 };
        // SAFETY: the caller's promise; as CREATE INDEX does.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&raw mut before.user, &raw mut before.context);
            let restricted = before.context | pg_sys::SECURITY_RESTRICTED_OPERATION as i32;
            pg_sys::SetUserIdAndSecContext((*(*table).rd_rel).relowner, restricted);
            before.settings = pg_sys::NewGUCNestLevel();
            #[cfg(any(feature = "pg17", feature = "pg18"))]
            pg_sys::RestrictSearchPath();
        }
        before
    }
}

impl Drop for OwnersRights {
    fn drop(&mut self) {
        // After an error the end of the transaction restores the user.
        if !std::thread::panicking() {
            // SAFETY: taken by this.
            unsafe {
                pg_sys::AtEOXact_GUC(false, self.settings);
                pg_sys::SetUserIdAndSecContext(self.user, self.context);
            }
        }
    }
}
