//! Several files whose first answer is found jointly: what each would have given, and no more measured than it takes.

use hither::raw::AlignedBytes;
use hither::{
    Codes, HnswParams, Index, IndexOptions, KeyRef, Metric, Order, RowId, SearchParams, Searcher,
    Shards, Structure,
};
use hither_tests::{Matrix, build, clustered, numbers, recall};
use std::collections::BTreeSet;

const FILES: usize = 8;
const ROWS: usize = 8_000;
const K: usize = 10;

fn options(metric: Metric, codes: Codes) -> IndexOptions {
    let hnsw = Some(HnswParams { m: 10, ef_construction: 60 });
    IndexOptions { hnsw, codes: Some(codes), ..IndexOptions::new(32, metric) }
}

/// The rows of each file: an equal share of those that lie in this order.
fn files(rows: &Matrix, order: &[usize], options: &IndexOptions) -> Vec<AlignedBytes> {
    let shares = order.chunks(order.len().div_ceil(FILES));
    let files = shares.map(|share| {
        let values = share.iter().flat_map(|&row| rows.row(row)).copied().collect();
        build(&Matrix { values, dimensions: rows.dimensions }, options.clone())
    });
    files.collect()
}

/// Rows as they come, and those that are near each other in one file.
fn orders(rows: &Matrix) -> [Vec<usize>; 2] {
    let as_they_come: Vec<usize> = (0..rows.len()).collect();
    let mut by_value = as_they_come.clone();
    by_value.sort_by(|a, b| rows.row(*a)[0].total_cmp(&rows.row(*b)[0]));
    [as_they_come, by_value]
}

#[test]
fn a_joint_answer_is_that_of_all_files() {
    let rows = clustered(91, ROWS, 32);
    let queries = clustered(92, 100, 32);
    for (metric, codes) in [
        (Metric::L2, Codes::None),
        (Metric::Cosine, Codes::Sq8),
        (Metric::L2, Codes::Sq4),
        (Metric::InnerProduct, Codes::None),
    ] {
        let options = options(metric, codes);
        let whole = build(&rows, options.clone());
        let whole = Index::open(&whole).unwrap();
        for order in orders(&rows) {
            let files = files(&rows, &order, &options);
            let indexes: Vec<Index<'_>> =
                files.iter().map(|file| Index::open(file).unwrap()).collect();
            let shards = Shards::new(indexes.iter().collect()).unwrap();
            let mut searcher = Searcher::new();
            for effort in [4, 8, 20, 60] {
                let params = SearchParams::new(K).ef_search(effort).structure(Structure::Hnsw);
                let (mut alike, mut joint, mut single) = (0, 0.0, 0.0);
                let (mut measured, mut measured_apart) = (0, 0);
                for query in queries.rows() {
                    let exact = SearchParams::new(K).structure(Structure::Flat);
                    let truth =
                        numbers(&whole, whole.search(query, &exact, &mut searcher).unwrap());
                    let found = whole.search(query, &params, &mut searcher).unwrap();
                    single += recall(&numbers(&whole, found), &truth);
                    // What merging the answers of the files by hand gives.
                    let mut apart: Vec<(f32, usize, RowId)> = Vec::new();
                    for (number, index) in indexes.iter().enumerate() {
                        let found = index.search(query, &params, &mut searcher).unwrap();
                        apart.extend(found.iter().map(|near| (near.distance, number, near.row)));
                        measured_apart += searcher.stats().compared;
                    }
                    apart.sort_by(|a, b| a.partial_cmp(b).unwrap());
                    let apart: Vec<_> = apart[..K].iter().map(|near| (near.1, near.2)).collect();
                    let found = shards.search(query, &params, &[], &mut searcher).unwrap();
                    let found: Vec<_> =
                        found.iter().map(|near| shards.place(near.row).unwrap()).collect();
                    assert_eq!(found.len(), K);
                    alike += found.iter().filter(|found| apart.contains(found)).count();
                    let keys = found.iter().map(|&(number, row)| {
                        let KeyRef::Int64(key) = indexes[number].key(row).unwrap() else {
                            unreachable!()
                        };
                        order[number * ROWS / FILES + key as usize] as i64
                    });
                    joint += recall(&keys.collect::<Vec<_>>(), &truth);
                    measured += searcher.stats().compared;
                }
                let what = format!("{metric:?} {codes:?} {effort}");
                let alike = alike as f64 / (K * queries.len()) as f64;
                let (joint, single) = (joint / 100.0, single / 100.0);
                // Codes of 4 bits tell little of few dimensions.
                let most = if codes == Codes::Sq4 { measured_apart } else { measured_apart / 4 };
                assert!(measured <= most, "{what}: {measured} of {measured_apart} measured");
                // Below 15 each goes less far than alone.
                assert!(alike >= if effort >= 15 { 0.998 } else { 0.8 }, "{what}: {alike}");
                assert!(joint >= single - 0.01, "{what}: {joint} {single}");
            }
        }
    }
}

#[test]
fn a_joint_answer_goes_on_to_every_row() {
    let mut rows = clustered(93, ROWS, 32);
    // Some are equal: one node of a graph, or in several files.
    for row in (0..ROWS - 40).step_by(40) {
        let copy = rows.row(row).to_vec();
        for other in [row + 1, row + 2, row + 3, row + 39] {
            rows.values[other * 32..][..32].copy_from_slice(&copy);
        }
    }
    let queries = clustered(94, 6, 32);
    for codes in [Codes::None, Codes::Sq8, Codes::Sq4] {
        let options = options(Metric::L2, codes);
        for order in orders(&rows) {
            let files = files(&rows, &order, &options);
            let indexes: Vec<Index<'_>> =
                files.iter().map(|file| Index::open(file).unwrap()).collect();
            let shards = Shards::union_all(indexes.iter().collect()).unwrap();
            for (number, query) in queries.rows().enumerate() {
                let params = SearchParams::new(K)
                    .ef_search([4, 40][number % 2])
                    .structure(Structure::Hnsw)
                    .order(Order::Relaxed);
                let (mut searcher, mut once) = (Searcher::new(), Searcher::new());
                let first = shards.search(query, &params, &[], &mut once).unwrap();
                shards.start_search(query, &params, &[], &mut searcher).unwrap();
                let mut found = Vec::new();
                for count in [1, 9, 3, 15, 60, ROWS] {
                    let batch = shards.next_batch(&params, &[], &mut searcher, count).unwrap();
                    found.extend_from_slice(batch);
                }
                assert_eq!(found[..K], *first);
                assert_eq!(found.len(), ROWS);
                assert_eq!(found.iter().map(|near| near.row).collect::<BTreeSet<_>>().len(), ROWS);
                // What comes after the first answer is near, too.
                let exact = params.structure(Structure::Flat);
                let exact = SearchParams { k: 88, ..exact };
                let exact = shards.search(query, &exact, &[], &mut once).unwrap();
                let near: BTreeSet<_> = exact.iter().map(|near| near.row).collect();
                let hits = found[..88].iter().filter(|found| near.contains(&found.row)).count();
                assert!(number % 2 == 0 || hits >= 75, "{codes:?} {hits}");
            }
        }
    }
}
