//! Which codes a file has, and that it is said where they are not those that were asked for.

use super::process::{folder, json, ok};
use std::fs;
use std::path::Path;

#[test]
fn codes_of_four_bits_are_built_or_it_is_said_why_not() {
    let folder = folder("codes");
    let words = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample/words.npy");
    let words = words.to_str().unwrap();
    // So it is where nothing is asked for, but for what the file says was.
    let build = ["build", words, "-o", "default.hither", "--json"];
    assert_eq!(json(&ok(&folder, &build))["codes"], "sq4");
    let build = ["build", words, "-o", "four.hither", "--codes", "sq4"];
    let told = ok(&folder, &[&build[..], &["--force"]].concat());
    assert!(told.contains("codes sq4,") && !told.contains("tell"), "{told}");
    let built = json(&ok(&folder, &[&build[..], &["--force", "--json"]].concat()));
    assert_eq!(built["codes"], "sq4");
    let bytes = built["bytes_per_vector"].as_f64().unwrap();
    ok(&folder, &["verify", "four.hither"]);
    assert!(ok(&folder, &["info", "four.hither"]).contains("codes of 4 bits"));
    // What is made of it has them too.
    ok(&folder, &["merge", "four.hither", "-o", "merged.hither"]);
    let merged = json(&ok(&folder, &["info", "merged.hither", "--json"]));
    assert_eq!(merged["segments"][0]["codes"], "sq4");
    let eight = ["build", words, "-o", "eight.hither", "--codes", "sq8", "--json"];
    let eight = json(&ok(&folder, &eight))["bytes_per_vector"].as_f64().unwrap();
    assert!((185.0..200.0).contains(&(eight - bytes)), "{eight} {bytes}");

    // A line of rows: 4 bits see sixteen of them.
    let rows: String = (0..3000).map(|n| format!("{{\"vector\":[{n},0]}}\n")).collect();
    fs::write(folder.join("line.jsonl"), rows).unwrap();
    let build = ["build", "line.jsonl", "-o", "line.hither", "--metric", "l2", "--codes", "sq4"];
    let told = ok(&folder, &build);
    assert!(told.contains("4 bits do not tell these rows apart"), "{told}");

    // So it is where nothing is asked for, of as many dimensions as have 4 bits by default.
    let mut rows = Vec::new();
    for n in 0..2500 {
        rows.extend(256_u32.to_le_bytes());
        rows.extend(((n / 50) as f32).to_le_bytes());
        rows.extend(((n % 50) as f32).to_le_bytes());
        rows.extend([0; 254 * 4]);
    }
    fs::write(folder.join("wide.fvecs"), rows).unwrap();
    let told = ok(&folder, &["build", "wide.fvecs", "-o", "wide.hither", "--metric", "l2"]);
    assert!(told.contains("codes sq8: 4 bits do not tell these rows apart"), "{told}");
}
