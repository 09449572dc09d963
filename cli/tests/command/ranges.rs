//! Searching a file on a server by ranges of its bytes.

use super::process::{folder, json, ok};
use super::server::{Server, part, whole};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs the command with a cache in the folder, and nothing that it could be told.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hither"));
    command.env_clear().env("XDG_CACHE_HOME", folder.join("cache"));
    command.current_dir(folder).args(arguments).output().unwrap()
}

fn good(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn error(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{errors}");
    errors
}

/// Rows on a spiral, with a text and a number.
fn write_rows(path: &Path, count: usize) {
    let line = |n: usize| {
        let angle = n as f64 * 0.37;
        let values: Vec<String> = (1..=16)
            .map(|d| format!("{:.4}", (angle * d as f64).sin() + n as f64 / 900.0))
            .collect();
        let colour = ["red", "green", "blue"][n % 3];
        let values = values.join(",");
        format!("{{\"id\":\"row {n}\",\"vector\":[{values}],\"colour\":\"{colour}\",\"n\":{n}}}\n")
    };
    fs::write(path, (0..count).map(line).collect::<String>()).unwrap();
}

fn folder_with_index(name: &str, options: &[&str]) -> (PathBuf, Vec<u8>) {
    let folder = folder(name);
    write_rows(&folder.join("rows.jsonl"), 4_000);
    let build =
        ["build", "rows.jsonl", "-o", "rows.hither", "--metric", "l2", "--quiet", "--force"];
    ok(&folder, &[&build, options].concat());
    let bytes = fs::read(folder.join("rows.hither")).unwrap();
    (folder, bytes)
}

/// A server that sends parts of one version.
fn parts(bytes: Vec<u8>) -> Server {
    Server::new(move |request, _| Some(part(request, &["ETag: \"one\""], &bytes)))
}

#[test]
fn a_search_by_ranges_answers_as_one_of_the_whole_file_and_brings_little() {
    let (folder, bytes) = folder_with_index("ranges", &["--ranges"]);
    let length = bytes.len();
    let server = parts(bytes);
    let url = server.url("/rows.hither");
    for more in [
        &["-k", "5"][..],
        &["-k", "12", "--filter", "{\"colour\": \"red\"}", "--columns", "n"],
        &["-k", "3", "--recall", "0.9", "--radius", "2.5"],
        &["-k", "4", "--columns", ""],
    ] {
        for like in ["row 7", "row 3999"] {
            let search = |file: &str, ranges: &[&str]| {
                let asked = [&["search", file, "--like", like, "--json"], more, ranges].concat();
                json(&good(&folder, &asked))["results"].as_array().unwrap().clone()
            };
            let there = search(&url, &["--ranges"]);
            let exact: Vec<&str> = more
                .iter()
                .copied()
                .filter(|option| !["--recall", "0.9"].contains(option))
                .chain(["--exact"])
                .collect();
            let here = good(
                &folder,
                &[&["search", "rows.hither", "--like", like, "--json"][..], &exact].concat(),
            );
            let here = json(&here)["results"].as_array().unwrap().clone();
            let hits = there.iter().filter(|row| here.contains(row)).count();
            assert_eq!(there.len(), here.len(), "{more:?}");
            assert!(10 * hits >= 9 * here.len(), "{more:?} {like}: {there:?} {here:?}");
        }
    }
    let table = ["search", &url, "--ranges", "--like", "row 7", "-k", "2"];
    assert_eq!(good(&folder, &table).lines().count(), 2);
    assert!(!folder.join("cache").exists(), "nothing is kept");
    let asked = server.asked();
    assert!(asked.iter().all(|request| request.header("range").is_some()));
    let brought: usize = asked
        .iter()
        .map(|request| {
            let range = request.header("range").unwrap().strip_prefix("bytes=").unwrap().to_owned();
            let (first, last) = range.split_once('-').unwrap();
            last.parse::<usize>().unwrap().min(length - 1) - first.parse::<usize>().unwrap() + 1
        })
        .sum();
    // Nine commands, each of which opens the file anew and looks up the key of --like.
    assert!(brought < 9 * length * 3 / 4, "{brought} of {length}");
}

#[test]
fn what_cannot_be_searched_by_ranges_is_said() {
    let (folder, plain) = folder_with_index("ranges-refused", &[]);
    let like = ["--like", "row 1", "--ranges"];
    let search = |file: &str| error(&folder, &[&["search", file], &like[..]].concat());
    let server = parts(plain.clone());
    let told = search(&server.url("/rows.hither"));
    assert!(told.contains("no lists for ranges") && told.contains("--ranges"), "{told}");
    assert!(search("rows.hither").contains("leave it out"));
    let two = [&["search", "rows.hither", "rows.hither"], &like[..]].concat();
    assert!(error(&folder, &two).contains("one file"));
    let server = Server::always(whole("200 OK", &[], &plain));
    assert!(search(&server.url("/rows.hither")).contains("no parts"));

    let (_, bytes) = folder_with_index("ranges-damaged", &["--ranges"]);
    let mut damaged = bytes.clone();
    let end = damaged.len();
    damaged[70_000..end].iter_mut().for_each(|byte| *byte ^= 1);
    let server = parts(damaged);
    let url = server.url("/rows.hither");
    let told = search(&url);
    assert!(told.contains("checksum") && told.contains(&url), "{told}");

    // Another version between two requests.
    let (_, other) = folder_with_index("ranges-other", &["--ranges", "--seed", "7"]);
    let server = Server::new(move |request, number| {
        let (bytes, tag) = if number == 1 { (&bytes, "one") } else { (&other, "two") };
        Some(part(request, &[&format!("ETag: \"{tag}\"")], bytes))
    });
    let told = search(&server.url("/rows.hither"));
    assert!(told.contains("replaced") || told.contains("another version"), "{told}");
}
