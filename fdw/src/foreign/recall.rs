//! The recall of a foreign table's searches.

use crate::foreign::table::Table;
use crate::search::recall::Sample;
use crate::sql::encoding::relation_name;
use crate::sql::failure::{Failure, Result};
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys;

/// Mean recall@k of `queries` searches under the current settings, compared with exact ones. `None` for a
/// table with fewer than two rows.
///
/// # Errors
/// If the relation is no table of ours, or the user may not read it.
pub fn recall(relation: pg_sys::Oid, k: usize, queries: usize) -> Result<Option<f64>> {
    check(relation)?;
    let table = Table::open(relation, pg_sys::InvalidOid)?;
    let shards = table.contents.whole("the recall is measured by reading all rows")?;
    let effort = table.effort;
    Sample { shards, effort, is_deleted: &|_, _| false, k, queries }.recall()
}

/// Checks that the relation is a table of ours that the user may read.
fn check(relation: pg_sys::Oid) -> Result<()> {
    // SAFETY: catalog look-ups.
    unsafe {
        let name = relation_name(relation);
        let foreign = pg_sys::get_rel_relkind(relation) as u8 == pg_sys::RELKIND_FOREIGN_TABLE;
        let ours = foreign && {
            let own = pg_sys::get_foreign_data_wrapper_oid(c"hither".as_ptr(), true);
            let server = (*pg_sys::GetForeignTable(relation)).serverid;
            (*pg_sys::GetForeignServer(server)).fdwid == own
        };
        if !ours {
            let message = format!("\"{name}\" is not a foreign table of hither");
            return Err(Failure::new(Code::ERRCODE_WRONG_OBJECT_TYPE, message));
        }
        let user = pg_sys::GetUserId();
        let allowed = pg_sys::pg_class_aclcheck(relation, user, pg_sys::ACL_SELECT as _);
        if allowed != pg_sys::AclResult::ACLCHECK_OK {
            let message = format!("permission denied for foreign table {name}");
            return Err(Failure::new(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, message));
        }
    }
    Ok(())
}
