//! The options of CREATE INDEX … WITH (…).

use crate::sql::failure::Result;
use crate::sql::options::Options;
use crate::sql::settings::Effort;
use hither_core::Structure;
use hither_core::limits::{
    DEFAULT_EF_CONSTRUCTION, DEFAULT_M, MAX_EF_CONSTRUCTION, MAX_EFFORT, MAX_LISTS, MAX_M, MIN_M,
};
use pgrx::pg_sys::{self, relopt_type};
use std::cell::Cell;
use std::ffi::{CStr, c_int};
use std::mem::offset_of;

/// The structure of an index's segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexKind {
    Hnsw,
    Ivf,
    Flat,
}

impl IndexKind {
    const ALL: [(Self, &CStr); 3] =
        [(Self::Hnsw, c"hnsw"), (Self::Ivf, c"ivf"), (Self::Flat, c"flat")];

    pub fn name(self) -> &'static str {
        match self {
            Self::Hnsw => "hnsw",
            Self::Ivf => "ivf",
            Self::Flat => "flat",
        }
    }

    pub fn structure(self) -> Structure {
        match self {
            Self::Hnsw => Structure::Hnsw,
            Self::Ivf => Structure::Ivf,
            Self::Flat => Structure::Flat,
        }
    }
}

/// Which vectors order the rows that a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rerank {
    /// The table's vectors if possible, otherwise as [`Self::Index`].
    Default,
    /// The vectors of the table: the index has only codes.
    Heap,
    /// The vectors of the index, which stores them, too.
    Index,
}

impl Rerank {
    const ALL: [(Self, &CStr); 3] =
        [(Self::Default, c"default"), (Self::Heap, c"heap"), (Self::Index, c"index")];
}

/// The options of an index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StorageOptions {
    pub kind: IndexKind,
    pub m: u32,
    pub ef_construction: u32,
    pub lists: u32,
    pub rerank: Rerank,
    /// The number of growing rows that are flushed to a segment.
    pub growing_rows: u64,
    ef_search: Option<u32>,
    probes: Option<u32>,
    recall: Option<f64>,
}

impl StorageOptions {
    /// The search effort: the session's settings go before these options.
    pub fn effort(&self) -> Effort {
        let numbers = [
            ("ef_search", self.ef_search.map(f64::from)),
            ("probes", self.probes.map(f64::from)),
            ("recall", self.recall),
        ];
        let said = numbers.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let own = said.map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Effort::new([&own, &Options::new()])
    }
}

const DEFAULT_GROWING_ROWS: c_int = 2048;

/// The layout in the relation cache, which Postgres's own code reads as a value of variable length.
#[repr(C)]
struct StoredOptions {
    length: c_int,
    kind: c_int,
    m: c_int,
    ef_construction: c_int,
    lists: c_int,
    growing_rows: c_int,
    ef_search: c_int,
    probes: c_int,
    rerank: c_int,
    recall: f64,
}

const DEFAULTS: StoredOptions = StoredOptions {
    length: 0,
    kind: 0,
    m: DEFAULT_M as c_int,
    ef_construction: DEFAULT_EF_CONSTRUCTION as c_int,
    lists: 0,
    growing_rows: DEFAULT_GROWING_ROWS,
    ef_search: 0,
    probes: 0,
    rerank: 0,
    recall: 0.0,
};

thread_local! {
    static KIND: Cell<pg_sys::relopt_kind::Type> = const { Cell::new(0) };
}

/// An option that is a whole number.
struct Number {
    name: &'static CStr,
    text: &'static CStr,
    default: c_int,
    least: c_int,
    most: c_int,
    offset: usize,
}

const NUMBERS: [Number; 6] = [
    Number {
        name: c"m",
        text: c"Most neighbours of a row in the upper layers of the graph, half as many as in the base layer.",
        default: DEFAULTS.m,
        least: MIN_M as c_int,
        most: MAX_M as c_int,
        offset: offset_of!(StoredOptions, m),
    },
    Number {
        name: c"ef_construction",
        text: c"How many candidates are weighed for a row's neighbours.",
        default: DEFAULTS.ef_construction,
        least: 4,
        most: MAX_EF_CONSTRUCTION as c_int,
        offset: offset_of!(StoredOptions, ef_construction),
    },
    Number {
        name: c"lists",
        text: c"How many lists an inverted file has; 0 means the square root of the number of rows.",
        default: DEFAULTS.lists,
        least: 0,
        most: MAX_LISTS as c_int,
        offset: offset_of!(StoredOptions, lists),
    },
    Number {
        name: c"growing_rows",
        text: c"How many inserted rows are gathered before a segment is built of them.",
        default: DEFAULTS.growing_rows,
        least: 16,
        most: 1 << 20,
        offset: offset_of!(StoredOptions, growing_rows),
    },
    Number {
        name: c"ef_search",
        text: c"How many candidates a search keeps, where hither.ef_search says nothing.",
        default: DEFAULTS.ef_search,
        least: 0,
        most: MAX_EFFORT as c_int,
        offset: offset_of!(StoredOptions, ef_search),
    },
    Number {
        name: c"probes",
        text: c"How many lists a search looks into, where hither.probes says nothing.",
        default: DEFAULTS.probes,
        least: 0,
        most: MAX_EFFORT as c_int,
        offset: offset_of!(StoredOptions, probes),
    },
];

/// Registers the options, once in each backend.
fn kind() -> pg_sys::relopt_kind::Type {
    if KIND.get() == 0 {
        // A change takes effect at the next search, so no stronger lock than this is needed.
        let lock = pg_sys::ShareUpdateExclusiveLock as pg_sys::LOCKMODE;
        // SAFETY: the texts end with NUL; Postgres copies them, except the enum members, which it keeps and
        // which are static.
        unsafe {
            let kind = pg_sys::add_reloption_kind();
            for number in &NUMBERS {
                let (name, text) = (number.name.as_ptr(), number.text.as_ptr());
                let Number { default, least, most, .. } = *number;
                pg_sys::add_int_reloption(kind, name, text, default, least, most, lock);
            }
            let text = c"The wanted recall, in place of ef_search and probes.";
            let name = c"recall".as_ptr();
            pg_sys::add_real_reloption(kind, name, text.as_ptr(), 0.0, 0.0, 1.0, lock);
            let choice = |name: &CStr, text: &CStr, members: [&CStr; 3], detail: &CStr| {
                let mut members = members.map(CStr::as_ptr).to_vec();
                members.push(std::ptr::null());
                let members = members.into_iter().zip(0..);
                let members: Vec<_> = members
                    .map(|(string_val, symbol_val)| pg_sys::relopt_enum_elt_def {
                        string_val,
                        symbol_val,
                    })
                    .collect();
                pg_sys::add_enum_reloption(
                    kind,
                    name.as_ptr(),
                    text.as_ptr(),
                    members.leak().as_mut_ptr(),
                    0,
                    detail.as_ptr(),
                    lock,
                );
            };
            choice(
                c"kind",
                c"The structure: a graph, an inverted file, or none.",
                IndexKind::ALL.map(|(_, name)| name),
                c"Valid values are \"hnsw\", \"ivf\" and \"flat\".",
            );
            choice(
                c"rerank",
                c"Whose vectors put the rows in order that a search found: the table's, or the index's own.",
                Rerank::ALL.map(|(_, name)| name),
                c"Valid values are \"default\", \"heap\" and \"index\".",
            );
            KIND.set(kind);
        }
    }
    KIND.get()
}

/// Parses options in the form of Postgres's catalog.
///
/// # Safety
/// `options` is what Postgres gives to `amoptions`.
pub unsafe fn parse(options: pg_sys::Datum, validate: bool) -> Result<*mut pg_sys::bytea> {
    let element = |name: &CStr, opttype, offset: usize| pg_sys::relopt_parse_elt {
        optname: name.as_ptr(),
        opttype,
        offset: offset as c_int,
        #[cfg(feature = "pg18")]
        isset_offset: 0,
    };
    let mut elements: Vec<_> = NUMBERS
        .iter()
        .map(|number| element(number.name, relopt_type::RELOPT_TYPE_INT, number.offset))
        .collect();
    let offset = offset_of!(StoredOptions, recall);
    elements.push(element(c"recall", relopt_type::RELOPT_TYPE_REAL, offset));
    elements.push(element(c"kind", relopt_type::RELOPT_TYPE_ENUM, offset_of!(StoredOptions, kind)));
    elements.push(element(
        c"rerank",
        relopt_type::RELOPT_TYPE_ENUM,
        offset_of!(StoredOptions, rerank),
    ));
    // SAFETY: the elements lie within a value of this type.
    unsafe {
        let (size, count) = (size_of::<StoredOptions>(), elements.len() as c_int);
        let parsed =
            pg_sys::build_reloptions(options, validate, kind(), size, elements.as_ptr(), count);
        Ok(parsed.cast())
    }
}

/// The options of a relation.
///
/// # Safety
/// Null, or what [`parse`] made.
pub unsafe fn of(parsed: *const pg_sys::bytea) -> StorageOptions {
    // SAFETY: the caller's promise.
    let parsed = unsafe { parsed.cast::<StoredOptions>().as_ref() }.unwrap_or(&DEFAULTS);
    let number = |value: c_int| u32::try_from(value).unwrap_or(0);
    let said = |value| Some(number(value)).filter(|value| *value > 0);
    StorageOptions {
        kind: IndexKind::ALL[(parsed.kind as usize).min(IndexKind::ALL.len() - 1)].0,
        m: number(parsed.m),
        ef_construction: number(parsed.ef_construction),
        lists: number(parsed.lists),
        rerank: Rerank::ALL[(parsed.rerank as usize).min(Rerank::ALL.len() - 1)].0,
        growing_rows: u64::from(number(parsed.growing_rows)),
        ef_search: said(parsed.ef_search),
        probes: said(parsed.probes),
        recall: Some(parsed.recall).filter(|recall| *recall > 0.0),
    }
}
