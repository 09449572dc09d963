//! Files of every version of the format, as written at the time: they open, and have the same content. They are
//! never written again; a new version adds its own.

use core::task::Poll;
use hither::fetch::{LazyIndex, LazySearcher};
use hither::{Filter, Index, IndexFile, Key, KeyRef, Metric, SearchParams, Searcher, Structure};
use hither_tests::{Matrix, clustered, numbers, repository};

const ROWS: usize = 120;

/// The rows of every fixture with this number of dimensions, by key.
fn rows(dimensions: usize) -> Matrix {
    clustered(61, ROWS, dimensions)
}

/// The nearest of these keys, by f64 arithmetic.
fn nearest(metric: Metric, query: &[f32], keys: impl Iterator<Item = usize>) -> Vec<i64> {
    let rows = rows(query.len());
    let rank = |key: usize| -> f64 {
        let pairs = || query.iter().zip(rows.row(key)).map(|(a, b)| (f64::from(*a), f64::from(*b)));
        let dot: f64 = pairs().map(|(a, b)| a * b).sum();
        match metric {
            Metric::Cosine => -dot / pairs().map(|(_, b)| b * b).sum::<f64>().sqrt(),
            Metric::InnerProduct => -dot,
            _ => pairs().map(|(a, b)| (a - b) * (a - b)).sum(),
        }
    };
    let mut keys: Vec<(f64, i64)> = keys.map(|key| (rank(key), key as i64)).collect();
    keys.sort_by(|a, b| a.partial_cmp(b).unwrap());
    keys.into_iter().map(|key| key.1).take(10).collect()
}

fn check(name: &str, structure: Structure, all: impl Fn(usize) -> bool) {
    let file = IndexFile::open(repository("tests/fixtures").join(name)).unwrap();
    let index: &Index<'_> = file.index();
    index.verify().unwrap();
    let live: Vec<usize> = (0..ROWS).filter(|&key| all(key)).collect();
    assert_eq!(index.len(), live.len() as u64);
    let group = index.column("group").unwrap();
    let even = Filter::from_json(r#"{"group": "even"}"#).unwrap();
    let even = index.filter(&even).unwrap();
    let mut searcher = Searcher::new();
    for &key in &live {
        let row = index.find(KeyRef::Int64(key as i64)).unwrap().unwrap();
        let expected = if key % 2 == 0 { "even" } else { "odd" };
        assert_eq!(index.value(row, group).unwrap(), hither::ValueRef::Text(expected));
    }
    for query in clustered(62, 20, index.dimensions()).rows() {
        let params = SearchParams::new(10).ef_search(200).probes(200).structure(structure);
        let found = numbers(index, index.search(query, &params, &mut searcher).unwrap());
        // Codes in place of vectors, and binary16, may swap neighbours at almost the same distance.
        let truth = nearest(index.metric(), query, live.iter().copied());
        let hits = truth.iter().filter(|key| found.contains(key)).count();
        assert!(hits >= 8, "{name}: {found:?} for {truth:?}");
        let params = params.filter(&even);
        let found = numbers(index, index.search(query, &params, &mut searcher).unwrap());
        let truth = nearest(index.metric(), query, live.iter().copied().filter(|key| key % 2 == 0));
        let hits = truth.iter().filter(|key| found.contains(key)).count();
        assert!(hits >= 8, "{name}: {found:?} for {truth:?}");
    }
}

#[test]
fn version_1() {
    check("v1-flat-f32.hither", Structure::Flat, |_| true);
    check("v1-hnsw-f16-sq8.hither", Structure::Hnsw, |_| true);
    check("v1-ivf-sq8-only.hither", Structure::Ivf, |_| true);
    check("v1-hnsw-f16-sq8-l2-16.hither", Structure::Hnsw, |_| true);
    check("v1-ivf-sq8-only-cosine-16.hither", Structure::Ivf, |_| true);
    check("v1-hnsw-sq4.hither", Structure::Hnsw, |_| true);
    check("v1-ivf-sq4-cosine-32.hither", Structure::Ivf, |_| true);
    check("v1-hnsw-records.hither", Structure::Hnsw, |_| true);
    check("v1-ranges.hither", Structure::Flat, |_| true);
    check("v1-ranges-keys.hither", Structure::Flat, |_| true);
    check("v1-delta.hither", Structure::Flat, |key| key % 7 != 3);
}

#[test]
fn version_1_by_ranges() {
    for name in ["v1-ranges.hither", "v1-ranges-keys.hither"] {
        search_by_ranges(name);
    }
}

fn search_by_ranges(name: &str) {
    let bytes = std::fs::read(repository("tests/fixtures").join(name)).unwrap();
    let mut index = LazyIndex::new(0);
    let bring = |index: &LazyIndex| {
        for range in index.requests(0) {
            let end = bytes.len().min(range.end as usize);
            index.supply(range.start, &bytes[range.start as usize..end]).unwrap();
        }
    };
    while index.open().unwrap().is_pending() {
        bring(&index);
    }
    for key in 0..ROWS as i64 + 5 {
        let is_there = loop {
            match index.find(KeyRef::Int64(key)).unwrap() {
                Poll::Ready(row) => break row.is_some(),
                Poll::Pending => bring(&index),
            }
        };
        assert_eq!(is_there, key < ROWS as i64, "{name}");
        index.settle();
    }
    let mut searcher = LazySearcher::new();
    for query in clustered(62, 20, 12).rows() {
        index.start_search(query, &SearchParams::new(10), None, &mut searcher).unwrap();
        while index.next_batch(&mut searcher, 10).unwrap().is_pending() {
            bring(&index);
        }
        let mut found = Vec::new();
        for row in searcher.found() {
            while index.key(row.row).unwrap().is_pending() {
                bring(&index);
            }
            if let Poll::Ready(Key::Int64(number)) = index.key(row.row).unwrap() {
                found.push(number);
            }
        }
        let truth = nearest(Metric::Cosine, query, 0..ROWS);
        let hits = truth.iter().filter(|key| found.contains(key)).count();
        assert!(hits >= 8, "{found:?} for {truth:?}");
    }
}

#[test]
fn a_version_of_the_future_is_named() {
    let mut bytes = std::fs::read(repository("tests/fixtures/v1-flat-f32.hither")).unwrap();
    bytes[8] = 9;
    let bytes = hither::raw::AlignedBytes::copy_of(&bytes);
    let message = Index::open(&bytes).unwrap_err().to_string();
    assert!(message.contains("version 9") && message.contains("version 1"), "{message}");
}
