//! The command as a person or a program runs it.

#[path = "command/change_files.rs"]
mod change_files;
#[path = "command/changing.rs"]
mod changing;
#[path = "command/codes.rs"]
mod codes;
#[path = "command/magnitude.rs"]
mod magnitude;
#[path = "command/memory.rs"]
mod memory;
#[path = "command/overwriting.rs"]
mod overwriting;
#[path = "command/process.rs"]
mod process;
#[cfg(all(feature = "remote", unix))]
#[path = "command/pulling.rs"]
mod pulling;
#[path = "command/radius.rs"]
mod radius;
#[cfg(all(feature = "remote", unix))]
#[path = "command/ranges.rs"]
mod ranges;
#[path = "command/recall.rs"]
mod recall;
#[cfg(all(feature = "remote", unix))]
#[path = "command/remote.rs"]
mod remote;
#[cfg(feature = "serve")]
#[path = "command/serve_process.rs"]
mod serve_process;
#[cfg(all(feature = "remote", unix))]
#[allow(dead_code, reason = "the tests of hither-remote use all of it")]
#[path = "../../remote/tests/server.rs"]
mod server;
#[cfg(feature = "serve")]
#[path = "command/serving.rs"]
mod serving;
#[path = "command/streams.rs"]
mod streams;
#[path = "command/texts.rs"]
mod texts;
#[path = "command/timestamps.rs"]
mod timestamps;
#[path = "command/types.rs"]
mod types;
#[path = "command/verifying.rs"]
mod verifying;

use process::{error, folder, json, ok, run, write_points};
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn quiet_says_nothing() {
    let folder = folder("quiet");
    write_points(&folder.join("points.jsonl"), 1..101);
    let both = |arguments: &[&str]| {
        let output = run(&folder, arguments);
        assert!(output.status.success(), "{arguments:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(both(&["build", "points.jsonl", "-o", "a.hither", "-q"]), "");
    assert_eq!(both(&["merge", "a.hither", "-o", "b.hither", "--quiet"]), "");
    let told = both(&["build", "points.jsonl", "-o", "c.hither", "--quiet", "--json"]);
    assert_eq!(json(&told)["rows"], 100);
    assert!(
        error(&folder, &["build", "none.jsonl", "-o", "d.hither", "-q"]).contains("none.jsonl")
    );
}

#[test]
fn build_search_info_verify() {
    let folder = folder("build");
    write_points(&folder.join("points.jsonl"), 1..101);
    let build = ["build", "points.jsonl", "-o", "points.hither", "--metric", "l2", "--json"];
    let built = json(&ok(&folder, &build));
    assert_eq!(built["rows"], 100);
    assert_eq!(built["kind"][0], "flat");
    assert!(ok(&folder, &["verify", "points.hither"]).contains("ok, 100 rows"));

    let search = ["search", "points.hither", "--vector", "[10, 20]", "-k", "3", "--json"];
    let found = json(&ok(&folder, &search));
    let keys: Vec<i64> =
        found["results"].as_array().unwrap().iter().map(|r| r["key"].as_i64().unwrap()).collect();
    assert_eq!(keys, [10, 9, 11]);
    assert_eq!(found["results"][0]["parity"], "even");
    assert_eq!(found["results"][1]["parity"], serde_json::Value::Null);
    assert_eq!(found["results"][0]["square"], 100);

    let filter = r#"{"parity": "even", "square": {"$gt": 400}}"#;
    let search =
        ["search", "points.hither", "--like", "10", "-k", "2", "--filter", filter, "--json"];
    let found = json(&ok(&folder, &search));
    assert_eq!(found["results"][0]["key"], 22);
    assert_eq!(found["results"][1]["key"], 24);

    let radius = ["search", "points.hither", "--vector", "[10, 20]", "--radius", "4.5", "--json"];
    assert_eq!(json(&ok(&folder, &radius))["results"].as_array().unwrap().len(), 5);

    let table = ok(&folder, &["search", "points.hither", "--like", "1", "-k", "1"]);
    assert_eq!(table, "  1  2.236068   2  even  4\n");

    let info = json(&ok(&folder, &["info", "points.hither", "--json"]));
    assert_eq!(info["rows"], 100);
    assert_eq!(info["keys"], "int64");
    assert_eq!(info["columns"][0]["name"], "parity");
    assert!(ok(&folder, &["info", "points.hither"]).contains("metric      l2 (<->)"));
}

#[test]
fn several_files_are_searched_as_one_and_merged() {
    let folder = folder("merge");
    write_points(&folder.join("a.jsonl"), 1..51);
    write_points(&folder.join("b.jsonl"), 51..101);
    for name in ["a", "b"] {
        let (input, output) = (format!("{name}.jsonl"), format!("{name}.hither"));
        ok(&folder, &["build", &input, "-o", &output, "--metric", "l2", "--element", "f32"]);
    }
    let query = ["--vector", "[50.4, 100.8]", "-k", "4", "--json"];
    let both = ok(&folder, &[&["search", "a.hither", "b.hither"][..], &query].concat());
    ok(&folder, &["merge", "a.hither", "b.hither", "-o", "c.hither"]);
    let merged = ok(&folder, &[&["search", "c.hither"][..], &query].concat());
    assert_eq!(both, merged);

    let mut formats = vec!["c.jsonl", "c.jsonl.gz", "c.csv", "c.csv.gz", "c.tsv"];
    if cfg!(feature = "parquet") {
        formats.extend(["c.csv.zst", "c.parquet", "c.arrow", "c.arrows"]);
    }
    for name in formats {
        ok(&folder, &["export", "c.hither", "-o", name]);
        ok(&folder, &["build", name, "-o", "d.hither", "--metric", "l2", "--element", "f32"]);
        assert_eq!(
            fs::read(folder.join("c.hither")).unwrap(),
            fs::read(folder.join("d.hither")).unwrap(),
            "{name}"
        );
    }
    ok(&folder, &["export", "c.hither", "-o", "c.npy"]);
    ok(&folder, &["search", "c.hither", "--queries", "c.npy", "-k", "2", "--output", "ids.npy"]);
    let ids = fs::read(folder.join("ids.npy")).unwrap();
    let ids: Vec<i64> = ids[ids.len() - 100 * 2 * 8..]
        .chunks(8)
        .map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    assert!(ids.chunks(2).zip(1..).all(|(found, key)| found[0] == key));
}

#[test]
fn bench_measures_against_truth() {
    let folder = folder("bench");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample");
    let vectors = sample.join("words.npy");
    let queries = sample.join("queries.npy");
    let (vectors, queries) = (vectors.to_str().unwrap(), queries.to_str().unwrap());
    let build = ["build", vectors, "-o", "w.hither", "--kind", "hnsw", "--kind", "ivf"];
    ok(&folder, &build);
    let bench = ["bench", "w.hither", "--queries", queries, "--ef-search", "20,200", "--json"];
    let bench = [&bench[..], &["--plot", "curve.svg"]].concat();
    let measured = json(&ok(&folder, &bench));
    let results = measured["results"].as_array().unwrap();
    assert_eq!(results[0]["ef_search"], 20);
    assert!(results[1]["recall"].as_f64().unwrap() >= 0.99);
    assert!(results[0]["recall"].as_f64() <= results[1]["recall"].as_f64());
    for name in ["qps", "p50_us", "p99_us"] {
        assert!(results[0][name].as_f64().unwrap() > 0.0);
    }
    assert!(fs::read_to_string(folder.join("curve.svg")).unwrap().ends_with("</svg>\n"));

    // The truth that the command itself finds, given as a file, changes nothing.
    let exact = ["search", "w.hither", "--queries", queries, "--exact", "--output", "truth.npy"];
    ok(&folder, &exact);
    let given = ["bench", "w.hither", "--queries", queries, "--truth", "truth.npy"];
    let given = [&given[..], &["--probes", "5", "--json"]].concat();
    let computed = ["bench", "w.hither", "--queries", queries, "--probes", "5", "--json"];
    let recall = |text: String| json(&text)["results"][0]["recall"].as_f64().unwrap();
    assert_eq!(recall(ok(&folder, &given)), recall(ok(&folder, &computed)));
}

#[test]
fn builds_are_the_same_with_any_number_of_threads() {
    let folder = folder("threads");
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample/words.npy");
    let vectors = vectors.to_str().unwrap();
    for threads in ["1", "2"] {
        let output = format!("{threads}.hither");
        ok(&folder, &["build", vectors, "-o", &output, "--kind", "hnsw", "--threads", threads]);
    }
    assert!(
        fs::read(folder.join("1.hither")).unwrap() == fs::read(folder.join("2.hither")).unwrap()
    );
}

#[test]
fn invalid_rows_are_an_error_or_left_out() {
    let folder = folder("invalid");
    fs::write(folder.join("a.jsonl"), "{\"vector\":[0,0]}\n{\"vector\":[1,2]}\n").unwrap();
    let message = error(&folder, &["build", "a.jsonl", "-o", "a.hither"]);
    assert!(message.contains("row 0") && message.contains("--on-invalid skip"), "{message}");
    assert!(!folder.join("a.hither").exists());
    let skip = ["build", "a.jsonl", "-o", "a.hither", "--on-invalid", "skip", "--json"];
    let built = json(&ok(&folder, &skip));
    assert_eq!((&built["rows"], &built["skipped"]), (&1.into(), &1.into()));
    // The row that is left keeps its number.
    let found = json(&ok(&folder, &["search", "a.hither", "--vector", "[1,2]", "--json"]));
    assert_eq!(found["results"][0]["key"], 1);
}

#[test]
fn errors_are_one_line_that_says_what_to_do() {
    let folder = folder("errors");
    write_points(&folder.join("points.jsonl"), 1..20);
    ok(&folder, &["build", "points.jsonl", "-o", "p.hither", "--metric", "l2"]);
    let whole = fs::read(folder.join("p.hither")).unwrap();
    fs::write(folder.join("cut.hither"), &whole[..whole.len() - 1]).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(folder.join("flipped.hither"), &flipped).unwrap();
    let mut newer = whole.clone();
    newer[8] = 2;
    fs::write(folder.join("newer.hither"), &newer).unwrap();
    fs::write(folder.join("empty.hither"), "").unwrap();
    fs::write(folder.join("text.hither"), "hello").unwrap();
    fs::write(folder.join("twice.jsonl"), "{\"id\":1,\"vector\":[1]}\n".repeat(2)).unwrap();
    for (arguments, says) in [
        (&["info", "none.hither"][..], "No such file"),
        (&["info", "."], "directory"),
        (&["info", "empty.hither"], "not a hither index"),
        (&["info", "text.hither"], "not a hither index"),
        (&["info", "cut.hither"], "it was cut"),
        (&["info", "newer.hither"], "version 2"),
        (&["verify", "flipped.hither"], "checksum"),
        (&["search", "p.hither"], "--queries"),
        (&["search", "p.hither", "--vector", "[1]"], "expected 2 dimensions, not 1"),
        (&["search", "p.hither", "--vector", "1, 2"], "--vector"),
        (&["search", "p.hither", "--like", "99"], "no row has this key"),
        (&["search", "p.hither", "--like", "x"], "no key of this index"),
        (&["search", "p.hither", "--like", "1", "-k", "0"], "k: 0"),
        (&["search", "p.hither", "--like", "1", "--filter", "{"], "invalid filter"),
        (&["search", "p.hither", "--like", "1", "--filter", "{\"no\": 1}"], "parity, square"),
        (&["search", "p.hither", "--like", "1", "--filter", "{\"square\": \"x\"}"], "int64"),
        (&["search", "p.hither", "--like", "1", "--metric", "cosine"], "unit length"),
        (&["search", "p.hither", "--like", "1", "--columns", "no"], "no column"),
        (&["build", "none.npy", "-o", "x.hither"], "no such file"),
        (&["build", "p.hither", "-o", "x.hither"], ".npy"),
        (&["build", "-", "-o", "x.hither"], "--format"),
        (&["build", "points.jsonl", "-o", "-"], "standard output"),
        (&["build", "twice.jsonl", "-o", "x.hither"], "twice.jsonl: key 1 is given twice"),
        (&["build", "points.jsonl", "-o", "no/x.hither"], "folder does not exist"),
        (&["build", "points.jsonl", "-o", "x.hither", "--kind", "hnsw", "--m", "1"], "m: 1"),
        (&["build", "points.jsonl", "-o", "x.hither", "--property", "x"], "NAME=VALUE"),
        (&["build", "points.jsonl", "-o", "x.hither", "--metric", "l1", "--codes", "sq8"], "l1"),
        (&["bench", "p.hither", "--queries", "points.jsonl", "--ef-search", "10"], "--kind hnsw"),
    ] {
        let message = error(&folder, arguments);
        assert!(message.contains(says), "{arguments:?}: {message}");
    }
    let usage = run(&folder, &["search"]);
    assert_eq!(usage.status.code(), Some(2));
    assert!(!folder.join("x.hither").exists());
}

#[test]
fn help_and_completions() {
    let folder = folder("help");
    assert!(ok(&folder, &["--help"]).contains("build"));
    assert!(ok(&folder, &["build", "--help"]).contains("--on-invalid"));
    assert!(ok(&folder, &["--version"]).starts_with("hither 0."));
    let completions = ok(&folder, &["completions", "bash"]);
    assert!(completions.contains("complete") && completions.contains("--ignore-missing"));
}

/// A socket stands for whatever is no regular file: devices, pipes, folders.
#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_not_replaced() {
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::UnixListener;
    // Not in the folder of the tests, whose path may be longer than a socket's can be.
    let folder = std::env::temp_dir().join(format!("hither-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    write_points(&folder.join("points.jsonl"), 1..11);
    ok(&folder, &["build", "points.jsonl", "-o", "points.hither"]);
    for (name, arguments) in [
        ("a.hither", ["build", "points.jsonl", "-o", "a.hither"]),
        ("a.jsonl", ["export", "points.hither", "-o", "a.jsonl"]),
    ] {
        let _socket = UnixListener::bind(folder.join(name)).unwrap();
        assert!(error(&folder, &arguments).contains("no regular file"));
        assert!(fs::metadata(folder.join(name)).unwrap().file_type().is_socket());
    }
    fs::remove_dir_all(folder).unwrap();
}

#[cfg(unix)]
#[test]
fn an_interrupted_build_leaves_nothing_behind() {
    let folder = folder("interrupt");
    let mut value = 1_u32;
    let mut vectors = Vec::new();
    for _ in 0..30_000 {
        vectors.extend(64_u32.to_le_bytes());
        for _ in 0..64 {
            value = value.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            vectors.extend(((value >> 8) as f32).to_le_bytes());
        }
    }
    fs::write(folder.join("v.fvecs"), vectors).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hither"));
    command.current_dir(&folder).args(["build", "v.fvecs", "--element", "f32", "-o", "v.hither"]);
    let mut build = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    // The temporary file shows that the graph is being built.
    while fs::read_dir(&folder).unwrap().count() < 2 {
        assert_eq!(build.try_wait().unwrap(), None);
        std::thread::yield_now();
    }
    // Not SIGINT: where the tests run in the background it is ignored, and so the build ignores it.
    let kill = ["-c", &format!("kill -TERM {}", build.id())];
    assert!(Command::new("sh").args(kill).status().unwrap().success());
    assert_eq!(build.wait().unwrap().code(), Some(130));
    let left = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["v.fvecs"]);
}

#[test]
fn of_rows_with_the_same_key_the_last_file_counts() {
    let folder = folder("replaced");
    fs::write(folder.join("a.jsonl"), "{\"id\":1,\"vector\":[0]}\n{\"id\":2,\"vector\":[1]}\n")
        .unwrap();
    fs::write(folder.join("b.jsonl"), "{\"id\":1,\"vector\":[9]}\n").unwrap();
    for name in ["a", "b"] {
        let (input, output) = (format!("{name}.jsonl"), format!("{name}.hither"));
        ok(&folder, &["build", &input, "-o", &output, "--metric", "l2"]);
    }
    let query = ["--vector", "[0]", "-k", "1"];
    let nearest = |files: &[&str]| ok(&folder, &[&["search"], files, &query].concat());
    assert_eq!(nearest(&["a.hither", "b.hither"]), "  1  1.000000   2\n");
    assert_eq!(nearest(&["b.hither", "a.hither"]), "  1  0.000000   1\n");
    ok(&folder, &["merge", "a.hither", "b.hither", "-o", "c.hither"]);
    assert_eq!(nearest(&["c.hither"]), nearest(&["a.hither", "b.hither"]));
    // The row that others are to be like is that of the last file, too.
    let like = ["search", "a.hither", "b.hither", "--like", "1"];
    assert_eq!(ok(&folder, &like), "  1  8.000000   2\n");
}

/// A matrix as NumPy writes it.
fn write_npy(path: &Path, descr: &str, rows: usize, bytes: &[u8], size: usize) {
    let columns = bytes.len() / size / rows;
    let header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let mut file = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    file.extend(format!("{header:<117}\n").as_bytes());
    file.extend(bytes);
    fs::write(path, file).unwrap();
}

#[test]
fn queries_and_truth_that_do_not_fit_are_named() {
    let folder = folder("named");
    write_points(&folder.join("points.jsonl"), 1..11);
    ok(&folder, &["build", "points.jsonl", "-o", "p.hither", "--metric", "l2"]);
    let queries: Vec<u8> = [1.0_f32, 2.0, 3.0, 6.0].iter().flat_map(|n| n.to_le_bytes()).collect();
    write_npy(&folder.join("q.npy"), "<f4", 2, &queries, 4);
    let bad: Vec<u8> = [1.0, 2.0, 3.0, f32::NAN].iter().flat_map(|n| n.to_le_bytes()).collect();
    write_npy(&folder.join("nan.npy"), "<f4", 2, &bad, 4);
    let truth = |name: &str, keys: &[i64]| {
        let bytes: Vec<u8> = keys.iter().flat_map(|key| key.to_le_bytes()).collect();
        write_npy(&folder.join(name), "<i8", 2, &bytes, 8);
    };
    truth("foreign.npy", &[1, 2, 3, 77]);
    truth("padded.npy", &[1, -1, 3, -1]);
    for command in [&["search", "p.hither"][..], &["bench", "p.hither"]] {
        let message = error(&folder, &[command, &["--queries", "nan.npy"]].concat());
        assert!(message.contains("nan.npy, row 1") && message.contains("NaN"), "{message}");
    }
    let bench = ["bench", "p.hither", "-k", "2", "--json", "--queries", "q.npy", "--truth"];
    let message = error(&folder, &[&bench[..], &["foreign.npy"]].concat());
    assert!(message.contains("foreign.npy, row 1") && message.contains("key 77"), "{message}");
    // What a search with --output fills up with where it found fewer rows is no key.
    let measured = json(&ok(&folder, &[&bench[..], &["padded.npy"]].concat()));
    assert_eq!(measured["results"][0]["recall"], 1.0);
}

/// Not only Ctrl-C and not only builds: what had the name stays, and nothing lies beside it.
#[cfg(unix)]
#[test]
fn a_merge_that_a_signal_ends_leaves_nothing_behind() {
    use std::os::unix::process::ExitStatusExt;
    let folder = folder("signal");
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample/words.npy");
    ok(&folder, &["build", vectors.to_str().unwrap(), "-o", "a.hither", "--kind", "hnsw"]);
    fs::write(folder.join("b.hither"), "as it was").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hither"));
    command
        .current_dir(&folder)
        .args(["merge", "a.hither", "a.hither", "-o", "b.hither", "--force"]);
    let mut merge = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    while fs::read_dir(&folder).unwrap().count() < 3 {
        assert_eq!(merge.try_wait().unwrap(), None);
        std::thread::yield_now();
    }
    let kill = ["-c", &format!("kill -TERM {}", merge.id())];
    assert!(Command::new("sh").args(kill).status().unwrap().success());
    assert_eq!(merge.wait().unwrap().signal(), Some(15));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    assert_eq!(fs::read(folder.join("b.hither")).unwrap(), b"as it was");
}
