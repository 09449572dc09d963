//! The Postgres extension `hither`: index files as foreign tables, k-NN searches pushed down.
//!
//! Four modules: `sql` covers Postgres's own concepts, and `search` searches files and may use `sql`.
//! `foreign`, the foreign-data wrapper, and `access`, the index access method, may use both, but not each
//! other. This file holds what Postgres looks up by name when it loads the extension, and what concerns
//! both.

mod access;
mod foreign;
mod recall;
mod search;
mod sql;

use pgrx::pg_sys;
use pgrx::prelude::*;

pgrx::pg_module_magic!();

// The unwinder is linked statically. Loading libgcc_s, which no other part of Postgres needs, took a
// quarter of the time that every new backend spent on loading the extension.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[link(name = "gcc_eh", kind = "static", modifiers = "-bundle")]
unsafe extern "C" {}

/// Called when the library is loaded.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    sql::settings::register();
    access::register();
}

static V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };

/// Tells Postgres how to call `hither_fdw_handler`.
#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_hither_fdw_handler() -> &'static pg_sys::Pg_finfo_record {
    &V1
}

/// Tells Postgres how to call `hither_index_handler`.
#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_hither_index_handler() -> &'static pg_sys::Pg_finfo_record {
    &V1
}

/// Tells Postgres how to call `hither_within`.
#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_hither_within() -> &'static pg_sys::Pg_finfo_record {
    &V1
}

/// Tells Postgres how to call `hither_fdw_validator`.
#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_hither_fdw_validator() -> &'static pg_sys::Pg_finfo_record {
    &V1
}

/// Tells Postgres how to call `hither_recall`.
#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_hither_recall() -> &'static pg_sys::Pg_finfo_record {
    &V1
}

/// Tells Postgres how to call `hither_stats`.
#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_hither_stats() -> &'static pg_sys::Pg_finfo_record {
    &V1
}
