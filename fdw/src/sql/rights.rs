//! The rights that locations require.

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

/// The rights that a location in an option requires of the role that sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// None: the location lies below one that the server's owner chose.
    Nothing,
    /// It is a file on this machine, or makes the server search whole folders.
    ServerFiles,
    /// It names a host.
    Network,
}

/// The rights that a location, as written in an option, requires.
pub fn needs(text: &str) -> Needs {
    let path = Path::new(text);
    let leads_up = path.components().any(|part| part == Component::ParentDir);
    // A pattern in the file name lists one folder; patterns of folders may list any number.
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
    // SAFETY: catalog look-ups within a transaction.
    unsafe { pg_sys::has_privs_of_role(pg_sys::GetUserId(), pg_sys::Oid::from(role)) }
}

/// Checks that the user may read the server's files, as file_fdw does.
pub fn check_may_read() -> Result<()> {
    if has_rights_of(READ_SERVER_FILES) {
        return Ok(());
    }
    let message = "permission denied to name a file of the server or a pattern of folders";
    Err(Failure::new(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, message).hint(
        "Only superusers and roles with privileges of \"pg_read_server_files\" may. A location beneath that of the server is open to all who may use it.",
    ))
}

/// The access to a file on the server, as by COPY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileUse {
    Read,
    Write,
}

/// The absolute path of a file on the server that the user may read or write, from the bytes of a text.
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

/// Checks that the user may create servers, which is what allows naming hosts.
pub fn check_may_connect() -> Result<()> {
    // SAFETY: catalog look-ups within a transaction.
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
