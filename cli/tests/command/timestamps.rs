//! Timestamps: what the command prints is read back by builds and filters.

use super::process::{error, folder, json, ok, run};
use std::fs;

#[test]
fn a_timestamp_is_found_by_the_text_it_was_read_from_and_by_what_is_printed() {
    let folder = folder("timestamps");
    // As it is written, and as it is printed: the one parser rounds to the nearest microsecond.
    let times = [
        ("2024-05-01T12:00:00.0000019Z", "2024-05-01T12:00:00.000002Z"),
        ("+12024-05-01T12:00:00Z", "+12024-05-01T12:00:00Z"),
        ("-0044-03-15T00:00:00+01:00", "-0044-03-14T23:00:00Z"),
        ("294247-01-10T04:00:54.775806Z", "+294247-01-10T04:00:54.775806Z"),
        ("-290308-12-21T19:59:05.224193Z", "-290308-12-21T19:59:05.224193Z"),
    ];
    let mut lines = String::new();
    let mut cells = String::from("at\n");
    for (written, _) in times {
        lines += &format!("{{\"vector\":[1],\"at\":\"{written}\"}}\n");
        cells += &format!("{written}\n");
    }
    fs::write(folder.join("a.jsonl"), &lines).unwrap();
    fs::write(folder.join("v.jsonl"), "{\"vector\":[1]}\n".repeat(times.len())).unwrap();
    fs::write(folder.join("a.tsv"), cells).unwrap();
    let build = ["build", "a.jsonl", "-o", "a.hither", "--metric", "l2"];
    let output = run(&folder, &build);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("note: 1 timestamp"), "{said}");
    ok(&folder, &["build", "v.jsonl", "--attributes", "a.tsv", "-o", "t.hither", "--metric", "l2"]);
    ok(&folder, &["export", "a.hither", "-o", "b.jsonl"]);
    ok(&folder, &["build", "b.jsonl", "-o", "b.hither", "--metric", "l2"]);
    for file in ["a.hither", "b.hither", "t.hither"] {
        for (number, (written, printed)) in times.into_iter().enumerate() {
            for text in [written, printed] {
                let filter = json(&format!("{{\"at\":\"{text}\"}}")).to_string();
                let search = ["search", file, "--vector", "[1]", "--filter", &filter, "--json"];
                let found = json(&ok(&folder, &search));
                let rows = found["results"].as_array().unwrap();
                assert_eq!(rows.len(), 1, "{file} {text}");
                assert_eq!((&rows[0]["key"], &rows[0]["at"]), (&number.into(), &printed.into()));
            }
        }
    }
    let filter = r#"{"at":"999999-01-01"}"#;
    let message = error(&folder, &["search", "a.hither", "--vector", "[1]", "--filter", filter]);
    assert!(message.contains("2024-05-01T12:00:00Z"), "{message}");
}
