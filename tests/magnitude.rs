//! Very small and very large values: either distances are right, or the vectors are refused with a message.

use hither::raw::AlignedBytes;
use hither::{Codes, Element, ErrorKind, Index, IndexBuilder, IndexOptions, IvfParams};
use hither::{KeyRef, Metric, Result, Save, SearchParams, Searcher, Structure};
use hither_tests::{Matrix, Random, clustered, numbers, recall};

const METRICS: [Metric; 4] = [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1];
const STRUCTURES: [Structure; 3] = [Structure::Flat, Structure::Hnsw, Structure::Ivf];

/// Rows in clusters, with lengths of about `10^exponent`.
fn rows(seed: u64, count: usize, exponent: i32) -> Matrix {
    let mut rows = clustered(seed, count, 12);
    let size = 10_f64.powi(exponent);
    rows.values.iter_mut().for_each(|value| *value = (f64::from(*value) * size) as f32);
    assert!(rows.values.iter().all(|value| value.is_finite()));
    rows
}

fn options(metric: Metric, element: Element, codes: Codes) -> IndexOptions {
    let ivf = Some(IvfParams { lists: 8 });
    IndexOptions { element, ivf, codes: Some(codes), ..IndexOptions::new(12, metric) }
}

fn build(rows: &Matrix, options: IndexOptions) -> Result<AlignedBytes> {
    let mut builder = IndexBuilder::new(options)?;
    rows.rows().try_for_each(|row| builder.push(None, row, &[]))?;
    builder.finish()
}

/// The result of pgvector's operators in f64, and the error that f32 may have.
fn oracle(metric: Metric, a: &[f32], b: &[f32]) -> (f64, f64) {
    let pairs = || a.iter().zip(b).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    let dot: f64 = pairs().map(|(a, b)| a * b).sum();
    let length = |v: &[f32]| v.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let lengths = length(a) * length(b);
    match metric {
        // Squares of differences below the root of the least f32 are lost.
        Metric::L2 => {
            let distance = pairs().map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
            (distance, 1e-5 * distance + 1e-21)
        }
        Metric::InnerProduct => (-dot, 1e-5 * lengths + 1e-43),
        Metric::L1 => {
            let distance = pairs().map(|(a, b)| (a - b).abs()).sum::<f64>();
            (distance, 1e-5 * distance + 1e-43)
        }
        Metric::Cosine => (1.0 - dot / lengths, 1e-5),
        other => panic!("{other} has no plain formula here"),
    }
}

/// The stored rows by their keys, which are numbers from 0.
fn stored(index: &Index<'_>) -> Matrix {
    let dimensions = index.dimensions();
    let mut values = vec![0.0; index.len() as usize * dimensions];
    for row in index.rows() {
        let KeyRef::Int64(key) = index.key(row).unwrap() else { panic!() };
        index.vector(row, &mut values[key as usize * dimensions..][..dimensions]).unwrap();
    }
    Matrix { values, dimensions }
}

/// Searches with every structure, and compares distances with the oracle's for the given `rows`. Returns the
/// lowest recall of a structure, with much effort.
fn check(index: &Index<'_>, rows: &Matrix, queries: &Matrix, what: &str) -> f64 {
    let metric = index.metric();
    let mut searcher = Searcher::new();
    let mut least: f64 = 1.0;
    for structure in STRUCTURES {
        let params = SearchParams::new(10).structure(structure);
        let params = match structure {
            Structure::Ivf => params.probes(8),
            _ => params.ef_search(200),
        };
        let mut sum = 0.0;
        for query in queries.rows() {
            let mut truth: Vec<(f64, i64)> =
                rows.rows().map(|row| oracle(metric, query, row).0).zip(0..).collect();
            truth.sort_by(|a, b| a.partial_cmp(b).unwrap());
            let found = index.search(query, &params, &mut searcher).unwrap();
            assert_eq!(found.len(), 10);
            let keys = numbers(index, found);
            for (found, &key) in found.iter().zip(&keys) {
                let (expected, off) = oracle(metric, query, rows.row(key as usize));
                let error = (f64::from(found.distance) - expected).abs();
                assert!(error <= off, "{what} {structure:?}: {} not {expected}", found.distance);
            }
            let truth: Vec<i64> = truth[..10].iter().map(|row| row.1).collect();
            sum += recall(&keys, &truth);
        }
        least = least.min(sum / queries.len() as f64);
    }
    least
}

#[test]
fn distances_of_any_magnitude_are_right_or_refused() {
    for metric in METRICS {
        for element in [Element::F32, Element::F16] {
            for codes in [Codes::None, Codes::Sq8, Codes::Sq8Only, Codes::Sq4] {
                if metric == Metric::L1 && codes != Codes::None {
                    continue;
                }
                for exponent in
                    [-38, -33, -30, -24, -20, -17, -13, -7, -3, 0, 3, 7, 13, 17, 20, 24, 30, 37]
                {
                    let what = format!("{metric:?} {element:?} {codes:?} 1e{exponent}");
                    let rows = rows(41, 400, exponent);
                    let built = build(&rows, options(metric, element, codes));
                    let expected = match (element, metric) {
                        (Element::F16, _) if exponent <= -7 => Some(ErrorKind::HalfUnderflow),
                        (Element::F16, _) if exponent >= 7 => {
                            assert!(
                                matches!(built.unwrap_err().kind(), ErrorKind::HalfOverflow { .. }),
                                "{what}"
                            );
                            continue;
                        }
                        (_, Metric::Cosine) => None,
                        _ if exponent <= -17 => Some(ErrorKind::VectorUnderflow),
                        _ if exponent >= 20 => Some(ErrorKind::VectorOverflow),
                        _ => None,
                    };
                    if let Some(expected) = expected {
                        assert_eq!(*built.unwrap_err().kind(), expected, "{what}");
                        continue;
                    }
                    let bytes = built.unwrap();
                    let index = Index::open(&bytes).unwrap();
                    index.verify().unwrap();
                    // Under cosine the given rows count, whatever was stored; binary16 and codes round.
                    let given = metric == Metric::Cosine
                        && element == Element::F32
                        && codes != Codes::Sq8Only;
                    let stored = stored(&index);
                    let rows = if given { &rows } else { &stored };
                    for query_exponent in [exponent, -38, -30, -10, 0, 10, 17, 20, 30, 37] {
                        let queries = self::rows(42, 6, query_exponent);
                        if metric != Metric::Cosine && query_exponent >= 20 {
                            for query in queries.rows() {
                                let mut searcher = Searcher::new();
                                let refused =
                                    index.search(query, &SearchParams::new(5), &mut searcher);
                                assert_eq!(*refused.unwrap_err().kind(), ErrorKind::VectorOverflow);
                            }
                            continue;
                        }
                        let recall = check(
                            &index,
                            rows,
                            &queries,
                            &format!("{what} query 1e{query_exponent}"),
                        );
                        let floor = if metric == Metric::InnerProduct { 0.8 } else { 0.95 };
                        assert!(query_exponent != exponent || recall >= floor, "{what}: {recall}");
                    }
                }
            }
        }
    }
}

#[test]
fn under_cosine_rows_of_all_magnitudes_go_together() {
    let mut rows = rows(43, 600, 0);
    let mut random = Random::new(7);
    for row in rows.values.chunks_exact_mut(12) {
        let size = 10_f64.powi(random.below(75) as i32 - 38);
        row.iter_mut().for_each(|value| *value = (f64::from(*value) * size) as f32);
    }
    let queries = Matrix { values: rows.values[..240].to_vec(), dimensions: 12 };
    for codes in [Codes::None, Codes::Sq8, Codes::Sq4] {
        let bytes = build(&rows, options(Metric::Cosine, Element::F32, codes)).unwrap();
        let index = Index::open(&bytes).unwrap();
        assert!(check(&index, &rows, &queries, "mixed") >= 0.95);
        // Inserted rows, saved as a delta and compacted.
        let mut grown = Index::new(options(Metric::Cosine, Element::F32, codes)).unwrap();
        for row in rows.rows() {
            grown.insert(None, row, &[]).unwrap();
        }
        let mut searcher = Searcher::new();
        for query in queries.rows() {
            let found = grown.search(query, &SearchParams::new(1), &mut searcher).unwrap();
            assert!(found[0].distance.abs() < 1e-6);
        }
        for save in [Save::delta(), Save::compact()] {
            let mut bytes = AlignedBytes::new();
            grown.write_to(&mut bytes, save.threads(1)).unwrap();
            let saved = Index::open(&bytes).unwrap();
            assert_eq!(stored(&saved).values, stored(&index).values);
        }
    }
}

#[test]
fn a_vector_on_an_axis_is_near_itself_however_long_it_is() {
    for exponent in -38..=38 {
        let size = 10_f64.powi(exponent) as f32;
        let options =
            IndexOptions { element: Element::F32, ..IndexOptions::new(3, Metric::Cosine) };
        let mut index = Index::new(options).unwrap();
        index.insert(None, &[size, 0.0, 0.0], &[]).unwrap();
        index.insert(None, &[0.0, -size, 0.0], &[]).unwrap();
        let mut searcher = Searcher::new();
        for query in [size, 1.0, 1e30, 1e-30, f32::MAX, f32::from_bits(1)] {
            let found = index.search(&[query, 0.0, 0.0], &SearchParams::new(2), &mut searcher);
            let distances: Vec<f32> = found.unwrap().iter().map(|row| row.distance).collect();
            assert!(distances[0].abs() < 1e-6, "1e{exponent}, {query}: {distances:?}");
            assert!((distances[1] - 1.0).abs() < 1e-6, "1e{exponent}, {query}: {distances:?}");
        }
        // A row that was stored multiplied by a factor does not count as one of unit length.
        assert_eq!(index.is_unit_length(), exponent == 0, "1e{exponent}");
    }
}

#[test]
fn small_rows_among_others_are_taken_and_the_zero_vector_is_what_it_is() {
    for metric in [Metric::L2, Metric::InnerProduct, Metric::L1] {
        let mut rows = rows(44, 300, 0);
        rows.values[..12].fill(1e-30);
        rows.values[12..24].fill(0.0);
        let bytes = build(&rows, options(metric, Element::F32, Codes::None)).unwrap();
        let index = Index::open(&bytes).unwrap();
        let queries = Matrix { values: rows.values[..120].to_vec(), dimensions: 12 };
        assert!(check(&index, &rows, &queries, "small among others") >= 0.8);
        let zeros = Matrix { values: vec![0.0; 48], dimensions: 12 };
        build(&zeros, options(metric, Element::F16, Codes::None)).unwrap();
    }
    for element in [Element::F32, Element::F16] {
        let mut index = Index::new(options(Metric::Cosine, element, Codes::None)).unwrap();
        let error = index.insert(None, &[0.0; 12], &[]).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::ZeroVector);
        index.insert(None, &[1.0; 12], &[]).unwrap();
        let mut searcher = Searcher::new();
        let refused = index.search(&[0.0; 12], &SearchParams::new(1), &mut searcher);
        assert_eq!(*refused.unwrap_err().kind(), ErrorKind::ZeroVector);
    }
}

#[test]
fn what_half_precision_loses_is_said_with_the_remedy() {
    let push = |metric, vector: &[f32]| {
        let mut builder = IndexBuilder::new(IndexOptions::new(2, metric)).unwrap();
        builder.push(None, &[1.0, 1.0], &[]).unwrap();
        builder.push(None, vector, &[])
    };
    for metric in METRICS {
        for lost in [[1e-9, 0.0], [0.0, -2e-8], [1e-30, 1e-38]] {
            let error = push(metric, &lost).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::HalfUnderflow, "{metric:?} {lost:?}");
            assert!(error.to_string().contains("store these vectors as f32"));
        }
        for kept in [[1.0, 1e-30], [1e-3, 1e-9], [6.103_515_6e-5, 0.0]] {
            push(metric, &kept).unwrap();
        }
    }
    // Single digits are not enough for a direction, but for a distance near zero.
    let error = push(Metric::Cosine, &[1.5e-7, 2.0e-7]).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::HalfUnderflow);
    push(Metric::L2, &[1.5e-7, 2.0e-7]).unwrap();
    // Rows that are stored already, as when a file is compacted, lose nothing.
    push(Metric::Cosine, &[2.0_f32.powi(-24), 0.0]).unwrap();
}

#[test]
fn unit_rows_answer_by_other_metrics_however_long_the_query_is() {
    let mut rows = rows(45, 500, 0);
    for row in rows.values.chunks_exact_mut(12) {
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= length);
    }
    for own in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
        let bytes = build(&rows, options(own, Element::F32, Codes::Sq8)).unwrap();
        let index = Index::open(&bytes).unwrap();
        let mut searcher = Searcher::new();
        for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
            for exponent in [-38, -30, -12, 0, 12, 17, 30, 37] {
                let queries = self::rows(46, 3, exponent);
                for query in queries.rows() {
                    let params = SearchParams::new(10).metric(metric).ef_search(100);
                    let found = index.search(query, &params, &mut searcher);
                    if exponent > 17 && metric != Metric::Cosine {
                        assert_eq!(*found.unwrap_err().kind(), ErrorKind::VectorOverflow);
                        continue;
                    }
                    let found = found.unwrap().to_vec();
                    for (row, key) in found.iter().zip(numbers(&index, &found)) {
                        let (expected, off) = oracle(metric, query, rows.row(key as usize));
                        let error = (f64::from(row.distance) - expected).abs();
                        assert!(error <= off, "{own:?} {metric:?} 1e{exponent}: {}", row.distance);
                    }
                }
            }
        }
        // Distances of given rows by any metric, as Postgres asks for them.
        let all: Vec<_> = index.rows().collect();
        let mut out = Vec::new();
        index.distances(&[1e-30; 12], Metric::Cosine, &all, &mut searcher, &mut out).unwrap();
        for (&row, &distance) in all.iter().zip(&out) {
            let mut vector = [0.0; 12];
            index.vector(row, &mut vector).unwrap();
            let (expected, off) = oracle(Metric::Cosine, &[1e-30; 12], &vector);
            assert!((f64::from(distance) - expected).abs() <= off);
        }
    }
}
