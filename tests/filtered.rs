//! Filters against the same conditions in plain Rust: `k` rows whenever `k` rows match, and near ones.

use hither::ValueRef;
use hither::raw::AlignedBytes;
use hither::{Codes, ColumnSchema, ColumnType, Filter, HnswParams, Index, IndexBuilder};
use hither::{IndexOptions, IvfParams, KeyRef, Metric, Save, SearchParams, Searcher, Structure};
use hither_tests::{Matrix, clustered, numbers, recall};

/// A condition as JSON, and as Rust over a row's number and vector.
type Condition = (&'static str, fn(usize, &[f32]) -> bool);

const DIMENSIONS: usize = 32;

/// Conditions that about 50 %, 10 %, 1 % and 0.1 % of the rows pass: by number, which is independent of the
/// vectors, and by the side of a plane that the vector is on.
const CONDITIONS: &[Condition] = &[
    (r#"{"half": true}"#, |n, _| n % 2 == 0),
    (r#"{"number": {"$lt": 2000}}"#, |n, _| n < 2000),
    (r#"{"number": {"$gte": 500, "$lt": 700}}"#, |n, _| (500..700).contains(&n)),
    (
        r#"{"number": {"$in": [1, 77, 5000, 5001, 5002, 9000, 9001, 9002, 9003, 9004, 9005, 99999]}}"#,
        |n, _| [1, 77, 5000, 5001, 5002, 9000, 9001, 9002, 9003, 9004, 9005].contains(&n),
    ),
    (r#"{"side": "left"}"#, |_, v| v[0] < 0.0),
    (r#"{"side": "right", "first": {"$gt": 1.5}}"#, |_, v| v[0] > 1.5),
    (r#"{"name": {"$prefix": "row 12"}}"#, |n, _| format!("row {n}").starts_with("row 12")),
    (r#"{"$or": [{"side": {"$ne": "left"}}, {"half": false}]}"#, |n, v| v[0] >= 0.0 || n % 2 == 1),
    (r#"{"note": {"$exists": true}, "$not": {"half": true}}"#, |n, _| n % 7 == 0 && n % 2 == 1),
    (r#"{"note": null, "number": {"$nin": [3, 4]}}"#, |n, _| n % 7 != 0 && n != 3 && n != 4),
];

fn columns() -> Vec<ColumnSchema> {
    [
        ("half", ColumnType::Bool),
        ("number", ColumnType::Int64),
        ("first", ColumnType::Float64),
        ("side", ColumnType::Text),
        ("name", ColumnType::Text),
        ("note", ColumnType::Text),
    ]
    .map(|(name, column_type)| ColumnSchema { name: name.into(), column_type })
    .to_vec()
}

fn values<'v>(number: usize, row: &[f32], name: &'v str) -> [ValueRef<'v>; 6] {
    [
        ValueRef::Bool(number.is_multiple_of(2)),
        ValueRef::Int64(number as i64),
        ValueRef::Float64(row[0].into()),
        ValueRef::Text(if row[0] < 0.0 { "left" } else { "right" }),
        ValueRef::Text(name),
        if number.is_multiple_of(7) { ValueRef::Text("noted") } else { ValueRef::Null },
    ]
}

fn indexed(rows: &Matrix, codes: Codes) -> AlignedBytes {
    let options = IndexOptions {
        columns: columns(),
        hnsw: Some(HnswParams::default()),
        ivf: Some(IvfParams { lists: 100 }),
        codes: Some(codes),
        ..IndexOptions::new(DIMENSIONS, Metric::L2)
    };
    let mut builder = IndexBuilder::new(options).unwrap();
    for (number, row) in rows.rows().enumerate() {
        let name = format!("row {number}");
        builder.push(None, row, &values(number, row, &name)).unwrap();
    }
    builder.finish().unwrap()
}

/// Searches with every condition and checks the answers against `expected` rows.
fn check(index: &Index<'_>, rows: &Matrix, expected: impl Fn(usize) -> bool) {
    let queries = clustered(52, 30, DIMENSIONS);
    let mut searcher = Searcher::new();
    for (json, condition) in CONDITIONS {
        let filter = index.filter(&Filter::from_json(json).unwrap()).unwrap();
        let matching = (0..rows.len()).filter(|&n| expected(n) && condition(n, rows.row(n)));
        let matching: Vec<i64> = matching.map(|n| n as i64).collect();
        let listed = index.matching(&filter).unwrap().into_iter();
        let mut listed: Vec<i64> = listed
            .map(|row| match index.key(row).unwrap() {
                KeyRef::Int64(number) => number,
                other => panic!("{other}"),
            })
            .collect();
        listed.sort_unstable();
        assert_eq!(listed, matching, "{json}");
        for structure in [Structure::Flat, Structure::Hnsw, Structure::Ivf] {
            let mut sum = 0.0;
            for query in queries.rows() {
                let exact = SearchParams::new(10).structure(Structure::Flat).filter(&filter);
                let truth = index.search(query, &exact, &mut searcher).unwrap().to_vec();
                let truth = numbers(index, &truth);
                let params =
                    SearchParams { structure: Some(structure), ..exact }.ef_search(100).probes(25);
                let found = numbers(index, index.search(query, &params, &mut searcher).unwrap());
                assert_eq!(found.len(), matching.len().min(10), "{json} {structure:?}");
                assert!(found.iter().all(|n| matching.binary_search(n).is_ok()), "{json}");
                sum += if truth.is_empty() { 1.0 } else { recall(&found, &truth) };
            }
            let mean = sum / queries.len() as f64;
            assert!(mean >= 0.95, "{json} {structure:?}: recall {mean}");
        }
        let all = SearchParams::new(rows.len() + 1000).filter(&filter);
        let mut found = numbers(index, index.search(queries.row(0), &all, &mut searcher).unwrap());
        found.sort_unstable();
        assert_eq!(found, matching, "{json}");
    }
}

#[test]
fn a_filter_never_starves_a_search() {
    let rows = clustered(51, 20_000, DIMENSIONS);
    for codes in [Codes::Sq8, Codes::None, Codes::Sq4] {
        let bytes = indexed(&rows, codes);
        let index = Index::open(&bytes).unwrap();
        assert_eq!(index.info().segments[0].codes, codes);
        check(&index, &rows, |_| true);
    }
}

#[test]
fn filters_see_inserted_updated_and_removed_rows() {
    let rows = clustered(51, 5_000, DIMENSIONS);
    let bytes =
        indexed(&Matrix { values: rows.values[..4500 * DIMENSIONS].to_vec(), ..rows }, Codes::Sq8);
    let mut index = Index::open(&bytes).unwrap();
    for number in 0..5000 {
        let row = rows.row(number);
        let name = format!("row {number}");
        let key = KeyRef::Int64(number as i64);
        if number >= 4500 {
            index.insert(None, row, &values(number, row, &name)).unwrap();
        } else if number % 9 == 0 {
            index.update(key, row, &values(number, row, &name)).unwrap();
        }
        if number % 4 == 1 {
            assert!(index.remove(key).unwrap());
        }
    }
    check(&index, &rows, |number| number % 4 != 1);
    let mut saved = AlignedBytes::new();
    index.write_to(&mut saved, Save::delta().threads(1)).unwrap();
    let index = Index::open(&saved).unwrap();
    index.verify().unwrap();
    assert_eq!(index.info().segments.len(), 2);
    check(&index, &rows, |number| number % 4 != 1);
}

#[test]
fn what_does_not_fit_is_an_error() {
    let bytes = indexed(&clustered(51, 10, DIMENSIONS), Codes::None);
    let index = Index::open(&bytes).unwrap();
    for (json, message) in [
        (r#"{"colour": 1}"#, "half, number, first, side, name, note"),
        (r#"{"number": "one"}"#, "int64"),
        (r#"{"half": {"$prefix": "t"}}"#, "bool"),
        (r#"{"number": {"$around": 3}}"#, "$around"),
        (r#"{"number": "#, "invalid filter"),
        (r#"[1]"#, "invalid filter"),
        (r#"{"$and": 1}"#, "$and"),
    ] {
        let error = Filter::from_json(json).and_then(|filter| index.filter(&filter).map(drop));
        let error = error.unwrap_err().to_string();
        assert!(error.contains(message), "{json}: {error}");
    }
    let deep = format!("{}{{}}{}", r#"{"$not":"#.repeat(200), "}".repeat(200));
    assert!(Filter::from_json(&deep).is_err());
}
