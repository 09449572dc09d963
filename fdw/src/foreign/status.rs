//! The view `hither.shards`: the files of each foreign table, whatever their state.

use crate::foreign::files::Files;
use crate::search::shards::FileStatus;
use crate::sql::encoding::c_string;
use pgrx::pg_sys;
use pgrx::prelude::*;

/// Rows of [`shards_of`]. Texts that may not be ASCII are returned as bytes in the database's encoding: a
/// bytea has the same layout as a text, and pgrx would convert the text to UTF-8.
type Rows = TableIterator<
    'static,
    (
        name!(location, Vec<u8>),
        name!(rows, Option<i64>),
        name!(bytes, Option<i64>),
        name!(structure, Option<String>),
        name!(metric, Option<String>),
        name!(cached, Option<bool>),
        name!(last_error, Option<Vec<u8>>),
    ),
>;

/// Examines the files of a foreign table; a file that cannot be read becomes a row with its error.
#[pg_extern]
fn shards_of(relation: pg_sys::Oid) -> Rows {
    // SAFETY: catalog look-ups within a transaction.
    let may_see = unsafe {
        let select = pg_sys::ACL_SELECT as pg_sys::AclMode;
        pg_sys::get_rel_relkind(relation) == pg_sys::RELKIND_FOREIGN_TABLE as std::ffi::c_char
            && pg_sys::pg_class_aclcheck(relation, pg_sys::GetUserId(), select)
                == pg_sys::AclResult::ACLCHECK_OK
    };
    let status = match may_see.then(|| Files::new(relation, pg_sys::InvalidOid)) {
        None => Vec::new(),
        Some(Ok(files)) => files.file_set().statuses(),
        Some(Err(failure)) => vec![FileStatus::failed(String::new(), failure)],
    };
    TableIterator::new(status.into_iter().map(|status| {
        let index = status.file.as_ref().map(|file| file.index());
        let structure = index.map(|index| {
            let info = index.info();
            let first = info.segments.first().and_then(|segment| segment.structures.first());
            first.map_or("flat", |structure| structure.name()).to_owned()
        });
        (
            c_string(&status.location).into_bytes(),
            index.map(|index| index.len() as i64),
            status.bytes.map(|bytes| bytes as i64),
            structure,
            index.map(|index| index.metric().name().to_owned()),
            status.cached,
            status.error.map(|error| c_string(&error).into_bytes()),
        )
    }))
}
