//! `hither serve`, as clients see it that speak to it byte by byte.

use super::process::{error, folder, ok, write_points};
use super::serve_process::{Answer, ServeProcess};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;

/// A folder with a folder of one index file, and that one's bytes.
fn served(name: &str) -> (PathBuf, Vec<u8>) {
    let folder = folder(name);
    fs::create_dir(folder.join("served")).unwrap();
    write_points(&folder.join("points.jsonl"), 1..1001);
    ok(&folder, &["build", "points.jsonl", "-o", "served/points.hither", "--metric", "l2", "-q"]);
    let bytes = fs::read(folder.join("served/points.hither")).unwrap();
    (folder, bytes)
}

/// Bytes that no connection's buffers hold.
fn large() -> Vec<u8> {
    (0..4_000_000u32).flat_map(|number| number.to_le_bytes()).collect()
}

#[test]
fn files_and_parts_of_them_are_sent() {
    let (folder, bytes) = served("serving");
    let server = ServeProcess::new(&folder, &[]);
    let length = bytes.len();
    let id = hither::IndexFile::from_bytes(bytes.clone()).unwrap().index().content_id().unwrap();
    let etag = format!("\"{id:032x}\"");
    for (request, headers, status, part) in [
        ("GET /points.hither", &[][..], 200, 0..length),
        ("GET /points.hither?version=2", &[], 200, 0..length),
        ("GET /points.hither", &["Range: bytes=0-63"], 206, 0..64),
        ("GET /points.hither", &["Range: bytes=100-"], 206, 100..length),
        ("GET /points.hither", &["Range: bytes=-7"], 206, length - 7..length),
        ("GET /points.hither", &["Range: bytes=5-5,90000000-"], 206, 5..6),
        ("GET /points.hither", &["Range: bytes=9-1"], 200, 0..length),
        ("GET /points.hither", &["Range: rows=0-1"], 200, 0..length),
    ] {
        let answer = server.ask(request, headers);
        assert_eq!(answer.status, status, "{headers:?}: {answer:?}");
        assert!(answer.body == bytes[part.clone()], "{headers:?}");
        assert_eq!(answer.header("content-length"), part.len().to_string());
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert_eq!(answer.header("etag"), etag);
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        assert_eq!(answer.header("cache-control"), "no-cache, no-transform");
        assert!(answer.header("last-modified").ends_with(" GMT"), "{answer:?}");
        let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
        assert_eq!(answer.header("content-range"), if status == 206 { &range } else { "" });
    }
    // HEAD tells of the whole, whatever part is asked for.
    for headers in [&[][..], &["Range: bytes=0-63"]] {
        let head = server.ask("HEAD /points.hither", headers);
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), length.to_string());
        assert_eq!(head.header("etag"), etag);
    }
    let beyond = server.ask("GET /points.hither", &["Range: bytes=90000000-"]);
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), format!("bytes */{length}"));
}

#[test]
fn several_parts_come_in_one_answer() {
    let (folder, bytes) = served("serving-parts");
    let server = ServeProcess::new(&folder, &[]);
    for (asked, parts) in
        [("500-509,0-9", &[500..510, 0..10][..]), ("0-9,500-509,5-99", &[0..100, 500..510])]
    {
        let range = format!("Range: bytes={asked}");
        let answer = server.ask("GET /points.hither", &[&range]);
        assert_eq!(answer.status, 206);
        assert_eq!(answer.header("content-range"), "");
        assert_eq!(answer.header("content-length"), answer.body.len().to_string());
        let boundary =
            answer.header("content-type").strip_prefix("multipart/byteranges; boundary=");
        let boundary = boundary.unwrap();
        let mut wanted = Vec::new();
        for part in parts {
            let range = format!("bytes {}-{}/{}", part.start, part.end - 1, bytes.len());
            let head = format!(
                "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: {range}\r\n\r\n"
            );
            wanted.extend_from_slice(head.as_bytes());
            wanted.extend_from_slice(&bytes[part.clone()]);
        }
        wanted.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        assert!(answer.body == wanted, "{asked}");
    }
}

#[test]
fn conditions_decide_by_the_version() {
    let (folder, bytes) = served("serving-conditions");
    let server = ServeProcess::new(&folder, &["--max-age", "60"]);
    let first = server.ask("HEAD /points.hither", &[]);
    assert_eq!(first.header("cache-control"), "public, max-age=60, no-transform");
    let (etag, date) = (first.header("etag").to_owned(), first.header("last-modified").to_owned());
    let (before, after) = ("Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 2100 00:00:00 GMT");
    let part = "Range: bytes=0-9";
    for (conditions, status) in [
        (vec![format!("If-None-Match: {etag}")], 304),
        (vec![format!("If-None-Match: \"a\", W/{etag}")], 304),
        (vec!["If-None-Match: *".into()], 304),
        (vec![format!("If-None-Match: {etag}"), part.into()], 304),
        (vec!["If-None-Match: \"a\"".into()], 200),
        // A date counts where there is no tag.
        (vec!["If-None-Match: \"a\"".into(), format!("If-Modified-Since: {after}")], 200),
        (vec![format!("If-Modified-Since: {date}")], 304),
        (vec![format!("If-Modified-Since: {before}")], 200),
        (vec!["If-Modified-Since: yesterday".into()], 200),
        (vec![format!("If-Match: {etag}"), part.into()], 206),
        (vec!["If-Match: *".into()], 200),
        (vec![format!("If-Match: W/{etag}")], 412),
        (vec!["If-Match: \"a\", \"b\"".into(), part.into()], 412),
        (vec![format!("If-Unmodified-Since: {before}")], 412),
        (vec![format!("If-Unmodified-Since: {date}")], 200),
        (vec![format!("If-Range: {etag}"), part.into()], 206),
        (vec!["If-Range: \"a\"".into(), part.into()], 200),
        (vec![format!("If-Range: W/{etag}"), part.into()], 200),
        // Two versions of one second have one date.
        (vec![format!("If-Range: {date}"), part.into()], 200),
    ] {
        let headers: Vec<&str> = conditions.iter().map(String::as_str).collect();
        let answer = server.ask("GET /points.hither", &headers);
        assert_eq!(answer.status, status, "{conditions:?}");
        assert_eq!(answer.header("etag"), etag, "{conditions:?}");
        match status {
            200 => assert!(answer.body == bytes, "{conditions:?}"),
            206 => assert!(answer.body == bytes[..10], "{conditions:?}"),
            304 => assert!(answer.body.is_empty(), "{conditions:?}"),
            _ => assert!(answer.body.ends_with(b"\n"), "{conditions:?}"),
        }
    }
}

#[test]
fn pages_of_any_origin_may_read_and_nobody_may_write() {
    let (folder, _) = served("serving-pages");
    let server = ServeProcess::new(&folder, &[]);
    let origin = "Origin: https://example.org";
    for (request, headers, status) in [
        ("GET /points.hither", vec![origin, "Range: bytes=0-9"], 206),
        ("GET /none.hither", vec![origin], 404),
        (
            "OPTIONS /points.hither",
            vec![
                origin,
                "Access-Control-Request-Method: GET",
                "Access-Control-Request-Headers: range, if-match",
            ],
            204,
        ),
        ("POST /points.hither", vec![origin, "Content-Length: 0"], 405),
        ("DELETE /points.hither", vec![origin], 405),
    ] {
        let answer = server.ask(request, &headers);
        assert_eq!(answer.status, status, "{request}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{request}");
        let exposed = answer.header("access-control-expose-headers");
        assert_eq!(exposed, "Accept-Ranges, Content-Length, Content-Range, ETag", "{request}");
        if status == 204 {
            let allowed = answer.header("access-control-allow-headers");
            assert!(allowed.contains("Range") && allowed.contains("If-Match"), "{answer:?}");
            assert_eq!(answer.header("access-control-allow-methods"), "GET, HEAD, OPTIONS");
            assert_eq!(answer.header("access-control-max-age"), "86400");
        }
    }
}

#[cfg(unix)]
#[test]
fn nothing_outside_the_folder_is_served() {
    use std::os::unix::fs::symlink;
    let (folder, bytes) = served("serving-paths");
    let within = folder.join("served");
    fs::write(folder.join("secret.hither"), "secret").unwrap();
    fs::create_dir_all(within.join("deep/deeper.hither")).unwrap();
    for name in
        ["two words.hither", "wörter.hither", "deep/a.hither", "points.txt", ".hidden.hither"]
    {
        fs::copy(within.join("points.hither"), within.join(name)).unwrap();
    }
    symlink("points.hither", within.join("link.hither")).unwrap();
    symlink("../secret.hither", within.join("out.hither")).unwrap();
    symlink(folder.join("secret.hither"), within.join("far.hither")).unwrap();
    symlink("..", within.join("up")).unwrap();
    symlink("nowhere", within.join("broken.hither")).unwrap();
    symlink("circle.hither", within.join("circle.hither")).unwrap();
    let pipe = within.join("pipe.hither");
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    let server = ServeProcess::new(&folder, &[]);
    for path in [
        "/two%20words.hither",
        "/w%C3%B6rter.hither",
        "/deep/a.hither",
        "/link.hither",
        "/%70oints.hither",
    ] {
        let answer = server.ask(&format!("GET {path}"), &[]);
        assert!(answer.status == 200 && answer.body == bytes, "{path}: {answer:?}");
    }
    for (path, status) in [
        ("/out.hither", 403),
        ("/far.hither", 403),
        ("/up/secret.hither", 403),
        ("/../secret.hither", 404),
        ("/deep/../../secret.hither", 404),
        ("/%2e%2e/secret.hither", 404),
        ("/..%2fsecret.hither", 404),
        ("/broken.hither", 404),
        ("/pipe.hither", 404),
        ("/deep/deeper.hither", 404),
        ("/points.hither/a.hither", 404),
        ("/points.txt", 404),
        ("/.hidden.hither", 404),
        ("/%00.hither", 404),
        ("/", 404),
        ("/deep", 404),
    ] {
        let answer = server.ask(&format!("GET {path}"), &[]);
        let body = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, status, "{path}: {body}");
        assert!(!body.contains("secret\n") && !body.contains(folder.to_str().unwrap()), "{body}");
    }
    // Of links in a circle it is enough that there is an answer.
    assert!(server.ask("GET /circle.hither", &[]).status >= 400);
    assert!(server.ask(&format!("GET /{}.hither", "x".repeat(4000)), &[]).status >= 400);
}

#[test]
fn a_file_that_is_replaced_is_sent_to_its_end_and_then_the_new_one() {
    let (folder, bytes) = served("serving-replaced");
    let (within, large) = (folder.join("served"), large());
    fs::write(within.join("a.hither"), &large).unwrap();
    let server = ServeProcess::new(&folder, &[]);
    let old = server.ask("HEAD /a.hither", &[]).header("etag").to_owned();
    let mut stream = server.send("GET /a.hither", &[]);
    let mut got = vec![0; 1000];
    stream.read_exact(&mut got).unwrap();
    fs::rename(within.join("points.hither"), within.join("a.hither")).unwrap();
    let new = server.ask("GET /a.hither", &["Range: bytes=0-9", &format!("If-Range: {old}")]);
    assert!(new.status == 200 && new.body == bytes && new.header("etag") != old);
    assert_eq!(server.ask("GET /a.hither", &[&format!("If-Match: {old}")]).status, 412);
    stream.read_to_end(&mut got).unwrap();
    let got = Answer::of(&got);
    assert!(got.header("etag") == old && got.body == large);

    // Cut short in place, no more can come: it must not look like the whole.
    fs::write(within.join("a.hither"), &large).unwrap();
    let mut stream = server.send("GET /a.hither", &[]);
    let mut got = vec![0; 1000];
    stream.read_exact(&mut got).unwrap();
    fs::OpenOptions::new().write(true).open(within.join("a.hither")).unwrap().set_len(9).unwrap();
    let _ = stream.read_to_end(&mut got);
    let got = Answer::of(&got);
    assert_eq!(got.header("content-length"), large.len().to_string());
    assert!(got.body.len() < large.len() && large.starts_with(&got.body));
}

#[cfg(unix)]
#[test]
fn a_signal_lets_what_is_being_answered_be_answered() {
    let (folder, _) = served("serving-signals");
    let large = large();
    fs::write(folder.join("served/a.hither"), &large).unwrap();
    let mut server = ServeProcess::new(&folder, &["--timeout", "600"]);
    let idle = server.connect();
    let mut stream = server.send("GET /a.hither", &[]);
    let mut got = vec![0; 1000];
    stream.read_exact(&mut got).unwrap();
    // Not SIGINT: where the tests run in the background it is ignored, and so the server ignores it.
    server.signal("-TERM");
    while TcpStream::connect(("127.0.0.1", server.port)).is_ok() {
        thread::yield_now();
    }
    assert_eq!(server.child.try_wait().unwrap(), None);
    stream.read_to_end(&mut got).unwrap();
    assert!(Answer::of(&got).body == large);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    let mut told = String::new();
    server.errors().read_to_string(&mut told).unwrap();
    assert_eq!(told, "");
    drop(idle);
    // Who takes nothing any more is not waited for without end.
    let mut server = ServeProcess::new(&folder, &["--timeout", "1"]);
    let mut stream = server.send("GET /a.hither", &[]);
    stream.read_exact(&mut [0; 1000]).unwrap();
    server.signal("-TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn slow_clients_are_cut_and_others_served() {
    let (folder, bytes) = served("serving-slow");
    fs::write(folder.join("served/a.hither"), large()).unwrap();
    let mut server = ServeProcess::new(&folder, &["--timeout", "1", "--verbose"]);
    let mut half = server.connect();
    half.write_all(b"GET /points.hither HTTP/1.1\r\nHost:").unwrap();
    let mut silent = server.connect();
    let mut stuck = server.send("GET /a.hither", &["Range: bytes=0-"]);
    assert!(server.ask("GET /points.hither", &[]).body == bytes);
    // An answer that says why may come; then it ends.
    for stream in [&mut half, &mut silent] {
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let mut lines = server.errors().lines().map(Result::unwrap);
    let whole = format!("127.0.0.1 \"GET /points.hither\" - 200 {} B ", bytes.len());
    let line = lines.next().unwrap();
    assert!(line.starts_with(&whole) && line.ends_with(" ms"), "{line}");
    let line = lines.next().unwrap();
    let cut = line.starts_with("127.0.0.1 \"GET /a.hither\" bytes=0- 206 ");
    assert!(cut && line.ends_with(" ms cut"), "{line}");
    let mut got = Vec::new();
    let _ = stuck.read_to_end(&mut got);
    assert!(got.len() < 16_000_000);
}

#[test]
fn many_connections_are_served_at_once() {
    let (folder, bytes) = served("serving-many");
    let server = ServeProcess::new(&folder, &[]);
    // More than are answered at the same time: the others wait for their turn.
    let mut streams: Vec<TcpStream> = (0..600).map(|_| server.connect()).collect();
    let ask = |stream: &mut TcpStream, first: usize, end: &str| {
        let range = format!("Range: bytes={first}-{}", first + 99);
        let head = format!("GET /points.hither HTTP/1.1\r\nHost: a\r\n{range}\r\n{end}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
    };
    for (first, stream) in streams.iter_mut().enumerate() {
        ask(stream, first, "Connection: close\r\n");
    }
    for (first, stream) in streams.iter_mut().enumerate() {
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        assert!(Answer::of(&got).body == bytes[first..first + 100], "{first}");
    }
    // One connection after another's end is many requests long.
    thread::scope(|scope| {
        for thread in 0..6 {
            let (server, bytes, ask) = (&server, &bytes, &ask);
            scope.spawn(move || {
                let mut stream = server.connect();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                for first in (thread..3000).step_by(97) {
                    ask(&mut stream, first, "");
                    let mut line = String::new();
                    while line != "\r\n" {
                        line.clear();
                        reader.read_line(&mut line).unwrap();
                    }
                    let mut body = [0; 100];
                    reader.read_exact(&mut body).unwrap();
                    assert!(body == bytes[first..first + 100]);
                }
            });
        }
    });
}

#[cfg(all(feature = "remote", unix))]
#[test]
fn a_served_file_is_searched_by_its_url() {
    let (folder, _) = served("serving-searched");
    let server = ServeProcess::new(&folder, &[]);
    let url = format!("http://127.0.0.1:{}/points.hither", server.port);
    let search = |file: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hither"));
        command.current_dir(&folder).env("HITHER_CACHE", folder.join("cache"));
        let output = command.args(["search", file, "--like", "42"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    assert_eq!(search(&url), search("served/points.hither"));
}

#[test]
fn what_cannot_be_served_is_told() {
    let (folder, _) = served("serving-errors");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (arguments, says) in [
        (&["none"][..], "none: there is no such folder"),
        (&["points.jsonl"], "points.jsonl: this is a file; name the folder"),
        (&["served", "--port", &port], "another program listens there; choose another --port"),
        (&["served", "--host", "192.0.2.1"], "choose another --host"),
        (&["served", "--host", "no such host"], "--host is a name or an address"),
    ] {
        let told = error(&folder, &[&["serve"], arguments].concat());
        assert!(told.contains(says), "{arguments:?}: {told}");
    }
}
