//! `hither pull`: whole, verified and in one piece, however often it was ended.

use super::process::{error, folder, json, ok, write_points};
use super::server::{Request, Server, head, read, rest, whole};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How often it is looked how far a command is.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
const ONE: &str = "ETag: \"one\"";
const DATE: &str = "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT";

/// A folder, and the bytes of an index file that is not in it.
fn prepared(test: &str, rows: i64) -> (PathBuf, Vec<u8>) {
    let folder = folder(test);
    write_points(&folder.join("points.jsonl"), 1..rows + 1);
    ok(
        &folder,
        &["build", "points.jsonl", "-o", "a.hither", "--metric", "l2", "--kind", "flat", "-q"],
    );
    let bytes = fs::read(folder.join("a.hither")).unwrap();
    fs::remove_file(folder.join("a.hither")).unwrap();
    (folder, bytes)
}

/// Answers as a server does that has a file of this version, which a header names.
fn answer(request: &Request, version: &str, bytes: &[u8]) -> Vec<u8> {
    if request.header("if-match").is_some_and(|wanted| !version.ends_with(wanted)) {
        return whole("412 Precondition Failed", &[version], b"");
    }
    if request.header("if-none-match").is_some_and(|there| version.ends_with(there)) {
        return head("304 Not Modified", &[version]);
    }
    match request.range() {
        Some(first) => rest(first, &[version], bytes),
        None => whole("200 OK", &[version], bytes),
    }
}

/// The names in a folder, beside the rows.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "points.jsonl").collect();
    names.sort();
    names
}

#[test]
fn a_file_is_brought_whole_and_replaces_another_by_the_rules() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let (folder, bytes) = prepared("pull", 100);
    let sent = bytes.clone();
    let server = Server::new(move |request, _| Some(answer(request, ONE, &sent)));
    let url = server.url("/a.hither");
    let told = json(&ok(&folder, &["pull", &url, "b.hither", "--json"]));
    assert_eq!((&told["rows"], &told["bytes"]), (&100.into(), &bytes.len().into()));
    assert_eq!(told["fetched"], bytes.len());
    assert!(fs::read(folder.join("b.hither")).unwrap() == bytes);
    assert_eq!(names(&folder), ["b.hither"]);

    // An index file is replaced by another, with its mode, and where links lead to it.
    fs::write(folder.join("notes"), "dear diary").unwrap();
    fs::set_permissions(folder.join("b.hither"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("b.hither", folder.join("link.hither")).unwrap();
    assert!(ok(&folder, &["pull", &url, "link.hither"]).starts_with("link.hither: 100 rows, "));
    assert_eq!(fs::metadata(folder.join("b.hither")).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(folder.join("link.hither")).unwrap().is_symlink());
    let asked = server.asked().len();
    assert!(error(&folder, &["pull", &url, "notes"]).contains("--force replaces it"));
    assert!(error(&folder, &["pull", &url, "."]).contains("no regular file"));
    assert!(error(&folder, &["pull", &url, "none/a.hither"]).contains("its folder does not exist"));
    assert!(error(&folder, &["pull", "b.hither", "c.hither"]).contains("this is no URL"));
    assert_eq!(server.asked().len(), asked);
    assert_eq!(fs::read(folder.join("notes")).unwrap(), b"dear diary");
    assert_eq!(ok(&folder, &["pull", &url, "notes", "--force", "--quiet"]), "");
    assert!(fs::read(folder.join("notes")).unwrap() == bytes);
    assert_eq!(names(&folder), ["b.hither", "link.hither", "notes"]);
}

#[test]
fn what_cannot_be_brought_leaves_the_file_as_it_was() {
    let (folder, bytes) = prepared("pull-errors", 100);
    ok(&folder, &["build", "points.jsonl", "-o", "b.hither", "--metric", "l2", "--quiet"]);
    let old = fs::read(folder.join("b.hither")).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    for (answer, says) in [
        (whole("404 Not Found", &[], b""), "there is no index file at"),
        (whole("200 OK", &[], b"<html>"), "not a hither index"),
        (whole("200 OK", &["ETag: \"one\""], &flipped), "the file is damaged"),
        (whole("200 OK", &[], &bytes[..2000]), "it was cut or changed"),
    ] {
        let server = Server::always(answer);
        let told = error(&folder, &["pull", &server.url("/a.hither"), "b.hither"]);
        assert!(told.contains(says) && told.contains("/a.hither"), "{told}");
        assert!(fs::read(folder.join("b.hither")).unwrap() == old);
    }
    // Nothing of it is taken for a part of the right one.
    let sent = bytes.clone();
    let server = Server::new(move |request, _| Some(answer(request, ONE, &sent)));
    ok(&folder, &["pull", &server.url("/a.hither"), "b.hither"]);
    assert_eq!(server.asked()[0].range(), None);
    assert!(fs::read(folder.join("b.hither")).unwrap() == bytes);
    assert_eq!(names(&folder), ["b.hither"]);
}

/// A server that sends so many bytes of what is left of a file, and then nothing more.
struct Halting {
    port: u16,
    /// The file, and its version as a header.
    file: Arc<Mutex<(&'static str, Vec<u8>)>>,
    /// How many bytes it sends in an answer.
    sends: Arc<AtomicUsize>,
    /// Where the answers began.
    firsts: Arc<Mutex<Vec<usize>>>,
}

impl Halting {
    fn new(version: &'static str, bytes: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (file, sends) = (Arc::new(Mutex::new((version, bytes))), Arc::new(AtomicUsize::new(0)));
        let firsts = Arc::<Mutex<Vec<usize>>>::default();
        let server = Self { port, file, sends, firsts };
        let (file, sends, firsts) =
            (Arc::clone(&server.file), Arc::clone(&server.sends), Arc::clone(&server.firsts));
        thread::spawn(move || {
            for stream in listener.incoming().map(Result::unwrap) {
                let (file, sends, firsts) =
                    (Arc::clone(&file), Arc::clone(&sends), Arc::clone(&firsts));
                thread::spawn(move || {
                    let Some(request) = read(&stream) else { return };
                    let first = request.range().unwrap_or(0);
                    let answer = {
                        let (version, bytes) = &*file.lock().unwrap();
                        let mut answer = answer(&request, version, bytes);
                        let head =
                            answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
                        answer.truncate(head.saturating_add(sends.load(Ordering::SeqCst)));
                        answer
                    };
                    firsts.lock().unwrap().push(first);
                    // Whoever is killed has gone.
                    let _ = (&stream).write_all(&answer);
                    let _ = BufReader::new(&stream).read_line(&mut String::new());
                });
            }
        });
        server
    }
}

fn pulling(folder: &Path, port: u16) -> Child {
    let url = format!("http://127.0.0.1:{port}/a.hither");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hither"));
    command.current_dir(folder).args(["pull", &url, "b.hither", "--quiet"]);
    command.stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_pull_that_is_killed_at_any_byte_goes_on() {
    let (folder, bytes) = prepared("pull-killed", 20_000);
    let server = Halting::new(ONE, bytes.clone());
    let part = folder.join(".b.hither.part");
    let arrived = || fs::metadata(&part).map_or(0, |part| part.len() as usize);
    let mut seed = 42u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let mut there = 0;
    for kill in 0..100 {
        let sends = 1 + random(2 * (bytes.len() - there) / (110 - kill));
        server.sends.store(sends, Ordering::SeqCst);
        let before = server.firsts.lock().unwrap().len();
        let mut child = pulling(&folder, server.port);
        // Where the server stops, or, each second time, some time after it began.
        let wanted = if kill % 2 == 0 { there + sends } else { there + random(sends) };
        while server.firsts.lock().unwrap().len() == before || arrived() < wanted {
            assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
            thread::sleep(LOOK_AGAIN);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!folder.join("b.hither").exists());
        assert_eq!(*server.firsts.lock().unwrap().last().unwrap(), there, "{kill}");
        there = arrived();
        assert!(there < bytes.len() && bytes.starts_with(&fs::read(&part).unwrap()));
    }
    server.sends.store(usize::MAX, Ordering::SeqCst);
    assert!(pulling(&folder, server.port).wait().unwrap().success());
    assert!(fs::read(folder.join("b.hither")).unwrap() == bytes);
    assert_eq!(names(&folder), ["b.hither"]);
    assert!(ok(&folder, &["verify", "b.hither"]).contains("ok, 20,000 rows"));
    assert_eq!(server.firsts.lock().unwrap().len(), 101);
}

#[test]
fn versions_are_not_mixed() {
    let (folder, bytes) = prepared("pull-versions", 2000);
    write_points(&folder.join("points.jsonl"), 2001..4001);
    let build =
        ["build", "points.jsonl", "-o", "c.hither", "--metric", "l2", "--kind", "flat", "-q"];
    ok(&folder, &build);
    let other = fs::read(folder.join("c.hither")).unwrap();
    assert_eq!(bytes.len(), other.len());
    for (version, next, firsts) in [
        (ONE, ONE, &[0, 5000][..]),
        (ONE, "ETag: \"two\"", &[0, 5000, 0]),
        (DATE, DATE, &[0, 5000, 0]),
    ] {
        let server = Halting::new(version, bytes.clone());
        server.sends.store(5000, Ordering::SeqCst);
        let mut child = pulling(&folder, server.port);
        while fs::metadata(folder.join(".b.hither.part")).map_or(0, |part| part.len()) < 5000 {
            thread::sleep(LOOK_AGAIN);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let wanted = if firsts.len() == 2 { &bytes } else { &other };
        *server.file.lock().unwrap() = (next, wanted.clone());
        server.sends.store(usize::MAX, Ordering::SeqCst);
        assert!(pulling(&folder, server.port).wait().unwrap().success(), "{next}");
        assert!(fs::read(folder.join("b.hither")).unwrap() == *wanted, "{next}");
        assert_eq!(*server.firsts.lock().unwrap(), firsts, "{next}");
        fs::remove_file(folder.join("b.hither")).unwrap();
        assert_eq!(names(&folder), ["c.hither"]);
    }
}

#[test]
fn an_interrupted_pull_says_that_it_can_be_gone_on_with() {
    let (folder, bytes) = prepared("pull-interrupted", 2000);
    let server = Halting::new(ONE, bytes);
    server.sends.store(5000, Ordering::SeqCst);
    let url = format!("http://127.0.0.1:{}/a.hither", server.port);
    let mut command = Command::new(env!("CARGO_BIN_EXE_hither"));
    command.current_dir(&folder).args(["pull", &url, "b.hither"]).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let part = folder.join(".b.hither.part");
    while fs::metadata(&part).map_or(0, |part| part.len()) < 5000 {
        thread::sleep(LOOK_AGAIN);
    }
    let pid = child.id().to_string();
    // Not SIGINT: where the tests run in the background it is ignored, and so the command ignores it.
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("interrupted; what arrived is kept"), "{told}");
    assert_eq!(names(&folder), [".b.hither.part", ".b.hither.part.note"]);
}

#[test]
fn two_pulls_of_one_file_do_not_mix() {
    let (folder, bytes) = prepared("pull-twice", 2000);
    let server = Halting::new(ONE, bytes.clone());
    server.sends.store(5000, Ordering::SeqCst);
    let mut first = pulling(&folder, server.port);
    while fs::metadata(folder.join(".b.hither.part")).map_or(0, |part| part.len()) < 5000 {
        thread::sleep(LOOK_AGAIN);
    }
    // The second waits, until the first is gone, and goes on with what that one brought.
    server.sends.store(usize::MAX, Ordering::SeqCst);
    let url = format!("http://127.0.0.1:{}/a.hither", server.port);
    let mut command = Command::new(env!("CARGO_BIN_EXE_hither"));
    command.current_dir(&folder).args(["pull", &url, "b.hither"]);
    let mut second = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(second.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("waiting for another command that brings b.hither"), "{line}");
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(second.wait().unwrap().success());
    assert!(fs::read(folder.join("b.hither")).unwrap() == bytes);
    assert_eq!(*server.firsts.lock().unwrap(), [0, 5000]);
}
