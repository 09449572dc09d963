//! Which structures are built, and which codes.

use crate::progress::Bar;
use crate::show;
use clap::{Args, ValueEnum};
use hither::{Codes, FLAT_ROWS, HnswParams, IvfParams};

/// Structures and codes, as they are asked for.
#[derive(Args)]
pub struct Structures {
    /// The structure to search by; several may be given. Default: by the number of rows.
    #[arg(long, value_enum)]
    kind: Vec<KindName>,
    /// Codes that make searching faster, of 8 bits (sq8) or 4 (sq4: faster where dimensions are many),
    /// or, in place of the vectors, the file smaller (sq8-only). Default: sq8 where a structure can use
    /// it and it tells the rows apart; so it is for sq4 where 4 bits do not.
    #[arg(long, value_enum)]
    codes: Option<CodesName>,
    /// HNSW: neighbours of a row, 2 to 100; twice as many in the base layer.
    #[arg(long, default_value_t = HnswParams::default().m)]
    m: u32,
    /// HNSW: candidates weighed for each row's neighbours.
    #[arg(long, default_value_t = HnswParams::default().ef_construction)]
    ef_construction: u32,
    /// IVF: number of lists, of each segment. Default: the square root of the number of rows.
    #[arg(long)]
    pub lists: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum KindName {
    /// Exact scan.
    Flat,
    /// Graph: fast in memory.
    Hnsw,
    /// Inverted file: quick to build, few reads.
    Ivf,
}

#[derive(Clone, Copy, ValueEnum)]
enum CodesName {
    None,
    Sq8,
    #[value(name = "sq8-only")]
    Sq8Only,
    Sq4,
}

impl Structures {
    /// The structures that were asked for, or that so many rows want.
    pub fn for_rows(&self, rows: u64, bar: &Bar) -> (Option<HnswParams>, Option<IvfParams>) {
        let kinds = self.kinds_for(rows);
        if self.kind.is_empty() {
            let (name, why) = match kinds[..] {
                [KindName::Flat] => ("flat", "so few that an exact scan is as fast"),
                _ => ("hnsw", "enough for a graph to pay"),
            };
            let rows = show::count(rows);
            bar.say(&format!("kind: {name}, for {rows} rows, {why} (--kind to choose)"));
        }
        self.of_kinds(&kinds)
    }

    /// The structures that were asked for, or that many rows want.
    pub fn for_many(&self) -> (Option<HnswParams>, Option<IvfParams>) {
        self.of_kinds(&self.kinds_for(u64::MAX))
    }

    /// The codes that were asked for.
    pub fn codes(&self) -> Option<Codes> {
        self.codes.map(|codes| match codes {
            CodesName::None => Codes::None,
            CodesName::Sq8 => Codes::Sq8,
            CodesName::Sq8Only => Codes::Sq8Only,
            CodesName::Sq4 => Codes::Sq4,
        })
    }

    /// The kinds that were asked for, or that so many rows want.
    fn kinds_for(&self, rows: u64) -> Vec<KindName> {
        match self.kind.is_empty() {
            true if rows <= FLAT_ROWS => vec![KindName::Flat],
            true => vec![KindName::Hnsw],
            false => self.kind.clone(),
        }
    }

    fn of_kinds(&self, kinds: &[KindName]) -> (Option<HnswParams>, Option<IvfParams>) {
        let hnsw = HnswParams { m: self.m, ef_construction: self.ef_construction };
        let ivf = IvfParams { lists: self.lists.unwrap_or_default() };
        let wanted = |kind: KindName| kinds.contains(&kind);
        (wanted(KindName::Hnsw).then_some(hnsw), wanted(KindName::Ivf).then_some(ivf))
    }
}
