//! Every search, compared with f64 arithmetic that is independent of the library.

use hither::{Codes, Element, HnswParams, Index, IndexOptions, IvfParams, KeyRef, Metric, Order};
use hither::{RowId, SearchParams, Searcher, Structure};
use hither_tests::{Matrix, build, clustered, numbers, recall};
use std::cmp::Ordering;

const METRICS: &[Metric] = Metric::ALL;

/// The results of pgvector's operators.
fn distance(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let pairs = || a.iter().zip(b).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    let dot: f64 = pairs().map(|(a, b)| a * b).sum();
    match metric {
        Metric::L2 => pairs().map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt(),
        Metric::InnerProduct => -dot,
        Metric::L1 => pairs().map(|(a, b)| (a - b).abs()).sum(),
        Metric::Cosine => {
            let length = |v: &[f32]| v.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            1.0 - dot / (length(a) * length(b))
        }
        other => panic!("{other} has no plain formula here"),
    }
}

/// The stored rows of an index that was keyed by row numbers.
fn stored(index: &Index<'_>) -> Matrix {
    let dimensions = index.dimensions();
    let mut values = vec![0.0; index.len() as usize * dimensions];
    for row in index.rows() {
        let KeyRef::Int64(key) = index.key(row).unwrap() else { panic!() };
        index.vector(row, &mut values[key as usize * dimensions..][..dimensions]).unwrap();
    }
    Matrix { values, dimensions }
}

/// Keys sorted by distance, ties by key.
fn truth(metric: Metric, rows: &Matrix, query: &[f32]) -> Vec<(f64, i64)> {
    let mut all: Vec<(f64, i64)> = rows
        .rows()
        .enumerate()
        .map(|(key, row)| (distance(metric, query, row), key as i64))
        .collect();
    all.sort_by(|a, b| a.partial_cmp(b).unwrap());
    all
}

#[test]
fn exact_search_is_exact_and_distances_are_pgvectors() {
    let rows = clustered(1, 700, 37);
    let queries = clustered(2, 20, 37);
    for &metric in METRICS {
        for element in [Element::F32, Element::F16] {
            for codes in [Codes::None, Codes::Sq8Only] {
                if metric == Metric::L1 && codes != Codes::None {
                    continue;
                }
                let options = IndexOptions {
                    hnsw: None,
                    element,
                    codes: Some(codes),
                    ..IndexOptions::new(37, metric)
                };
                let bytes = build(&rows, options);
                let index = Index::open(&bytes).unwrap();
                index.verify().unwrap();
                let stored = stored(&index);
                let mut searcher = Searcher::new();
                for query in queries.rows() {
                    let found = index.search(query, &SearchParams::new(25), &mut searcher).unwrap();
                    let truth = truth(metric, &stored, query);
                    assert_eq!(found.len(), 25);
                    for (found, (expected, _)) in found.iter().zip(&truth) {
                        let error = (f64::from(found.distance) - expected).abs();
                        assert!(error <= 1e-5 * expected.abs().max(1.0), "{metric:?} {error}");
                    }
                    let keys: Vec<i64> = truth[..25].iter().map(|row| row.1).collect();
                    assert!(recall(&numbers(&index, found), &keys) >= 0.96, "{metric:?}");
                }
            }
        }
    }
}

#[test]
fn vectors_come_back_as_they_were_stored() {
    let rows = clustered(3, 50, 20);
    let f32s =
        build(&rows, IndexOptions { element: Element::F32, ..IndexOptions::new(20, Metric::L2) });
    assert_eq!(stored(&Index::open(&f32s).unwrap()).values, rows.values);
    let f16s = build(&rows, IndexOptions::new(20, Metric::L2));
    let rounded: Vec<f32> = rows.values.iter().map(|&v| half::f16::from_f32(v).to_f32()).collect();
    assert_eq!(stored(&Index::open(&f16s).unwrap()).values, rounded);
}

#[test]
fn every_structure_finds_almost_all() {
    let rows = clustered(4, 3000, 48);
    let queries = clustered(5, 50, 48);
    for &metric in METRICS {
        for codes in [Codes::None, Codes::Sq8, Codes::Sq8Only, Codes::Sq4] {
            if metric == Metric::L1 && codes != Codes::None {
                continue;
            }
            let options = IndexOptions {
                hnsw: Some(HnswParams::default()),
                ivf: Some(IvfParams { lists: 40 }),
                codes: Some(codes),
                ..IndexOptions::new(48, metric)
            };
            let bytes = build(&rows, options);
            let index = Index::open(&bytes).unwrap();
            index.verify().unwrap();
            assert_eq!(index.info().segments[0].codes, codes, "{metric:?}");
            let mut searcher = Searcher::new();
            for params in [
                SearchParams::new(10).structure(Structure::Hnsw).ef_search(200),
                SearchParams::new(10).structure(Structure::Ivf).probes(20),
            ] {
                let mut sum = 0.0;
                for query in queries.rows() {
                    let exact = SearchParams::new(10).structure(Structure::Flat);
                    let truth = index.search(query, &exact, &mut searcher).unwrap().to_vec();
                    let found = index.search(query, &params, &mut searcher).unwrap();
                    for pair in found.windows(2) {
                        assert!(pair[0].distance <= pair[1].distance);
                    }
                    sum += recall(&numbers(&index, found), &numbers(&index, &truth));
                }
                let mean = sum / queries.len() as f64;
                // Inner product over rows of unequal length is the hardest case of a graph.
                let floor = if metric == Metric::InnerProduct { 0.90 } else { 0.97 };
                assert!(mean >= floor, "{metric:?} {codes:?} {:?}: {mean}", params.structure);
            }
        }
    }
}

#[test]
fn a_search_that_goes_on_gives_every_row_once() {
    let rows = clustered(6, 1500, 16);
    let query = clustered(7, 1, 16);
    for structure in [Structure::Flat, Structure::Hnsw, Structure::Ivf] {
        for order in [Order::Strict, Order::Relaxed] {
            let options = IndexOptions {
                ivf: Some(IvfParams::default()),
                ..IndexOptions::new(16, Metric::L2)
            };
            let bytes = build(&rows, options);
            let index = Index::open(&bytes).unwrap();
            let params = SearchParams::new(10).structure(structure).order(order);
            let mut searcher = Searcher::new();
            index.start_search(query.row(0), &params, &mut searcher).unwrap();
            let mut keys = Vec::new();
            let mut last = f32::NEG_INFINITY;
            loop {
                let batch = index.next_batch(&params, &mut searcher, 17).unwrap();
                if batch.is_empty() {
                    break;
                }
                if order == Order::Strict {
                    for row in batch {
                        assert!(row.distance >= last);
                        last = row.distance;
                    }
                }
                keys.extend(numbers(&index, batch));
            }
            let given = keys.len() as u64;
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len() as u64, given, "{structure:?} {order:?}: a row came twice");
            let dropped = searcher.stats().dropped;
            assert_eq!(given + dropped, 1500, "{structure:?} {order:?}");
            if order == Order::Relaxed {
                assert_eq!(dropped, 0);
            } else {
                assert!(dropped < 300, "{structure:?}: {dropped} of 1500 rows came too late");
            }
        }
    }
}

#[test]
fn a_search_goes_on_from_its_searcher_alone() {
    let rows = clustered(6, 1500, 16);
    let query = clustered(7, 1, 16);
    let bytes = build(&rows, IndexOptions::new(16, Metric::L2));
    let mut index = Index::open(&bytes).unwrap();
    let params = SearchParams::new(10).order(Order::Relaxed);
    let mut searcher = Searcher::new();
    let mut expected = Vec::new();
    index.start_search(query.row(0), &params, &mut searcher).unwrap();
    for _ in 0..5 {
        expected.extend_from_slice(index.next_batch(&params, &mut searcher, 17).unwrap());
    }
    let mut found = Vec::new();
    index.start_search(query.row(0), &params, &mut searcher).unwrap();
    for _ in 0..5 {
        searcher = searcher.clone();
        found.extend_from_slice(index.next_batch(&params, &mut searcher, 17).unwrap());
    }
    assert_eq!(found, expected);
    // Neither another index nor this one, once changed, can go on with the search.
    let other = build(&clustered(8, 20, 16), IndexOptions::new(16, Metric::L2));
    let other = Index::open(&other).unwrap();
    assert!(other.next_batch(&params, &mut searcher, 17).is_err());
    assert!(index.remove(KeyRef::Int64(0)).unwrap());
    assert!(index.next_batch(&params, &mut searcher, 17).is_err());
    assert!(index.next_batch(&params, &mut Searcher::new(), 17).is_err());
}

#[test]
fn unit_rows_answer_by_any_of_three_metrics() {
    let mut rows = clustered(10, 1200, 30);
    for row in rows.values.chunks_exact_mut(30) {
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= length);
    }
    let query = clustered(11, 1, 30);
    let bytes = build(&rows, IndexOptions::new(30, Metric::Cosine));
    let index = Index::open(&bytes).unwrap();
    assert!(index.is_unit_length());
    let stored = stored(&index);
    let mut searcher = Searcher::new();
    for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
        let params = SearchParams::new(10).metric(metric).ef_search(100);
        let found = index.search(query.row(0), &params, &mut searcher).unwrap();
        for (row, (expected, _)) in found.iter().zip(truth(metric, &stored, query.row(0))) {
            assert!((f64::from(row.distance) - expected).abs() < 1e-4, "{metric:?}");
        }
    }
    let params = SearchParams::new(10).metric(Metric::L1);
    assert!(index.search(query.row(0), &params, &mut searcher).is_err());
}

#[test]
fn ties_come_in_the_order_of_keys() {
    let rows = Matrix { values: [1.0, 2.0].repeat(300), dimensions: 2 };
    for options in [
        IndexOptions { hnsw: None, ..IndexOptions::new(2, Metric::L2) },
        IndexOptions::new(2, Metric::L2),
    ] {
        let flat = options.hnsw.is_none();
        let bytes = build(&rows, options);
        let index = Index::open(&bytes).unwrap();
        let mut searcher = Searcher::new();
        let found = index.search(&[0.0, 0.0], &SearchParams::new(300), &mut searcher).unwrap();
        assert_eq!(numbers(&index, found), (0..300).collect::<Vec<i64>>());
        if flat {
            let found = index.search(&[0.0, 0.0], &SearchParams::new(3), &mut searcher).unwrap();
            assert_eq!(numbers(&index, found), [0, 1, 2]);
        }
    }
}

#[test]
fn tight_clusters_far_apart_are_not_lost_to_codes() {
    // 8 bits over the whole range cannot tell the rows of one cluster apart: the build must notice by default,
    // and the search must use the vectors.
    let mut rows = clustered(12, 2000, 16);
    for (number, row) in rows.values.chunks_exact_mut(16).enumerate() {
        let centre = (number % 20) as f32 * 1000.0;
        row.iter_mut().for_each(|x| *x = *x * 0.01 + centre);
    }
    let options = IndexOptions { element: Element::F32, ..IndexOptions::new(16, Metric::L2) };
    let bytes = build(&rows, options);
    let index = Index::open(&bytes).unwrap();
    assert_eq!(index.info().segments[0].codes, Codes::None);
    let mut searcher = Searcher::new();
    let mut sum = 0.0;
    for number in (0..2000).step_by(40) {
        let exact = SearchParams::new(10).structure(Structure::Flat);
        let truth = index.search(rows.row(number), &exact, &mut searcher).unwrap().to_vec();
        let params = SearchParams::new(10).ef_search(150);
        let found = index.search(rows.row(number), &params, &mut searcher).unwrap();
        sum += recall(&numbers(&index, found), &numbers(&index, &truth));
    }
    assert!(sum / 50.0 >= 0.9, "{}", sum / 50.0);
}

#[test]
fn bad_input_is_an_error() {
    let rows = clustered(13, 100, 8);
    let bytes = build(&rows, IndexOptions::new(8, Metric::Cosine));
    let index = Index::open(&bytes).unwrap();
    let mut searcher = Searcher::new();
    let mut search = |query: &[f32], params: SearchParams<'_>| {
        index.search(query, &params, &mut searcher).map(|found| found.len())
    };
    let one = [1.0; 8];
    let params = SearchParams::new(5);
    assert_eq!(search(&one, params), Ok(5));
    assert!(search(&one[..7], params).is_err());
    assert!(search(&[0.0; 8], params).is_err());
    assert!(search(&[f32::NAN; 8], params).is_err());
    assert!(search(&one, SearchParams::new(0)).is_err());
    assert!(search(&one, params.ef_search(0)).is_err());
    assert!(search(&one, params.probes(0)).is_err());
    assert!(search(&one, params.recall(1.5)).is_err());
    assert!(search(&one, params.recall(f32::NAN)).is_err());
    assert!(search(&one, params.recall(0.9).ef_search(10)).is_err());
    assert!(search(&one, params.structure(Structure::Ivf)).is_err());
    assert_eq!(search(&one, SearchParams::new(1000)), Ok(100));

    let mut builder = hither::IndexBuilder::new(IndexOptions::new(2, Metric::Cosine)).unwrap();
    assert!(builder.push(None, &[0.0, 0.0], &[]).is_err());
    assert!(builder.push(None, &[f32::INFINITY, 0.0], &[]).is_err());
    assert!(builder.push(None, &[1e6, 0.0], &[]).is_err());
    assert!(builder.push(None, &[1.0], &[]).is_err());
    assert_eq!(builder.rows(), 0);
    let empty = builder.finish().unwrap();
    let empty = Index::open(&empty).unwrap();
    empty.verify().unwrap();
    assert!(empty.search(&[1.0, 0.0], &params, &mut Searcher::new()).unwrap().is_empty());
    assert!(IndexOptions::new(0, Metric::L2).dimensions == 0);
    assert!(hither::IndexBuilder::new(IndexOptions::new(0, Metric::L2)).is_err());
    assert!(hither::IndexBuilder::new(IndexOptions::new(70_000, Metric::L2)).is_err());
}

/// An exact scan measures by any metric, whatever metric the index orders by; rows without a distance come
/// last.
#[test]
fn an_exact_scan_measures_by_any_metric() {
    let mut rows = clustered(71, 700, 9);
    rows.values[9 * 50..9 * 53].fill(0.0);
    let query = clustered(72, 3, 9);
    for own in [Metric::L2, Metric::InnerProduct, Metric::L1, Metric::Cosine] {
        if own == Metric::Cosine {
            // Cosine refuses rows without a direction.
            rows = Matrix { values: rows.values.split_off(9 * 53), dimensions: 9 };
        }
        let bytes = build(&rows, IndexOptions::new(9, own));
        let mut index = Index::open(&bytes).unwrap();
        for number in 0..40 {
            index.insert(None, rows.row(number), &[]).unwrap();
        }
        assert!(index.remove(KeyRef::Int64(7)).unwrap());
        let all: Vec<RowId> = index.rows().collect();
        let (mut searcher, mut distances) = (Searcher::new(), Vec::new());
        for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1] {
            for query in query.rows() {
                index.distances(query, metric, &all, &mut searcher, &mut distances).unwrap();
                let mut expected: Vec<(f32, i64)> = distances
                    .iter()
                    .zip(&all)
                    .map(|(&distance, &row)| match index.key(row).unwrap() {
                        KeyRef::Int64(key) => (distance, key),
                        _ => unreachable!(),
                    })
                    .collect();
                let is_last = |distance: f32| distance.is_nan();
                expected.sort_by(|a, b| {
                    let order = is_last(a.0).cmp(&is_last(b.0));
                    order.then(a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal)).then(a.1.cmp(&b.1))
                });
                let lost = expected.iter().filter(|row| row.0.is_nan()).count();
                assert_eq!(lost > 0, metric == Metric::Cosine && own != Metric::Cosine);
                for k in [1, 10, all.len() - 1, all.len()] {
                    let params = SearchParams::new(k).metric(metric).structure(Structure::Flat);
                    let found = index.search(query, &params, &mut searcher).unwrap();
                    let keys: Vec<i64> = expected[..k].iter().map(|row| row.1).collect();
                    assert_eq!(numbers(&index, found), keys, "{own:?} {metric:?} {k}");
                    let params = params.radius(f32::INFINITY);
                    let within = index.search(query, &params, &mut searcher).unwrap();
                    assert_eq!(within.len(), k.min(all.len() - lost));
                }
            }
        }
        // A structure that orders by another metric does not.
        let other = if own == Metric::L1 { Metric::L2 } else { Metric::L1 };
        let params = SearchParams::new(1).metric(other);
        assert!(index.search(query.row(0), &params, &mut searcher).is_err());
    }
}
