//! Options of servers, foreign tables and columns: reading and checking them.

use crate::failure::{Failure, Result};
use pgrx::{PgList, PgSqlErrorCode as Code, pg_sys};
use std::ffi::CStr;

/// Options as Postgres keeps them: name and value, in the order given.
pub type Options = Vec<(String, String)>;

const LOCATIONS: [&str; 2] = ["location", "shards"];
const SEARCH: [&str; 6] = ["ef_search", "probes", "recall", "iterative_scan", "model", "map"];

/// The options of a catalog's list of `DefElem`.
///
/// # Safety
/// `list` is null or a valid list of `DefElem`.
pub unsafe fn read(list: *mut pg_sys::List) -> Options {
    // SAFETY: the caller's promise; names and values are NUL-terminated strings.
    unsafe {
        let elements = PgList::<pg_sys::DefElem>::from_pg(list);
        let text = |text| CStr::from_ptr(text).to_string_lossy().into_owned();
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

/// Checks the options of an object of this catalog, as CREATE and ALTER give them.
///
/// # Errors
/// Unknown options, values out of range, or locations from a role that may not read files.
pub fn validate(options: &Options, catalog: pg_sys::Oid) -> Result<()> {
    let (what, known): (&str, Vec<&str>) = match catalog {
        pg_sys::ForeignServerRelationId | pg_sys::ForeignTableRelationId => {
            ("servers and foreign tables", [&LOCATIONS[..], &SEARCH[..]].concat())
        }
        pg_sys::AttributeRelationId => ("columns", vec!["column"]),
        pg_sys::UserMappingRelationId => ("user mappings", vec![]),
        _ => ("the foreign-data wrapper", vec![]),
    };
    for (name, value) in options {
        if !known.contains(&name.as_str()) {
            let failure = Failure::new(
                Code::ERRCODE_FDW_INVALID_OPTION_NAME,
                format!("invalid option \"{name}\" for {what} of hither"),
            );
            return Err(match nearest(name, known.iter().copied()) {
                Some(near) => failure.hint(format!("Perhaps you meant the option \"{near}\".")),
                None if known.is_empty() => failure.hint("There are no options here."),
                None => failure.hint(format!("Valid options are: {}.", known.join(", "))),
            });
        }
        check_value(name, value)?;
    }
    if LOCATIONS.iter().all(|name| find(options, name).is_some()) {
        return Err(Failure::new(
            Code::ERRCODE_SYNTAX_ERROR,
            "conflicting options: give location or shards, not both",
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
    let right = match name {
        "ef_search" | "probes" => {
            value.parse::<i32>().is_ok_and(|number| (1..=1 << 24).contains(&number))
        }
        "recall" => value.parse::<f32>().is_ok_and(|recall| recall > 0.0 && recall <= 1.0),
        "iterative_scan" => matches!(value, "strict" | "relaxed"),
        "map" => matches!(value, "on" | "off"),
        "location" | "shards" => {
            check_may_read()?;
            !value.trim().is_empty()
        }
        _ => !value.is_empty(),
    };
    if right {
        return Ok(());
    }
    let wanted = match name {
        "ef_search" | "probes" => "a whole number from 1",
        "recall" => "a number above 0 and at most 1",
        "iterative_scan" => "strict or relaxed",
        "map" => "on or off",
        _ => "not empty",
    };
    let message = format!("invalid value \"{value}\" for option \"{name}\": it must be {wanted}");
    Err(Failure::new(Code::ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE, message))
}

/// As file_fdw: whoever names a file of the server must be allowed to read the server's files.
fn check_may_read() -> Result<()> {
    // SAFETY: plain look-ups in the catalogs, within a transaction.
    let allowed = unsafe {
        pg_sys::has_privs_of_role(pg_sys::GetUserId(), pg_sys::Oid::from(READ_SERVER_FILES))
    };
    if allowed {
        return Ok(());
    }
    let message = "permission denied to set the location of a hither index";
    Err(Failure::new(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, message).hint(
        "Only superusers and roles with privileges of \"pg_read_server_files\" may name files of the server.",
    ))
}

/// OID of the role `pg_read_server_files`, fixed in pg_authid.dat.
const READ_SERVER_FILES: u32 = 4569;

/// The name nearest to a wrong one, if it is near enough to be a slip.
pub fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    known
        .map(|known| (distance(name, known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len() / 2)
        .map(|(_, known)| known)
}

/// Levenshtein's distance, in bytes.
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
