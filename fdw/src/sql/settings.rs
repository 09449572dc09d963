//! The search effort and other settings: those of the session go before options of the table, and these
//! before options of the server.

mod fetch;

pub use fetch::{Fetch, fetch, fetch_memory};

use crate::sql::encoding;
use crate::sql::failure::Result;
use crate::sql::options::{self, Options, find};
use hither_core::fetch::DEFAULT_PROBES as RANGE_PROBES;
use hither_core::limits::{DEFAULT_EF_SEARCH, DEFAULT_PROBES, MAX_EFFORT};
use hither_core::{SearchParams, Structure};
use hither_remote::{Cache, CacheOptions};
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::prelude::*;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

static EF_SEARCH: GucSetting<i32> = GucSetting::<i32>::new(0);
static PROBES: GucSetting<i32> = GucSetting::<i32>::new(0);
static RECALL: GucSetting<f64> = GucSetting::<f64>::new(0.0);
static ITERATIVE_SCAN: GucSetting<IterativeScan> =
    GucSetting::<IterativeScan>::new(IterativeScan::Default);
static MAX_SCAN_TUPLES: GucSetting<i32> = GucSetting::<i32>::new(0);
static MAP: GucSetting<Map> = GucSetting::<Map>::new(Map::Default);
static MODEL: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
static CACHE_DIRECTORY: GucSetting<Option<CString>> =
    GucSetting::<Option<CString>>::new(Some(c"pgsql_tmp_hither"));
static CACHE_SIZE: GucSetting<i32> = GucSetting::<i32>::new(10 << 20);
static MAX_AGE: GucSetting<i32> = GucSetting::<i32>::new(-1);
static NEAR_COPIES: GucSetting<bool> = GucSetting::<bool>::new(true);
static NEAR_COPY_SIZE: GucSetting<i32> = GucSetting::<i32>::new(-1);

/// How long a server's answer is trusted by default, in seconds.
const DEFAULT_MAX_AGE: u64 = 60;
/// Microseconds from 1970, the epoch of the system's clock, to 2000, Postgres's epoch.
const EPOCH: i64 = 946_684_800_000_000;

/// `hither.iterative_scan`.
#[derive(Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
enum IterativeScan {
    #[name = c"default"]
    Default,
    #[name = c"strict"]
    Strict,
    #[name = c"relaxed"]
    Relaxed,
    /// The names that pgvector uses.
    #[name = c"strict_order"]
    StrictOrder,
    #[name = c"relaxed_order"]
    RelaxedOrder,
}

/// `hither.map`.
#[derive(Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
enum Map {
    #[name = c"default"]
    Default,
    #[name = c"on"]
    On,
    #[name = c"copy"]
    Copy,
    #[name = c"off"]
    Off,
}

/// How files on this machine are read; remote ones are mapped or read in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// Mapped in place.
    InPlace,
    /// Copied to the cache and mapped there, where nobody else changes them.
    Copied,
    /// Read into memory by each backend.
    Never,
}

/// Registers the session settings.
pub fn register() {
    let user = || GucContext::Userset;
    let flags = GucFlags::default;
    GucRegistry::define_int_guc(
        c"hither.ef_search",
        c"How many candidates a search of an HNSW graph keeps.",
        c"0 leaves it to the options of the table and its server, else 40.",
        &EF_SEARCH,
        0,
        MAX_EFFORT as i32,
        user(),
        flags(),
    );
    GucRegistry::define_int_guc(
        c"hither.probes",
        c"How many lists of an inverted file a search looks into.",
        c"0 leaves it to the options of the table and its server, else 16.",
        &PROBES,
        0,
        MAX_EFFORT as i32,
        user(),
        flags(),
    );
    GucRegistry::define_float_guc(
        c"hither.recall",
        c"The recall wanted, in place of ef_search and probes.",
        c"From the calibration that is stored in the file. 0 leaves it to ef_search and probes.",
        &RECALL,
        0.0,
        1.0,
        user(),
        flags(),
    );
    GucRegistry::define_enum_guc(
        c"hither.iterative_scan",
        c"The order of rows of a search that goes on past its first answer.",
        c"strict: by distance, rows found late come last. relaxed: as they are found.",
        &ITERATIVE_SCAN,
        user(),
        flags(),
    );
    GucRegistry::define_int_guc(
        c"hither.max_scan_tuples",
        c"After how many rows a scan of an index that goes on past its first answer ends.",
        c"It then gives fewer rows than match. 0 sets no limit.",
        &MAX_SCAN_TUPLES,
        0,
        i32::MAX,
        user(),
        flags(),
    );
    GucRegistry::define_enum_guc(
        c"hither.map",
        c"Whether files are mapped into memory (on), as copies in the cache (copy), or read (off).",
        c"copy and off are for files that may be changed in place: one that is mapped and cut ends the cluster.",
        &MAP,
        user(),
        flags(),
    );
    fetch::register();
    GucRegistry::define_string_guc(
        c"hither.model",
        c"Refuses files that were made with another model.",
        c"Empty leaves it to the options of the table and its server.",
        &MODEL,
        user(),
        flags(),
    );
    GucRegistry::define_string_guc(
        c"hither.cache_directory",
        c"Where files of HTTP and S3 are kept.",
        c"Beneath the data directory unless it begins with a slash.",
        &CACHE_DIRECTORY,
        GucContext::Suset,
        GucFlags::SUPERUSER_ONLY,
    );
    GucRegistry::define_int_guc(
        c"hither.cache_size",
        c"Most that all files in the cache directory may take together.",
        c"Those that were not used longest are removed when another needs their room.",
        &CACHE_SIZE,
        1,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_KB,
    );
    GucRegistry::define_int_guc(
        c"hither.max_age",
        c"How long an answer of a server that a file is unchanged is believed.",
        c"0 asks in every statement; -1 leaves it to the options of the table and its server, else 60 s.",
        &MAX_AGE,
        -1,
        i32::MAX,
        user(),
        GucFlags::UNIT_S,
    );
    GucRegistry::define_bool_guc(
        c"hither.near_copies",
        c"Whether the segments of indexes are kept as files that all backends map.",
        c"off: every backend keeps the segments that it searches in memory of its own.",
        &NEAR_COPIES,
        GucContext::Suset,
        flags(),
    );
    GucRegistry::define_int_guc(
        c"hither.near_copy_size",
        c"Most that all near copies of the cluster may take together.",
        c"Those that were not opened longest are removed when another needs their room. -1 sets no limit.",
        &NEAR_COPY_SIZE,
        -1,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_KB,
    );
    // SAFETY: all settings with this prefix are defined by now.
    #[cfg(any(feature = "pg15", feature = "pg16", feature = "pg17", feature = "pg18"))]
    unsafe {
        pg_sys::MarkGUCPrefixReserved(c"hither".as_ptr());
    }
}

/// The search effort.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    ef_search: Option<usize>,
    probes: Option<usize>,
    recall: Option<f32>,
    pub relaxed: bool,
}

impl Effort {
    /// From the session's settings and these options, the table's before the server's.
    pub fn new(levels: [&Options; 2]) -> Self {
        let (ef, probes, recall) = (EF_SEARCH.get(), PROBES.get(), RECALL.get());
        let session = Self {
            ef_search: (ef > 0).then_some(ef as usize),
            probes: (probes > 0).then_some(probes as usize),
            recall: (recall > 0.0).then_some(recall as f32),
            relaxed: false,
        };
        let of_options = |options| {
            let number = |name| find(options, name).and_then(|value| value.parse().ok());
            let recall = find(options, "recall").and_then(|value| value.parse().ok());
            Self {
                ef_search: number("ef_search"),
                probes: number("probes"),
                recall,
                relaxed: false,
            }
        };
        // The first level that sets anything decides alone, so that a recall is never combined with an
        // ef_search.
        let mut effort = std::iter::once(session)
            .chain(levels.map(of_options))
            .find(|e| e.ef_search.is_some() || e.probes.is_some() || e.recall.is_some())
            .unwrap_or(session);
        if effort.recall.is_some() {
            (effort.ef_search, effort.probes) = (None, None);
        }
        effort.relaxed = match ITERATIVE_SCAN.get() {
            IterativeScan::Strict | IterativeScan::StrictOrder => false,
            IterativeScan::Relaxed | IterativeScan::RelaxedOrder => true,
            IterativeScan::Default => {
                let wanted = levels.iter().find_map(|level| find(level, "iterative_scan"));
                wanted == Some("relaxed")
            }
        };
        effort
    }

    /// The number of candidates that a graph search keeps, if it is known.
    pub fn pool(&self) -> Option<usize> {
        match (self.recall, self.ef_search) {
            (None, given) => Some(given.unwrap_or(DEFAULT_EF_SEARCH)),
            (Some(_), _) => None,
        }
    }

    /// Sets the effort in the parameters of a search.
    pub fn apply<'p>(self, params: SearchParams<'p>) -> SearchParams<'p> {
        let Self { ef_search, probes, recall, .. } = self;
        SearchParams { ef_search, probes, recall, ..params }
    }

    /// Sets the effort for a search by ranges, which uses lists and no graph.
    pub fn apply_to_ranges<'p>(self, params: SearchParams<'p>) -> SearchParams<'p> {
        SearchParams { ef_search: None, ..self.apply(params) }
    }

    /// The parameter that a search by ranges uses, for EXPLAIN.
    pub fn describe_ranges(self) -> String {
        match self.recall {
            Some(recall) => format!("recall {recall}"),
            None => format!("probes {}", self.probes.unwrap_or(RANGE_PROBES as usize)),
        }
    }

    /// The parameter that a structure uses, for EXPLAIN.
    pub fn describe(self, structure: Structure) -> String {
        match (self.recall, structure) {
            (Some(recall), _) => format!("recall {recall}"),
            (None, Structure::Ivf) => format!("probes {}", self.probes.unwrap_or(DEFAULT_PROBES)),
            (None, _) => format!("ef_search {}", self.ef_search.unwrap_or(DEFAULT_EF_SEARCH)),
        }
    }
}

/// Whether files are mapped in place, copied and mapped, or read.
pub fn mapping(levels: [&Options; 2]) -> Mapping {
    let wanted = match MAP.get() {
        Map::On => Some("on"),
        Map::Copy => Some("copy"),
        Map::Off => Some("off"),
        Map::Default => levels.iter().find_map(|level| find(level, "map")),
    };
    match wanted {
        Some("copy") => Mapping::Copied,
        Some("off") => Mapping::Never,
        _ => Mapping::InPlace,
    }
}

/// The embedding model that files must have been built with.
pub fn model(levels: [&Options; 2]) -> Option<String> {
    // SAFETY: a text that ends with NUL.
    let session = MODEL.get().map(|name| unsafe { encoding::name(name.as_ptr()) });
    let session = session.filter(|name| !name.is_empty());
    session.or_else(|| levels.iter().find_map(|level| find(level, "model")).map(Into::into))
}

/// How many rows a scan of an index compares before it stops going on.
pub fn max_scan_tuples() -> u64 {
    match MAX_SCAN_TUPLES.get() {
        0 => u64::MAX,
        most => most as u64,
    }
}

/// Whether index segments are kept as files that are mapped.
pub fn near_copies() -> bool {
    NEAR_COPIES.get()
}

/// The most bytes that these files may take together.
pub fn near_copy_size() -> u64 {
    u64::try_from(NEAR_COPY_SIZE.get()).map_or(u64::MAX, |kilobytes| kilobytes * 1024)
}

/// Converts a timestamp of Postgres to the system's.
pub fn system_time(moment: pg_sys::TimestampTz) -> SystemTime {
    let since = u64::try_from(moment + EPOCH).map(Duration::from_micros);
    UNIX_EPOCH + since.unwrap_or_default()
}

/// How long and in which cache remote files are kept.
#[derive(Clone, Debug)]
pub struct Caching {
    /// The most bytes that the files of the table may take in the cache.
    share: Option<u64>,
    max_age: Duration,
}

impl Caching {
    /// From the session's settings and these options, the table's before the server's.
    pub fn new(levels: [&Options; 2]) -> Self {
        let of_options = |name| levels.iter().find_map(|level| find(level, name));
        let max_age = match u64::try_from(MAX_AGE.get()) {
            Ok(seconds) => Some(seconds),
            Err(_) => of_options("max_age").and_then(options::seconds),
        };
        Self {
            share: of_options("cache_size").and_then(options::bytes),
            max_age: Duration::from_secs(max_age.unwrap_or(DEFAULT_MAX_AGE)),
        }
    }

    /// Answers that servers gave since this moment are trusted; those of the current statement always are.
    pub fn trusted_since(&self) -> SystemTime {
        // SAFETY: reads a number that this backend keeps.
        let start = system_time(unsafe { pg_sys::GetCurrentStatementStartTimestamp() });
        let now = SystemTime::now();
        start.min(now.checked_sub(self.max_age).unwrap_or(UNIX_EPOCH))
    }

    /// Opens the cache.
    pub fn cache(&self) -> Result<Cache> {
        let folder = CACHE_DIRECTORY.get().unwrap_or_default();
        // A relative path starts at the data directory, the working directory of a backend.
        let folder = PathBuf::from(OsString::from_vec(folder.into_bytes()));
        Ok(Cache::open(CacheOptions {
            folder,
            size: CACHE_SIZE.get() as u64 * 1024,
            share: self.share,
            trusted_since: self.trusted_since(),
        })?)
    }
}
