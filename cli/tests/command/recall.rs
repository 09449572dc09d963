//! A wanted recall that the calibration did not reach is said wherever it is wanted.

use super::process::{folder, json, ok, run};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Tight clusters far apart, which 8 bits a value do not tell apart: codes alone find few of the
/// nearest, whatever is asked for.
fn write_clusters(path: &Path) {
    let mut text = String::new();
    for n in 0..900 {
        let (x, y) = (f64::from(n % 30) * 1000.0, f64::from(n / 30) * 1e-2);
        writeln!(text, "{{\"vector\":[{x},{y}]}}").unwrap();
    }
    fs::write(path, text).unwrap();
}

#[test]
fn a_recall_that_was_not_reached_is_said_at_every_door() {
    let folder = folder("unreached");
    write_clusters(&folder.join("c.jsonl"));
    let build = ["build", "c.jsonl", "-o", "c.hither", "--metric", "l2", "--element", "f32"];
    let build = [&build[..], &["--kind", "hnsw", "--codes", "sq8-only"]].concat();
    let output = run(&folder, &[&build[..], &["--json"]].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("warning: hnsw did not reach recall@10 0.99 on these rows"), "{said}");
    let built = json(&String::from_utf8(output.stdout).unwrap());
    let best = built["calibrations"][0]["best"]["recall"].as_f64().unwrap();
    assert!(best > 0.0 && best < 0.9, "{built}");
    assert!(run(&folder, &[&build[..], &["--quiet"]].concat()).stderr.is_empty());

    let info = ok(&folder, &["info", "c.hither"]);
    let of_10 = info.lines().find(|line| line.contains("recall@10:")).unwrap();
    assert!(of_10.contains("0.9 not reached, best 0.") && !of_10.contains("0.99 at"), "{info}");

    let search = ["search", "c.hither", "--vector", "[0, 0]", "--recall", "0.99"];
    let search = |more: &[&str]| {
        let output = run(&folder, &[&search[..], more].concat());
        assert!(output.status.success());
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (answer, said) = search(&["--json"]);
    assert!(said.starts_with("warning: recall 0.99 was not reached") && said.lines().count() == 1);
    let reached = json(&answer)["reached_recall"].as_f64().unwrap();
    assert_eq!(reached, built["calibrations"][0]["best"]["recall"].as_f64().unwrap());
    // Of several files the lowest counts; what scans all finds all.
    ok(&folder, &["build", "c.jsonl", "-o", "flat.hither", "--metric", "l2", "--kind", "flat"]);
    assert!(search(&["flat.hither"]).1.starts_with("warning: "));
    let flat = ["search", "flat.hither", "--vector", "[0, 0]", "--recall", "0.99", "--json"];
    let flat = run(&folder, &flat);
    assert!(flat.stderr.is_empty() && flat.status.success());
    assert!(!String::from_utf8(flat.stdout).unwrap().contains("reached_recall"));
}

/// A graph of few edges over rows that are far from each other in every way.
#[test]
fn a_merge_says_what_its_graph_does_not_reach() {
    let folder = folder("unreached-merge");
    let mut state = 1_u64;
    let mut value = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) % 1000
    };
    let lines = (0..2500).map(|_| {
        let values: Vec<_> = (0..40).map(|_| value().to_string()).collect();
        format!("{{\"vector\":[{}]}}\n", values.join(","))
    });
    let lines: String = lines.collect();
    fs::write(folder.join("a.jsonl"), lines).unwrap();
    let build = ["build", "a.jsonl", "-o", "a.hither", "--metric", "l2", "--kind", "hnsw"];
    ok(&folder, &[&build[..], &["--codes", "none", "--m", "2", "--ef-construction", "4"]].concat());
    let merge = ["merge", "a.hither", "-o", "b.hither"];
    let said = String::from_utf8(run(&folder, &merge).stderr).unwrap();
    assert!(said.contains("warning: hnsw did not reach recall@10 0.99 on these rows"), "{said}");
    assert!(run(&folder, &[&merge[..], &["--quiet"]].concat()).stderr.is_empty());
}
