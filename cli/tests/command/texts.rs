//! Names and texts in answers: nothing is lost, and nothing is obeyed by a terminal.

use super::process::{error, folder, json, ok, run, write_points};
use std::fs;

#[test]
fn a_column_called_key_or_distance_is_not_lost() {
    let folder = folder("names");
    let rows = r#"{"id":7,"vector":[3,4],"key":"k","distance":"far","key_":1,"vector_":"v"}
{"id":8,"vector":[6,8],"key":"l","distance":"near","key_":2,"vector_":"w"}
"#;
    fs::write(folder.join("a.jsonl"), rows).unwrap();
    let build = ["-o", "a.hither", "--metric", "l2", "--key-column", "id"];
    ok(&folder, &[&["build", "a.jsonl"], &build[..]].concat());
    let search = ["search", "a.hither", "--vector", "[0,0]", "--json"];
    let found = json(&ok(&folder, &search));
    let expected =
        r#"{"key":7,"distance":5.0,"key__":"k","distance_":"far","key_":1,"vector_":"v"}"#;
    assert_eq!(found["results"][0], json(expected));
    // In filters and --columns it keeps its own name.
    let one = [&search[..], &["--filter", r#"{"key":"l"}"#, "--columns", "key"]].concat();
    assert_eq!(
        json(&ok(&folder, &one))["results"][0],
        json(r#"{"key":8,"distance":10.0,"key__":"l"}"#)
    );

    let formats: &[&str] =
        if cfg!(feature = "parquet") { &["jsonl", "parquet"] } else { &["jsonl"] };
    for format in formats {
        let file = format!("b.{format}");
        let output = run(&folder, &["export", "a.hither", "-o", &file]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success());
        assert_eq!(told, "note: the column \"key\" is written as \"key__\"\n");
        ok(&folder, &["build", &file, "-o", "b.hither", "--metric", "l2"]);
        let found = json(&ok(&folder, &[&["search", "b.hither"], &search[2..]].concat()));
        assert_eq!(found["results"][0], json(expected));
    }
    // An attribute is not taken for the key when an exported file is read.
    fs::write(folder.join("c.jsonl"), "{\"id\":5}\n{\"id\":6}\n").unwrap();
    ok(&folder, &["export", "a.hither", "-o", "c.npy"]);
    ok(&folder, &["build", "c.npy", "--attributes", "c.jsonl", "-o", "c.hither", "--metric", "l2"]);
    ok(&folder, &["export", "c.hither", "-o", "d.jsonl"]);
    ok(&folder, &["build", "d.jsonl", "-o", "d.hither", "--metric", "l2"]);
    let both = ["c.hither", "d.hither"]
        .map(|file| ok(&folder, &[&["search", file], &search[2..]].concat()));
    assert_eq!(both[0], both[1]);
}

#[test]
fn texts_reach_a_terminal_without_escape_sequences() {
    let folder = folder("escapes");
    let line = r#"{"id":"a\u001b[31mb\u009b2J","vector":[1],"t":"x\u001b]0;title\u0007\u007fy","j":{"z":"\u001b[0m"}}"#;
    let lines = format!("{line}\n").replace("\\u009b", "\u{9b}").replace("\\u007f", "\u{7f}");
    fs::write(folder.join("a.jsonl"), lines).unwrap();
    let property = "note=\u{1b}[5mblink";
    let build = ["build", "a.jsonl", "-o", "a.hither", "--metric", "l2", "--property", property];
    ok(&folder, &build);
    for arguments in [
        &["search", "a.hither", "--vector", "[1]"][..],
        &["search", "a.hither", "--vector", "[1]", "--json"],
        &["info", "a.hither"],
        &["info", "a.hither", "--json"],
        &["search", "a.hither", "--like", "\u{1b}[1mno"],
        &["verify", "\u{1b}[1mno"],
    ] {
        let output = run(&folder, arguments);
        for text in [output.stdout, output.stderr] {
            let text = String::from_utf8(text).unwrap();
            let obeyed: Vec<char> = text.chars().filter(|c| c.is_control() && *c != '\n').collect();
            assert!(obeyed.is_empty(), "{arguments:?}: {text:?}");
        }
    }
    let table = ok(&folder, &["search", "a.hither", "--vector", "[1]"]);
    assert!(table.contains(r"a\u{1b}[31mb\u{9b}2J"), "{table}");
    let found = json(&ok(&folder, &["search", "a.hither", "--vector", "[1]", "--json"]));
    assert_eq!(found["results"][0]["key"], "a\u{1b}[31mb\u{9b}2J");
    assert_eq!(found["results"][0]["t"], "x\u{1b}]0;title\u{7}\u{7f}y");
}

#[test]
fn half_a_surrogate_pair_does_not_spoil_the_text_around_it() {
    let folder = folder("surrogates");
    let lines = r#"{"vector":[1],"t":"caf\u00e9 \ud800 \\ud800 \ud83d\ude00 \udc00\n"}"#;
    fs::write(folder.join("a.jsonl"), format!("{lines}\n")).unwrap();
    let output = run(&folder, &["build", "a.jsonl", "-o", "a.hither", "--metric", "l2"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && told.contains("note: 1 text(s) hold half"), "{told}");
    let found = json(&ok(&folder, &["search", "a.hither", "--vector", "[1]", "--json"]));
    assert_eq!(found["results"][0]["t"], "café \u{fffd} \\ud800 😀 \u{fffd}\n");
}

/// A parser in between would round them.
#[test]
fn documents_keep_their_digits() {
    let folder = folder("documents");
    let document =
        r#"{"n":123456789012345678901234567890,"f":0.12345678901234567890,"d":{"a":1,"a":2}}"#;
    fs::write(folder.join("a.jsonl"), format!("{{\"vector\":[1],\"j\":{document}}}\n")).unwrap();
    ok(&folder, &["build", "a.jsonl", "-o", "a.hither", "--metric", "l2"]);
    for more in [&[][..], &["--json"]] {
        let search = ["search", "a.hither", "--vector", "[1]"];
        let told = ok(&folder, &[&search[..], more].concat());
        assert!(told.contains(document), "{told}");
    }
}

#[test]
fn a_file_is_not_written_in_another_format_than_its_name_promises() {
    let folder = folder("endings");
    write_points(&folder.join("points.jsonl"), 1..21);
    ok(&folder, &["build", "points.jsonl", "-o", "a.hither", "--metric", "l2"]);
    let queries = ["export", "a.hither", "-o", "q.npy"];
    let told = run(&folder, &queries).stderr;
    assert!(String::from_utf8(told).unwrap().contains("vectors alone"));
    for name in ["ids.csv", "ids", "ids.json", "npy"] {
        let message = error(&folder, &["search", "a.hither", "--like", "1", "--output", name]);
        assert!(message.contains(".npy"), "{message}");
        let bench = ["bench", "a.hither", "--queries", "q.npy", "--plot", name];
        assert!(error(&folder, &bench).contains(".svg"));
        assert!(!folder.join(name).exists());
    }
    ok(&folder, &["search", "a.hither", "--like", "1", "--output", "ids.NPY"]);
}

#[test]
fn no_columns_are_no_error_and_an_entry_that_comes_twice_is_one() {
    let folder = folder("columns");
    write_points(&folder.join("points.jsonl"), 1..21);
    ok(&folder, &["build", "points.jsonl", "-o", "a.hither", "--metric", "l2"]);
    let search = ["search", "a.hither", "--vector", "[1,2]", "-k", "1"];
    let bare = ok(&folder, &[&search[..], &["--columns", ""]].concat());
    assert_eq!(bare, "  1  0.000000   1\n");
    let bare = json(&ok(&folder, &[&search[..], &["--columns", "", "--json"]].concat()));
    assert_eq!(bare["results"][0], json(r#"{"key":1,"distance":0.0}"#));
    assert!(
        error(&folder, &[&search[..], &["--columns", "square,square"]].concat())
            .contains("names \"square\" twice")
    );
    assert!(
        error(&folder, &[&search[..], &["--columns", "square,"]].concat()).contains("no column")
    );
    let nothing = ["--columns", "cube", "--filter", r#"{"parity":"none"}"#];
    assert!(error(&folder, &[&search[..], &nothing].concat()).contains("cube"));
    let filter = r#"{"parity":"even","parity":"odd"}"#;
    let message = error(&folder, &[&search[..], &["--filter", filter]].concat());
    assert!(message.contains("\"parity\" is there twice"), "{message}");
}

/// What the command was built without is not in its help.
#[test]
fn help_lists_what_is_there() {
    let folder = folder("features");
    for command in ["build", "export", "search", "bench", "add", "update", "remove"] {
        let help = ok(&folder, &[command, "--help"]).to_lowercase();
        let parquet = cfg!(feature = "parquet") && ["build", "export"].contains(&command);
        assert!(!parquet || help.contains("parquet"), "{command}");
        assert!(cfg!(feature = "parquet") || !help.contains("parquet"), "{command}");
        let postgres = ["build", "export", "add", "update"].contains(&command);
        let postgres = cfg!(feature = "postgres") && postgres;
        assert_eq!(help.contains("postgres"), postgres, "{command}");
    }
}
