//! How files of servers are read: whole, or by ranges of their bytes.

use crate::sql::options::{Options, find};
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::prelude::*;

static FETCH: GucSetting<FetchSetting> = GucSetting::<FetchSetting>::new(FetchSetting::Default);
static FETCH_MEMORY: GucSetting<i32> = GucSetting::<i32>::new(64 << 10);

/// `hither.fetch_mode`: FETCH is a word of SQL's own, which no setting can be called.
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

/// How files of servers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// Brought whole into the cache.
    File,
    /// Where they are, no more of them than a search needs.
    Range,
    /// Whole if the cache has room, else by ranges.
    Auto,
}

/// Makes the settings known.
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

/// How files of servers are read.
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

/// How many bytes of files that it reads by ranges a backend keeps.
pub fn fetch_memory() -> u64 {
    FETCH_MEMORY.get() as u64 * 1024
}
