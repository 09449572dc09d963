//! Vectors too long or too short for their arithmetic or for half precision.

use super::process::{error, folder, json, ok};
use std::fs;

#[test]
fn vectors_of_unusual_length_are_right_or_named_with_the_remedy() {
    let folder = folder("magnitude");
    let write = |name: &str, lines: &[&str]| {
        let lines: String = lines.iter().map(|v| format!("{{\"vector\":{v}}}\n")).collect();
        fs::write(folder.join(name), lines).unwrap();
    };
    let build = |input: &str, more: &[&str]| {
        let arguments: Vec<String> = ["build", input, "-o", "out.hither", "--metric"]
            .iter()
            .chain(more)
            .map(ToString::to_string)
            .collect();
        arguments
    };
    let failed = |input: &str, more: &[&str]| {
        let arguments = build(input, more);
        error(&folder, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let built = |input: &str, more: &[&str]| {
        let arguments = build(input, more);
        ok(&folder, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };

    write("long.jsonl", &["[1, 2]", "[1e30, 0]"]);
    let said = failed("long.jsonl", &["l2", "--element", "f32"]);
    assert!(said.contains("row 1: the vector is longer than 4.6e18"), "{said}");
    assert!(said.contains("divide all vectors by the same number, or use the cosine metric"));
    let skipped = ["l2", "--element", "f32", "--on-invalid", "skip", "--json"];
    assert_eq!(json(&built("long.jsonl", &skipped))["rows"], 1);
    let query = ["search", "out.hither", "--vector", "[1e30, 0]"];
    assert!(error(&folder, &query).contains("the vector is longer than 4.6e18"));

    write("short.jsonl", &["[1e-30, 0]", "[0, 1e-30]", "[0, 0]"]);
    let said = failed("short.jsonl", &["ip", "--element", "f32"]);
    assert!(said.contains("no vector is longer than 8.9e-16"), "{said}");
    let said = failed("short.jsonl", &["ip"]);
    assert!(said.contains("too small for half precision") && said.contains("--element f32"));

    write("both.jsonl", &["[1e30, 1e30]", "[0, 1e-30]", "[3, 0]"]);
    built("both.jsonl", &["cosine", "--element", "f32"]);
    for query in ["[0, 1e30]", "[0, 1e-30]", "[0, 2]"] {
        let search = ["search", "out.hither", "--vector", query, "--json"];
        let found = json(&ok(&folder, &search));
        let of = |at: usize, name: &str| found["results"][at][name].as_f64().unwrap();
        assert_eq!([of(0, "key"), of(1, "key"), of(2, "key")], [1.0, 0.0, 2.0]);
        let expected = [0.0, 1.0 - 0.5_f64.sqrt(), 1.0];
        let near = |at: usize| (of(at, "distance") - expected[at]).abs() < 1e-6;
        assert!((0..3).all(near), "{query}: {found}");
    }
}
