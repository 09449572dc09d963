//! Rows of the table that an index is of, fetched by where they are.

use crate::access::tid::pointer_of;
use pgrx::pg_sys;

/// Fetches rows. Values of a row are there until the next is asked for. What this holds is given back by
/// [`end`](Self::end); after an error the end of the transaction does so.
pub struct TableRows {
    table: pg_sys::Relation,
    snapshot: pg_sys::Snapshot,
    fetch: *mut pg_sys::IndexFetchTableData,
    slot: *mut pg_sys::TupleTableSlot,
    is_dead: bool,
}

impl TableRows {
    /// Of what a snapshot sees.
    ///
    /// # Safety
    /// A table and a snapshot that stay as long as this does; its memory is in the current context.
    pub unsafe fn new(table: pg_sys::Relation, snapshot: pg_sys::Snapshot) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            let method = &*(*table).rd_tableam;
            let fetch = method.index_fetch_begin.expect("any table has it")(table);
            let slot = pg_sys::table_slot_create(table, std::ptr::null_mut());
            Self { table, snapshot, fetch, slot, is_dead: false }
        }
    }

    /// Where a row is that was found.
    pub fn slot(&self) -> *mut pg_sys::TupleTableSlot {
        self.slot
    }

    /// Whether there is a row at a place that the snapshot sees.
    pub fn find(&mut self, tid: u64) -> bool {
        self.find_seen_by(tid, self.snapshot)
    }

    /// Whether there is any, seen by anybody or not. Of a value that lies out of line only a pointer to where
    /// it did may be left.
    pub fn find_any(&mut self, tid: u64) -> bool {
        self.find_seen_by(tid, &raw mut pg_sys::SnapshotAnyData)
    }

    fn find_seen_by(&mut self, tid: u64, snapshot: pg_sys::Snapshot) -> bool {
        let (mut place, mut again) = (pointer_of(tid), false);
        self.is_dead = false;
        // SAFETY: begun on this table; a place that the index has is one of it.
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

    /// Whether nobody sees a row at the place that was looked at last, now or later. On a standby it says nothing.
    pub fn is_dead(&self) -> bool {
        self.is_dead
    }

    /// The value of a column of the row that was found; none if it is null.
    pub fn value(&mut self, attribute: i16) -> Option<pg_sys::Datum> {
        let mut null = false;
        // SAFETY: there is a row in the slot, of a table with this attribute.
        let value = unsafe { pg_sys::slot_getattr(self.slot, i32::from(attribute), &raw mut null) };
        (!null).then_some(value)
    }

    /// Gives back what it holds: it is of no use afterwards.
    pub fn end(&mut self) {
        // SAFETY: made by `new`.
        unsafe {
            let method = &*(*self.table).rd_tableam;
            method.index_fetch_end.expect("any table has it")(self.fetch);
            pg_sys::ExecDropSingleTupleTableSlot(self.slot);
        }
    }
}
