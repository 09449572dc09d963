//! Places of rows in their table as numbers, which are the keys of index files.

use pgrx::pg_sys;

/// The place of a row in its table as one number.
pub fn tid_of(pointer: pg_sys::ItemPointerData) -> u64 {
    let block = u64::from(pointer.ip_blkid.bi_hi) << 16 | u64::from(pointer.ip_blkid.bi_lo);
    block << 16 | u64::from(pointer.ip_posid)
}

/// The place that a number is.
pub fn pointer_of(tid: u64) -> pg_sys::ItemPointerData {
    pg_sys::ItemPointerData {
        ip_blkid: pg_sys::BlockIdData { bi_hi: (tid >> 32) as u16, bi_lo: (tid >> 16) as u16 },
        ip_posid: tid as u16,
    }
}
