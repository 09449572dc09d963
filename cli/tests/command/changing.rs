//! Adding, updating and removing rows of a file, against a map that does the same.

use crate::process::{error, folder, json, ok};
use hither::{IndexFile, Key, SearchParams, Searcher, parse_uuid};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

const DIMENSIONS: usize = 16;

/// A vector of its own for each number, far from most others.
fn vector(number: u64) -> Vec<f32> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut value = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Halves and integers below 2048 are the same in f16.
        (state >> 40) as f32 / 16_777_216.0 * 64.0 - 32.0
    };
    (0..DIMENSIONS).map(|_| (value() * 8.0).round() / 8.0).collect()
}

/// What a row is called in a file whose keys are of this type.
fn key(key_type: &str, number: u64) -> Key {
    match key_type {
        "int64" => Key::Int64(number as i64 - 3),
        "text" => Key::Text(format!("{number:03}")),
        _ => Key::Uuid(parse_uuid(&format!("00000000-0000-4000-8000-{number:012x}")).unwrap()),
    }
}

/// Rows by their numbers: each has the vector of another number, which may be its own, and that as an
/// attribute.
type Model = BTreeMap<u64, u64>;

fn write_rows(path: &Path, key_type: &str, rows: impl IntoIterator<Item = (u64, u64)>) {
    let mut lines = String::new();
    for (number, content) in rows {
        let key = match key(key_type, number) {
            Key::Int64(key) => key.to_string(),
            key => format!("\"{key}\""),
        };
        let group =
            if content.is_multiple_of(3) { "null".into() } else { format!("\"g{}\"", content % 7) };
        let vector = vector(content);
        writeln!(
            lines,
            "{{\"id\": {key}, \"content\": {content}, \"group\": {group}, \"vector\": {vector:?}}}"
        )
        .unwrap();
    }
    fs::write(path, lines).unwrap();
}

/// Checks that a file holds the rows of the model and nothing else: by key, in every search, by filter.
fn check(path: &Path, key_type: &str, model: &Model) {
    let file = IndexFile::open(path).unwrap();
    let index = file.index();
    index.verify().unwrap();
    assert_eq!(index.len(), model.len() as u64);
    let mut stored = vec![0.0; DIMENSIONS];
    let is_exact = index.info().segments.iter().all(|s| s.codes != hither::Codes::Sq8Only);
    for number in 0..400 {
        let row = index.find(key(key_type, number).as_ref()).unwrap();
        assert_eq!(row.is_some(), model.contains_key(&number), "{number}");
        let (Some(row), Some(content)) = (row, model.get(&number)) else { continue };
        index.vector(row, &mut stored).unwrap();
        let expected = vector(*content);
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= if is_exact { 0.0 } else { 1.0 };
        assert!(stored.iter().zip(&expected).all(near), "{stored:?} {expected:?}");
        assert_eq!(index.value(row, 0).unwrap().to_owned(), hither::Value::Int64(*content as i64));
    }
    let keys = |rows: &[hither::Neighbor]| {
        let keys = rows.iter().map(|found| index.key(found.row).unwrap().to_owned());
        let mut keys: Vec<Key> = keys.collect();
        keys.sort_unstable();
        keys
    };
    let mut all: Vec<Key> = model.keys().map(|number| key(key_type, *number)).collect();
    all.sort_unstable();
    let mut searcher = Searcher::new();
    let (mut found, mut wanted) = (0, 0);
    for query in 0..30 {
        let query = vector(1_000_000 + query);
        // As many as there are: each row once, and no removed one.
        let all_lists = SearchParams { probes: Some(1000), ..SearchParams::new(model.len()) };
        let params = all_lists.ef_search(400);
        assert_eq!(keys(index.search(&query, &params, &mut searcher).unwrap()), all);
        let exact =
            SearchParams { structure: Some(hither::Structure::Flat), ..SearchParams::new(10) };
        let truth = keys(index.search(&query, &exact, &mut searcher).unwrap());
        let near = SearchParams { probes: Some(12), ..SearchParams::new(10).ef_search(100) };
        let near = keys(index.search(&query, &near, &mut searcher).unwrap());
        wanted += truth.len();
        found += truth.iter().filter(|key| near.contains(key)).count();
    }
    assert!(found as f64 >= 0.95 * wanted as f64, "recall {found} of {wanted}");
    let filter = hither::Filter::from_json("{\"group\": \"g1\"}").unwrap();
    let bound = index.filter(&filter).unwrap();
    let rows = index.matching(&bound).unwrap();
    let mut matching: Vec<Key> =
        rows.iter().map(|row| index.key(*row).unwrap().to_owned()).collect();
    matching.sort_unstable();
    let in_group = |content: u64| !content.is_multiple_of(3) && content % 7 == 1;
    let expected = model.iter().filter(|(_, content)| in_group(**content));
    let mut expected: Vec<Key> = expected.map(|(number, _)| key(key_type, *number)).collect();
    expected.sort_unstable();
    assert_eq!(matching, expected);
    let params = SearchParams::new(400).filter(&bound);
    assert_eq!(keys(index.search(&vector(1), &params, &mut searcher).unwrap()), expected);
}

/// Builds a file of 300 rows and changes it in every way.
fn changed(name: &str, key_type: &str, options: &[&str]) {
    let folder = folder(name);
    let index = folder.join("a.hither");
    let mut model: Model = (0..300).map(|number| (number, number)).collect();
    write_rows(&folder.join("all.jsonl"), key_type, model.clone());
    let build = ["build", "all.jsonl", "-o", "a.hither", "--metric", "l2"];
    ok(&folder, &[&build[..], options].concat());
    let done = |arguments: &[&str]| json(&ok(&folder, &[arguments, &["--json"]].concat()));

    write_rows(&folder.join("more.jsonl"), key_type, (300..360).map(|n| (n, n)));
    let told = done(&["add", "a.hither", "more.jsonl"]);
    assert_eq!(
        (&told["added"], &told["rows"], &told["segments"]),
        (&60.into(), &360.into(), &2.into())
    );
    model.extend((300..360).map(|n| (n, n)));
    check(&index, key_type, &model);

    write_rows(&folder.join("new.jsonl"), key_type, (290..310).map(|n| (n, n + 1000)));
    assert_eq!(done(&["update", "a.hither", "new.jsonl"])["updated"], 20);
    model.extend((290..310).map(|n| (n, n + 1000)));
    check(&index, key_type, &model);

    write_rows(&folder.join("both.jsonl"), key_type, (350..380).map(|n| (n, n + 2000)));
    let before = fs::read(&index).unwrap();
    let refused = error(&folder, &["update", "a.hither", "both.jsonl"]);
    assert!(refused.contains("row 10 (from 0)") && refused.contains("--upsert"), "{refused}");
    let refused = error(&folder, &["add", "a.hither", "both.jsonl"]);
    let named =
        format!("both.jsonl, row 0 (from 0): key {}: a.hither has a row", key(key_type, 350));
    assert!(refused.contains(&named) && refused.contains("hither update"), "{refused}");
    assert!(fs::read(&index).unwrap() == before, "an error changes nothing");
    let told = done(&["update", "a.hither", "both.jsonl", "--upsert"]);
    assert_eq!((&told["updated"], &told["added"]), (&10.into(), &20.into()));
    model.extend((350..380).map(|n| (n, n + 2000)));
    check(&index, key_type, &model);

    let removed: Vec<u64> = (0..380).filter(|number| number % 5 == 1).collect();
    let list = |numbers: &[u64], between: &str| {
        let keys: Vec<String> = numbers.iter().map(|n| key(key_type, *n).to_string()).collect();
        keys.join(between)
    };
    assert_eq!(done(&["remove", "a.hither", "--keys", &list(&removed[..3], ",")])["removed"], 3);
    fs::write(folder.join("gone.txt"), list(&removed[2..], "\n") + "\n").unwrap();
    let refused = error(&folder, &["remove", "a.hither", "--keys-from", "gone.txt"]);
    assert!(refused.contains("gone.txt, key 0 (from 0): a.hither has no row"), "{refused}");
    let told = done(&["remove", "a.hither", "--keys-from", "gone.txt", "--ignore-missing"]);
    assert_eq!(told["removed"], removed.len() - 3);
    removed.iter().for_each(|number| {
        model.remove(number);
    });
    check(&index, key_type, &model);

    let filter = "{\"content\": {\"$gte\": 2000}}";
    assert_eq!(done(&["remove", "a.hither", "--filter", filter])["removed"], 24);
    model.retain(|_, content| *content < 2000);
    check(&index, key_type, &model);

    // What was removed can be added again, and all be built anew, elsewhere.
    write_rows(&folder.join("again.jsonl"), key_type, [(1, 5001), (6, 5006)]);
    let before = fs::read(&index).unwrap();
    let told = done(&["add", "a.hither", "again.jsonl", "--compact", "-o", "b.hither"]);
    assert_eq!(told["segments"], 1);
    assert!(fs::read(&index).unwrap() == before, "with --output the file stays");
    check(&index, key_type, &model);
    model.extend([(1, 5001), (6, 5006)]);
    check(&folder.join("b.hither"), key_type, &model);
}

#[test]
fn a_graph_with_integers_as_keys() {
    changed("change-hnsw", "int64", &["--kind", "hnsw", "--element", "f32"]);
}

#[test]
fn lists_with_text_as_keys() {
    changed("change-ivf", "text", &["--kind", "ivf", "--type", "id=text"]);
}

#[test]
fn a_scan_with_uuids_as_keys() {
    changed("change-flat", "uuid", &["--kind", "flat"]);
}

#[test]
fn codes_of_four_bits() {
    changed("change-sq4", "int64", &["--kind", "hnsw", "--codes", "sq4"]);
}

#[test]
fn codes_in_place_of_vectors() {
    changed("change-sq8-only", "uuid", &["--kind", "ivf", "--codes", "sq8-only"]);
}
