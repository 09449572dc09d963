//! Nothing that exists is lost: an input is never an output, and without --force only an index file
//! is replaced, by another.

use super::process::{error, folder, ok, run, write_points};
use std::fs;
use std::path::Path;
#[cfg(unix)]
use std::process::{Child, Command, Stdio};

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
    // Links in a circle lead to no file that could be replaced.
    symlink("there", folder.join("here")).unwrap();
    symlink("here", folder.join("there")).unwrap();
    for forced in [&[][..], &["--force"]] {
        error(&folder, &[&["build", "points.jsonl", "-o", "here"], forced].concat());
        assert_eq!(fs::read_link(folder.join("here")).unwrap(), Path::new("there"));
    }
}

/// The names in a folder.
#[cfg(unix)]
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What a killed build leaves is removed by a later run, what a living one writes is not.
#[cfg(unix)]
#[test]
fn what_a_killed_build_left_is_removed() {
    let folder = prepared("killed");
    let there = names(&folder);
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
    assert_eq!(names(&folder), expected);
    let told = run(Path::new(&folder), &["verify", "c.hither"]);
    assert!(told.status.success());
}

/// Builds a file from rows that come through a pipe, of which the first `given` bytes have.
#[cfg(unix)]
fn fed(folder: &Path, output: &str, rows: &[u8], given: usize) -> Child {
    use std::io::Write;
    let mut command = Command::new(env!("CARGO_BIN_EXE_hither"));
    command.current_dir(folder).args(["build", "-", "--format", "npy", "-o", output, "-q"]);
    command.args(["--kind", "flat", "--metric", "l2"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(&rows[..given]).unwrap();
    child
}

/// Such an end lets nothing run, so that half a file stays: under a name that no reader takes.
#[cfg(unix)]
#[test]
fn a_build_that_is_killed_leaves_the_output_as_it_was() {
    let folder = prepared("killed-midway");
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (50000, 16), }";
    let mut rows = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    rows.extend(format!("{header:<117}\n").as_bytes());
    (0..50_000 * 16).for_each(|n| rows.extend(((n % 1009) as f32).to_le_bytes()));
    let old = fs::read(folder.join("b.hither")).unwrap();
    let there = names(&folder);
    let temporary = |output: &str, child: &Child| format!(".{output}.{}.tmp", child.id());
    // The names beside those before.
    let killed = |mut child: Child| {
        child.kill().unwrap();
        child.wait().unwrap();
        names(&folder).into_iter().filter(|name| !there.contains(name)).collect::<Vec<_>>()
    };
    let cleared = || {
        ok(&folder, &["build", "points.jsonl", "-o", "other.hither"]);
        fs::remove_file(folder.join("other.hither")).unwrap();
        assert_eq!(names(&folder), there);
    };

    // No pipe holds half of the rows: where they were taken, the file is begun and not whole.
    for output in ["new.hither", "b.hither"] {
        let child = fed(&folder, output, &rows, rows.len() / 2);
        let half = temporary(output, &child);
        assert_eq!(killed(child), [half]);
        assert_eq!(fs::read(folder.join("b.hither")).unwrap(), old);
        cleared();
    }
    // While it is written, or where that was quicker just after: the old file, or all of the new.
    let mut child = fed(&folder, "b.hither", &rows, rows.len());
    let half = temporary("b.hither", &child);
    child.stdin = None;
    let begun = || fs::metadata(folder.join(&half)).is_ok_and(|file| file.len() > 0);
    while !begun() && child.try_wait().unwrap().is_none() {}
    let beside = killed(child);
    if beside == [half] {
        assert_eq!(fs::read(folder.join("b.hither")).unwrap(), old);
    } else {
        assert!(beside.is_empty(), "{beside:?}");
        assert!(ok(&folder, &["verify", "b.hither"]).contains("ok, 50,000 rows"));
    }
    cleared();
}
