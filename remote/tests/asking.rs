//! Whom servers are asked of, where they may lead, and who hears a secret.

use crate::server::{Server, whole};
use crate::{bring, file, objects};
use hither_remote::{Access, Error, ErrorKind, Keys, Secret, location};
use tempfile::TempDir;

#[test]
fn redirections_lead_to_the_same_host_or_a_name_and_no_further() {
    let elsewhere = Server::always(whole("200 OK", &[], file()));
    let places = [
        elsewhere.url("/f.hither"),
        elsewhere.url("/f.hither").replace("127.0.0.1", "127.0.0.2"),
        elsewhere.url("/f.hither").replace("127.0.0.1", "localhost"),
        "http://169.254.169.254/latest/meta-data".into(),
        "file:///etc/passwd".into(),
    ];
    for place in places {
        let folder = TempDir::new().unwrap();
        let to = format!("Location: {place}");
        let server = Server::always(whole("307 Temporary Redirect", &[&to], b""));
        let error = bring(&Access::default(), &folder, &server.url("/f.hither")).unwrap_err();
        assert!(error.kind().is_network(), "{place}: {error}");
    }
    assert_eq!(elsewhere.asked().len(), 0);

    let folder = TempDir::new().unwrap();
    let server = Server::new(|request, _| {
        Some(match request.path.as_str() {
            "/f.hither" => whole("302 Found", &["Location: /g.hither"], b""),
            "/g.hither" => whole("200 OK", &[], file()),
            _ => whole("302 Found", &[&format!("Location: {}", request.path)], b""),
        })
    });
    bring(&Access::default(), &folder, &server.url("/f.hither")).unwrap();
    let error = bring(&Access::default(), &folder, &server.url("/loop")).unwrap_err();
    assert!(error.to_string().contains("too many redirections"), "{error}");
}

#[test]
fn a_secret_goes_where_it_is_meant_to_and_is_shown_nowhere() {
    let server = Server::new(|request, _| {
        let known = request.header("authorization") == Some("Basic bWU6aHVzaA==")
            && request.path == "/f.hither?sig=hush";
        Some(match known {
            true => whole("200 OK", &[], file()),
            false => whole("500 Internal Server Error", &[], request.path.as_bytes()),
        })
    });
    let url = server.url("/f.hither");
    let secret = |password| Secret {
        authorization: Some(Secret::basic("me", password)),
        query: Some("sig=hush".into()),
    };
    let home = location::parse(&url, None).unwrap().origin().unwrap();
    let access = |secret, home: &str, allow_http| Access {
        secret: Some(secret),
        homes: vec![home.into()],
        allow_http,
        ..Access::default()
    };
    let folder = TempDir::new().unwrap();
    bring(&access(secret("hush"), &home, true), &folder, &url).unwrap();
    for (access, says) in [
        (access(secret("hush"), &home, false), "is not encrypted"),
        (access(secret("hushed"), &home, true), "answered 500"),
        (access(secret("hush"), "https://example.org", true), "answered 500"),
    ] {
        let shown = format!("{access:?}");
        assert!(!shown.contains("hush") && !shown.contains("bWU6"), "{shown}");
        let error = bring(&access, &folder, &url).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    }
    // Nobody's file is not that of who has a secret.
    let elsewhere = server.asked().pop().unwrap();
    assert_eq!((elsewhere.path.as_str(), elsewhere.header("authorization")), ("/f.hither", None));
}

/// A page of a list of S3.
fn page(keys: &[&str], next: &str) -> Vec<u8> {
    let objects: String = keys
        .iter()
        .map(|key| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00Z</LastModified>\
                 <ETag>x</ETag><Size>9</Size></Contents>"
            )
        })
        .collect();
    let next = match next {
        "" => "<IsTruncated>false</IsTruncated>".into(),
        next => format!(
            "<IsTruncated>true</IsTruncated><NextContinuationToken>{next}</NextContinuationToken>"
        ),
    };
    whole("200 OK", &[], format!("<ListBucketResult>{next}{objects}</ListBucketResult>").as_bytes())
}

#[test]
fn s3_lists_what_a_pattern_means_and_signs_what_it_asks() {
    let server = Server::new(|request, _| {
        Some(match request.path.contains("continuation-token=2") {
            false => page(&["p/b.hither", "p/a.hither", "p/notes.txt"], "2"),
            true => page(&["p/deep/c.hither", "p/c.hither"], ""),
        })
    });
    let access = Access {
        endpoint: Some(server.url("")),
        allow_http: true,
        keys: Some(Keys {
            access_key_id: "AKIA".into(),
            secret_access_key: "hush".into(),
            session_token: None,
        }),
        ..Access::default()
    };
    let names = |access: &Access, url: &str| {
        let names = objects(access, url)?;
        Ok::<_, Error>(names.iter().map(|object| object.url().to_owned()).collect::<Vec<_>>())
    };
    let found = names(&access, "s3://bucket/p/").unwrap();
    assert_eq!(found, ["a", "b", "c"].map(|name| format!("s3://bucket/p/{name}.hither")));
    let request = &server.asked()[0];
    assert!(request.header("authorization").unwrap().contains("Credential=AKIA/"), "{request:?}");
    assert_eq!(names(&access, "s3://bucket/p/*.txt").unwrap(), ["s3://bucket/p/notes.txt"]);
    let error = names(&access, "s3://bucket/p/x*").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Nothing, "{error}");
    let error = names(&Access { allow_http: false, ..access.clone() }, "s3://b/p/").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotEncrypted, "{error}");
    assert!(!format!("{access:?}").contains("AKIA"));

    for (answer, says) in [
        (page(&[], "again"), "leads to the same page again"),
        (whole("403 Forbidden", &[], b"AKIA"), "the server answered 403"),
    ] {
        let server = Server::always(answer);
        let access = Access { endpoint: Some(server.url("")), ..access.clone() };
        let error = names(&access, "s3://bucket/p/").unwrap_err();
        assert!(error.to_string().contains(says) && !error.to_string().contains("AKIA"), "{error}");
    }
}
