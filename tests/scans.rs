//! Scans in which codes rule rows out: their answers are, bit for bit, those of scans that measure all rows.

use hither::{Codes, Element, Index, IndexOptions, KeyRef, Metric, Neighbor};
use hither::{SearchParams, Searcher, Structure};
use hither_tests::{Matrix, Random, build, clustered};

const ROWS: usize = 800;
const DIMENSIONS: usize = 37;
const METRICS: [Metric; 3] = [Metric::L2, Metric::Cosine, Metric::InnerProduct];

/// Rows about which codes say much, little or nothing.
fn sets() -> Vec<(&'static str, Matrix)> {
    let rows = || clustered(1, ROWS, DIMENSIONS);
    let changed = |change: &mut dyn FnMut(usize, &mut f32)| {
        let mut rows = rows();
        for (at, value) in rows.values.iter_mut().enumerate() {
            change(at, value);
        }
        rows
    };
    let mut random = Random::new(3);
    let mut factor = 1.0;
    vec![
        ("groups", rows()),
        ("far from zero", changed(&mut |_, value| *value += 1000.0)),
        (
            "of unequal length",
            changed(&mut |at, value| {
                if at % DIMENSIONS == 0 {
                    factor = random.normal().exp().powi(3);
                }
                *value *= factor;
            }),
        ),
        (
            "with an axis that is long",
            changed(&mut |at, value| {
                if at % DIMENSIONS == 5 {
                    *value *= 300.0;
                }
            }),
        ),
        (
            "equal",
            Matrix {
                values: rows().values[..4 * DIMENSIONS].repeat(ROWS / 4),
                dimensions: DIMENSIONS,
            },
        ),
        ("nearly equal", changed(&mut |at, value| *value = 1.0 + (at % 11) as f32 + *value / 2e5)),
        ("short", changed(&mut |_, value| *value *= 1e-14)),
        ("very short", changed(&mut |_, value| *value *= 1e-25)),
        ("long", changed(&mut |_, value| *value *= 1e16)),
    ]
}

fn check(what: &str, index: &Index<'_>, queries: &[Vec<f32>], metric: Metric) {
    let (mut searcher, mut rest) = (Searcher::new(), Searcher::new());
    let flat = |k| SearchParams::new(k).structure(Structure::Flat).metric(metric);
    for query in queries {
        let all = index.search(query, &flat(ROWS), &mut searcher).unwrap().to_vec();
        let bits = |found: &[Neighbor]| -> Vec<_> {
            found.iter().map(|found| (found.row, found.distance.to_bits())).collect()
        };
        for k in [1, 10, 40] {
            let found = index.search(query, &flat(k), &mut searcher).unwrap();
            assert_eq!(bits(found), bits(&all[..k]), "{what} {metric} {k}");
            assert_eq!(searcher.stats().compared, index.len(), "{what}");
        }
        index.start_search(query, &flat(3), &mut rest).unwrap();
        let mut before = 0;
        for count in [2, 5, 1, 20, 60] {
            let found = index.next_batch(&flat(3), &mut rest, count).unwrap();
            assert_eq!(bits(found), bits(&all[before..][..count]), "{what} {metric} {count}");
            before += count;
        }
    }
}

#[test]
fn a_scan_that_codes_help_answers_as_one_of_all_rows() {
    for (what, rows) in sets() {
        let mut queries: Vec<Vec<f32>> =
            clustered(2, 5, DIMENSIONS).rows().map(<[f32]>::to_vec).collect();
        queries.extend((0..5).map(|row| rows.row(row * 7).to_vec()));
        for metric in METRICS {
            if what == "very short" && metric != Metric::Cosine {
                continue;
            }
            for element in [Element::F32, Element::F16] {
                if element == Element::F16 && (what.contains("short") || what.contains("long")) {
                    continue;
                }
                let options = |codes| IndexOptions {
                    hnsw: None,
                    element,
                    codes: Some(codes),
                    ..IndexOptions::new(DIMENSIONS, metric)
                };
                let bytes = build(&rows, options(Codes::Sq8Only));
                check(what, &Index::open(&bytes).unwrap(), &queries, metric);
                let mut index = Index::new(options(Codes::None)).unwrap();
                for row in rows.rows() {
                    index.insert(None, row, &[]).unwrap();
                }
                for key in (0..ROWS as i64).step_by(9) {
                    index.remove(KeyRef::Int64(key)).unwrap();
                }
                METRICS.iter().for_each(|metric| check(what, &index, &queries, *metric));
            }
        }
    }
}
