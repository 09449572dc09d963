//! Nothing that exists is lost: an input is never an output, and without --force only an index file
//! is replaced, by another.

use super::process::{error, folder, ok, run, write_points};
use std::fs;
use std::path::Path;

/// A folder with points, an index of them and queries.
fn prepared(test: &str) -> std::path::PathBuf {
    let folder = folder(test);
    write_points(&folder.join("points.jsonl"), 1..21);
    ok(&folder, &["build", "points.jsonl", "-o", "a.hither", "--metric", "l2"]);
    ok(&folder, &["build", "points.jsonl", "-o", "b.hither", "--metric", "l2"]);
    ok(&folder, &["export", "a.hither", "-o", "q.npy"]);
    folder
}

#[test]
fn an_output_that_is_an_input_is_refused_with_force_too() {
    let folder = prepared("itself");
    fs::write(folder.join("a.tsv"), "x\n".repeat(21)).unwrap();
    fs::create_dir(folder.join("sub")).unwrap();
    fs::hard_link(folder.join("points.jsonl"), folder.join("hard")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../points.jsonl", folder.join("sub/soft")).unwrap();
    #[cfg(not(unix))]
    fs::hard_link(folder.join("points.jsonl"), folder.join("sub/soft")).unwrap();
    let before = |name: &str| fs::read(folder.join(name)).unwrap();
    let (points, index, queries) = (before("points.jsonl"), before("a.hither"), before("q.npy"));
    let tsv = ["build", "points.jsonl", "--attributes", "a.tsv", "-o", "a.tsv"];
    for arguments in [
        &["build", "points.jsonl", "-o", "points.jsonl"][..],
        &["build", "points.jsonl", "-o", "./sub/../points.jsonl"],
        &["build", "points.jsonl", "-o", "hard"],
        &["build", "points.jsonl", "-o", "sub/soft"],
        &["build", "sub/soft", "-o", "points.jsonl"],
        &["build", "q.npy", "--keys", "hard", "-o", "points.jsonl"],
        &tsv,
        &["merge", "a.hither", "b.hither", "-o", "a.hither"],
        &["merge", "a.hither", "b.hither", "-o", "b.hither"],
        &["export", "a.hither", "-o", "a.hither"],
        &["search", "a.hither", "--queries", "q.npy", "--output", "q.npy"],
        &["search", "a.hither", "b.hither", "--like", "1", "--output", "b.hither"],
        &["bench", "a.hither", "--queries", "q.npy", "--plot", "q.npy"],
        &["bench", "a.hither", "--queries", "q.npy", "--plot", "a.hither"],
    ] {
        for force in [&[][..], &["--force"]] {
            let message = error(&folder, &[arguments, force].concat());
            assert!(message.contains("this is the input"), "{arguments:?}: {message}");
        }
    }
    assert_eq!(points, before("points.jsonl"));
    assert_eq!((index, queries), (before("a.hither"), before("q.npy")));
}

#[test]
fn what_is_no_index_file_is_replaced_with_force_alone() {
    let folder = prepared("force");
    fs::write(folder.join("notes"), "dear diary").unwrap();
    fs::write(folder.join("empty"), "").unwrap();
    fs::copy(folder.join("a.hither"), folder.join("index.npy")).unwrap();
    for (name, arguments) in [
        ("notes", &["build", "points.jsonl", "-o", "notes"][..]),
        ("empty", &["build", "points.jsonl", "-o", "empty"]),
        ("notes", &["merge", "a.hither", "b.hither", "-o", "notes"]),
        ("q.npy", &["export", "a.hither", "-o", "q.npy"]),
        ("index.npy", &["export", "a.hither", "-o", "index.npy"]),
        ("q.npy", &["search", "a.hither", "--like", "1", "--output", "q.npy"]),
        ("notes", &["bench", "a.hither", "--queries", "q.npy", "--plot", "notes"]),
    ] {
        let before = fs::read(folder.join(name)).unwrap();
        let message = error(&folder, arguments);
        assert!(message.contains(name) && message.contains("--force"), "{arguments:?}: {message}");
        assert_eq!(fs::read(folder.join(name)).unwrap(), before, "{arguments:?}");
    }
    for (name, arguments) in [
        ("notes", &["build", "points.jsonl", "-o", "notes", "--force"][..]),
        ("index.npy", &["export", "a.hither", "-o", "index.npy", "--force"]),
        // An index file is replaced by another.
        ("b.hither", &["build", "q.npy", "-o", "b.hither"]),
        ("notes", &["merge", "a.hither", "a.hither", "-o", "notes"]),
    ] {
        let before = fs::read(folder.join(name)).unwrap();
        ok(&folder, arguments);
        assert_ne!(fs::read(folder.join(name)).unwrap(), before, "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_replaced_file_keeps_its_mode_and_its_links() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = prepared("mode");
    fs::create_dir(folder.join("data")).unwrap();
    let mode = |name: &str| fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
    for wanted in [0o600, 0o664, 0o400] {
        let permissions = fs::Permissions::from_mode(wanted);
        fs::set_permissions(folder.join("b.hither"), permissions).unwrap();
        ok(&folder, &["build", "points.jsonl", "-o", "b.hither"]);
        assert_eq!(mode("b.hither"), wanted);
    }
    symlink("data/real.hither", folder.join("link.hither")).unwrap();
    symlink("link.hither", folder.join("second.hither")).unwrap();
    // First where there is nothing yet, then over what is there.
    for _ in 0..2 {
        ok(&folder, &["build", "points.jsonl", "-o", "second.hither"]);
        let is_link = |name: &str| fs::symlink_metadata(folder.join(name)).unwrap().is_symlink();
        assert!(is_link("link.hither") && is_link("second.hither"));
        assert!(!is_link("data/real.hither"));
        assert_eq!(fs::read_dir(folder.join("data")).unwrap().count(), 1);
    }
}

/// What a killed build leaves is removed by a later run, what a living one writes is not.
#[cfg(unix)]
#[test]
fn what_a_killed_build_left_is_removed() {
    let folder = prepared("killed");
    let names = || {
        let entries = fs::read_dir(&folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let there = names();
    // This process lives, so that no list of processes tells that nobody writes any more.
    let process = std::process::id();
    let left = [format!(".c.hither.{process}.tmp"), format!(".other.hither.{process}.tmp")];
    let held = format!(".held.hither.{process}.tmp");
    let others = [".c.hither.tmp".to_string(), format!(".c.txt.{process}.tmp")];
    for name in left.iter().chain([&held]).chain(&others) {
        fs::write(folder.join(name), "half of it").unwrap();
    }
    let file = fs::OpenOptions::new().write(true).open(folder.join(&held)).unwrap();
    file.lock().unwrap();
    ok(&folder, &["build", "points.jsonl", "-o", "c.hither"]);
    let mut expected = [&there[..], &others, &[held, "c.hither".into()]].concat();
    expected.sort();
    assert_eq!(names(), expected);
    let told = run(Path::new(&folder), &["verify", "c.hither"]);
    assert!(told.status.success());
}
