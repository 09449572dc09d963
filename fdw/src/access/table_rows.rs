//! Fetches rows of an index's table by TID.

use crate::access::tid::pointer_of;
use pgrx::pg_sys;

/// Fetches rows. The values of a row are valid until the next row is fetched. [`end`](Self::end) releases
/// what this holds; after an error the end of the transaction does so.
pub struct TableRows {
    table: pg_sys::Relation,
    snapshot: pg_sys::Snapshot,
    fetch: *mut pg_sys::IndexFetchTableData,
    slot: *mut pg_sys::TupleTableSlot,
    is_dead: bool,
}

impl TableRows {
    /// Fetches what a snapshot sees.
    ///
    /// # Safety
    /// The table and the snapshot outlive this value; its memory is in the current context.
    pub unsafe fn new(table: pg_sys::Relation, snapshot: pg_sys::Snapshot) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            let method = &*(*table).rd_tableam;
            let fetch = method.index_fetch_begin.expect("any table has it")(table);
            let slot = pg_sys::table_slot_create(table, std::ptr::null_mut());
            Self { table, snapshot, fetch, slot, is_dead: false }
        }
    }

    /// The slot of the row that was found last.
    pub fn slot(&self) -> *mut pg_sys::TupleTableSlot {
        self.slot
    }

    /// Whether the snapshot sees a row with this TID.
    pub fn find(&mut self, tid: u64) -> bool {
        self.find_seen_by(tid, self.snapshot)
    }

    /// Whether there is any row with this TID, visible or not. An out-of-line value of an invisible row may
    /// already be gone.
    pub fn find_any(&mut self, tid: u64) -> bool {
        self.find_seen_by(tid, &raw mut pg_sys::SnapshotAnyData)
    }

    fn find_seen_by(&mut self, tid: u64, snapshot: pg_sys::Snapshot) -> bool {
        let (mut place, mut again) = (pointer_of(tid), false);
        self.is_dead = false;
        // SAFETY: the fetch was begun on this table; a TID of the index is one of the table.
        unsafe {
            let method = &*(*self.table).rd_tableam;
            method.index_fetch_tuple.expect("any table has it")(
                self.fetch,
                &raw mut place,
                snapshot,
                self.slot,
                &raw mut again,
                &raw mut self.is_dead,
            )
        }
    }

    /// Whether no transaction can see a row with the TID that was fetched last, now or later. Means nothing
    /// on a standby.
    pub fn is_dead(&self) -> bool {
        self.is_dead
    }

    /// The value of a column of the row that was found last; `None` if it is null.
    pub fn value(&mut self, attribute: i16) -> Option<pg_sys::Datum> {
        let mut null = false;
        // SAFETY: there is a row in the slot, of a table with this attribute.
        let value = unsafe { pg_sys::slot_getattr(self.slot, i32::from(attribute), &raw mut null) };
        (!null).then_some(value)
    }

    /// Releases what this holds; it cannot be used afterwards.
    pub fn end(&mut self) {
        // SAFETY: created by `new`.
        unsafe {
            let method = &*(*self.table).rd_tableam;
            method.index_fetch_end.expect("any table has it")(self.fetch);
            pg_sys::ExecDropSingleTupleTableSlot(self.slot);
        }
    }
}
