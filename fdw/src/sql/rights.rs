//! Who may name a location.

use crate::sql::failure::{Failure, Result};
use hither_remote::location::{is_glob, is_url};
use pgrx::{PgSqlErrorCode as Code, pg_sys};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

/// OID of the role `pg_read_server_files`, fixed in pg_authid.dat.
const READ_SERVER_FILES: u32 = 4569;
/// OID of the role `pg_write_server_files`.
const WRITE_SERVER_FILES: u32 = 4570;

/// What the location of an option needs of the role that sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Lies beneath what the server's owner chose.
    Nothing,
    /// Names a file of this machine, or has whole folders searched.
    ServerFiles,
    /// Names a host.
    Network,
}

/// What naming a location, as written in an option, needs.
pub fn needs(text: &str) -> Needs {
    let path = Path::new(text);
    let leads_up = path.components().any(|part| part == Component::ParentDir);
    // A pattern of files lists one folder, one of folders any number of them.
    let searches = path.parent().is_some_and(is_glob) || text.contains("**");
    if is_url(text) {
        Needs::Network
    } else if path.is_absolute() || leads_up || searches {
        Needs::ServerFiles
    } else {
        Needs::Nothing
    }
}

/// Whether the user has the rights of a predefined role.
fn has_rights_of(role: u32) -> bool {
    // SAFETY: plain look-ups in the catalogs, within a transaction.
    unsafe { pg_sys::has_privs_of_role(pg_sys::GetUserId(), pg_sys::Oid::from(role)) }
}

/// As file_fdw: whoever names a file of the server must be allowed to read the server's files.
pub fn check_may_read() -> Result<()> {
    if has_rights_of(READ_SERVER_FILES) {
        return Ok(());
    }
    let message = "permission denied to name a file of the server or a pattern of folders";
    Err(Failure::new(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, message).hint(
        "Only superusers and roles with privileges of \"pg_read_server_files\" may. A location beneath that of the server is open to all who may use it.",
    ))
}

/// What is done to a file of the server, as by COPY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileUse {
    Read,
    Write,
}

/// The path of a file of the server that the user may read or write, as the bytes of a text; it is written
/// from the root.
pub fn server_file(path: Vec<u8>, what: FileUse) -> Result<PathBuf> {
    let (role, name, verb) = match what {
        FileUse::Read => (READ_SERVER_FILES, "pg_read_server_files", "read"),
        FileUse::Write => (WRITE_SERVER_FILES, "pg_write_server_files", "write"),
    };
    if !has_rights_of(role) {
        let message = format!("permission denied to {verb} a file of the server");
        return Err(Failure::new(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, message)
            .hint(format!("Only superusers and roles with privileges of \"{name}\" may.")));
    }
    let path = PathBuf::from(OsString::from_vec(path));
    if path.is_absolute() {
        return Ok(path);
    }
    let message = format!("path \"{}\" is not absolute", path.display());
    Err(Failure::new(Code::ERRCODE_INVALID_NAME, message).hint("Write it from the root."))
}

/// Whoever names a host must be allowed to make a server, which names hosts.
pub fn check_may_connect() -> Result<()> {
    // SAFETY: plain look-ups in the catalogs, within a transaction.
    let allowed = unsafe {
        let wrapper = pg_sys::get_foreign_data_wrapper_oid(c"hither".as_ptr(), true);
        let user = pg_sys::GetUserId();
        let usage = pg_sys::ACL_USAGE as pg_sys::AclMode;
        #[cfg(any(feature = "pg14", feature = "pg15"))]
        let result = pg_sys::pg_foreign_data_wrapper_aclcheck(wrapper, user, usage);
        #[cfg(not(any(feature = "pg14", feature = "pg15")))]
        let result =
            pg_sys::object_aclcheck(pg_sys::ForeignDataWrapperRelationId, wrapper, user, usage);
        pg_sys::superuser()
            || (wrapper != pg_sys::InvalidOid && result == pg_sys::AclResult::ACLCHECK_OK)
    };
    if allowed {
        return Ok(());
    }
    let message = "permission denied to name a host";
    Err(Failure::new(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, message).hint(
        "Only roles that may make a server may. A location beneath that of the server is open to all who may use it.",
    ))
}
