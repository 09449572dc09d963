//! Standard input, pipes and substituted processes: read once, never hung on, the same file as ever.

use super::process::{error, folder, json, ok, piped, run};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

fn good(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn npy(fortran: bool, rows: usize, values: &[f32]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let columns = values.len() / rows;
    let header =
        format!("{{'descr': '<f4', 'fortran_order': {order}, 'shape': ({rows}, {columns}), }}");
    let mut file = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    file.extend(format!("{header:<117}\n").as_bytes());
    values.iter().for_each(|value| file.extend(value.to_le_bytes()));
    file
}

/// Inputs of every format, and their formats.
fn inputs(folder: &Path) -> Vec<(&'static str, &'static str)> {
    let values: Vec<f32> = (0..600).map(|n| (n * n % 97) as f32).collect();
    fs::write(folder.join("a.npy"), npy(false, 200, &values)).unwrap();
    fs::write(folder.join("f.npy"), npy(true, 200, &values)).unwrap();
    let (mut fvecs, mut bvecs) = (Vec::new(), Vec::new());
    let (mut lines, mut table) = (String::new(), String::from("id,vector,t\n"));
    let mut fbin = [200_u32.to_le_bytes(), 3_u32.to_le_bytes()].concat();
    for (at, row) in values.chunks(3).enumerate() {
        fvecs.extend(3_u32.to_le_bytes());
        bvecs.extend(3_u32.to_le_bytes());
        row.iter().for_each(|value| fvecs.extend(value.to_le_bytes()));
        row.iter().for_each(|value| bvecs.push(*value as u8));
        row.iter().for_each(|value| fbin.extend(value.to_le_bytes()));
        table += &format!("{at},\"{row:?}\",row {at}\n");
        lines += &format!("{{\"id\":{at},\"vector\":{row:?},\"t\":\"row {at}\"}}\n");
    }
    fs::write(folder.join("a.fvecs"), fvecs).unwrap();
    fs::write(folder.join("a.bvecs"), bvecs).unwrap();
    fs::write(folder.join("a.jsonl"), lines).unwrap();
    fs::write(folder.join("a.csv"), table).unwrap();
    fs::write(folder.join("a.fbin"), fbin).unwrap();
    let mut inputs = vec![
        ("a.npy", "npy"),
        ("f.npy", "npy"),
        ("a.fvecs", "fvecs"),
        ("a.bvecs", "bvecs"),
        ("a.jsonl", "jsonl"),
        ("a.csv", "csv"),
        ("a.fbin", "fbin"),
    ];
    if cfg!(feature = "parquet") {
        ok(folder, &["build", "a.jsonl", "-o", "p.hither", "--metric", "l2"]);
        ok(folder, &["export", "p.hither", "-o", "a.parquet"]);
        inputs.push(("a.parquet", "parquet"));
    }
    inputs
}

#[test]
fn standard_input_gives_the_file_that_a_file_gives() {
    let folder = folder("stdin");
    for (name, format) in inputs(&folder) {
        ok(&folder, &["build", name, "-o", "file.hither", "--metric", "l2"]);
        let whole = fs::read(folder.join("file.hither")).unwrap();
        for input in ["-", "/dev/stdin"] {
            let build = ["build", input, "--format", format, "-o", "pipe.hither", "--metric", "l2"];
            good(&piped(&folder, name, &build));
            assert!(fs::read(folder.join("pipe.hither")).unwrap() == whole, "{name} as {input}");
            // A file that is standard input can be sought in.
            let mut command = Command::new(env!("CARGO_BIN_EXE_hither"));
            command.current_dir(&folder).args(build);
            command.stdin(File::open(folder.join(name)).unwrap());
            good(&command.output().unwrap());
            assert!(fs::read(folder.join("pipe.hither")).unwrap() == whole, "{name} < {input}");
        }
        let unnamed = piped(&folder, name, &["build", "-", "-o", "pipe.hither"]);
        assert!(String::from_utf8(unnamed.stderr).unwrap().contains("--format"));
    }
}

#[test]
fn attributes_keys_queries_and_indexes_come_through_pipes_too() {
    let folder = folder("pipes");
    inputs(&folder);
    fs::write(folder.join("a.tsv"), (0..201).map(|n| format!("t{n}\n")).collect::<String>())
        .unwrap();
    let build = ["build", "a.npy", "--metric", "l2", "-o", "piped.hither", "--attributes"];
    ok(&folder, &[&build[..4], &["-o", "file.hither", "--attributes", "a.tsv"]].concat());
    let attributes = [&build[..], &["-", "--attributes-format", "tsv"]].concat();
    good(&piped(&folder, "a.tsv", &attributes));
    let (a, b) = (folder.join("file.hither"), folder.join("piped.hither"));
    assert!(fs::read(a).unwrap() == fs::read(b).unwrap());
    ok(&folder, &["search", "file.hither", "--queries", "a.npy", "-k", "1", "--output", "k.npy"]);
    let keys = ["build", "a.npy", "--metric", "l2", "-o", "piped.hither", "--keys", "-"];
    // The nearest rows, one a query, are keys of one column.
    let output = piped(&folder, "k.npy", &keys);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() || told.contains("given twice"), "{told}");

    let search = ["search", "file.hither", "-k", "2", "--json", "--queries"];
    let expected = ok(&folder, &[&search[..], &["a.npy"]].concat());
    let from = [&search[..], &["-", "--format", "npy"]].concat();
    assert_eq!(good(&piped(&folder, "a.npy", &from)), expected);
    let bench = ["bench", "file.hither", "--queries", "-", "--format", "jsonl", "--json"];
    assert_eq!(json(&good(&piped(&folder, "a.jsonl", &bench)))["queries"], 200);
    let info = ok(&folder, &["info", "file.hither", "--json"]);
    assert_eq!(good(&piped(&folder, "file.hither", &["info", "-", "--json"])), info);
    assert!(good(&piped(&folder, "file.hither", &["verify", "-"])).contains("ok, 200 rows"));
    let twice = ["build", "-", "--format", "npy", "--keys", "-", "-o", "x.hither"];
    assert!(error(&folder, &twice).contains("one file only"));
}

#[test]
fn streams_that_end_early_or_late_are_refused() {
    let folder = folder("cut");
    inputs(&folder);
    let cut = [("a.npy", "npy"), ("f.npy", "npy"), ("a.fvecs", "fvecs"), ("a.fbin", "fbin")];
    for (name, format) in cut {
        let whole = fs::read(folder.join(name)).unwrap();
        let longer = [&whole[..], &[0; 2]].concat();
        for bytes in [&whole[..whole.len() - 1], &whole[..130], &longer[..], &[]] {
            fs::write(folder.join("bytes"), bytes).unwrap();
            let build = ["build", "-", "--format", format, "-o", "x.hither", "--metric", "l2"];
            let output = piped(&folder, "bytes", &build);
            assert_eq!(output.status.code(), Some(1), "{name}, {} bytes", bytes.len());
            assert!(!folder.join("x.hither").exists());
        }
    }
}

/// Opened twice, a named pipe waits for a second writer for ever.
#[cfg(unix)]
#[test]
fn a_named_pipe_is_opened_once() {
    let folder = folder("fifo");
    for (name, format) in inputs(&folder) {
        ok(&folder, &["build", name, "-o", "file.hither", "--metric", "l2"]);
        let pipe = format!("pipe.{format}");
        let _ = fs::remove_file(folder.join(&pipe));
        assert!(Command::new("mkfifo").arg(folder.join(&pipe)).status().unwrap().success());
        let mut writer = Command::new("sh");
        writer.current_dir(&folder).args(["-c", &format!("cat {name} >{pipe}")]);
        let mut writer = writer.spawn().unwrap();
        ok(&folder, &["build", &pipe, "-o", "pipe.hither", "--metric", "l2"]);
        writer.wait().unwrap();
        let (a, b) = (folder.join("file.hither"), folder.join("pipe.hither"));
        assert!(fs::read(a).unwrap() == fs::read(b).unwrap(), "{name}");
    }
    // What is read from standard input is not written over.
    let mut command = Command::new(env!("CARGO_BIN_EXE_hither"));
    command.current_dir(&folder).args(["build", "-", "--format", "npy", "-o", "a.npy", "--force"]);
    command.stdin(File::open(folder.join("a.npy")).unwrap());
    let told = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(told.contains("what standard input reads"), "{told}");
    assert!(run(&folder, &["build", "a.npy", "-o", "b.hither"]).status.success());
}

/// `<(…)` is a pipe of a name that says no format, and several can be given where `-` is one alone.
#[cfg(target_os = "linux")]
#[test]
fn substituted_processes_give_the_file_that_files_give() {
    let folder = folder("substituted");
    // Not every system has bash; what it does for `<(…)` any shell can be told to do.
    let bash = Command::new("bash").args(["-c", ": <(:)"]).status().is_ok_and(|it| it.success());
    let (hither, to) = (env!("CARGO_BIN_EXE_hither"), "-o pipe.hither --metric l2");
    let shell = |shell: &str, script: &str| {
        let mut command = Command::new(shell);
        good(&command.current_dir(&folder).args(["-c", script]).output().unwrap());
        fs::read(folder.join("pipe.hither")).unwrap()
    };
    for (name, format) in inputs(&folder) {
        ok(&folder, &["build", name, "-o", "file.hither", "--metric", "l2"]);
        let whole = fs::read(folder.join("file.hither")).unwrap();
        let build = format!("'{hither}' build --format {format} {to}");
        let numbered = format!("cat {name} | {build} /dev/fd/9 9<&0 </dev/null");
        assert!(shell("sh", &numbered) == whole, "{name} as /dev/fd/9");
        if bash {
            assert!(shell("bash", &format!("{build} <(cat {name})")) == whole, "<(cat {name})");
        }
    }
    fs::write(folder.join("a.tsv"), (0..201).map(|n| format!("t{n}\n")).collect::<String>())
        .unwrap();
    let attributes = ["--attributes", "a.tsv", "--metric", "l2", "-o", "file.hither"];
    ok(&folder, &[&["build", "a.npy"], &attributes[..]].concat());
    if bash {
        let two = "--format npy <(cat a.npy) --attributes-format tsv --attributes <(cat a.tsv)";
        let both = shell("bash", &format!("'{hither}' build {to} {two}"));
        assert!(both == fs::read(folder.join("file.hither")).unwrap());
    }
    // Without a format it is asked for, as of any pipe.
    let unnamed = format!("cat a.npy | '{hither}' build {to} /dev/fd/9 9<&0 </dev/null");
    let output = Command::new("sh").current_dir(&folder).args(["-c", &unnamed]).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("--format"));
}
