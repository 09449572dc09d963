//! `search --radius`: all rows within it, or with `-k` the nearest of them.

use super::process::{folder, json, ok};
use std::fmt::Write;
use std::fs;

/// Rows of unequal lengths, about which a graph by inner product does not know enough.
fn rows(count: u32) -> String {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24)
    };
    let mut text = String::new();
    for _ in 0..count {
        let length = (4.0 * next()).exp();
        let vector: Vec<String> =
            (0..6).map(|_| format!("{:.4}", length * (next() - 0.5))).collect();
        writeln!(text, "{{\"vector\":[{}]}}", vector.join(",")).unwrap();
    }
    text
}

#[test]
fn a_radius_is_complete_unless_the_nearest_k_are_asked_for() {
    let folder = folder("radius");
    fs::write(folder.join("r.jsonl"), rows(3000)).unwrap();
    for metric in ["ip", "l2"] {
        let build = ["build", "r.jsonl", "-o", "r.hither", "--metric", metric, "--kind", "hnsw"];
        ok(&folder, &build);
        let search = |more: &[&str]| -> Vec<(i64, f64)> {
            let search = ["search", "r.hither", "--vector", "[3, -2, 1, 0, 2, 1]", "--json"];
            let found = json(&ok(&folder, &[&search[..], more].concat()));
            let row = |row: &serde_json::Value| {
                (row["key"].as_i64().unwrap(), row["distance"].as_f64().unwrap())
            };
            found["results"].as_array().unwrap().iter().map(row).collect()
        };
        let all = search(&["--exact", "-k", "3000"]);
        assert_eq!(all.len(), 3000);
        for place in [0, 40, 1200, 2999] {
            let radius = format!("{}", all[place].1);
            let within: Vec<_> = all.iter().copied().filter(|row| row.1 <= all[place].1).collect();
            assert!(within.len() > place);
            assert_eq!(search(&["--radius", &radius]), within, "{metric} {radius}");
            assert_eq!(search(&["--radius", &radius, "--ef-search", "1"]), within);
            let nearest = search(&["-k", "25"]);
            let cut: Vec<_> = nearest.into_iter().filter(|row| row.1 <= all[place].1).collect();
            assert_eq!(search(&["--radius", &radius, "-k", "25"]), cut);
        }
    }
}
