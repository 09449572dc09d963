//! All rows within a radius: complete, whatever the structures over the rows.

use hither::raw::AlignedBytes;
use hither::{Codes, ColumnSchema, ColumnType, Element, Filter, Index, IndexBuilder};
use hither::{IndexOptions, IvfParams, KeyRef, Metric, Save, SearchParams, Searcher, Structure};
use hither::{ValueRef, merge};
use hither_tests::{Matrix, Random, clustered, numbers};

const METRICS: [Metric; 4] = [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1];

/// Rows of unequal lengths, some of them equal.
fn rows(seed: u64, count: usize, dimensions: usize) -> Matrix {
    let mut rows = clustered(seed, count, dimensions);
    let mut random = Random::new(seed);
    for row in rows.values.chunks_exact_mut(dimensions) {
        let length = random.normal().exp();
        row.iter_mut().for_each(|value| *value *= length);
    }
    for copy in 0..count / 20 {
        let from = copy * 7 % count * dimensions;
        rows.values.copy_within(from..from + dimensions, copy * 20 * dimensions);
    }
    rows
}

fn options(metric: Metric, dimensions: usize, element: Element, codes: Codes) -> IndexOptions {
    let column = ColumnSchema { name: "part".into(), column_type: ColumnType::Int64 };
    IndexOptions {
        element,
        codes: Some(codes),
        ivf: Some(IvfParams::default()),
        columns: vec![column],
        ..IndexOptions::new(dimensions, metric)
    }
}

/// A file of two segments, in which rows were removed and replaced.
fn changed(rows: &Matrix, options: IndexOptions) -> AlignedBytes {
    let mut builder = IndexBuilder::new(options).unwrap();
    let built = rows.len() / 2;
    for (number, row) in rows.rows().enumerate().take(built) {
        builder.push(None, row, &[ValueRef::Int64(number as i64 % 50)]).unwrap();
    }
    let first = builder.finish().unwrap();
    let mut index = Index::open(&first).unwrap();
    grow(&mut index, rows, built..rows.len() - 200);
    let mut bytes = AlignedBytes::new();
    index.write_to(&mut bytes, Save::delta().threads(1)).unwrap();
    bytes
}

/// Inserts rows, and removes and replaces others.
fn grow(index: &mut Index<'_>, rows: &Matrix, range: std::ops::Range<usize>) {
    for number in range {
        index.insert(None, rows.row(number), &[ValueRef::Int64(number as i64 % 50)]).unwrap();
        let old = KeyRef::Int64(number as i64 * 31 % rows.len() as i64);
        if number % 5 == 0 {
            index.remove(old).unwrap();
        } else if number % 5 == 1 && index.find(old).unwrap().is_some() {
            index.update(old, rows.row(number / 2), &[ValueRef::Int64(3)]).unwrap();
        }
    }
}

/// The results of pgvector's operators, in f64.
fn oracle(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let pairs = || a.iter().zip(b).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    match metric {
        Metric::L2 => pairs().map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt(),
        Metric::InnerProduct => -dot(a, b),
        Metric::L1 => pairs().map(|(a, b)| (a - b).abs()).sum(),
        Metric::Cosine => 1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt(),
        other => panic!("{other} has no plain formula here"),
    }
}

/// The key and the distance of each row, measured alone; sorted by distance, ties by key.
fn measured(index: &Index<'_>, rows: &[hither::RowId], query: &[f32]) -> Vec<(f32, i64)> {
    let mut searcher = Searcher::new();
    let mut vector = vec![0.0; index.dimensions()];
    let each = |&row: &hither::RowId| {
        let distance = index.distance(query, row, &mut searcher).unwrap();
        index.vector(row, &mut vector).unwrap();
        let expected = oracle(index.metric(), query, &vector);
        let error = (f64::from(distance) - expected).abs();
        assert!(error <= 1e-5 * expected.abs().max(10.0), "{:?} {error}", index.metric());
        let KeyRef::Int64(key) = index.key(row).unwrap() else { panic!() };
        (distance, key)
    };
    let mut all: Vec<(f32, i64)> = rows.iter().map(each).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all
}

#[test]
fn a_radius_is_complete_in_every_structure_and_form() {
    let rows = rows(31, 3000, 20);
    let queries = clustered(32, 4, 20);
    for metric in METRICS {
        for (element, codes) in [
            (Element::F32, Codes::None),
            (Element::F16, Codes::None),
            (Element::F16, Codes::Sq8),
            (Element::F16, Codes::Sq4),
            (Element::F32, Codes::Sq8Only),
        ] {
            if metric == Metric::L1 && codes != Codes::None {
                continue;
            }
            let bytes = changed(&rows, options(metric, 20, element, codes));
            let mut index = Index::open(&bytes).unwrap();
            grow(&mut index, &rows, 2800..3000);
            assert!(index.info().segments.len() == 2 && index.len() > 2000);
            let all: Vec<_> = index.rows().collect();
            // One filter lists few rows, the other is tested on all.
            for filter in [None, Some(r#"{"part": 7}"#), Some(r#"{"part": {"$ne": 3}}"#)] {
                let filter =
                    filter.map(|json| index.filter(&Filter::from_json(json).unwrap()).unwrap());
                let matching = filter.as_ref().map(|filter| index.matching(filter).unwrap());
                let matching = matching.as_ref().unwrap_or(&all);
                for query in queries.rows() {
                    let truth = measured(&index, matching, query);
                    let at = |place: usize| truth[place.min(truth.len() - 1)].0;
                    let (least, most) = (at(0), at(usize::MAX));
                    let between = least + 0.3 * (most - least);
                    // The distances of rows are radii too: rows at exactly that distance are within.
                    let radii = [
                        at(0),
                        at(17),
                        at(900),
                        between,
                        most,
                        f32::INFINITY,
                        f32::NEG_INFINITY,
                        least.next_down(),
                        -1.0,
                        -0.0,
                    ];
                    for radius in radii {
                        let expected: Vec<i64> =
                            truth.iter().filter(|row| row.0 <= radius).map(|row| row.1).collect();
                        let all = SearchParams::within(radius);
                        for params in [
                            all,
                            all.structure(Structure::Hnsw).ef_search(10),
                            all.structure(Structure::Ivf).probes(1),
                        ] {
                            let params = SearchParams { filter: filter.as_ref(), ..params };
                            let mut searcher = Searcher::new();
                            let found = index.search(query, &params, &mut searcher);
                            let found = numbers(&index, found.unwrap());
                            assert!(
                                found == expected,
                                "{metric:?} {element:?} {codes:?} {radius}: {} of {}",
                                found.len(),
                                expected.len()
                            );
                            assert_eq!(searcher.stats().compared, matching.len() as u64);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn with_k_a_radius_cuts_the_nearest_off() {
    let rows = rows(33, 3000, 16);
    let queries = clustered(34, 20, 16);
    for metric in METRICS {
        let bytes = changed(&rows, options(metric, 16, Element::F16, Codes::None));
        let mut index = Index::open(&bytes).unwrap();
        grow(&mut index, &rows, 2800..3000);
        let mut searcher = Searcher::new();
        for query in queries.rows() {
            for structure in [Structure::Flat, Structure::Hnsw, Structure::Ivf] {
                let params = SearchParams::new(30).structure(structure);
                let nearest = index.search(query, &params, &mut searcher).unwrap().to_vec();
                for place in [0, 11, 29] {
                    let radius = nearest[place].distance;
                    let found = index.search(query, &params.radius(radius), &mut searcher).unwrap();
                    let within = nearest.iter().take_while(|row| row.distance <= radius);
                    assert!(found.iter().eq(within), "{metric:?} {structure:?}");
                    // No row beyond the radius comes later either.
                    let params = params.radius(radius);
                    index.start_search(query, &params, &mut searcher).unwrap();
                    loop {
                        let batch = index.next_batch(&params, &mut searcher, 9).unwrap();
                        if batch.is_empty() {
                            break;
                        }
                        assert!(batch.iter().all(|row| row.distance <= radius));
                    }
                }
                let below = nearest[0].distance.next_down();
                let params = params.radius(below);
                assert!(index.search(query, &params, &mut searcher).unwrap().is_empty());
            }
        }
    }
}

#[test]
fn a_radius_goes_with_no_searcher_that_goes_on_and_is_a_number() {
    let rows = rows(35, 300, 8);
    let bytes = changed(&rows, options(Metric::L2, 8, Element::F16, Codes::None));
    let index = Index::open(&bytes).unwrap();
    let (params, mut searcher) = (SearchParams::new(5), Searcher::new());
    index.start_search(rows.row(0), &params, &mut searcher).unwrap();
    index.search(rows.row(0), &SearchParams::within(1.0), &mut searcher).unwrap();
    assert!(index.next_batch(&params, &mut searcher, 5).is_err());
    for error in [
        index.search(rows.row(0), &SearchParams::within(f32::NAN), &mut searcher).unwrap_err(),
        index.search(rows.row(0), &params.radius(f32::NAN), &mut searcher).unwrap_err(),
    ] {
        assert_eq!(error.to_string(), "radius: it is not a number");
    }
    // The compacted index gives the same rows.
    let merged = merge(&[&index], 1).unwrap().finish().unwrap();
    let merged = Index::open(&merged).unwrap();
    for query in rows.rows().take(20) {
        let distances = |index: &Index<'_>| -> Vec<f32> {
            let mut searcher = Searcher::new();
            let found = index.search(query, &SearchParams::within(3.0), &mut searcher).unwrap();
            found.iter().map(|row| row.distance).collect()
        };
        assert_eq!(distances(&index), distances(&merged));
    }
}
