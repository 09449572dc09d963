//! The index as Postgres knows it: a relation with a file.

use crate::access::options::{self, StorageOptions};
use crate::sql::encoding;
use crate::sql::failure::Failure;
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys;

/// The lock of a worker, which blocks neither reads nor writes. Postgres does not always know who waits for
/// weaker locks.
pub const WORKER_LOCK: pg_sys::LOCKMODE = pg_sys::ShareUpdateExclusiveLock as pg_sys::LOCKMODE;

/// An open index, locked as strongly as its use requires.
#[derive(Clone, Copy)]
pub struct IndexRelation(pg_sys::Relation);

/// The file of a relation; TRUNCATE and REINDEX replace it by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelationFile {
    pub tablespace: u32,
    pub database: u32,
    pub number: u32,
}

impl IndexRelation {
    /// The number of pages.
    /// An index of this access method, which stays open as long as the value is used.
    pub unsafe fn new(relation: pg_sys::Relation) -> Self {
        Self(relation)
    }

    pub fn raw(self) -> pg_sys::Relation {
        self.0
    }

    pub fn name(self) -> String {
        // SAFETY: open; the name ends with NUL.
        unsafe { encoding::name((&raw const (*(*self.0).rd_rel).relname.data).cast()) }
    }

    pub fn file(self) -> RelationFile {
        // SAFETY: open.
        #[cfg(not(any(feature = "pg14", feature = "pg15")))]
        unsafe {
            let file = (*self.0).rd_locator;
            RelationFile {
                tablespace: file.spcOid.to_u32(),
                database: file.dbOid.to_u32(),
                number: file.relNumber.to_u32(),
            }
        }
        // SAFETY: open.
        #[cfg(any(feature = "pg14", feature = "pg15"))]
        unsafe {
            let file = (*self.0).rd_node;
            RelationFile {
                tablespace: file.spcNode.to_u32(),
                database: file.dbNode.to_u32(),
                number: file.relNode.to_u32(),
            }
        }
    }

    /// How many pages there are.
    pub fn blocks(self) -> pg_sys::BlockNumber {
        let fork = pg_sys::ForkNumber::MAIN_FORKNUM;
        // SAFETY: open.
        unsafe { pg_sys::RelationGetNumberOfBlocksInFork(self.0, fork) }
    }

    /// Whether the index is of a temporary table.
    pub fn is_temporary(self) -> bool {
        // SAFETY: open.
        unsafe { (*(*self.0).rd_rel).relpersistence as u8 == pg_sys::RELPERSISTENCE_TEMP }
    }

    /// Whether this transaction created its file.
    pub fn is_new(self) -> bool {
        // SAFETY: open.
        unsafe {
            let relation = &*self.0;
            #[cfg(any(feature = "pg14", feature = "pg15"))]
            let file = relation.rd_newRelfilenodeSubid;
            #[cfg(not(any(feature = "pg14", feature = "pg15")))]
            let file = relation.rd_newRelfilelocatorSubid;
            [relation.rd_createSubid, file].iter().any(|made| *made != NO_SUBTRANSACTION)
        }
    }

    /// The index's WITH options.
    pub fn options(self) -> StorageOptions {
        // SAFETY: open; the options are null or were made by `options::parse`.
        unsafe { options::of((*self.0).rd_options) }
    }

    /// The error for an index whose pages are not what was written.
    pub fn damaged(self, what: &str) -> Failure {
        let message = format!("index \"{}\" is damaged: {what}", self.name());
        Failure::new(Code::ERRCODE_DATA_CORRUPTED, message)
            .hint("REINDEX makes it again from the table.")
    }
}

/// No subtransaction: the event was not in this transaction.
const NO_SUBTRANSACTION: pg_sys::SubTransactionId = 0;

/// Whether a relation is an index of this access method.
///
/// # Safety
/// The relation is open.
pub unsafe fn is_ours(relation: pg_sys::Relation) -> bool {
    // SAFETY: the caller's promise; a catalog look-up.
    unsafe {
        let own = pg_sys::get_am_oid(c"hither".as_ptr(), true);
        (*(*relation).rd_rel).relam == own && own != pg_sys::InvalidOid
    }
}
