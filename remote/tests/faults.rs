//! Parts of remote files where servers misbehave: nothing that is wrong is used, and how often is asked has a bound.

use crate::parts::{TAG, open, options, parts, read, reader, then};
use crate::server::{self, chunked, head, part, whole};
use crate::{DATE, file};
use hither_remote::{ErrorKind, RangeOptions, RangeReader};
use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

#[test]
fn answers_that_are_wrong_are_used_in_no_part() {
    use ErrorKind::*;
    let say = |range: &str, body: &[u8]| {
        whole("206 Partial Content", &[TAG, DATE, &format!("Content-Range: {range}")], body)
    };
    let total = file().len();
    let right = &file()[100..200];
    let gzip =
        [TAG, DATE, &format!("Content-Range: bytes 100-199/{total}"), "Content-Encoding: gzip"];
    let status = |status: &str| whole(status, &[], b"AKIA");
    for (what, kind, says, answer) in [
        (
            "another part",
            Answer,
            "who asks for bytes 100-199",
            say(&format!("bytes 0-99/{total}"), right),
        ),
        (
            "a longer part",
            Answer,
            "who asks for bytes",
            say(&format!("bytes 100-299/{total}"), &file()[100..300]),
        ),
        (
            "a shorter part",
            Answer,
            "who asks for bytes",
            say(&format!("bytes 100-150/{total}"), &right[..51]),
        ),
        ("no part", Answer, "who asks for bytes", say("bytes */9", right)),
        (
            "one backwards",
            Answer,
            "who asks for bytes",
            say(&format!("bytes 199-100/{total}"), right),
        ),
        (
            "one without end",
            Answer,
            "who asks for bytes",
            say(&format!("bytes 100-{}/{}", u64::MAX, u64::MAX), right),
        ),
        (
            "a number of 30 digits",
            Answer,
            "who asks for bytes",
            say(&format!("bytes 100-199/{}", "9".repeat(30)), right),
        ),
        ("no range", Answer, "no Content-Range", whole("206 Partial Content", &[TAG, DATE], right)),
        (
            "another length",
            Answer,
            "have the length 99",
            say(&format!("bytes 100-199/{total}"), &right[..99]),
        ),
        (
            "a compressed part",
            Answer,
            "in encoding \"gzip\"",
            whole("206 Partial Content", &gzip, right),
        ),
        (
            "304 to no condition of that kind",
            Answer,
            "304 Not Modified",
            status("304 Not Modified"),
        ),
        ("204", Answer, "204 No Content to who asks for a part", head("204 No Content", &[])),
        (
            "416 of the same file",
            Answer,
            "no such bytes",
            whole("416 Range Not Satisfiable", &[&format!("Content-Range: bytes */{total}")], b""),
        ),
        (
            "416 of a file that has another length",
            Replaced,
            "was replaced",
            whole("416 Range Not Satisfiable", &["Content-Range: bytes */9"], b""),
        ),
        ("412", Replaced, "was replaced", status("412 Precondition Failed")),
        (
            "another tag, and no heed to the condition",
            Replaced,
            "was replaced",
            whole(
                "206 Partial Content",
                &["ETag: \"two\"", DATE, &format!("Content-Range: bytes 100-199/{total}")],
                right,
            ),
        ),
        ("another length of the file", Replaced, "was replaced", say("bytes 100-199/5000", right)),
        ("the whole, by now", NoRanges, "sends no parts", whole("200 OK", &[TAG], file())),
        ("404", Missing, "there is no index file", status("404 Not Found")),
        ("403", Refused, "the server refuses it", status("403 Forbidden")),
        ("a redirection to nowhere", Elsewhere, "it is elsewhere", head("302 Found", &[])),
        (
            "a redirection to an address",
            NotGiven,
            "a redirection that is not followed",
            whole("302 Found", &["Location: http://127.0.0.2/"], b""),
        ),
    ] {
        let server = then(move |_, _| Some(answer.clone()));
        let reader = reader();
        let file = parts(&reader, &server);
        let error = read(&reader, &file).unwrap_err();
        assert_eq!(error.kind(), kind, "{what}: {error}");
        assert!(error.to_string().contains(says), "{what}: {error}");
        assert!(error.to_string().contains(&server.url("/f.hither")), "{what}: {error}");
        assert!(!error.to_string().contains("AKIA"), "{what}: {error}");
        // Asked once again, it would say the same.
        assert_eq!(server.asked().len(), 2, "{what}: {error}");
    }
}

#[test]
fn a_server_that_stumbles_is_asked_again() {
    for (what, answer) in [
        ("500", Some(whole("500 Internal Server Error", &[], b""))),
        ("503", Some(whole("503 Service Unavailable", &["Retry-After: 0"], b""))),
        ("429", Some(whole("429 Too Many Requests", &["Retry-After: 1"], b""))),
        (
            "429 by a date",
            Some(whole(
                "429 Too Many Requests",
                &["Retry-After: Fri, 31 Dec 2100 00:00:00 GMT"],
                b"",
            )),
        ),
        ("408", Some(whole("408 Request Timeout", &[], b""))),
        ("a cut", None),
        ("nothing", Some(Vec::new())),
        ("half a head", Some(b"HTTP/1.1 206 Part".to_vec())),
    ] {
        let server = then(move |request, number| {
            let right = part(request, &[TAG, DATE], file());
            Some(match (number, &answer) {
                (4, _) => right,
                (_, Some(answer)) => answer.clone(),
                (_, None) => right[..right.len() - 50].to_vec(),
            })
        });
        let reader = reader();
        let file = parts(&reader, &server);
        assert!(read(&reader, &file).unwrap() == self::file()[100..200], "{what}");
        assert_eq!(server.asked().len(), 4, "{what}");
        assert_eq!(reader.traffic().requests, 4, "{what}");
    }
}

#[test]
fn a_server_that_goes_on_stumbling_is_left_alone() {
    for (kind, says, retries, answer) in [
        (ErrorKind::NotGiven, "answered 500", 3, whole("500 Internal Server Error", &[], b"AKIA")),
        (
            ErrorKind::NotGiven,
            "again after 3600 s",
            0,
            whole("503 Service Unavailable", &["Retry-After: 3600"], b""),
        ),
        (
            ErrorKind::NotGiven,
            "answered 503",
            3,
            whole("503 Service Unavailable", &["Retry-After: -1"], b""),
        ),
        (ErrorKind::Cut, "the connection was cut", 3, Vec::new()),
        (ErrorKind::Cut, "50 of 100 bytes arrived", 3, {
            let range = format!("Content-Range: bytes 100-199/{}", file().len());
            let chunked = String::from_utf8(chunked(&[b'x'; 50], 50)).unwrap();
            let answer = chunked.replace("200 OK", "206 Partial Content");
            answer.replacen("\r\n", &format!("\r\n{TAG}\r\n{DATE}\r\n{range}\r\n"), 1).into_bytes()
        }),
    ] {
        let server = then(move |_, _| Some(answer.clone()));
        let reader = reader();
        let file = parts(&reader, &server);
        let error = read(&reader, &file).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says) && !error.to_string().contains("AKIA"), "{error}");
        assert_eq!(server.asked().len(), 2 + retries, "{error}");
    }
}

#[test]
fn more_than_was_asked_for_is_not_read() {
    let endless = |range: &str| {
        let mut answer = head("206 Partial Content", &[TAG, DATE, range]);
        answer.extend_from_slice(&[0; 1 << 20]);
        answer
    };
    let range = format!("Content-Range: bytes 100-199/{}", file().len());
    let server = then(move |_, _| Some(endless(&range)));
    let reader = reader();
    let file = parts(&reader, &server);
    let error = read(&reader, &file).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Answer, "{error}");
    assert!(error.to_string().contains("it sends more than 100 bytes"), "{error}");
}

#[test]
fn a_server_that_stalls_is_given_up() {
    for begun in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://127.0.0.1:{}/f.hither", listener.local_addr().unwrap().port());
        thread::spawn(move || {
            let mut open = Vec::new();
            for mut stream in listener.incoming().map(Result::unwrap) {
                if server::read(&stream).is_some() && begun {
                    let range = format!("Content-Range: bytes 0-63/{}", file().len());
                    stream.write_all(&head("206 Partial Content", &[&range])).unwrap();
                    stream.write_all(&file()[..32]).unwrap();
                }
                open.push(stream);
            }
        });
        let timeout = Duration::from_millis(50);
        let reader = RangeReader::new(RangeOptions { timeout, ..options() }).unwrap();
        let error = open(&reader, &url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
        assert!(error.to_string().contains("sent nothing for 0.05 seconds"), "{error}");
        assert_eq!(reader.traffic().requests, 4);
    }
}

#[test]
fn a_wait_for_parts_ends_when_told() {
    let server = then(|_, _| None);
    let reader = reader();
    let file = parts(&reader, &server);
    let mut looks = 0;
    let mut interrupt = || {
        looks += 1;
        looks > 3
    };
    let error = reader.read(&[(&file, 0..9), (&file, 20..29)], &mut interrupt).unwrap_err();
    assert_eq!((error.kind(), looks), (ErrorKind::Interrupted, 4));
}
