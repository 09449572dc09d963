//! Exercises everything that can be asked of an index, with one that may be damaged.

use super::elsewhere;
use hither::raw::AlignedBytes;
use hither::{
    Error, ErrorKind, Filter, Index, KeyRef, KeyType, Neighbor, Order, RowId, Save, SearchParams,
    Searcher, Structure, ValueRef, merge,
};

/// The outcome of an exercise.
pub struct Outcome {
    /// Whether verification found damage; none if the index could not even be opened.
    pub verified: Option<Result<(), Error>>,
    /// The first error from anything else that reports damage.
    pub met: Option<Error>,
}

impl Outcome {
    /// Whether the damage was found, by verification at the latest.
    pub fn is_found(&self) -> bool {
        !matches!(self.verified, Some(Ok(())))
    }
}

/// Opens the bytes and exercises them. `thorough` also drains cursors, and changes, saves and merges the index,
/// which takes several times as long.
pub fn exercise(
    bytes: &[u8],
    filters: &[Filter],
    searcher: &mut Searcher,
    thorough: bool,
) -> Outcome {
    let Ok(mut index) = Index::open(bytes) else { return Outcome { verified: None, met: None } };
    let mut met = None;
    ask(&index, filters, searcher, thorough, &mut met);
    let verified = Some(index.verify());
    if index.options().ranges {
        note(elsewhere::exercise(bytes, filters), &mut met);
    }
    if thorough {
        change(&mut index, &mut met);
    }
    Outcome { verified, met }
}

/// Keeps the first error that reports damage; other errors are proper answers.
fn note<T>(result: Result<T, Error>, met: &mut Option<Error>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            let damage = matches!(
                error.kind(),
                ErrorKind::Corrupt { .. }
                    | ErrorKind::ChecksumMismatch { .. }
                    | ErrorKind::Truncated { .. }
                    | ErrorKind::UnsupportedSection { .. }
            );
            if damage {
                met.get_or_insert(error);
            }
            None
        }
    }
}

/// A query with this many dimensions.
pub fn query(dimensions: usize) -> Vec<f32> {
    (0..dimensions).map(|at| (at * 7 % 5) as f32 * 0.4 - 0.7).collect()
}

fn ask(
    index: &Index<'_>,
    filters: &[Filter],
    searcher: &mut Searcher,
    thorough: bool,
    met: &mut Option<Error>,
) {
    let query = query(index.dimensions());
    let mut found: Vec<Neighbor> = Vec::new();
    let five = SearchParams::new(5);
    let flat = five.structure(Structure::Flat);
    for params in [five, flat, five.recall(0.9), five.structure(Structure::Ivf).probes(1)] {
        if let Some(rows) = note(index.search(&query, &params, searcher), met) {
            assert!(rows.len() <= 5, "more rows than were asked for");
            found.extend(rows);
        }
    }
    for filter in filters {
        let Some(bound) = note(index.filter(filter), met) else { continue };
        // The narrow search walks the graph or probes; the wider one scans.
        for params in [SearchParams::new(1).ef_search(1).probes(1), five, flat] {
            let rows = note(index.search(&query, &params.filter(&bound), searcher), met);
            found.extend(rows.into_iter().flatten());
        }
    }
    for radius in [0.5, f32::INFINITY] {
        let rows = note(index.search(&query, &SearchParams::within(radius), searcher), met);
        found.extend(rows.into_iter().flatten().take(3));
    }
    go_on(index, filters.first(), searcher, thorough, met);

    found.push(Neighbor { row: RowId { segment: 0, row: 0 }, distance: 0.0 });
    found.push(Neighbor { row: RowId { segment: 1, row: 1 }, distance: 0.0 });
    found.sort_unstable_by_key(|neighbor| neighbor.row);
    found.dedup_by_key(|neighbor| neighbor.row);
    let info = index.info();
    let exists =
        |row: RowId| info.segments.get(row.segment as usize).is_some_and(|s| row.row < s.rows);
    let mut vector = vec![0.0; index.dimensions()];
    for Neighbor { row, .. } in found {
        if !exists(row) {
            assert!(index.key(row).is_err(), "a key of a row that is not there");
            continue;
        }
        read(index, row, &mut vector, met);
        if let Some(key) = note(index.key(row), met) {
            note(index.find(key), met);
        }
    }
    for key in absent(index.options().key_type) {
        note(index.find(key), met);
    }
    // For a sound file both are equal; here they only need to end.
    let _ = (index.rows().count(), index.len());
    note(index.row_number_end(), met);
}

fn read(index: &Index<'_>, row: RowId, vector: &mut [f32], met: &mut Option<Error>) {
    note(index.vector(row, vector), met);
    for column in 0..index.columns().len() {
        note(index.value(row, column), met);
    }
}

fn absent(key_type: KeyType) -> [KeyRef<'static>; 2] {
    match key_type {
        KeyType::RowNumber => [KeyRef::Int64(0), KeyRef::Int64(i64::MAX)],
        KeyType::Int64 => [KeyRef::Int64(i64::MIN), KeyRef::Int64(i64::MAX)],
        KeyType::Uuid => [KeyRef::Uuid([0; 16]), KeyRef::Uuid([255; 16])],
        KeyType::Text => [KeyRef::Text(""), KeyRef::Text("\u{10ffff}")],
    }
}

/// Goes on past k, and with a filter; to the end if `thorough`.
fn go_on(
    index: &Index<'_>,
    filter: Option<&Filter>,
    searcher: &mut Searcher,
    thorough: bool,
    met: &mut Option<Error>,
) {
    let query = query(index.dimensions());
    let bound = filter.and_then(|filter| note(index.filter(filter), met));
    for order in [Order::Strict, Order::Relaxed] {
        let mut params = SearchParams::new(3).ef_search(4).probes(1).order(order);
        if order == Order::Relaxed {
            params.filter = bound.as_ref();
        }
        let begun = note(index.start_search(&query, &params, searcher), met);
        if begun.is_none() {
            continue;
        }
        let mut batches = if thorough { u32::MAX } else { 4 };
        while batches > 0 {
            match note(index.next_batch(&params, searcher, 5).map(<[Neighbor]>::len), met) {
                Some(1..) => batches -= 1,
                _ => break,
            }
        }
    }
}

/// Inserts, updates, removes, saves, and gathers rows for a merge.
fn change(index: &mut Index<'_>, met: &mut Option<Error>) {
    if index.len() < 1 << 20 {
        note(merge(&[index, index], 1).map(drop), met);
    }
    let vector = query(index.dimensions());
    let nulls = vec![ValueRef::Null; index.columns().len()];
    let keys = absent(index.options().key_type);
    let first = index.rows().next();
    let first = first.and_then(|row| note(index.key(row).map(KeyRef::to_owned), met));
    if let Some(key) = &first {
        note(index.update(key.as_ref(), &vector, &nulls), met);
        note(index.remove(key.as_ref()), met);
    }
    note(index.insert(Some(keys[0]), &vector, &nulls), met);
    let mut saved = AlignedBytes::new();
    note(index.write_to(&mut saved, Save::delta().threads(1)), met);
}
