//! The credentials for servers, from a foreign server's options and a user mapping.

use crate::sql::failure::{Failure, Result};
use crate::sql::options::{self, Options, find};
use hither_remote::{Access, Keys, Location, Secret};
use pgrx::{PgSqlErrorCode as Code, pg_sys};

/// Access with a server's options and, if `asker` is given (a foreign server and a user), with the keys of
/// that user's mapping.
///
/// # Errors
/// If a mapping has only one half of a key pair, or of user and password.
pub fn access(server: &Options, asker: Option<(pg_sys::Oid, pg_sys::Oid)>) -> Result<Access> {
    let mapping = asker.map(|(server, user)| user_mapping(server, user)).unwrap_or_default();
    let own = |name| find(&mapping, name).map(str::to_owned);
    let keys = match (own("access_key_id"), own("secret_access_key")) {
        (Some(access_key_id), Some(secret_access_key)) => {
            let session_token = own("session_token");
            Some(Keys { access_key_id, secret_access_key, session_token })
        }
        (None, None) => None,
        _ => {
            let message = "the user mapping has one of access_key_id and secret_access_key";
            return Err(Failure::new(Code::ERRCODE_FDW_OPTION_NAME_NOT_FOUND, message)
                .hint("ALTER USER MAPPING … OPTIONS (ADD …): both are needed, or neither."));
        }
    };
    let homes = options::locations(&Options::new(), server).unwrap_or_default();
    let default = Access::default();
    Ok(Access {
        secret: secret(&mapping)?,
        homes: homes.iter().filter_map(Location::origin).collect(),
        region: find(server, "region").map_or(default.region, Into::into),
        endpoint: find(server, "endpoint").map(Into::into),
        allow_http: options::is_on(server, "allow_http", default.allow_http),
        path_style: options::is_on(server, "path_style", default.path_style),
        keys,
        user_agent: concat!("hither-postgres/", env!("CARGO_PKG_VERSION")).into(),
    })
}

/// The secret to send to HTTP servers; `None` if the mapping has none.
///
/// # Errors
/// If only one of user and password is given, or `authorization` beside them.
fn secret(mapping: &Options) -> Result<Option<Secret>> {
    let incomplete = |message| {
        Err(Failure::new(Code::ERRCODE_FDW_OPTION_NAME_NOT_FOUND, message)
            .hint("ALTER USER MAPPING … OPTIONS (ADD …) or (DROP …)."))
    };
    let own = |name| find(mapping, name);
    let authorization = match (own("user"), own("password"), own("authorization")) {
        (Some(user), Some(password), None) => Some(Secret::basic(user, password)),
        (None, None, authorization) => authorization.map(Into::into),
        (Some(_), Some(_), Some(_)) => {
            return incomplete("the user mapping has authorization beside user and password");
        }
        _ => return incomplete("the user mapping has one of user and password"),
    };
    let query = own("query").map(Into::into);
    let some = authorization.is_some() || query.is_some();
    Ok(some.then_some(Secret { authorization, query }))
}

/// The options of the user's mapping, or of the public one. Unlike with `GetUserMapping`, having neither is
/// no error.
fn user_mapping(server: pg_sys::Oid, user: pg_sys::Oid) -> Options {
    // SAFETY: catalog look-ups within a transaction; the tuple is released after use.
    unsafe {
        for user in [user, pg_sys::InvalidOid] {
            let cache = pg_sys::SysCacheIdentifier::USERMAPPINGUSERSERVER as i32;
            let tuple = pg_sys::SearchSysCache2(cache, user.into(), server.into());
            if tuple.is_null() {
                continue;
            }
            let mut null = false;
            let number = pg_sys::Anum_pg_user_mapping_umoptions as i16;
            let datum = pg_sys::SysCacheGetAttr(cache, tuple, number, &raw mut null);
            let options = if null {
                Options::new()
            } else {
                options::read(pg_sys::untransformRelOptions(datum))
            };
            pg_sys::ReleaseSysCache(tuple);
            return options;
        }
    }
    Options::new()
}
