//! Rows of the table that an index is of, fetched by where they are.

use crate::access::column::Column;
use crate::access::tid::pointer_of;
use pgrx::pg_sys;

/// Fetches rows that a snapshot sees. What it holds is given back by [`end`](Self::end); after an error the
/// end of the transaction does so.
pub struct TableRows {
    table: pg_sys::Relation,
    snapshot: pg_sys::Snapshot,
    fetch: *mut pg_sys::IndexFetchTableData,
    slot: *mut pg_sys::TupleTableSlot,
    attribute: i16,
}

impl TableRows {
    /// For the vectors of a column of the table. None if they are an expression.
    ///
    /// # Safety
    /// A table and a snapshot that stay as long as this does; its memory is in the current context.
    pub unsafe fn new(
        table: pg_sys::Relation,
        snapshot: pg_sys::Snapshot,
        column: &Column,
    ) -> Option<Self> {
        let attribute = column.attribute?;
        // SAFETY: the caller's promise; every table has an access method with these callbacks.
        unsafe {
            let begin = (*(*table).rd_tableam).index_fetch_begin?;
            let slot = pg_sys::table_slot_create(table, std::ptr::null_mut());
            Some(Self { table, snapshot, fetch: begin(table), slot, attribute })
        }
    }

    /// The vector of the row at a place, which is there until the next is asked for: none if the snapshot
    /// sees no row there, or one without a vector.
    pub fn vector(&mut self, tid: u64) -> Option<pg_sys::Datum> {
        self.vector_seen_by(tid, self.snapshot)
    }

    /// That of whatever row is at a place, seen by anybody or not. Where it lies out of line, only pointers
    /// to where it did may be left.
    pub fn vector_of_any(&mut self, tid: u64) -> Option<pg_sys::Datum> {
        self.vector_seen_by(tid, &raw mut pg_sys::SnapshotAnyData)
    }

    fn vector_seen_by(&mut self, tid: u64, snapshot: pg_sys::Snapshot) -> Option<pg_sys::Datum> {
        let (mut place, mut again, mut dead) = (pointer_of(tid), false, false);
        // SAFETY: begun on this table; the slot is one of it, and has as many attributes.
        unsafe {
            let fetch = (*(*self.table).rd_tableam).index_fetch_tuple?;
            let (place, again, dead) = (&raw mut place, &raw mut again, &raw mut dead);
            if !fetch(self.fetch, place, snapshot, self.slot, again, dead) {
                return None;
            }
            if (*self.slot).tts_nvalid < self.attribute {
                pg_sys::slot_getsomeattrs_int(self.slot, self.attribute.into());
            }
            let at = self.attribute as usize - 1;
            let is_null = *(*self.slot).tts_isnull.add(at);
            (!is_null).then(|| *(*self.slot).tts_values.add(at))
        }
    }

    /// Gives back what it holds.
    pub fn end(self) {
        // SAFETY: begun by this.
        unsafe {
            pg_sys::ExecDropSingleTupleTableSlot(self.slot);
            if let Some(end) = (*(*self.table).rd_tableam).index_fetch_end {
                end(self.fetch);
            }
        }
    }
}
