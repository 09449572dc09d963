//! Which structures are built.

use super::{Arguments, KindName};
use crate::progress::Bar;
use crate::show;
use hither::{FLAT_ROWS, HnswParams, IvfParams};

/// The structures that were asked for, or that so many rows want.
pub fn for_rows(
    arguments: &Arguments,
    rows: u64,
    bar: &Bar,
) -> (Option<HnswParams>, Option<IvfParams>) {
    let kinds = kinds_for(arguments, rows);
    if arguments.kind.is_empty() {
        let (name, why) = match kinds[..] {
            [KindName::Flat] => ("flat", "so few that an exact scan is as fast"),
            _ => ("hnsw", "enough for a graph to pay"),
        };
        let rows = show::count(rows);
        bar.say(&format!("kind: {name}, for {rows} rows, {why} (--kind to choose)"));
    }
    of_kinds(arguments, &kinds)
}

/// The structures that were asked for, or that many rows want.
pub fn for_many(arguments: &Arguments) -> (Option<HnswParams>, Option<IvfParams>) {
    of_kinds(arguments, &kinds_for(arguments, u64::MAX))
}

/// The kinds that were asked for, or that so many rows want.
fn kinds_for(arguments: &Arguments, rows: u64) -> Vec<KindName> {
    match arguments.kind.is_empty() {
        true if rows <= FLAT_ROWS => vec![KindName::Flat],
        true => vec![KindName::Hnsw],
        false => arguments.kind.clone(),
    }
}

fn of_kinds(arguments: &Arguments, kinds: &[KindName]) -> (Option<HnswParams>, Option<IvfParams>) {
    let hnsw = HnswParams { m: arguments.m, ef_construction: arguments.ef_construction };
    let ivf = IvfParams { lists: arguments.lists.unwrap_or_default() };
    (kinds.contains(&KindName::Hnsw).then_some(hnsw), kinds.contains(&KindName::Ivf).then_some(ivf))
}
