//! Graphs over data at its worst: equal and nearly equal rows, groups far from each other, rows of unequal
//! lengths under inner product. Every row is reachable, and a search with enough effort finds everything.

#[path = "graph/codes.rs"]
mod codes;

use hither::raw::AlignedBytes;
use hither::{
    Codes, HnswParams, Index, IndexBuilder, IndexFile, IndexOptions, IvfParams, KeyRef, Metric,
    Save, SearchParams, Searcher, Structure, merge,
};
use hither_tests::{Matrix, Random, build, clustered, numbers, repository};

fn options(dimensions: usize, metric: Metric) -> IndexOptions {
    IndexOptions { hnsw: Some(HnswParams::default()), ..IndexOptions::new(dimensions, metric) }
}

/// Rows at about the same distances from each other.
fn spread(seed: u64, rows: usize, dimensions: usize) -> Matrix {
    let mut random = Random::new(seed);
    Matrix { values: (0..rows * dimensions).map(|_| random.normal()).collect(), dimensions }
}

/// Repeats each row `times` times, with each value changed by up to about `noise`.
fn repeated(rows: &Matrix, times: usize, noise: f32) -> Matrix {
    let mut random = Random::new(5);
    let copies = rows.rows().flat_map(|row| std::iter::repeat_n(row, times)).flatten();
    let values = copies.map(|value| value + noise * random.normal()).collect();
    Matrix { values, ..*rows }
}

/// The rows of all parts in random order.
fn shuffled(parts: &[&Matrix]) -> Matrix {
    let mut rows: Vec<&[f32]> = parts.iter().flat_map(|part| part.rows()).collect();
    let mut random = Random::new(9);
    for at in (1..rows.len()).rev() {
        rows.swap(at, random.below(at + 1));
    }
    Matrix { values: rows.concat(), dimensions: parts[0].dimensions }
}

/// Mean recall@10; any rows at the same distance count as found.
fn recall(index: &Index<'_>, queries: &Matrix, ef_search: usize) -> f64 {
    let (mut exact, mut searcher) = (Searcher::new(), Searcher::new());
    let mut hits = 0;
    for query in queries.rows() {
        let flat = SearchParams::new(10).structure(Structure::Flat);
        let last = index.search(query, &flat, &mut exact).unwrap()[9].distance;
        let params = SearchParams::new(10).ef_search(ef_search);
        let found = index.search(query, &params, &mut searcher).unwrap();
        let mut keys = numbers(index, found);
        hits += found.iter().filter(|row| row.distance <= last).count();
        keys.sort_unstable();
        assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "a row came twice: {keys:?}");
    }
    hits as f64 / (10 * queries.len()) as f64
}

/// The data sets: a name, rows, queries, the recall to reach at ef_search 20 and 640.
fn cases() -> Vec<(&'static str, Metric, Matrix, Matrix, [f64; 2])> {
    let ordinary = spread(1, 4000, 24);
    let few = spread(2, 3, 24);
    let queries = spread(3, 200, 24);
    let many = spread(4, 100, 24);
    let near_many = repeated(&many, 2, 1e-3);
    let groups = repeated(&spread(8, 300, 32), 50, 1e-3);
    let tight = repeated(&Matrix { values: ordinary.row(0).to_vec(), dimensions: 24 }, 300, 1e-3);
    let tight_queries = repeated(&tight, 1, 1e-4);
    let mut far = spread(6, 40, 24);
    far.values.iter_mut().for_each(|value| *value += 100.0);
    let far_queries = repeated(&far, 3, 0.1);
    let mut flat = spread(7, 3000, 24);
    flat.values.chunks_mut(24).for_each(|row| row[4..].fill(3.0));
    let flat_queries = Matrix { values: flat.values[..24 * 200].to_vec(), dimensions: 24 };
    vec![
        (
            "a few rows 600 times",
            Metric::L2,
            shuffled(&[&ordinary, &repeated(&few, 600, 0.0)]),
            queries.clone(),
            [0.8, 0.999],
        ),
        (
            "a hundred rows 40 times",
            Metric::Cosine,
            shuffled(&[&ordinary, &repeated(&many, 40, 0.0)]),
            queries.clone(),
            [0.8, 0.999],
        ),
        (
            "all rows 40 times",
            Metric::L2,
            shuffled(&[&repeated(&many, 40, 0.0)]),
            queries.clone(),
            [0.95, 0.999],
        ),
        (
            "all rows 40 times, inner product",
            Metric::InnerProduct,
            shuffled(&[&repeated(&many, 40, 0.0)]),
            queries.clone(),
            [0.95, 0.999],
        ),
        (
            "all rows 50 times, nearly",
            Metric::L2,
            shuffled(&[&repeated(&many, 50, 1e-3)]),
            near_many,
            [0.97, 0.999],
        ),
        (
            "groups of nearly equal rows, seen from afar",
            Metric::L2,
            shuffled(&[&groups]),
            spread(9, 200, 32),
            [0.6, 0.999],
        ),
        (
            "a tight group around its middle",
            Metric::L2,
            shuffled(&[&ordinary, &tight]),
            tight_queries,
            [0.95, 0.999],
        ),
        ("a small far group", Metric::L2, shuffled(&[&ordinary, &far]), far_queries, [0.99, 0.999]),
        ("dimensions that do not vary", Metric::L2, flat, flat_queries, [0.99, 0.999]),
        (
            "one row alone",
            Metric::Cosine,
            repeated(&Matrix { values: few.row(0).to_vec(), dimensions: 24 }, 3000, 0.0),
            queries,
            [1.0, 1.0],
        ),
    ]
}

#[test]
fn equal_and_nearly_equal_rows_are_found_and_tear_no_graph() {
    for (name, metric, rows, queries, least) in cases() {
        for codes in [None, Some(Codes::None), Some(Codes::Sq4)] {
            let bytes = build(&rows, IndexOptions { codes, ..options(rows.dimensions, metric) });
            let index = Index::open(&bytes).unwrap();
            index.verify().unwrap();
            assert_eq!(index.unreachable().unwrap(), 0, "{name}");
            for (ef_search, least) in [20, 640].into_iter().zip(least) {
                let found = recall(&index, &queries, ef_search);
                assert!(found >= least, "{name}, {codes:?}: {found} at {ef_search}");
            }
        }
    }
}

#[test]
fn the_calibration_says_what_a_search_of_equal_rows_finds() {
    for (name, metric, rows, _, _) in cases() {
        let bytes = build(&rows, options(rows.dimensions, metric));
        let index = Index::open(&bytes).unwrap();
        // The queries are like the rows, and every row may be an answer.
        let queries = repeated(
            &Matrix { values: rows.values[..rows.dimensions * 200].to_vec(), ..rows },
            1,
            1e-4,
        );
        let segments = index.info().segments;
        let calibration = segments[0].calibrations.iter().find(|c| c.k == 10).unwrap();
        for &(ef_search, said) in &calibration.points {
            let found = recall(&index, &queries, ef_search as usize);
            assert!(found >= f64::from(said) - 0.03, "{name}: {found}, not {said} at {ef_search}");
        }
    }
}

#[test]
fn the_calibration_says_what_queries_that_are_like_no_row_find() {
    let groups = |count, times, noise| {
        let rows = repeated(&spread(31, count, 48), times, noise);
        (shuffled(&[&rows]), spread(32, 300, 48))
    };
    let words = clustered(33, 5000, 24);
    let copied = Matrix { values: words.values[..24 * 5].to_vec(), ..words };
    let (rows, queries) = words.values.split_at(24 * 4700);
    let [rows, queries] = [rows, queries].map(|part| Matrix { values: part.to_vec(), ..words });
    let cases = [
        ("near rows", groups(200, 50, 1e-3)),
        ("nearer rows", groups(100, 80, 1e-4)),
        ("equal rows", groups(200, 50, 0.0)),
        ("some equal rows", (shuffled(&[&rows, &repeated(&copied, 300, 0.0)]), queries)),
    ];
    for (name, (rows, queries)) in cases {
        let bytes = build(&rows, options(rows.dimensions, Metric::L2));
        let index = Index::open(&bytes).unwrap();
        for wanted in [0.95, 0.99] {
            let segments = index.info().segments;
            let calibration = segments[0].calibrations.iter().find(|c| c.k == 10).unwrap();
            let point = calibration.points.iter().find(|point| point.1 >= wanted).unwrap();
            let found = recall(&index, &queries, point.0 as usize);
            assert!(found >= f64::from(wanted) - 0.03, "{name}: {found}, not {wanted}");
        }
    }
}

#[test]
fn codes_cost_inner_products_of_unequal_rows_no_recall() {
    let mut rows = spread(12, 6000, 32);
    let mut random = Random::new(13);
    rows.values.chunks_mut(32).for_each(|row| {
        let length = (1.5 * random.normal()).exp();
        row.iter_mut().for_each(|value| *value *= length);
    });
    let queries = spread(14, 300, 32);
    let by_default = build(&rows, options(32, Metric::InnerProduct));
    let four = IndexOptions { codes: Some(Codes::Sq4), ..options(32, Metric::InnerProduct) };
    let four = build(&rows, four);
    let without = IndexOptions { codes: Some(Codes::None), ..options(32, Metric::InnerProduct) };
    let without = build(&rows, without);
    for ef_search in [10, 20, 40, 80, 160, 320] {
        let [coded, four, plain] = [&by_default, &four, &without]
            .map(|bytes| recall(&Index::open(bytes).unwrap(), &queries, ef_search));
        assert!(coded >= plain - 0.005, "{coded} with codes, {plain} without, at {ef_search}");
        assert!(four >= plain - 0.005, "{four} with 4 bits, {plain} without, at {ef_search}");
    }
}

#[test]
fn inner_products_of_rows_that_share_a_direction_are_found() {
    // Like images: no value is negative, and lengths differ.
    let mut rows = clustered(15, 6000, 48);
    let mut random = Random::new(16);
    rows.values.chunks_mut(48).for_each(|row| {
        let length = 0.5 + random.below(1000) as f32 / 700.0;
        row.iter_mut().for_each(|value| *value = value.abs() * length);
    });
    let queries = Matrix { values: rows.values.split_off(48 * 5700), dimensions: 48 };
    let bytes = build(&rows, options(48, Metric::InnerProduct));
    let index = Index::open(&bytes).unwrap();
    assert_eq!(index.unreachable().unwrap(), 0);
    for (ef_search, least) in [(64, 0.95), (256, 0.99)] {
        let found = recall(&index, &queries, ef_search);
        assert!(found >= least, "{found} at {ef_search}");
    }
}

#[test]
fn equal_rows_of_changed_files_are_found() {
    let rows = shuffled(&[&spread(21, 1500, 16), &repeated(&spread(22, 40, 16), 50, 0.0)]);
    let queries = spread(23, 100, 16);
    let whole = build(&rows, options(16, Metric::L2));
    let mut index = Index::open(&whole).unwrap();
    // A delta of equal rows, large enough for a graph of its own; removals, including first rows of groups;
    // updates to the values of other rows.
    for key in 0..1200 {
        index.insert(None, rows.row(2000 + key % 60), &[]).unwrap();
    }
    for key in (0..3500).step_by(5) {
        assert!(index.remove(KeyRef::Int64(key)).unwrap());
    }
    for key in (1..3500).step_by(7).filter(|key| key % 5 != 0) {
        index.update(KeyRef::Int64(key), rows.row(7), &[]).unwrap();
    }
    let mut delta = AlignedBytes::new();
    index.write_to(&mut delta, Save::delta().threads(1)).unwrap();
    let mut compact = AlignedBytes::new();
    index.write_to(&mut compact, Save::compact().threads(2)).unwrap();
    let merged = merge(&[&Index::open(&whole).unwrap(), &index], 1).unwrap().finish().unwrap();
    for bytes in [&delta, &compact, &merged] {
        let index = Index::open(bytes).unwrap();
        index.verify().unwrap();
        assert_eq!(index.unreachable().unwrap(), 0);
        let found = recall(&index, &queries, 640);
        assert!(found >= 0.999, "{found}");
        // All rows are returned, once each, whatever their group.
        let (params, mut searcher) = (SearchParams::new(10), Searcher::new());
        index.start_search(queries.row(0), &params, &mut searcher).unwrap();
        let params = params.order(hither::Order::Relaxed);
        index.start_search(queries.row(0), &params, &mut searcher).unwrap();
        let mut keys = Vec::new();
        loop {
            let batch = numbers(&index, index.next_batch(&params, &mut searcher, 100).unwrap());
            if batch.is_empty() {
                break;
            }
            keys.extend(batch);
        }
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len() as u64, index.len());
    }
}

#[test]
fn a_graph_of_equal_rows_is_the_same_by_any_number_of_threads() {
    let rows = shuffled(&[&spread(31, 800, 12), &repeated(&spread(32, 10, 12), 60, 0.0)]);
    for metric in [Metric::L2, Metric::InnerProduct] {
        let ivf = Some(IvfParams::default());
        let with = |threads| IndexOptions { threads, ivf, ..options(12, metric) };
        let one = build(&rows, with(1));
        assert!(build(&rows, with(3)).as_slice() == one.as_slice());
    }
}

#[test]
fn a_torn_graph_of_before_is_whole_and_built_again_mended() {
    let file = IndexFile::open(repository("tests/fixtures/v1-torn.hither")).unwrap();
    let index = file.index();
    index.verify().unwrap();
    assert!(index.unreachable().unwrap() > 100);
    let mended = merge(&[index], 1).unwrap().finish().unwrap();
    assert_eq!(Index::open(&mended).unwrap().unreachable().unwrap(), 0);
}

#[test]
fn a_hundred_thousand_copies_take_no_more_work_than_other_rows() {
    let row = spread(41, 1, 8);
    let mut builder = IndexBuilder::new(options(8, Metric::L2)).unwrap();
    for _ in 0..100_000 {
        builder.push(None, row.row(0), &[]).unwrap();
    }
    let bytes = builder.finish().unwrap();
    let index = Index::open(&bytes).unwrap();
    assert_eq!(index.unreachable().unwrap(), 0);
    let mut searcher = Searcher::new();
    let found = index.search(row.row(0), &SearchParams::new(10), &mut searcher).unwrap();
    assert_eq!(found.len(), 10);
    // One node stands for all of them: a search ranks few rows, not a hundred thousand.
    assert!(searcher.stats().visited < 100, "{:?}", searcher.stats());
}
