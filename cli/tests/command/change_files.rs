//! What a change does with rows that lack something or do not fit, and for those who use the file meanwhile.

use crate::process::{error, folder, json, ok, piped, run};
use hither::{IndexFile, Key, KeyRef};
use std::fs;
use std::process::{Command, Stdio};

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

#[test]
fn rows_without_a_uuid_get_random_ones() {
    let folder = folder("change-random-keys");
    let row = |id: &str, x: u32| format!("{{{id}\"vector\": [{x}, 1]}}\n");
    let (first, second) = ("\"id\": \"01890a5d-ac96-774b-bcce-b302099a8057\", ", "\"id\": null, ");
    fs::write(folder.join("a.jsonl"), row(first, 1)).unwrap();
    ok(&folder, &["build", "a.jsonl", "-o", "a.hither", "--metric", "l2", "-q"]);
    // No row of a file has a key, or, in a column that is named as the key, some have.
    fs::write(folder.join("b.jsonl"), row("", 2) + &row("", 3)).unwrap();
    assert_eq!(json(&ok(&folder, &["add", "a.hither", "b.jsonl", "--json"]))["added"], 2);
    let other = first.replace("8057", "8058");
    fs::write(folder.join("c.jsonl"), row(&other, 4) + &row(second, 5)).unwrap();
    let named = ["add", "a.hither", "c.jsonl", "--key-column", "id", "--json"];
    assert_eq!(json(&ok(&folder, &named))["added"], 2);
    fs::write(folder.join("d.csv"), "vector\n\"[6,1]\"\n\"[7,1]\"\n").unwrap();
    let added = json(&ok(&folder, &["add", "a.hither", "d.csv", "--json", "--compact"]));
    assert_eq!((&added["added"], &added["rows"]), (&2.into(), &7.into()));
    let file = IndexFile::open(folder.join("a.hither")).unwrap();
    let index = file.index();
    let keys = index.rows().map(|row| index.key(row).unwrap().to_owned());
    let keys: std::collections::BTreeSet<_> = keys.collect();
    let random = |key: &&Key| matches!(key, Key::Uuid(bytes) if bytes[6] >> 4 == 4);
    assert_eq!((keys.len(), keys.iter().filter(random).count()), (7, 5), "{keys:?}");
    assert!(ok(&folder, &["verify", "a.hither"]).contains("ok, 7 rows"));
    // By random keys no row is found again.
    for mode in [&[][..], &["--upsert"]] {
        let refused = error(&folder, &[&["update", "a.hither", "b.jsonl"], mode].concat());
        assert!(refused.contains("have no keys") && refused.contains("are uuid"), "{refused}");
    }
    let refused = error(&folder, &["update", "a.hither", "c.jsonl", "--key-column", "id"]);
    assert!(refused.contains("row 1 (from 0): it has no key"), "{refused}");
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
