//! Which structures and codes are built.

use crate::progress::Bar;
use crate::settings;
use crate::show;
use clap::Args;
use hither::limits::{DEFAULT_EF_CONSTRUCTION, DEFAULT_M, FLAT_ROWS};
use hither::{Codes, HnswParams, IvfParams, Structure};

/// Structures and codes, as they are asked for.
#[derive(Args)]
pub struct Structures {
    /// The structure to search by; several may be given. Default: by the number of rows.
    #[arg(long, value_parser = settings::structure())]
    kind: Vec<Structure>,
    /// Add lists for readers that fetch ranges of the file instead of all of it: a ninth more bytes. With
    /// --kind ivf these are its lists too. Not for --metric l1 or --codes sq8-only.
    #[arg(long)]
    pub ranges: bool,
    /// Codes that make searching faster, of 4 bits (sq4) or 8 (sq8), or, in place of the vectors, the
    /// file smaller (sq8-only). Default, where a structure can use them: sq4 from 256 dimensions on, sq8
    /// below and for rows that 4 bits do not tell apart, none where 8 do not either.
    #[arg(long, value_parser = settings::one_of(Codes::ALL, Codes::name))]
    pub codes: Option<Codes>,
    /// HNSW: neighbours of a row, 2 to 100; twice as many in the base layer.
    #[arg(long, default_value_t = DEFAULT_M)]
    m: u32,
    /// HNSW: candidates weighed for each row's neighbours.
    #[arg(long, default_value_t = DEFAULT_EF_CONSTRUCTION)]
    ef_construction: u32,
    /// IVF: number of lists, of each segment. Default: the square root of the number of rows.
    #[arg(long)]
    pub lists: Option<u32>,
}

impl Structures {
    /// The structures that the options ask for, or the default for `rows` rows.
    pub fn for_rows(&self, rows: u64, bar: &Bar) -> (Option<HnswParams>, Option<IvfParams>) {
        let kinds = self.kinds_for(rows);
        if self.kind.is_empty() {
            let (name, why) = match kinds[..] {
                [kind @ Structure::Flat] => (kind, "so few that an exact scan is as fast"),
                _ => (Structure::Hnsw, "enough for a graph to pay"),
            };
            let rows = show::count(rows);
            bar.say(&format!("kind: {name}, for {rows} rows, {why} (--kind to choose)"));
        }
        self.of_kinds(&kinds)
    }

    /// The structures that the options ask for, or the default for many rows.
    pub fn for_many(&self) -> (Option<HnswParams>, Option<IvfParams>) {
        self.of_kinds(&self.kinds_for(u64::MAX))
    }

    /// The kinds that the options ask for, or the default for `rows` rows.
    fn kinds_for(&self, rows: u64) -> Vec<Structure> {
        match self.kind.is_empty() {
            true if rows <= FLAT_ROWS => vec![Structure::Flat],
            true => vec![Structure::Hnsw],
            false => self.kind.clone(),
        }
    }

    fn of_kinds(&self, kinds: &[Structure]) -> (Option<HnswParams>, Option<IvfParams>) {
        let hnsw = HnswParams { m: self.m, ef_construction: self.ef_construction };
        let ivf = IvfParams { lists: self.lists.unwrap_or_default() };
        let wanted = |kind: Structure| kinds.contains(&kind);
        (wanted(Structure::Hnsw).then_some(hnsw), wanted(Structure::Ivf).then_some(ivf))
    }
}
