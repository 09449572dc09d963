//! The table of an index, as read by a merge.

use crate::access::column::Column;
use crate::access::relation::IndexRelation;
use crate::access::table_rows::TableRows;
use crate::sql::vector::VectorValue;
use pgrx::pg_sys;

/// The table of an index, as seen by a new snapshot. It is closed before a segment is built, which takes
/// long.
pub struct SourceTable {
    table: pg_sys::Relation,
    snapshot: pg_sys::Snapshot,
    rows: TableRows,
    /// Whether other processes ignore this snapshot when they remove rows, as they do with VACUUM's.
    is_vacuum: bool,
}

/// What a merge finds of a row's vector in the table.
pub enum SourceVector {
    Read(VectorValue),
    /// The vector is out of line, and VACUUM cannot read it.
    OutOfLine,
    /// The row is gone.
    Gone,
}

impl SourceTable {
    const MODE: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

    /// `None` if the table cannot be locked without waiting.
    pub fn open(index: IndexRelation) -> Option<Self> {
        // SAFETY: the index is open. If this process has no lock on the table, it must not wait for one,
        // because the holder may be waiting for the index.
        unsafe {
            let oid = (*(*index.raw()).rd_index).indrelid;
            if !pg_sys::ConditionalLockRelationOid(oid, Self::MODE) {
                return None;
            }
            let table = pg_sys::table_open(oid, pg_sys::NoLock as pg_sys::LOCKMODE);
            // VACUUM may be running in parallel mode, where new snapshots cannot be taken; it has an active
            // one.
            let snapshot = match pg_sys::IsInParallelMode() && pg_sys::ActiveSnapshotSet() {
                true => pg_sys::GetActiveSnapshot(),
                false => pg_sys::GetLatestSnapshot(),
            };
            let snapshot = pg_sys::RegisterSnapshot(snapshot);
            let is_vacuum = (*pg_sys::MyProc).statusFlags & pg_sys::PROC_IN_VACUUM as u8 != 0;
            let rows = TableRows::new(table, snapshot);
            Some(Self { table, snapshot, rows, is_vacuum })
        }
    }

    /// The vector of a row. All versions of a row that an index entry leads to have the same vector. If
    /// another row has reused the TID, the old row is already deleted in the index, or will be before the
    /// merge is published.
    pub fn vector(&mut self, tid: u64, column: &Column) -> SourceVector {
        let (Some(attribute), rows) = (column.attribute, &mut self.rows) else {
            return SourceVector::Gone;
        };
        let Some(mut vector) = rows.find_any(tid).then(|| rows.value(attribute)).flatten() else {
            return SourceVector::Gone;
        };
        // SAFETY: a value of the vector's column.
        unsafe {
            if pgrx::varlena::varatt_is_1b_e(vector.cast_mut_ptr()) {
                if self.is_vacuum {
                    return SourceVector::OutOfLine;
                }
                match rows.find(tid).then(|| rows.value(attribute)).flatten() {
                    Some(seen) => vector = seen,
                    None => return SourceVector::Gone,
                }
            }
            let value = VectorValue::new(vector, column.vector_type);
            match column.check(&value) {
                Ok(()) => SourceVector::Read(value),
                Err(_) => SourceVector::Gone,
            }
        }
    }

    /// Closes the table; after an error the end of the transaction does so.
    pub fn close(mut self) {
        self.rows.end();
        // SAFETY: opened by this.
        unsafe {
            pg_sys::UnregisterSnapshot(self.snapshot);
            pg_sys::table_close(self.table, Self::MODE);
        }
    }
}
