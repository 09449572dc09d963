//! Index files of servers: brought once, asked for again each time, and what is said where they are not given.

use super::process::{folder, ok, write_points};
use super::server::{Server, head, whole};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Runs the command with a cache in the folder and these variables, and nothing else that it could be told.
fn run(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hither"));
    command.env_clear().env("XDG_CACHE_HOME", folder.join("cache")).envs(variables.iter().copied());
    command.current_dir(folder).args(arguments).output().unwrap()
}

fn good(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The one line of a run that failed.
fn error(output: &Output) -> String {
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{errors}");
    assert!(errors.starts_with("error: "), "{errors}");
    errors
}

/// A folder with an index file, and its bytes.
fn folder_with_index(name: &str) -> (std::path::PathBuf, Vec<u8>) {
    let folder = folder(name);
    write_points(&folder.join("points.jsonl"), 1..101);
    ok(&folder, &["build", "points.jsonl", "-o", "points.hither", "--metric", "l2", "--quiet"]);
    let bytes = fs::read(folder.join("points.hither")).unwrap();
    (folder, bytes)
}

/// A server of one file that has a version.
fn versioned(bytes: Vec<u8>) -> Server {
    Server::new(move |request, _| {
        Some(match request.header("if-none-match") {
            Some(_) => head("304 Not Modified", &["ETag: \"one\""]),
            None => whole("200 OK", &["ETag: \"one\""], &bytes),
        })
    })
}

#[test]
fn a_file_of_a_server_is_as_one_of_this_machine_and_is_brought_once() {
    let (folder, bytes) = folder_with_index("remote");
    let server = versioned(bytes);
    let url = server.url("/points.hither");
    let like = ["--like", "10", "-k", "3", "--json"];
    for (before, after) in [("search", &like[..]), ("info", &[]), ("export", &["-o", "rows.jsonl"])]
    {
        let told = |file| good(&run(&folder, &[], &[&[before, file], after].concat()));
        let here = told("points.hither");
        fs::remove_file(folder.join("rows.jsonl")).ok();
        assert_eq!(told(&url), here);
    }
    assert!(good(&run(&folder, &[], &["verify", &url])).contains("ok, 100 rows"));
    let both = ["search", "points.hither", &url, "--vector", "[10, 20]", "-k", "2"];
    assert_eq!(good(&run(&folder, &[], &both)).lines().count(), 2);

    let asked = server.asked();
    assert_eq!(asked.len(), 5);
    assert_eq!(asked.iter().filter(|request| request.header("if-none-match").is_none()).count(), 1);
    let cached =
        fs::read_dir(folder.join("cache/hither")).unwrap().map(|file| file.unwrap().path());
    assert_eq!(
        cached.filter(|path| path.extension().is_some_and(|end| end == "hither")).count(),
        1
    );
}

#[test]
fn what_a_server_has_is_changed_into_another_file() {
    let (folder, bytes) = folder_with_index("remote-changed");
    let server = versioned(bytes);
    let url = server.url("/points.hither");
    let told = error(&run(&folder, &[], &["remove", &url, "--keys", "3"]));
    assert!(
        told.contains("what a server has cannot be changed") && told.contains("--output"),
        "{told}"
    );
    assert!(server.asked().is_empty());
    good(&run(&folder, &[], &["remove", &url, "--keys", "3", "-o", "less.hither"]));
    assert!(ok(&folder, &["verify", "less.hither"]).contains("ok, 99 rows"));
    good(&run(&folder, &[], &["merge", &url, "less.hither", "-o", "all.hither"]));
    assert!(ok(&folder, &["verify", "all.hither"]).contains("ok, 100 rows"));
}

#[test]
fn objects_of_s3_are_signed_by_the_keys_of_the_environment() {
    let (folder, bytes) = folder_with_index("remote-s3");
    let server = Server::always(whole("200 OK", &["ETag: \"one\""], &bytes));
    let endpoint = server.url("");
    let info = ["info", "s3://bucket/a/points.hither"];
    let keys = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "who"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "eu-central-1"),
    ];
    assert!(good(&run(&folder, &keys[..1], &info)).contains("rows        100"));
    assert!(good(&run(&folder, &keys, &info)).contains("rows        100"));
    let asked = server.asked();
    assert!(asked.iter().all(|request| request.path == "/bucket/a/points.hither"), "{asked:?}");
    assert_eq!(asked[0].header("authorization"), None);
    let signed = asked[1].header("authorization").unwrap();
    assert!(signed.contains("Credential=who/") && signed.contains("/eu-central-1/s3/"), "{signed}");
    let told = error(&run(&folder, &keys[..2], &info));
    assert!(told.contains("AWS_SECRET_ACCESS_KEY go together"), "{told}");
}

#[test]
fn secrets_go_to_the_server_and_into_no_error() {
    let (folder, bytes) = folder_with_index("remote-secret");
    let server = Server::new(move |request, _| {
        let knows = request.header("authorization") == Some("Bearer abc")
            || request.path == "/points.hither?signature=abc";
        Some(match knows {
            true => whole("200 OK", &[], &bytes),
            false => whole("403 Forbidden", &[], b""),
        })
    });
    let (url, private) = (server.url("/points.hither"), [("HITHER_AUTHORIZATION", "Bearer abc")]);
    assert!(good(&run(&folder, &private, &["info", &url])).contains("rows        100"));
    let signed = format!("{url}?signature=abc");
    assert!(good(&run(&folder, &[], &["info", &signed])).contains("rows        100"));
    assert!(good(&run(&folder, &[], &["verify", &signed])).contains("points.hither?…: ok"));
    let told = error(&run(&folder, &[], &["info", &url]));
    assert!(told.contains("HITHER_AUTHORIZATION"), "{told}");
    for secret in ["wrong", "wrong#part", "wr ong"] {
        let told = error(&run(&folder, &[], &["verify", &format!("{url}?signature={secret}")]));
        assert!(told.contains(&url) && !told.contains("signature"), "{told}");
    }
    let told = error(&run(&folder, &[("HITHER_AUTHORIZATION", "a\nb")], &["info", &url]));
    assert!(told.contains("HITHER_AUTHORIZATION is no header"), "{told}");
}

#[test]
fn what_cannot_be_brought_is_told() {
    let (folder, bytes) = folder_with_index("remote-errors");
    let server = Server::new(move |request, _| {
        Some(match request.path.as_str() {
            "/page.hither" => whole("200 OK", &[], b"<html>"),
            "/whole.hither" => whole("200 OK", &[], &bytes),
            "/cut.hither" => whole("200 OK", &[], &bytes[..bytes.len() / 2]),
            _ => whole("404 Not Found", &[], b""),
        })
    });
    let small = [("HITHER_CACHE_SIZE", "1K")];
    for (variables, url, says) in [
        (&[][..], server.url("/none.hither"), "does not exist"),
        (&[], server.url("/page.hither"), "not a hither index"),
        (&[], server.url("/cut.hither"), "it was cut or changed"),
        (&[], server.url("/folder/"), "HTTP lists no folders"),
        (&[], "gs://bucket/points.hither".into(), "begin with https://, http:// or s3://"),
        (&[], "http://127.0.0.1:1/points.hither".into(), "reachable"),
        (&small, server.url("/whole.hither"), "HITHER_CACHE_SIZE lets the cache be larger"),
        (
            &[("HITHER_CACHE_SIZE", "much")],
            server.url("/none.hither"),
            "HITHER_CACHE_SIZE: \"much\" is no size",
        ),
        (&[("HITHER_CACHE", "points.hither")], server.url("/page.hither"), "HITHER_CACHE names"),
    ] {
        let told = error(&run(&folder, variables, &["search", &url, "--like", "1"]));
        assert!(told.contains(says), "{url}: {told}");
    }
}
