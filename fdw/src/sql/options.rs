//! Options of servers, foreign tables and columns: reading and checking them.

use crate::sql::encoding::name as text;
use crate::sql::failure::{Failure, Result};
use crate::sql::rights::{self, Needs};
use hither_remote::location::{self, Location};
use hither_remote::{is_endpoint, is_header, is_query};
use pgrx::{PgList, PgSqlErrorCode as Code, pg_sys};

/// Options as Postgres stores them: names and values, in the order in which they were given.
pub type Options = Vec<(String, String)>;

const LOCATIONS: [&str; 2] = ["location", "shards"];
const SEARCH: [&str; 9] = [
    "ef_search",
    "probes",
    "recall",
    "iterative_scan",
    "model",
    "map",
    "cache_size",
    "max_age",
    "fetch",
];
/// Only the server's owner may decide where keys are sent, not the creator of a table.
const NETWORK: [&str; 4] = ["region", "endpoint", "allow_http", "path_style"];
const SECRETS: [&str; 7] = [
    "access_key_id",
    "secret_access_key",
    "session_token",
    "user",
    "password",
    "authorization",
    "query",
];

/// The options in a catalog's list of `DefElem`.
///
/// # Safety
/// `list` is null or a valid list of `DefElem`.
pub unsafe fn read(list: *mut pg_sys::List) -> Options {
    // SAFETY: the caller's promise; names and values are NUL-terminated strings.
    unsafe {
        let elements = PgList::<pg_sys::DefElem>::from_pg(list);
        elements
            .iter_ptr()
            .map(|element| (text((*element).defname), text(pg_sys::defGetString(element))))
            .collect()
    }
}

/// The value of an option.
pub fn find<'o>(options: &'o Options, name: &str) -> Option<&'o str> {
    options.iter().find(|(option, _)| option == name).map(|(_, value)| value.as_str())
}

/// Whether a Boolean option is on.
pub fn is_on(options: &Options, name: &str, default: bool) -> bool {
    find(options, name).map_or(default, |value| value == "on")
}

/// The locations of a table: its own, relative to its server's, or the server's.
pub fn locations(table: &Options, server: &Options) -> Result<Vec<Location>> {
    let base = find(server, "location");
    let listed = |options| find(options, "shards").map(location::split);
    let own = find(table, "location").map(|one| vec![one]).or_else(|| listed(table));
    let (texts, base) = match own {
        Some(own) => (own, base),
        None => (base.map(|one| vec![one]).or_else(|| listed(server)).unwrap_or_default(), None),
    };
    if texts.is_empty() {
        let message = "the foreign table has no location, nor has its server";
        return Err(Failure::new(Code::ERRCODE_FDW_OPTION_NAME_NOT_FOUND, message)
            .hint("ALTER FOREIGN TABLE … OPTIONS (ADD location '/path/to/file.hither')"));
    }
    texts.into_iter().map(|text| Ok(location::parse(text, base)?)).collect()
}

/// Checks the options of an object in this catalog, as CREATE and ALTER pass them.
///
/// # Errors
/// Unknown options, secrets in options that everybody may read, values out of range, or locations from a
/// role that may not read files.
pub fn validate(options: &Options, catalog: pg_sys::Oid) -> Result<()> {
    let (what, known): (&str, Vec<&str>) = match catalog {
        pg_sys::ForeignServerRelationId => {
            ("servers", [&LOCATIONS[..], &SEARCH[..], &NETWORK[..]].concat())
        }
        pg_sys::ForeignTableRelationId => {
            ("foreign tables", [&LOCATIONS[..], &SEARCH[..]].concat())
        }
        pg_sys::AttributeRelationId => ("columns", vec!["column", "key"]),
        pg_sys::UserMappingRelationId => ("user mappings", SECRETS.to_vec()),
        _ => ("the foreign-data wrapper", vec![]),
    };
    for (name, value) in options {
        let message = format!("invalid option \"{name}\" for {what} of hither");
        let failure = Failure::new(Code::ERRCODE_FDW_INVALID_OPTION_NAME, message);
        if !known.contains(&name.as_str()) {
            return Err(failure.hint(if SECRETS.contains(&name.as_str()) {
                format!("Everybody may read the options of servers and tables. Write CREATE USER MAPPING … OPTIONS ({name} '…').")
            } else if NETWORK.contains(&name.as_str()) {
                "It is an option of servers.".into()
            } else if let Some(near) = nearest(name, known.iter().copied()) {
                format!("Perhaps you meant the option \"{near}\".")
            } else if known.is_empty() {
                "There are no options here.".into()
            } else {
                format!("Valid options are: {}.", known.join(", "))
            }));
        }
        check_value(name, value)?;
        if LOCATIONS.contains(&name.as_str()) {
            check_locations(name, value, catalog == pg_sys::ForeignServerRelationId)?;
        }
    }
    if LOCATIONS.iter().all(|name| find(options, name).is_some()) {
        return Err(Failure::new(
            Code::ERRCODE_SYNTAX_ERROR,
            "conflicting options: give location or shards, not both",
        ));
    }
    if find(options, "column").is_some() && find(options, "key").is_some() {
        return Err(Failure::new(
            Code::ERRCODE_SYNTAX_ERROR,
            "conflicting options: give column or key, not both",
        ));
    }
    if find(options, "recall").is_some()
        && (find(options, "ef_search").is_some() || find(options, "probes").is_some())
    {
        return Err(Failure::new(
            Code::ERRCODE_SYNTAX_ERROR,
            "conflicting options: give recall, or ef_search and probes, not both",
        ));
    }
    Ok(())
}

fn check_value(name: &str, value: &str) -> Result<()> {
    let (right, wanted) = match name {
        "ef_search" | "probes" => (
            value.parse::<i32>().is_ok_and(|number| (1..=1 << 24).contains(&number)),
            "be a whole number from 1",
        ),
        "recall" => (
            value.parse::<f32>().is_ok_and(|recall| recall > 0.0 && recall <= 1.0),
            "be a number above 0 and at most 1",
        ),
        "iterative_scan" => (matches!(value, "strict" | "relaxed"), "be strict or relaxed"),
        "map" => (matches!(value, "on" | "copy" | "off"), "be on, copy or off"),
        "fetch" => (matches!(value, "file" | "range" | "auto"), "be file, range or auto"),
        "allow_http" | "path_style" | "key" => (matches!(value, "on" | "off"), "be on or off"),
        "cache_size" => {
            (bytes(value).is_some_and(|bytes| bytes > 0), "be a size such as '500MB' or '20GB'")
        }
        "max_age" => (seconds(value).is_some(), "be a time such as '30s' or '1h', or 0"),
        "endpoint" => (
            is_endpoint(value),
            "be a URL that begins with https:// or http://, without user and query",
        ),
        "authorization" => (is_header(value), "be the value of a header, such as 'Bearer …'"),
        "query" => (is_query(value), "be what stands behind the ? of a URL, percent-encoded"),
        _ => (!value.trim().is_empty(), "not be empty"),
    };
    if right {
        return Ok(());
    }
    // A value that was written for a secret option, or contains user information or a query, may be a
    // secret.
    let secret = SECRETS.contains(&name) || value.contains(['@', '?']);
    let shown = if secret { String::new() } else { format!(" \"{value}\"") };
    let message = format!("invalid value{shown} for option \"{name}\": it must {wanted}");
    Err(Failure::new(Code::ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE, message))
}

/// A size in bytes; the value may have one of Postgres's units and is in kilobytes without one, as in the
/// setting.
pub fn bytes(value: &str) -> Option<u64> {
    let kilobytes = with_unit(value, pg_sys::GUC_UNIT_KB as i32)?;
    Some(kilobytes * 1024)
}

/// A time in seconds; the value may have one of Postgres's units.
pub fn seconds(value: &str) -> Option<u64> {
    with_unit(value, pg_sys::GUC_UNIT_S as i32)
}

fn with_unit(value: &str, unit: i32) -> Option<u64> {
    let value = std::ffi::CString::new(value).ok()?;
    let mut result = 0;
    // SAFETY: a text that ends with NUL, and a place for the result; no hint is requested.
    let right =
        unsafe { pg_sys::parse_int(value.as_ptr(), &raw mut result, unit, std::ptr::null_mut()) };
    right.then(|| u64::try_from(result).ok()).flatten()
}

/// Checks that locations are well-formed, and that the current role may use them.
fn check_locations(name: &str, value: &str, of_server: bool) -> Result<()> {
    let texts = if name == "shards" { location::split(value) } else { vec![value] };
    for text in texts {
        let beneath = if of_server { None } else { Some("/") };
        location::check_secrets(text)?;
        location::parse(text, beneath)?;
        match rights::needs(text) {
            Needs::ServerFiles => rights::check_may_read()?,
            // The owner of a server was allowed to create it.
            Needs::Network if !of_server => rights::check_may_connect()?,
            Needs::Network | Needs::Nothing => {}
        }
    }
    Ok(())
}

/// The known name closest to a wrong one, if it is close enough to be a typo.
pub fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    known
        .map(|known| (distance(name, known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len() / 2)
        .map(|(_, known)| known)
}

/// The Levenshtein distance, in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let next = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}
