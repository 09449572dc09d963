//! Adding, updating and removing rows of a file, against a map that does the same.

use crate::process::{error, folder, json, ok, piped, run};
use hither::{IndexFile, Key, KeyRef, SearchParams, Searcher, parse_uuid};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

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

#[test]
fn row_numbers_go_on() {
    let folder = folder("change-numbers");
    fs::write(folder.join("a.jsonl"), "{\"vector\": [1, 2]}\n{\"vector\": [3, 4]}\n").unwrap();
    ok(&folder, &["build", "a.jsonl", "-o", "a.hither", "--metric", "l2", "-q"]);
    let told = json(&ok(&folder, &["add", "a.hither", "a.jsonl", "--json"]));
    assert_eq!((&told["added"], &told["first_key"]), (&2.into(), &2.into()));
    ok(&folder, &["remove", "a.hither", "--keys", "3"]);
    // The number of a removed row is not given again.
    let told = ok(&folder, &["add", "a.hither", "a.jsonl"]);
    assert!(told.starts_with("a.hither: 2 added (keys 4 to 5); 5 rows"), "{told}");
    // By number rows are updated where a column has them.
    let refused = error(&folder, &["update", "a.hither", "a.jsonl"]);
    assert!(refused.contains("have no keys") && refused.contains("--key-column"), "{refused}");
    fs::write(folder.join("b.jsonl"), "{\"id\": 4, \"vector\": [9, 9]}\n").unwrap();
    ok(&folder, &["update", "a.hither", "b.jsonl"]);
    let search = ["search", "a.hither", "--vector", "[9, 9]", "-k", "1"];
    assert_eq!(ok(&folder, &search), "  1  0.000000   4\n");
    // All can go, and others come.
    ok(&folder, &["remove", "a.hither", "--filter", "{}"]);
    assert_eq!(ok(&folder, &search), "no rows\n");
    ok(&folder, &["remove", "a.hither", "--filter", "{}", "--compact"]);
    ok(&folder, &["add", "a.hither", "a.jsonl"]);
    assert!(ok(&folder, &["verify", "a.hither"]).contains("ok, 2 rows"));
}

/// A file of an index with two columns, and rows for it.
fn small(name: &str) -> std::path::PathBuf {
    let folder = folder(name);
    let rows = "{\"id\": 1, \"vector\": [1, 2], \"year\": 2001, \"price\": 1.5}\n{\"id\": 2, \"vector\": [3, 4], \"year\": 2002, \"price\": 2}\n";
    fs::write(folder.join("a.jsonl"), rows).unwrap();
    ok(&folder, &["build", "a.jsonl", "-o", "a.hither", "--metric", "cosine", "-q"]);
    folder
}

#[test]
fn columns_that_the_rows_do_not_have_stay_or_are_null() {
    let folder = small("change-columns");
    fs::write(folder.join("b.csv"), "id,vector,year\n2,\"[5,6]\",2012\n3,\"[7,8]\",\n").unwrap();
    let output = run(&folder, &["update", "a.hither", "b.csv", "--upsert"]);
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains("note: not in b.csv: price; as they were"), "{notes}");
    let search = ["search", "a.hither", "--vector", "[1, 0]", "--json"];
    let found = json(&ok(&folder, &search));
    let row = |key: i64| {
        let rows = found["results"].as_array().unwrap();
        let row = rows.iter().find(|row| row["key"] == key).unwrap();
        (row["year"].clone(), row["price"].clone())
    };
    let null = serde_json::Value::Null;
    assert_eq!(row(1), (2001.into(), 1.5.into()));
    assert_eq!(row(2), (2012.into(), 2.0.into()));
    assert_eq!(row(3), (null.clone(), null));
}

#[test]
fn what_does_not_fit_is_named_with_row_and_column() {
    let folder = small("change-errors");
    let before = fs::read(folder.join("a.hither")).unwrap();
    for (name, rows, says) in [
        (
            "b.jsonl",
            "{\"id\": 3, \"vector\": [1]}",
            "b.jsonl: its vectors (column \"vector\") have 1 dimensions, and those of a.hither have 2",
        ),
        (
            "b.jsonl",
            "{\"id\": 3, \"vector\": [1, 2]}\n{\"id\": 4, \"vector\": [1]}",
            "line 2: \"vector\" has 1 values",
        ),
        (
            "b.jsonl",
            "{\"id\": 3, \"vector\": [1, 2]}\n{\"id\": 4, \"vector\": [0, 0]}",
            "row 1 (from 0): key 4: the vector is zero",
        ),
        (
            "b.jsonl",
            "{\"id\": \"x\", \"vector\": [1, 2]}",
            "line 1: \"id\" is \"x\", and the keys are int64",
        ),
        (
            "b.jsonl",
            "{\"id\": 3, \"vector\": [1, 2], \"year\": \"x\"}",
            "line 1: \"year\" is \"x\", and the column is int64",
        ),
        (
            "b.jsonl",
            "{\"id\": 3, \"vector\": [1, 2], \"year\": 2.5}",
            "line 1: \"year\" is 2.5, and the column is int64",
        ),
        (
            "b.jsonl",
            "{\"id\": 3, \"vector\": [1, 2], \"price\": 9007199254740993}",
            "line 1: \"price\" is 9007199254740993, which float64 would round",
        ),
        (
            "b.jsonl",
            "{\"id\": 3, \"vector\": [1, 2], \"yaer\": 1}",
            "the column \"yaer\" is none of a.hither, it has: year, price",
        ),
        (
            "b.jsonl",
            "{\"vector\": [1, 2]}",
            "its rows have no keys, and those of a.hither are int64",
        ),
        (
            "b.jsonl",
            "{\"id\": 3, \"vector\": [1, 2]}\n{\"id\": 3, \"vector\": [1, 2]}",
            "row 1 (from 0): key 3: the key is given twice",
        ),
        (
            "b.csv",
            "id,vector,year\n3,\"[1,2]\",x\n",
            "line 2: field 3 (\"year\") is \"x\", no int64",
        ),
        ("b.txt", "x", "the format .txt is unknown"),
    ] {
        fs::write(folder.join(name), rows).unwrap();
        let message = error(&folder, &["add", "a.hither", name]);
        assert!(message.contains(says), "{rows}: {message}");
    }
    fs::write(folder.join("no.hither"), "text").unwrap();
    for (arguments, says) in [
        (&["add", "a.hither", "a.hither"][..], "a.hither"),
        (&["add", "a.hither", "-o", "b.hither", "no.jsonl"], "no such file"),
        (&["add", "none.hither", "a.jsonl"], "No such file"),
        (&["add", "no.hither", "a.jsonl"], "not a hither index"),
        (&["add", "-", "a.jsonl"], "standard input cannot be changed"),
        (&["add", "a.hither", "a.jsonl", "-o", "a.jsonl"], "the input a.jsonl itself"),
        (&["add", "a.hither", "a.jsonl", "-o", "a.hither"], "the input a.hither itself"),
        (&["add", "a.hither", "a.jsonl", "-o", "no.hither"], "--force"),
        (&["add", "a.hither", "a.jsonl", "--memory", "1G"], "--compact"),
        (&["remove", "a.hither", "--keys", "1,9"], "no row with the key 9; --ignore-missing"),
        (&["remove", "a.hither", "--keys", "1,x"], "\"x\" is no key of this index"),
        (&["remove", "a.hither", "--filter", "{\"no\": 1}"], "year, price"),
        (&["remove", "a.hither", "--keys-from", "b.csv"], "has no row with the key 3"),
    ] {
        let message = error(&folder, arguments);
        assert!(message.contains(says), "{arguments:?}: {message}");
    }
    fs::copy(folder.join("a.hither"), folder.join("b.hither")).unwrap();
    assert!(error(&folder, &["add", "a.hither", "b.hither"]).contains("hither merge"));
    for usage in
        [&["remove", "a.hither"][..], &["remove", "a.hither", "--keys", "1", "--filter", "{}"]]
    {
        assert_eq!(run(&folder, usage).status.code(), Some(2), "{usage:?}");
    }
    assert!(fs::read(folder.join("a.hither")).unwrap() == before);
    let names: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("tmp")), "{names:?}");
}

#[test]
fn rows_and_keys_come_through_pipes() {
    let folder = small("change-pipes");
    fs::write(folder.join("b.jsonl"), "{\"id\": 3, \"vector\": [5, 6]}\n").unwrap();
    let output = piped(&folder, "b.jsonl", &["add", "a.hither", "-", "--format", "jsonl"]);
    assert!(output.status.success(), "{output:?}");
    fs::write(folder.join("keys"), "1\n3\n").unwrap();
    let output = piped(&folder, "keys", &["remove", "a.hither", "--keys-from", "-"]);
    assert!(output.status.success(), "{output:?}");
    let output = piped(&folder, "a.hither", &["add", "-", "b.jsonl", "-o", "c.hither"]);
    assert!(output.status.success(), "{output:?}");
    assert!(ok(&folder, &["verify", "c.hither"]).contains("ok, 2 rows"));
    let nothing = ok(&folder, &["remove", "a.hither", "--keys", "7", "--ignore-missing"]);
    assert!(nothing.starts_with("a.hither: nothing to change; 1 rows"), "{nothing}");
}

#[cfg(unix)]
#[test]
fn who_has_the_file_open_goes_on() {
    let folder = small("change-open");
    let file = IndexFile::open(folder.join("a.hither")).unwrap();
    ok(&folder, &["remove", "a.hither", "--keys", "1", "--compact"]);
    file.index().verify().unwrap();
    assert!(file.index().find(KeyRef::Int64(1)).unwrap().is_some());
    let now = IndexFile::open(folder.join("a.hither")).unwrap();
    assert!(now.index().find(KeyRef::Int64(1)).unwrap().is_none());
}

/// Of several commands at a time each has its rows in the end.
#[cfg(unix)]
#[test]
fn no_change_is_lost_where_several_come_at_a_time() {
    let folder = small("change-together");
    let children: Vec<_> = (10..18)
        .map(|key| {
            let rows = format!("{{\"id\": {key}, \"vector\": [{key}, 1]}}\n");
            let name = format!("{key}.jsonl");
            fs::write(folder.join(&name), rows).unwrap();
            let mut command = Command::new(env!("CARGO_BIN_EXE_hither"));
            command.current_dir(&folder).args(["add", "a.hither", &name, "-q"]);
            command.spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert!(ok(&folder, &["verify", "a.hither"]).contains("ok, 10 rows"));
}

/// A pipe that is not closed keeps the command at its rows until a signal ends it.
#[cfg(unix)]
#[test]
fn an_interrupted_change_leaves_the_file_as_it_was() {
    use std::io::Write;
    let folder = small("change-interrupted");
    let before = fs::read(folder.join("a.hither")).unwrap();
    let names = || fs::read_dir(&folder).unwrap().count();
    let there = names();
    for signal in ["TERM", "KILL"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hither"));
        command.current_dir(&folder).args(["remove", "a.hither", "--keys-from", "-"]);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(b"1\n").unwrap();
        while names() == there {
            assert!(child.try_wait().unwrap().is_none());
            std::thread::yield_now();
        }
        // Who waits for a pipe does not ask whether somebody wants it to end: the second signal ends it.
        while child.try_wait().unwrap().is_none() {
            let kill = ["-c", &format!("kill -{signal} {}", child.id())];
            Command::new("sh").args(kill).stderr(Stdio::null()).status().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(!child.wait().unwrap().success());
        assert!(fs::read(folder.join("a.hither")).unwrap() == before, "{signal}");
        let left = if signal == "KILL" { 1 } else { 0 };
        assert_eq!(names(), there + left, "{signal}");
    }
    // What a killed one left goes with the next.
    ok(&folder, &["remove", "a.hither", "--keys", "1"]);
    assert_eq!(names(), there);
}
