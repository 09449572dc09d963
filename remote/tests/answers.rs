//! What arrives of a server's answer, how often it is asked, and what is said where it misbehaves.

use crate::server::{Server, chunked, head, rest, whole};
use crate::{DATE, ROOM, bring, cache, file, left, objects};
use hither_remote::{Access, ErrorKind};
use std::fs;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

#[test]
fn answers_that_are_sound() {
    let bytes = file();
    let answers: Vec<(&str, Vec<u8>)> = vec![
        ("a length", whole("200 OK", &[], bytes)),
        ("chunks", chunked(bytes, 999)),
        ("neither", [head("200 OK", &[]), bytes.to_vec()].concat()),
        ("an older protocol", [b"HTTP/1.0 200 OK\r\n\r\n", bytes].concat()),
        ("identity", whole("200 OK", &["Content-Encoding: identity"], bytes)),
    ];
    for (what, answer) in answers {
        let (folder, server) = (TempDir::new().unwrap(), Server::always(answer));
        let held = bring(&Access::default(), &folder, &server.url("/f.hither")).unwrap();
        assert_eq!(fs::read(&held.path).unwrap(), bytes, "{what}");
        assert_eq!(server.asked().len(), 1, "{what}");
        assert_eq!(left(&folder), ["hither", "note"], "{what}");
        let agent = concat!("hither/", env!("CARGO_PKG_VERSION"));
        assert_eq!(server.asked()[0].header("user-agent"), Some(agent));
    }
}

#[test]
fn an_answer_is_believed_then_asked_for_again_then_unchanged() {
    let folder = TempDir::new().unwrap();
    for (name, tag, condition) in
        [("etag", "ETag: \"one\"", "if-none-match"), ("date", DATE, "if-modified-since")]
    {
        let server = Server::new(move |request, _| {
            Some(match request.header(condition) {
                Some(_) => head("304 Not Modified", &[tag]),
                None => whole("200 OK", &[tag], file()),
            })
        });
        let objects = objects(&Access::default(), &server.url("/f.hither")).unwrap();
        let before = SystemTime::now() - Duration::from_secs(1);
        for asked in [1, 1] {
            cache(folder.path(), ROOM, before).bring(&objects, &mut || false).unwrap();
            assert_eq!(server.asked().len(), asked, "{name}");
        }
        let now = SystemTime::now() + Duration::from_secs(1);
        let held = cache(folder.path(), ROOM, now).bring(&objects, &mut || false).unwrap();
        assert_eq!(fs::read(&held[0].path).unwrap(), file(), "{name}");
        assert_eq!(server.asked().len(), 2, "{name}");
        assert!(server.asked()[1].header(condition).is_some(), "{name}");
    }
}

/// To who has no version of it, unchanged is no answer.
#[test]
fn answers_that_are_wrong() {
    let bytes = file();
    let mut flipped = bytes.to_vec();
    flipped[bytes.len() / 2] ^= 1;
    let page = b"<!DOCTYPE html><title>Sign in</title>".repeat(9);
    use ErrorKind::*;
    let answers: Vec<(ErrorKind, &str, Vec<u8>)> = vec![
        (Answer, "304 Not Modified to who has no version", head("304 Not Modified", &[])),
        (Answer, "204 No Content to who asks for the whole file", head("204 No Content", &[])),
        (Answer, "206 Partial Content to who asks", rest(0, &[], bytes)),
        (Answer, "in encoding \"gzip\"", whole("200 OK", &["Content-Encoding: gzip"], bytes)),
        (Missing, "there is no index file at", whole("404 Not Found", &[], b"where?")),
        (Refused, "the server refuses it", whole("403 Forbidden", &[], b"no")),
        (NotGiven, "the server answered 429", whole("429 Too Many Requests", &[], b"later")),
        (Elsewhere, "it is elsewhere", head("302 Found", &["Content-Length: 0"])),
        (NotAnIndex, "is not a hither index", whole("200 OK", &[], &page)),
        (NotAnIndex, "is not a hither index", head("200 OK", &[])),
        (Damaged, "where its header says", whole("200 OK", &[], &bytes[..100])),
        (Damaged, "where its header says", whole("200 OK", &[], &[bytes, b"x"].concat())),
        (
            Damaged,
            "more arrives than",
            [head("200 OK", &[]), bytes.to_vec(), b"x".to_vec()].concat(),
        ),
        (Damaged, "checksum", whole("200 OK", &[], &flipped)),
        (NotGiven, "bytes arrived", [head("200 OK", &[]), bytes[..5000].to_vec()].concat()),
        (Cut, "the connection was cut", whole("200 OK", &[], bytes)[..5000].to_vec()),
    ];
    for (kind, says, answer) in answers {
        let (folder, server) = (TempDir::new().unwrap(), Server::always(answer));
        let url = server.url("/f.hither");
        let error = bring(&Access::default(), &folder, &url).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.to_string().contains(&url), "{error}");
        // Once, and three times again.
        assert!((1..=4).contains(&server.asked().len()), "{error}: {}", server.asked().len());
        // Nothing is kept that could be taken for the file, and why is known to the next.
        assert_eq!(left(&folder), ["error"], "{error}");
        let object = objects(&Access::default(), &url).unwrap().remove(0);
        let known = cache(folder.path(), ROOM, SystemTime::now()).look(&object);
        assert_eq!(known, (None, Some(error)));
    }
}

#[test]
fn what_was_cut_is_gone_on_with_where_it_ended() {
    for (same, asked) in [(true, 2), (false, 3)] {
        let folder = TempDir::new().unwrap();
        let server = Server::new(move |request, number| {
            Some(match request.range() {
                _ if number == 1 => whole("200 OK", &[DATE], file())[..5000].to_vec(),
                Some(first) if same => rest(first, &[DATE], file()),
                // Another version by now: then from the start.
                Some(_) => whole("412 Precondition Failed", &[], b""),
                None => whole("200 OK", &[], file()),
            })
        });
        let url = server.url("/f.hither");
        let error = bring(&Access::default(), &folder, &url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cut, "{error}");
        assert_eq!(left(&folder), ["error", "part", "part.note"]);
        let held = bring(&Access::default(), &folder, &url).unwrap();
        assert_eq!(fs::read(&held.path).unwrap(), file());
        assert_eq!(server.asked().len(), asked);
        let second = &server.asked()[1];
        assert!(second.range().is_some_and(|first| (4000..5000).contains(&first)), "{second:?}");
        assert!(second.header("if-unmodified-since").is_some(), "{second:?}");
        assert_eq!(left(&folder), ["hither", "note"]);
    }
}

#[test]
fn the_length_is_known_by_the_first_bytes() {
    let ranges = Server::new(|request, _| {
        assert_eq!(request.header("range"), Some("bytes=0-63"));
        let range = format!("Content-Range: bytes 0-63/{}", file().len());
        Some(whole("206 Partial Content", &[&range], &file()[..64]))
    });
    let plain = Server::always(whole("200 OK", &[], file()));
    let missing = Server::always(whole("404 Not Found", &[], b""));
    let length = |server: &Server| {
        let object = objects(&Access::default(), &server.url("/f.hither")).unwrap().remove(0);
        object.length(&mut || false)
    };
    assert_eq!(length(&ranges), Ok(Some(file().len() as u64)));
    assert_eq!(length(&plain), Ok(None));
    assert_eq!(length(&missing).unwrap_err().kind(), ErrorKind::Missing);
}
