//! `verify` looks at every file, whatever it finds in those before.

use super::process::{folder, json, ok, run, write_points};
use std::fs;
use std::path::Path;

#[test]
fn verify_goes_on_after_a_damaged_file() {
    let folder = folder("verify");
    write_points(&folder.join("points.jsonl"), 1..21);
    ok(&folder, &["build", "points.jsonl", "-o", "a.hither", "--metric", "l2"]);
    fs::copy(folder.join("a.hither"), folder.join("b.hither")).unwrap();
    let mut flipped = fs::read(folder.join("a.hither")).unwrap();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(folder.join("flipped.hither"), &flipped).unwrap();
    fs::write(folder.join("text.hither"), "hello").unwrap();
    let files = ["a.hither", "flipped.hither", "none.hither", "text.hither", "b.hither"];

    let output = run(&folder, &[&["verify"], &files[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.starts_with("a.hither: ok, 20 rows") && told.contains("b.hither: ok"), "{told}");
    let errors = String::from_utf8(output.stderr).unwrap();
    let errors: Vec<&str> = errors.lines().collect();
    assert_eq!(errors.len(), 4, "{errors:?}");
    for (line, name) in errors.iter().zip(["flipped.hither: ", "none.hither: ", "text.hither: "]) {
        assert!(line.starts_with("error: ") && line.contains(name), "{line}");
    }
    assert_eq!(errors[3], "error: 3 of 5 files failed");

    let output = run(&folder, &[&["verify", "--json"], &files[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    let told: Vec<_> = told.lines().map(json).collect();
    let found: Vec<_> = told.iter().map(|file| file["ok"].as_bool().unwrap()).collect();
    assert_eq!(found, [true, false, false, false, true]);
    assert_eq!((&told[0]["file"], &told[0]["rows"]), (&"a.hither".into(), &20.into()));
    assert!(told[1]["error"].as_str().unwrap().contains("checksum"));
    assert_eq!(json(&ok(&folder, &["verify", "--json", "b.hither"]))["ok"], true);
}

/// A graph that is torn is no damage: every byte is as it was written.
#[test]
fn verify_tells_of_a_torn_graph_and_what_mends_it() {
    let folder = folder("verify-torn");
    let torn = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/v1-torn.hither");
    fs::copy(torn, folder.join("torn.hither")).unwrap();
    ok(&folder, &["merge", "torn.hither", "-o", "mended.hither", "-q"]);
    let files = ["torn.hither", "mended.hither"];

    let told = ok(&folder, &[&["verify", "--json"], &files[..]].concat());
    let told: Vec<_> = told.lines().map(json).collect();
    let unreachable = told[0]["unreachable"].as_u64().unwrap();
    assert!(told[0]["ok"] == true && unreachable > 100, "{told:?}");
    assert!(told[1]["ok"] == true && told[1]["unreachable"] == 0, "{told:?}");
    assert_eq!(told[0]["rows"], told[1]["rows"]);

    let output = run(&folder, &[&["verify"], &files[..]].concat());
    assert!(output.status.success() && output.stderr.is_empty());
    let told = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = told.lines().collect();
    let [first, reason, second] = lines[..] else { panic!("{told}") };
    assert!(first.starts_with("torn.hither: ok, ") && second.starts_with("mended.hither: ok, "));
    assert!(
        reason.starts_with(&format!("  {unreachable} rows are reached by no search")),
        "{told}"
    );
    assert!(reason.ends_with("building the index again mends that"), "{told}");
}
