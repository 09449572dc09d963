//! How much memory a build takes, what refuses it, and what --memory holds it to.

use super::process::{error, folder, json, ok, piped, run};
use hither::{
    Element, HnswParams, IndexFile, IndexOptions, Metric, SearchParams, Searcher, Structure,
};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;

/// The header of a .npy file.
fn header(dtype: &str, rows: u64, columns: u64) -> Vec<u8> {
    let text =
        format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let mut header = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    header.extend(format!("{text:<117}\n").as_bytes());
    header
}

/// Writes rows of small numbers.
fn write_rows(path: &Path, rows: u64, columns: u64, value: impl Fn(u64, u64) -> u64) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(&header("|i1", rows, columns)).unwrap();
    for row in 0..rows {
        let bytes: Vec<u8> = (0..columns).map(|column| value(row, column) as u8).collect();
        file.write_all(&bytes).unwrap();
    }
    file.flush().unwrap();
}

/// The values of rows that mix two of a few directions, no two alike.
fn mixed(row: u64, column: u64) -> u64 {
    let (a, b, c) = (row % 61, row % 53, row % 256);
    match column {
        0 => row % 126 + 1,
        1 => row / 126 % 127,
        _ => ((a * column) % 17 * (256 - c) + (b * column) % 13 * c) / 160,
    }
}

/// Those of rows that have nothing in common.
#[cfg(target_os = "linux")]
fn random(row: u64, column: u64) -> u64 {
    let mut number = (row << 20 | column).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) >> 57
}

/// The greatest resident memory of the command, in bytes: looked at until it ends, for the kernel
/// keeps the peak as long as the process lives.
#[cfg(target_os = "linux")]
fn peak(folder: &Path, arguments: &[&str]) -> u64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hither"));
    let command = command.current_dir(folder).args(arguments).stdout(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        peak = number.map_or(peak, |kilobytes| peak.max(1024 * kilobytes));
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success(), "{arguments:?}");
            return peak;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// What --help says that the program takes itself.
#[cfg(target_os = "linux")]
const PROGRAM: u64 = 50_000_000;

#[cfg(target_os = "linux")]
#[test]
fn a_build_takes_no_more_than_was_said() {
    let folder = folder("memory-peak");
    let (rows, columns) = (16_000, 1_536);
    write_rows(&folder.join("rows.npy"), rows, columns, mixed);
    let hnsw = Some(HnswParams { m: 8, ef_construction: 16 });
    let element = Element::F32;
    let options =
        IndexOptions { hnsw, element, ..IndexOptions::new(columns as usize, Metric::Cosine) };
    let need = options.memory_needed(rows);
    let build = ["build", "rows.npy", "--element", "f32", "--m", "8", "--ef-construction", "16"];
    let whole = peak(&folder, &[&build[..], &["-o", "whole.hither", "-q"]].concat());
    assert!(whole <= need + PROGRAM, "{whole} of {need}");
    assert!(whole >= need / 10 * 8, "{whole} of {need}");

    // A quarter of it, which the whole is well beyond.
    let quarter = need / 4;
    assert!(whole > quarter + PROGRAM);
    let size = quarter.to_string();
    let limited = [&build[..], &["-o", "parts.hither", "-q", "--memory", &size]].concat();
    let parts = peak(&folder, &limited);
    assert!(parts <= quarter + PROGRAM, "{parts} of {quarter}");
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, 3, "what was put aside is gone");

    let [whole, parts] =
        ["whole.hither", "parts.hither"].map(|name| IndexFile::open(folder.join(name)).unwrap());
    let (whole, parts) = (whole.index(), parts.index());
    parts.verify().unwrap();
    assert_eq!(parts.len(), rows);
    let segments = parts.info().segments;
    assert!((4..=6).contains(&segments.len()), "{}", segments.len());
    assert!(segments.iter().all(|segment| !segment.calibrations.is_empty()));
    let mut searcher = Searcher::new();
    let mut query = vec![0.0; columns as usize];
    let (mut found, mut wanted) = (0, 0);
    let keys = |index: &hither::Index<'_>, params: &SearchParams<'_>, query: &[f32]| {
        let mut searcher = Searcher::new();
        let found = index.search(query, params, &mut searcher).unwrap();
        found.iter().map(|row| index.key(row.row).unwrap().to_string()).collect::<Vec<_>>()
    };
    for row in (0..rows).step_by(400) {
        let row = whole.find(hither::KeyRef::Int64(row as i64)).unwrap().unwrap();
        whole.vector(row, &mut query).unwrap();
        let flat = SearchParams::new(10).structure(Structure::Flat);
        let exact = whole.search(&query, &flat, &mut searcher).unwrap();
        let farthest = exact.last().unwrap().distance;
        assert_eq!(keys(parts, &flat, &query), keys(whole, &flat, &query));
        // As the calibrations say; of rows that are equally far, any.
        let quick = SearchParams::new(10).recall(0.95);
        let answer = parts.search(&query, &quick, &mut searcher).unwrap();
        found += answer.iter().filter(|row| row.distance <= farthest).count();
        wanted += answer.len();
    }
    assert!(found * 100 >= wanted * 94, "{found} of {wanted}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_of_more_rows_takes_as_much_more_memory() {
    let folder = folder("memory-rows");
    let sized = |rows: u64| {
        write_rows(&folder.join("rows.npy"), rows, 128, random);
        let build = ["build", "rows.npy", "-o", "rows.hither", "-q", "--ef-construction", "16"];
        let peak = peak(&folder, &build);
        (peak, std::fs::metadata(folder.join("rows.hither")).unwrap().len())
    };
    let ((little, short), (much, long)) = (sized(15_000), sized(50_000));
    let (grown, longer) = (much - little, long - short);
    assert!(grown * 10 <= longer * 16, "{grown} for {longer}");
}

#[test]
fn a_build_that_does_not_fit_is_refused_before_it_begins() {
    let folder = folder("memory-refused");
    // A file of a hundred million long rows, of which nothing was written: no machine of a test
    // has memory for it.
    let (rows, columns) = (100_000_000, 40_000);
    let header = header("<f2", rows, columns);
    if cfg!(target_os = "linux") {
        let mut file = File::create(folder.join("huge.npy")).unwrap();
        file.write_all(&header).unwrap();
        if file.set_len(header.len() as u64 + rows * columns * 2).is_ok() {
            let message = error(&folder, &["build", "huge.npy", "-o", "huge.hither"]);
            assert!(message.contains("building 100,000,000 rows of 40000 dimensions"), "{message}");
            assert!(message.contains("12.0 TB of memory"), "{message}");
            assert!(message.contains("--memory"), "{message}");
        }
    }
    // What comes through a pipe says how much it is, and may say what it likes.
    let claims: &[u64] = if cfg!(target_os = "linux") { &[1 << 40, 1 << 60] } else { &[] };
    for &rows in claims {
        std::fs::write(folder.join("claim"), self::header("<f2", rows, 384)).unwrap();
        let build = ["build", "-", "--format", "npy", "-o", "c.hither"];
        let output = piped(&folder, "claim", &build);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains("of memory, and"), "{errors}");
        // Told to go on, it says what the keys of so many rows take.
        let output = piped(&folder, "claim", &[&build[..], &["--memory", "100M"]].concat());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains("error: memory: 100000000 bytes"), "{errors}");
        // The file says another length.
        let message = error(&folder, &["build", "claim", "--format", "npy", "-o", "c.hither"]);
        assert!(message.contains("cut or damaged"), "{message}");
    }
    // Rows that fit, and do not come.
    if cfg!(unix) {
        std::fs::write(folder.join("claim"), self::header("<f2", 1_000_000, 384)).unwrap();
        let build = ["build", "-", "--format", "npy", "-o", "c.hither", "--memory", "100M"];
        let output = piped(&folder, "claim", &build);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && errors.contains("error: -"), "{errors}");
    }
    assert!(!folder.join("c.hither").exists());
}

#[test]
fn sizes_that_are_none_are_errors_for_people() {
    let folder = folder("memory-sizes");
    write_rows(&folder.join("rows.npy"), 3_000, 32, mixed);
    for (size, says) in [
        ("0", "memory: 0 bytes hold no segment of 2000 rows"),
        ("1K", "memory: 1000 bytes hold no segment of 2000 rows"),
        ("four", "is no size"),
        ("4X", "is no size"),
        ("", "is no size"),
        ("99999999999T", "more than any machine has"),
    ] {
        for command in [&["build", "rows.npy"][..], &["merge", "index.hither"]] {
            if command[0] == "merge" {
                ok(&folder, &["build", "rows.npy", "-o", "index.hither", "-q"]);
            }
            let arguments = [command, &["-o", "x.hither", "--memory", size]].concat();
            let output = run(&folder, &arguments);
            let errors = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success() && errors.contains(says), "{arguments:?}: {errors}");
            assert!(!errors.contains("panicked"), "{errors}");
        }
    }
    assert!(!folder.join("x.hither").exists());
}

#[test]
fn rows_that_nobody_counted_and_merges_keep_within_memory() {
    let folder = folder("memory-uncounted");
    let mut lines = String::new();
    let mut fvecs = Vec::new();
    for row in 0..9_000_u32 {
        let values = [row % 95, row / 95, row % 7].map(|value| value as f32);
        lines += &format!("{{\"id\":\"key {row}\",\"vector\":{values:?}}}\n");
        fvecs.extend(3_u32.to_le_bytes());
        values.iter().for_each(|value| fvecs.extend(value.to_le_bytes()));
    }
    std::fs::write(folder.join("rows.jsonl"), lines).unwrap();
    std::fs::write(folder.join("rows.fvecs"), fvecs).unwrap();
    let need = IndexOptions::new(3, Metric::L2).memory_needed(9_000);
    let memory = (need / 2).to_string();
    let inputs = [("rows.jsonl", "jsonl"), ("rows.fvecs", "fvecs")];
    for (number, (input, format)) in inputs.into_iter().enumerate().filter(|_| cfg!(unix)) {
        let file = format!("{number}.hither");
        let build = ["build", "-", "--format", format, "--metric", "l2", "--memory", &memory];
        let output = piped(&folder, input, &[&build[..], &["-o", &file, "--json"]].concat());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{errors}");
        let built = json(&String::from_utf8(output.stdout).unwrap());
        assert_eq!(built["rows"], 9_000);
        assert!((2..=4).contains(&built["segments"].as_u64().unwrap()), "{built}");
        assert_eq!(built["kind"][0], "hnsw");
        assert!(ok(&folder, &["verify", &file]).contains("ok, 9,000 rows"));
    }
    ok(&folder, &["build", "rows.jsonl", "--metric", "l2", "-o", "one.hither", "-q"]);
    let merge = ["merge", "one.hither", "-o", "merged.hither", "-q", "--memory", &memory];
    ok(&folder, &merge);
    let merged = IndexFile::open(folder.join("merged.hither")).unwrap();
    assert!(merged.index().info().segments.len() >= 2);
    assert_eq!(merged.index().len(), 9_000);
}
