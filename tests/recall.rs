//! Recall floors on real embeddings: the sample in the repository, and the full data set if it is there.

use hither::{Codes, ColumnSchema, ColumnType, Filter, HnswParams, Index, IndexBuilder};
use hither::{IndexOptions, IvfParams, Metric, SearchParams, Searcher, Structure, ValueRef};
use hither_tests::{Matrix, Random, numbers, read_npy, read_truth, recall, repository, wordnet};

/// Mean recall@10 of a search for every query.
fn measure(
    index: &Index<'_>,
    queries: &Matrix,
    truth: &[Vec<i64>],
    params: &SearchParams<'_>,
) -> f64 {
    let mut searcher = Searcher::new();
    let recalls = queries.rows().zip(truth).map(|(query, truth)| {
        let found = index.search(query, params, &mut searcher).unwrap();
        recall(&numbers(index, found), &truth[..truth.len().min(10)])
    });
    recalls.sum::<f64>() / queries.len() as f64
}

fn exact(index: &Index<'_>, queries: &Matrix, params: SearchParams<'_>) -> Vec<Vec<i64>> {
    let mut searcher = Searcher::new();
    let params = params.structure(Structure::Flat);
    let search = |query| numbers(index, index.search(query, &params, &mut searcher).unwrap());
    queries.rows().map(search).collect()
}

/// Both structures over `rows`, and the lines of the rows' table as columns.
fn build(rows: &Matrix, table: &str, metric: Metric, codes: Codes) -> hither::raw::AlignedBytes {
    let column = |name: &str| ColumnSchema { name: name.into(), column_type: ColumnType::Text };
    let options = IndexOptions {
        columns: vec![column("pos"), column("initial")],
        hnsw: Some(HnswParams::default()),
        ivf: Some(IvfParams::default()),
        codes: Some(codes),
        ..IndexOptions::new(rows.dimensions, metric)
    };
    let mut builder = IndexBuilder::new(options).unwrap();
    for (row, line) in rows.rows().zip(table.lines()) {
        let fields: Vec<&str> = line.split('\t').collect();
        let pos = fields[0].split(':').next().unwrap();
        let definition = fields[fields.len() - 1];
        let initial = definition.char_indices().nth(1).map_or("", |(end, _)| &definition[..end]);
        builder.push(None, row, &[ValueRef::Text(pos), ValueRef::Text(initial)]).unwrap();
    }
    builder.finish().unwrap()
}

#[test]
fn the_sample_is_found() {
    let folder = repository("sample");
    let rows = read_npy(&folder.join("words.npy"));
    let queries = read_npy(&folder.join("queries.npy"));
    let table = std::fs::read_to_string(folder.join("words.tsv")).unwrap();
    let table = table.split_once('\n').unwrap().1; // its first line names the columns
    for metric in [Metric::Cosine, Metric::L2, Metric::InnerProduct] {
        let plain = build(&rows, table, metric, Codes::None);
        let truth = exact(&Index::open(&plain).unwrap(), &queries, SearchParams::new(10));
        for (codes, floor) in
            [(Codes::None, 0.99), (Codes::Sq8, 0.99), (Codes::Sq4, 0.99), (Codes::Sq8Only, 0.97)]
        {
            let coded;
            let bytes = if codes == Codes::None {
                &plain
            } else {
                coded = build(&rows, table, metric, codes);
                &coded
            };
            let index = Index::open(bytes).unwrap();
            assert_eq!(index.info().segments[0].codes, codes);
            let graph = SearchParams::new(10).ef_search(100).structure(Structure::Hnsw);
            let found = measure(&index, &queries, &truth, &graph);
            assert!(found >= floor, "{codes:?} {metric:?} hnsw: {found}");
            let lists = SearchParams::new(10).probes(20).structure(Structure::Ivf);
            let found = measure(&index, &queries, &truth, &lists);
            assert!(found >= floor - 0.04, "{codes:?} {metric:?} ivf: {found}");
        }
    }
}

/// A wanted recall is reached, with no more effort than it takes, whatever share of the rows is held out.
#[test]
fn the_calibration_holds_for_few_rows() {
    let folder = repository("sample");
    let sample = read_npy(&folder.join("words.npy"));
    let queries = read_npy(&folder.join("queries.npy"));
    for count in [500, 2_000, 10_000] {
        let rows = sample.rows().step_by(10_000 / count);
        let values = rows.flatten().copied().collect();
        let options = IndexOptions {
            hnsw: Some(HnswParams::default()),
            ivf: Some(IvfParams::default()),
            ..IndexOptions::new(sample.dimensions, Metric::Cosine)
        };
        let bytes = hither_tests::build(&Matrix { values, ..sample }, options);
        let index = Index::open(&bytes).unwrap();
        let truth = exact(&index, &queries, SearchParams::new(10));
        for calibration in &index.info().segments[0].calibrations {
            let structure = calibration.structure;
            println!("{count} {calibration:?}");
            let (greatest, best) = *calibration.points.last().unwrap();
            assert!(best >= 0.99, "{count} {structure:?}: {best} at {greatest}");
            if calibration.k == 10 {
                let most = if structure == Structure::Hnsw { 250 } else { greatest };
                let effort = calibration.effort(0.99);
                assert!(effort <= most, "{count} {structure:?}: {effort} for recall 0.99");
                for wanted in [0.9, 0.99] {
                    let params = SearchParams::new(10).recall(wanted).structure(structure);
                    let found = measure(&index, &queries, &truth, &params);
                    let floor = f64::from(wanted) - 0.005;
                    assert!(found >= floor, "{count} {structure:?} {wanted}: {found}");
                }
            }
        }
    }
}

/// In few dimensions the nearest row alone says little about how near the next ones are.
#[test]
fn the_nearest_is_found_in_few_dimensions() {
    let mut random = Random::new(11);
    for dimensions in [2, 8, 24] {
        let mut normal = |rows: usize| Matrix {
            values: (0..rows * dimensions).map(|_| random.normal()).collect(),
            dimensions,
        };
        let (rows, queries) = (normal(10_000), normal(200));
        for codes in [Codes::None, Codes::Sq8, Codes::Sq4] {
            let options = IndexOptions {
                hnsw: Some(HnswParams::default()),
                codes: Some(codes),
                ..IndexOptions::new(dimensions, Metric::L2)
            };
            let bytes = hither_tests::build(&rows, options);
            let index = Index::open(&bytes).unwrap();
            let truth = exact(&index, &queries, SearchParams::new(1));
            for (ef, floor) in [(40, 0.95), (200, 0.995)] {
                let params = SearchParams::new(1).ef_search(ef);
                let found = measure(&index, &queries, &truth, &params);
                assert!(found >= floor, "{dimensions} {codes:?} ef_search {ef}: {found}");
            }
        }
    }
}

#[test]
fn the_full_set_is_found() {
    let Some(folder) = wordnet() else { return };
    let rows = read_npy(&folder.join("base.f16.npy"));
    let table = std::fs::read_to_string(folder.join("base.tsv")).unwrap();
    let queries = read_npy(&folder.join("queries.npy"));
    for (metric, codes, truth) in [
        (Metric::Cosine, Codes::Sq8, "truth_cos.npy"),
        (Metric::Cosine, Codes::Sq4, "truth_cos.npy"),
        (Metric::L2, Codes::Sq8, "truth_l2.npy"),
        (Metric::InnerProduct, Codes::Sq8, "truth_ip.npy"),
    ] {
        let truth = read_truth(&folder.join(truth));
        let bytes = build(&rows, &table, metric, codes);
        let index = Index::open(&bytes).unwrap();
        assert_eq!(index.info().segments[0].codes, codes);
        let graph = SearchParams::new(10).ef_search(100).structure(Structure::Hnsw);
        let found = measure(&index, &queries, &truth, &graph);
        println!("{metric:?} hnsw ef_search 100: {found}");
        assert!(found >= 0.98, "{metric:?} hnsw: {found}");
        let tenth = index.info().segments[0].lists.unwrap() / 10;
        let lists = SearchParams::new(10).probes(tenth as usize).structure(Structure::Ivf);
        let found = measure(&index, &queries, &truth, &lists);
        println!("{metric:?} ivf, {tenth} probes: {found}");
        assert!(found >= 0.95, "{metric:?} ivf: {found}");

        // The calibration holds for queries that the build has not seen.
        for wanted in [0.9, 0.95, 0.99] {
            for structure in [Structure::Hnsw, Structure::Ivf] {
                let params = SearchParams::new(10).recall(wanted).structure(structure);
                let found = measure(&index, &queries, &truth, &params);
                println!("{metric:?} {structure:?} recall {wanted}: {found}");
                assert!(
                    found >= f64::from(wanted) - 0.005,
                    "{metric:?} {structure:?} {wanted}: {found}"
                );
            }
        }
        if metric == Metric::Cosine {
            filtered(&index, &queries);
        }
    }
}

/// Filters that correlate with the vectors (a part of speech), and one that does not (an initial letter).
fn filtered(index: &Index<'_>, queries: &Matrix) {
    let queries =
        Matrix { values: queries.values[..200 * queries.dimensions].to_vec(), ..*queries };
    for json in [
        r#"{"pos": "noun"}"#,
        r#"{"pos": "verb"}"#,
        r#"{"pos": "adv"}"#,
        r#"{"initial": "a"}"#,
        r#"{"initial": {"$in": ["m", "n", "o"]}}"#,
        r#"{"initial": "z"}"#,
        r#"{"pos": "adv", "initial": "o"}"#,
    ] {
        let filter = index.filter(&Filter::from_json(json).unwrap()).unwrap();
        let params = SearchParams::new(10).ef_search(100).filter(&filter);
        let truth = exact(index, &queries, params);
        assert!(
            truth.iter().all(|rows| rows.len() == truth[0].len() && !rows.is_empty()),
            "{json}"
        );
        let found = measure(index, &queries, &truth, &params);
        println!("{json}: {found}");
        assert!(found >= 0.95, "{json}: {found}");
    }
}
