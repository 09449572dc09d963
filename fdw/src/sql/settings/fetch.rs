//! How files on servers are read: whole, or by byte ranges.

use crate::sql::options::{Options, find};
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::prelude::*;

static FETCH: GucSetting<FetchSetting> = GucSetting::<FetchSetting>::new(FetchSetting::Default);
static FETCH_MEMORY: GucSetting<i32> = GucSetting::<i32>::new(64 << 10);

/// `hither.fetch_mode`: FETCH is a keyword of SQL, so no setting can have that name.
#[derive(Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
enum FetchSetting {
    #[name = c"default"]
    Default,
    #[name = c"file"]
    File,
    #[name = c"range"]
    Range,
    #[name = c"auto"]
    Auto,
}

/// How files on servers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// Fetched whole into the cache.
    File,
    /// In place, only the ranges that a search needs.
    Range,
    /// Whole if the cache has room, else by ranges.
    Auto,
}

/// Registers the settings.
pub(super) fn register() {
    GucRegistry::define_enum_guc(
        c"hither.fetch_mode",
        c"Whether files of HTTP and S3 are brought whole into the cache (file), or searched where they are by ranges of their bytes (range).",
        c"auto: whole if the cache has room, else by ranges. default leaves it to the options of the table and its server, else auto.",
        &FETCH,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"hither.fetch_memory",
        c"Most that a backend keeps of files that it reads by ranges.",
        c"What a single search needs is kept until it ends, even beyond.",
        &FETCH_MEMORY,
        0,
        i32::MAX,
        GucContext::Userset,
        GucFlags::UNIT_KB,
    );
}

/// How files on servers are read.
pub fn fetch(levels: [&Options; 2]) -> Fetch {
    let wanted = match FETCH.get() {
        FetchSetting::File => Some("file"),
        FetchSetting::Range => Some("range"),
        FetchSetting::Auto => Some("auto"),
        FetchSetting::Default => levels.iter().find_map(|level| find(level, "fetch")),
    };
    match wanted {
        Some("file") => Fetch::File,
        Some("range") => Fetch::Range,
        _ => Fetch::Auto,
    }
}

/// The most bytes of files read by ranges that a backend keeps in memory.
pub fn fetch_memory() -> u64 {
    FETCH_MEMORY.get() as u64 * 1024
}
