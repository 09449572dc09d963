//! Types: digits are never lost without a word, and a type can be named at every door that infers.

use super::process::{error, folder, json, ok, run};
use std::fs;
use std::path::Path;

/// What a build said on standard error.
fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    errors
}

/// Columns, and behind them the type of the keys.
fn types(folder: &Path, file: &str) -> Vec<String> {
    let info = json(&ok(folder, &["info", file, "--json"]));
    let columns = info["columns"].as_array().unwrap().iter();
    let columns = columns.map(|column| format!("{}={}", column["name"], column["type"]));
    let keys = format!("keys={}", info["keys"]);
    columns.chain([keys]).map(|column| column.replace('"', "")).collect()
}

#[test]
fn integers_beyond_int64_are_refused_with_the_remedy() {
    let folder = folder("wide");
    // Two ids that one float64 would be; and one such id among small ones.
    for (name, ids) in [
        ("two", ["12345678901234567890", "12345678901234567891"]),
        ("mixed", ["7", "9223372036854775808"]),
        ("float", ["0.5", "9007199254740993"]),
    ] {
        let lines = ids.map(|id| format!("{{\"id\":{id},\"vector\":[1]}}\n")).concat();
        fs::write(folder.join(format!("{name}.jsonl")), lines).unwrap();
        fs::write(folder.join(format!("{name}.tsv")), format!("id\n{}\n{}\n", ids[0], ids[1]))
            .unwrap();
    }
    fs::write(folder.join("v.jsonl"), "{\"vector\":[1]}\n{\"vector\":[2]}\n").unwrap();
    for name in ["two", "mixed", "float"] {
        let (lines, cells) = (format!("{name}.jsonl"), format!("{name}.tsv"));
        for input in [&["build", &lines][..], &["build", "v.jsonl", "--attributes", &cells]] {
            let build = [input, &["-o", "x.hither", "--metric", "l2"]].concat();
            let message = error(&folder, &build);
            assert!(message.contains("--type id=text keeps the digits"), "{message}");
            let rounded = [&build[..], &["--type", "id=float64"]].concat();
            ok(&folder, &rounded);
            assert_eq!(types(&folder, "x.hither"), ["id=float64", "keys=row number"]);
        }
        let text = ["build", &lines, "-o", "x.hither", "--metric", "l2", "--type", "id=text"];
        ok(&folder, &text);
        assert_eq!(types(&folder, "x.hither"), ["keys=text"]);
        ok(&folder, &["export", "x.hither", "-o", "x.jsonl", "--force"]);
        let exported = fs::read_to_string(folder.join("x.jsonl")).unwrap();
        let given = fs::read_to_string(folder.join(&lines)).unwrap();
        for id in given.lines().map(|line| &line[6..line.find(',').unwrap()]) {
            assert!(exported.contains(&format!("\"key\":\"{id}\"")), "{exported}");
        }
    }
}

#[test]
fn a_column_that_cannot_be_the_key_says_why() {
    let folder = folder("nokey");
    for (ids, why) in [
        (["1", "null"], "1 of 2 rows have none"),
        (["1", "\"a\""], "some of its values are numbers and some are text"),
        (["1", "2.5"], "not whole"),
        (["[1]", "[2]"], "lists or objects"),
        (["true", "false"], "truth values"),
    ] {
        let lines = ids.map(|id| format!("{{\"id\":{id},\"vector\":[1]}}\n"));
        fs::write(folder.join("a.jsonl"), lines.concat()).unwrap();
        let build = ["build", "a.jsonl", "-o", "a.hither", "--metric", "l2"];
        let told = said(&folder, &build);
        assert!(told.contains("note: \"id\" is not the key: ") && told.contains(why), "{told}");
        let named = error(&folder, &[&build[..], &["--key-column", "id"]].concat());
        assert!(named.contains("cannot be the key: ") && named.contains(why), "{named}");
    }
}

#[test]
fn a_type_is_named_at_every_door() {
    let folder = folder("named-types");
    let id = "0189d3e4-7c6b-7000-8000-0123456789ab";
    fs::write(
        folder.join("a.jsonl"),
        format!("{{\"id\":\"{id}\",\"vector\":[1],\"u\":\"{id}\",\"n\":1,\"d\":\"2024-05-01\"}}\n"),
    )
    .unwrap();
    fs::write(folder.join("a.tsv"), format!("id\tu\tn\td\n{id}\t{id}\t1\t2024-05-01\n")).unwrap();
    ok(&folder, &["build", "a.jsonl", "-o", "a.hither", "--metric", "l2"]);
    assert_eq!(types(&folder, "a.hither"), ["u=uuid", "n=int64", "d=text", "keys=uuid"]);
    ok(&folder, &["export", "a.hither", "-o", "v.npy"]);
    let mut doors = vec![
        &["build", "a.jsonl"][..],
        &["build", "v.npy", "--attributes", "a.tsv", "--key-column", "id"],
    ];
    // The keys' column is called "key" in an exported file.
    if cfg!(feature = "parquet") {
        ok(&folder, &["export", "a.hither", "-o", "a.parquet"]);
        doors.push(&["build", "a.parquet"]);
    }
    for door in doors {
        let key = if door[1] == "a.parquet" { "key=text" } else { "id=text" };
        let named = ["-o", "b.hither", "--metric", "l2", "--type", "u=text", "--type", "n=float64"];
        let more = ["--type", "d=timestamp", "--type", key];
        ok(&folder, &[door, &named, &more].concat());
        assert_eq!(types(&folder, "b.hither"), ["u=text", "n=float64", "d=timestamp", "keys=text"]);
        let search = ["search", "b.hither", "--vector", "[1]", "--filter", r#"{"n":1}"#, "--json"];
        let row = json(&ok(&folder, &search))["results"][0].clone();
        assert_eq!((&row["key"], &row["u"]), (&id.into(), &id.into()), "{door:?}");
        assert_eq!(row["d"], "2024-05-01T00:00:00Z");
    }
    let build = ["build", "a.jsonl", "-o", "b.hither", "--metric", "l2", "--type"];
    for (wanted, says) in [
        ("no=text", "there is no column \"no\""),
        ("vector=text", "is the vector"),
        ("u=int64", "\"u\" is"),
    ] {
        let output = run(&folder, &[&build[..], &[wanted]].concat());
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(says), "{wanted}: {told}");
        assert_eq!(output.status.code(), Some(1), "{wanted}: {told}");
    }
    let twice = [&build[..], &["u=text", "--type", "u=uuid"]].concat();
    assert!(error(&folder, &twice).contains("twice"));
    for slip in ["u", "u=string"] {
        assert_eq!(run(&folder, &[&build[..], &[slip]].concat()).status.code(), Some(2), "{slip}");
    }
}

/// A file of keys has no name for them but "key".
#[test]
fn keys_of_a_file_of_keys_can_be_text() {
    let folder = folder("npy-keys");
    let id = "0189d3e4-7c6b-7000-8000-0123456789ab";
    fs::write(folder.join("v.jsonl"), "{\"vector\":[1]}\n").unwrap();
    let header = "{'descr': '|S36', 'fortran_order': False, 'shape': (1,), }";
    let mut file = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    file.extend(format!("{header:<117}\n{id}").as_bytes());
    fs::write(folder.join("k.npy"), file).unwrap();
    let build = ["build", "v.jsonl", "--keys", "k.npy", "-o", "k.hither", "--metric", "l2"];
    ok(&folder, &build);
    assert_eq!(types(&folder, "k.hither"), ["keys=uuid"]);
    ok(&folder, &[&build[..], &["--type", "key=text"]].concat());
    assert_eq!(types(&folder, "k.hither"), ["keys=text"]);
    let message = error(&folder, &[&build[..], &["--type", "key=float64"]].concat());
    assert!(message.contains("keys are int64, text or uuid"), "{message}");
}

#[test]
fn rows_without_a_vector_are_an_error_or_left_out() {
    let folder = folder("without");
    let lines = [
        "{\"id\":0,\"vector\":null}",
        "{\"id\":1,\"vector\":[1,2]}",
        "{\"id\":2}",
        "{\"id\":3,\"vector\":[1]}",
        "{\"id\":4,\"vector\":[1,null]}",
        "{\"id\":5,\"vector\":[]}",
        "{\"id\":6,\"vector\":[1e39,1]}",
        "{\"id\":7,\"vector\":\"none\"}",
        "{\"id\":8,\"vector\":[3,4]}",
    ];
    for (at, line) in lines.iter().enumerate().filter(|(at, _)| ![1, 8].contains(at)) {
        fs::write(folder.join("one.jsonl"), format!("{}\n{line}\n", lines[1])).unwrap();
        let message = error(&folder, &["build", "one.jsonl", "-o", "a.hither", "--metric", "l2"]);
        assert!(message.contains("line 2: ") && message.contains("--on-invalid skip"), "{message}");
        assert!(!message.contains("NaN"), "{at}: {message}");
    }
    fs::write(folder.join("a.jsonl"), lines.join("\n")).unwrap();
    let skip = ["build", "a.jsonl", "-o", "a.hither", "--metric", "l2", "--on-invalid", "skip"];
    let built = json(&ok(&folder, &[&skip[..], &["--json"]].concat()));
    assert_eq!((&built["rows"], &built["skipped"]), (&2.into(), &7.into()));
    let found = json(&ok(&folder, &["search", "a.hither", "--vector", "[3,4]", "--json"]));
    let keys: Vec<_> = found["results"].as_array().unwrap().iter().map(|row| &row["key"]).collect();
    assert_eq!(keys, [8, 1]);
}

#[test]
fn a_row_without_a_uuid_gets_a_random_one() {
    let folder = folder("random-keys");
    let rows = "{\"id\":\"01890a5d-ac96-774b-bcce-b302099a8057\",\"vector\":[1,2]}\n{\"id\":null,\"vector\":[3,4]}\n{\"vector\":[5,6]}\n";
    fs::write(folder.join("r.jsonl"), rows).unwrap();
    let csv = "id,vector\n01890a5d-ac96-774b-bcce-b302099a8057,\"[1,2]\"\n,\"[3,4]\"\n,\"[5,6]\"\n";
    fs::write(folder.join("r.csv"), csv).unwrap();
    let build = |rows: &str, output: &str, seed: &[&str]| {
        let build = ["build", rows, "-o", output, "--metric", "l2", "--key-column", "id"];
        ok(&folder, &[&build[..], seed].concat());
        fs::read(folder.join(output)).unwrap()
    };
    let seed = &["--key-seed", "7"][..];
    assert_eq!(build("r.jsonl", "a.hither", seed), build("r.csv", "b.hither", seed));
    assert_ne!(build("r.jsonl", "c.hither", &[]), build("r.jsonl", "d.hither", &[]));
    let found = ok(&folder, &["search", "c.hither", "--vector", "[1,2]", "--json"]);
    assert!(found.contains("01890a5d-ac96-774b-bcce-b302099a8057") && !found.contains("null"));
}
