//! TIDs as numbers, which are the keys of index files.

use crate::search::shards::Shard;
use crate::sql::failure::{Failure, Result};
use hither_core::{KeyRef, RowId};
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys;

/// A TID as a number.
pub fn tid_of(pointer: pg_sys::ItemPointerData) -> u64 {
    let block = u64::from(pointer.ip_blkid.bi_hi) << 16 | u64::from(pointer.ip_blkid.bi_lo);
    block << 16 | u64::from(pointer.ip_posid)
}

/// The TID that a number stands for.
pub fn pointer_of(tid: u64) -> pg_sys::ItemPointerData {
    pg_sys::ItemPointerData {
        ip_blkid: pg_sys::BlockIdData { bi_hi: (tid >> 32) as u16, bi_lo: (tid >> 16) as u16 },
        ip_posid: tid as u16,
    }
}

/// The TID of a row of a file.
///
/// # Errors
/// If the file is damaged.
pub fn tid_at(shard: &Shard, row: RowId) -> Result<u64> {
    match shard.file.index().key(row) {
        Ok(KeyRef::Int64(tid)) => Ok(tid as u64),
        Ok(_) => {
            let message = "a key of a segment is no row of a table";
            Err(Failure::new(Code::ERRCODE_DATA_CORRUPTED, message).about(&shard.path))
        }
        Err(error) => Err(Failure::from_search(error, &shard.path)),
    }
}
