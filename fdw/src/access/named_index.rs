//! An index that was passed to a function: open, and of a table on which the user has the rights that the
//! function needs.

use crate::access::relation::{IndexRelation, is_ours};
use crate::sql::encoding::relation_name;
use crate::sql::failure::{Failure, Result};
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys;

/// What a function does to an index, which determines the rights and locks that it needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// For users who may read the table.
    Read,
    /// For users who may read all rows of the table.
    ReadRows,
    /// For the owner.
    Maintain,
}

/// An index that stays open, with its table, until this is dropped.
pub struct NamedIndex {
    relation: pg_sys::Relation,
    table: pg_sys::Relation,
    lock: pg_sys::LOCKMODE,
}

impl NamedIndex {
    /// # Errors
    /// If it is no index of ours, or the user lacks the rights.
    pub fn open(oid: pg_sys::Oid, intent: Intent) -> Result<Self> {
        let lock = match intent {
            Intent::Read | Intent::ReadRows => pg_sys::AccessShareLock,
            Intent::Maintain => pg_sys::RowExclusiveLock,
        } as pg_sys::LOCKMODE;
        // SAFETY: catalog look-ups; Postgres raises an error if there is no such relation.
        unsafe {
            if pg_sys::get_rel_relkind(oid) as u8 != pg_sys::RELKIND_INDEX {
                return Err(wrong(oid));
            }
            // A table must be locked before its indexes.
            let table = pg_sys::IndexGetRelation(oid, false);
            let table = pg_sys::table_open(table, lock);
            let opened = Self { relation: pg_sys::index_open(oid, lock), table, lock };
            if !is_ours(opened.relation) {
                return Err(wrong(oid));
            }
            let (table, user) = ((*table).rd_id, pg_sys::GetUserId());
            let select = pg_sys::ACL_SELECT as pg_sys::AclMode;
            let may_select =
                || pg_sys::pg_class_aclcheck(table, user, select) == pg_sys::AclResult::ACLCHECK_OK;
            let allowed = match intent {
                Intent::Read | Intent::ReadRows => may_select(),
                #[cfg(any(feature = "pg14", feature = "pg15"))]
                Intent::Maintain => pg_sys::pg_class_ownercheck(table, user),
                #[cfg(not(any(feature = "pg14", feature = "pg15")))]
                Intent::Maintain => {
                    pg_sys::object_ownercheck(pg_sys::RelationRelationId, table, user)
                }
            };
            if !allowed {
                let message = format!("permission denied for index \"{}\"", opened.index().name());
                return Err(Failure::new(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, message));
            }
            if intent == Intent::ReadRows
                && pg_sys::check_enable_rls(table, pg_sys::InvalidOid, false)
                    == pg_sys::CheckEnableRlsResult::RLS_ENABLED as i32
            {
                let message = format!(
                    "row-level security of table \"{}\" hides rows that the index has",
                    relation_name(table)
                );
                return Err(Failure::new(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, message)
                    .hint("Only roles that it does not apply to may do this."));
            }
            Ok(opened)
        }
    }

    /// Like [`open`](Self::open) with [`Intent::Read`], but `None` if the index does not exist any more.
    pub fn find(oid: pg_sys::Oid) -> Result<Option<Self>> {
        let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
        // SAFETY: null if the index is gone; while it is locked, it cannot be dropped.
        unsafe {
            let table = pg_sys::IndexGetRelation(oid, true);
            let table = pg_sys::try_relation_open(table, lock);
            if table.is_null() {
                return Ok(None);
            }
            let relation = pg_sys::try_relation_open(oid, lock);
            if relation.is_null() {
                pg_sys::relation_close(table, lock);
                return Ok(None);
            }
            let _locked = Self { relation, table, lock };
            Self::open(oid, Intent::Read).map(Some)
        }
    }

    pub fn index(&self) -> IndexRelation {
        // SAFETY: an index of ours, open as long as this value.
        unsafe { IndexRelation::new(self.relation) }
    }

    pub fn table(&self) -> pg_sys::Relation {
        self.table
    }
}

impl Drop for NamedIndex {
    fn drop(&mut self) {
        // After an error the end of the transaction closes both.
        if !std::thread::panicking() {
            // SAFETY: opened by this.
            unsafe {
                pg_sys::index_close(self.relation, self.lock);
                pg_sys::table_close(self.table, self.lock);
            }
        }
    }
}

fn wrong(oid: pg_sys::Oid) -> Failure {
    let message = format!("\"{}\" is not an index of hither", relation_name(oid));
    Failure::new(Code::ERRCODE_WRONG_OBJECT_TYPE, message)
}
