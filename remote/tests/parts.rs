//! Parts of remote files: what comes, of which version, and how often it is asked for.

use crate::server::{Request, Server, chunked, head, part, whole};
use crate::{DATE, file};
use hither_remote::{
    Access, Error, ErrorKind, Opened, RangeOptions, RangeReader, RemoteFile, location,
};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

pub const TAG: &str = "ETag: \"one\"";

/// Options for tests: next to no pauses, and none by chance.
pub fn options() -> RangeOptions {
    RangeOptions {
        pause: Duration::from_millis(1),
        jitter: false,
        no_longer: Duration::from_secs(600),
        ..RangeOptions::default()
    }
}

pub fn reader() -> RangeReader {
    RangeReader::new(options()).unwrap()
}

/// Opens a file by its first 64 bytes.
pub fn open(reader: &RangeReader, url: &str) -> Result<Opened, Error> {
    let access = Access { allow_http: true, ..Access::default() };
    reader.open(&access, &location::parse(url, None)?, 0..64, &mut || false)
}

/// A file of which parts can be read.
pub fn parts(reader: &RangeReader, server: &Server) -> RemoteFile {
    match open(reader, &server.url("/f.hither")).unwrap() {
        Opened::Parts { file, first } => {
            assert_eq!(first, &self::file()[..64]);
            file
        }
        Opened::Whole(_) => panic!("a part was asked for"),
    }
}

/// A server that answers the first request well and others as this says.
pub fn then(answer: impl Fn(&Request, usize) -> Option<Vec<u8>> + Send + Sync + 'static) -> Server {
    Server::new(move |request, number| match number {
        1 => Some(part(request, &[TAG, DATE], file())),
        number => answer(request, number),
    })
}

pub fn read(reader: &RangeReader, file: &RemoteFile) -> Result<Vec<u8>, Error> {
    Ok(reader.read(&[(file, 100..200)], &mut || false)?.remove(0))
}

#[test]
fn parts_come_in_their_order_of_one_version() {
    let server = Server::new(|request, _| Some(part(request, &[TAG, DATE], file())));
    let (reader, bytes) = (reader(), file());
    let file = parts(&reader, &server);
    assert_eq!(file.length(), bytes.len() as u64);
    let ranges = [5..6, 100..900, 0..64, 70..70, 8000..file.length(), 100..900];
    let wanted: Vec<_> = ranges.iter().map(|range| (&file, range.clone())).collect();
    let came = reader.read(&wanted, &mut || false).unwrap();
    for (range, came) in ranges.iter().zip(&came) {
        assert!(*came == bytes[range.start as usize..range.end as usize], "{range:?}");
    }
    // Nothing is asked for to learn what the first answer tells, nor for no bytes.
    let asked = server.asked();
    assert_eq!(asked.len(), 6);
    assert_eq!((asked[0].header("range"), asked[0].header("if-match")), (Some("bytes=0-63"), None));
    for request in &asked[1..] {
        assert_eq!(request.header("if-match"), Some("\"one\""));
        assert_eq!(request.header("accept-encoding"), Some("identity"));
    }
    let length: usize = came.iter().map(Vec::len).sum();
    assert_eq!(reader.traffic().requests, 6);
    assert_eq!(reader.traffic().bytes, 64 + length as u64);
    assert_eq!(reader.read(&[], &mut || false).unwrap(), Vec::<Vec<u8>>::new());
    for (start, end) in [(0, file.length() + 1), (9, 8)] {
        let range = start..end;
        let error = reader.read(&[(&file, range)], &mut || false).unwrap_err();
        assert!(error.to_string().contains("it has no bytes from"), "{error}");
    }
    assert_eq!(server.asked().len(), 6);
}

#[test]
fn several_files_are_opened_at_once_in_their_order() {
    let server = Server::new(|request, _| {
        let gone = request.path.contains("gone");
        Some(if gone {
            head("404 Not Found", &["Content-Length: 0"])
        } else {
            part(request, &[TAG], file())
        })
    });
    let (reader, access) = (reader(), Access { allow_http: true, ..Access::default() });
    let object = |name: &str| {
        let location = location::parse(&server.url(name), None).unwrap();
        reader.objects(&access, &location, &mut || false).unwrap().remove(0)
    };
    let (one, two, gone) = (object("/1.hither"), object("/2.hither"), object("/gone.hither"));
    let opened = reader.open_all(&[(&one, 0..64), (&two, 7..9)], &mut || false).unwrap();
    let [Opened::Parts { file: a, first: start }, Opened::Parts { file: b, first: part }] =
        &opened[..]
    else {
        panic!("parts were asked for")
    };
    assert_eq!((a.object().url(), b.object().url()), (one.url(), two.url()));
    assert_eq!((&start[..], &part[..]), (&file()[..64], &file()[7..9]));
    let error = reader.open_all(&[(&one, 0..64), (&gone, 0..64)], &mut || false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    let error = reader.open_all(&[(&one, 5..5)], &mut || false).unwrap_err();
    assert!(error.to_string().contains("it has no bytes from"), "{error}");
}

#[test]
fn a_file_may_be_shorter_than_its_first_part() {
    let server = Server::new(|request, _| Some(part(request, &[], b"short")));
    match open(&reader(), &server.url("/f.hither")).unwrap() {
        Opened::Parts { file, first } => {
            assert_eq!((file.length(), &first[..]), (5, &b"short"[..]))
        }
        Opened::Whole(_) => panic!("a part was asked for"),
    }
}

#[test]
fn six_are_asked_for_at_once() {
    let (at_once, most) = (Arc::new(Barrier::new(6)), Arc::new(AtomicUsize::new(0)));
    let running = AtomicUsize::new(0);
    let seen = Arc::clone(&most);
    let server = then(move |request, _| {
        seen.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // None is answered before six are asked.
        at_once.wait();
        running.fetch_sub(1, Ordering::SeqCst);
        Some(part(request, &[TAG], file()))
    });
    let reader = reader();
    let file = parts(&reader, &server);
    let wanted: Vec<_> = (0..12).map(|at| (&file, 100 * at..100 * at + 50)).collect();
    reader.read(&wanted, &mut || false).unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 6);
}

#[test]
fn connections_are_kept_from_call_to_call() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    thread::spawn(move || {
        for stream in listener.incoming().map(Result::unwrap) {
            count.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let mut range = String::new();
                while let Some(Ok(line)) = lines.next() {
                    if let Some((_, asked)) = line.split_once("ange: ") {
                        range = asked.to_owned();
                    } else if line.is_empty() {
                        let headers = [("range".to_owned(), range.clone())].into();
                        let answer = part(&Request { path: "/".into(), headers }, &[TAG], file());
                        let close = b"Connection: close\r\n";
                        let at = answer.windows(close.len()).position(|at| at == close).unwrap();
                        let kept = [&answer[..at], &answer[at + close.len()..]].concat();
                        (&stream).write_all(&kept).unwrap();
                    }
                }
            });
        }
    });
    let reader = reader();
    let Opened::Parts { file, .. } = open(&reader, &format!("http://127.0.0.1:{port}/f")).unwrap()
    else {
        panic!("a part was asked for")
    };
    for _ in 0..20 {
        read(&reader, &file).unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_server_that_sends_no_parts_gives_the_whole_if_that_is_not_too_much() {
    let bytes = file();
    for (what, answer) in
        [("a length", whole("200 OK", &[TAG], bytes)), ("chunks", chunked(bytes, 999))]
    {
        for (most_whole, fits) in
            [(bytes.len() as u64, true), (bytes.len() as u64 - 1, false), (0, false)]
        {
            let server = Server::always(answer.clone());
            let reader = RangeReader::new(RangeOptions { most_whole, ..options() }).unwrap();
            match open(&reader, &server.url("/f.hither")) {
                Ok(Opened::Whole(came)) => assert!(fits && came == bytes, "{what}"),
                Ok(Opened::Parts { .. }) => panic!("{what}: no part came"),
                Err(error) => {
                    assert!(!fits && error.kind() == ErrorKind::NoRanges, "{what}: {error}");
                    assert!(error.to_string().contains("sends no parts of files"), "{error}");
                }
            }
            assert_eq!(server.asked().len(), 1, "{what}");
        }
    }
    // Cut, it is no file.
    let server = Server::always(whole("200 OK", &[TAG], bytes)[..5000].to_vec());
    let error = open(&reader(), &server.url("/f.hither")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cut, "{error}");
}

#[test]
fn a_version_without_a_tag_is_known_by_its_date() {
    for (same, headers) in [(true, DATE), (false, "Last-Modified: Thu, 01 Jan 2026 00:00:01 GMT")] {
        let server = Server::new(move |request, number| {
            let headers = if number == 1 { DATE } else { headers };
            Some(part(request, &["ETag: W/\"weak\"", headers], file()))
        });
        let reader = reader();
        let file = parts(&reader, &server);
        let came = read(&reader, &file);
        assert!(server.asked()[1].header("if-match").is_none());
        assert!(server.asked()[1].header("if-unmodified-since").is_some());
        match came {
            Ok(came) => assert!(same && came == self::file()[100..200]),
            Err(error) => assert!(!same && error.kind() == ErrorKind::Replaced, "{error}"),
        }
    }
}

#[test]
fn versions_are_told_apart_and_one_has_one_name() {
    let server = Server::new(|request, _| {
        let tag = if request.path == "/new" { "ETag: \"two\"" } else { TAG };
        Some(part(request, &[tag, DATE], file()))
    });
    let reader = reader();
    let version = |path: &str| match open(&reader, &server.url(path)).unwrap() {
        Opened::Parts { file, .. } => file.version(),
        Opened::Whole(_) => panic!("a part was asked for"),
    };
    assert_eq!(version("/f"), version("/f"));
    assert_ne!(version("/f"), version("/g"));
    assert_ne!(version("/f"), version("/new"));
}

#[test]
fn objects_of_s3_are_read_in_part_and_signed() {
    let server = Server::new(|request, _| Some(part(request, &[TAG, DATE], file())));
    let access = Access {
        endpoint: Some(server.url("")),
        allow_http: true,
        keys: Some(hither_remote::Keys {
            access_key_id: "AKIA".into(),
            secret_access_key: "hush".into(),
            session_token: None,
        }),
        ..Access::default()
    };
    let location = location::parse("s3://bucket/a/f.hither", None).unwrap();
    let reader = reader();
    let opened = reader.open(&access, &location, 0..64, &mut || false).unwrap();
    let Opened::Parts { file, .. } = opened else { panic!("a part was asked for") };
    assert!(read(&reader, &file).unwrap() == self::file()[100..200]);
    for request in server.asked() {
        assert_eq!(request.path, "/bucket/a/f.hither");
        assert!(request.header("authorization").unwrap().contains("Credential=AKIA/"));
    }
}
