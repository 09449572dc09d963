//! How hard to search: session settings before table options before server options.

use crate::options::{Options, find};
use hither_core::{SearchParams, Structure};
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::prelude::*;

static EF_SEARCH: GucSetting<i32> = GucSetting::<i32>::new(0);
static PROBES: GucSetting<i32> = GucSetting::<i32>::new(0);
static RECALL: GucSetting<f64> = GucSetting::<f64>::new(0.0);
static ITERATIVE_SCAN: GucSetting<IterativeScan> =
    GucSetting::<IterativeScan>::new(IterativeScan::Default);

/// `hither.iterative_scan`.
#[derive(Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
enum IterativeScan {
    #[name = c"default"]
    Default,
    #[name = c"strict"]
    Strict,
    #[name = c"relaxed"]
    Relaxed,
}

/// Makes the session settings known.
pub fn register() {
    let user = || GucContext::Userset;
    let flags = GucFlags::default;
    GucRegistry::define_int_guc(
        c"hither.ef_search",
        c"How many candidates a search of an HNSW graph keeps.",
        c"0 leaves it to the options of the table and its server, else 40.",
        &EF_SEARCH,
        0,
        1 << 24,
        user(),
        flags(),
    );
    GucRegistry::define_int_guc(
        c"hither.probes",
        c"How many lists of an inverted file a search looks into.",
        c"0 leaves it to the options of the table and its server, else 16.",
        &PROBES,
        0,
        1 << 24,
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
    // SAFETY: the settings of this prefix are all defined.
    #[cfg(any(feature = "pg15", feature = "pg16", feature = "pg17", feature = "pg18"))]
    unsafe {
        pg_sys::MarkGUCPrefixReserved(c"hither".as_ptr());
    }
}

/// How hard to search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    ef_search: Option<usize>,
    probes: Option<usize>,
    recall: Option<f32>,
    pub relaxed: bool,
}

impl Effort {
    /// Of this session and these options, the table's before the server's.
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
        // The first level that says anything decides, so that a recall never meets an ef_search.
        let mut effort = std::iter::once(session)
            .chain(levels.map(of_options))
            .find(|e| e.ef_search.is_some() || e.probes.is_some() || e.recall.is_some())
            .unwrap_or(session);
        if effort.recall.is_some() {
            (effort.ef_search, effort.probes) = (None, None);
        }
        effort.relaxed = match ITERATIVE_SCAN.get() {
            IterativeScan::Strict => false,
            IterativeScan::Relaxed => true,
            IterativeScan::Default => {
                let wanted = levels.iter().find_map(|level| find(level, "iterative_scan"));
                wanted == Some("relaxed")
            }
        };
        effort
    }

    /// The same as parameters of a search.
    pub fn apply<'p>(self, params: SearchParams<'p>) -> SearchParams<'p> {
        let Self { ef_search, probes, recall, .. } = self;
        SearchParams { ef_search, probes, recall, ..params }
    }

    /// What of it a structure heeds, for EXPLAIN.
    pub fn describe(self, structure: Structure) -> String {
        match (self.recall, structure) {
            (Some(recall), _) => format!("recall {recall}"),
            (None, Structure::Ivf) => format!("probes {}", self.probes.unwrap_or(16)),
            (None, _) => format!("ef_search {}", self.ef_search.unwrap_or(40)),
        }
    }
}
