use super::{Location, check_secrets, parse, split};
use crate::error::ErrorKind::{self, Bucket, NotAbsolute, Scheme, Secret};

/// What a location means, as it is written again, or what is wrong with it.
fn told(text: &str, base: Option<&str>) -> Result<String, ErrorKind> {
    parse(text, base).map(|location| location.to_string()).map_err(|error| {
        // What may be a secret is in no error.
        assert!(!error.to_string().contains("hush"), "{error}");
        error.kind()
    })
}

#[test]
fn locations_are_understood_beneath_their_base_or_refused() {
    let server = Some("https://host/files/");
    let bucket = Some("s3://bucket/files");
    for (text, base, wanted) in [
        ("/a/b.hither", None, Ok("/a/b.hither")),
        ("b.hither", Some("/a"), Ok("/a/b.hither")),
        (".", Some("/a"), Ok("/a")),
        ("b.hither", None, Err(NotAbsolute)),
        ("HTTPS://Host/a b", None, Ok("https://host/a%20b")),
        ("a.hither", server, Ok("https://host/files/a.hither")),
        ("./a.hither", server, Ok("https://host/files/a.hither")),
        (".", server, Ok("https://host/files/")),
        ("/a.hither", server, Ok("/a.hither")),
        ("http://other/a", server, Ok("http://other/a")),
        ("../a.hither", server, Err(ErrorKind::Location)),
        ("%2e%2E/a.hither", server, Err(ErrorKind::Location)),
        ("..\\a.hither", server, Err(ErrorKind::Location)),
        ("a.hither", bucket, Ok("s3://bucket/files/a.hither")),
        ("s3://bucket", None, Ok("s3://bucket/")),
        ("s3:///key", None, Err(Bucket)),
        ("s3://me:hush@bucket/key", None, Err(Bucket)),
        ("https://me:hush@host/a", None, Err(Secret)),
        ("https://host/a?sig=hush", None, Err(Secret)),
        ("https://host/a#hush", None, Err(Secret)),
        ("a?sig=hush", server, Err(Secret)),
        ("ftp://me:hush@host/a?hush", None, Err(Scheme)),
        ("http://", None, Err(ErrorKind::Location)),
    ] {
        assert_eq!(told(text, base), wanted.map(Into::into), "{text} beneath {base:?}");
    }
}

#[test]
fn a_secret_is_refused_wherever_it_lies_and_a_glob_is_none() {
    assert_eq!(check_secrets("a?sig=hush").unwrap_err().kind(), Secret);
    assert_eq!(check_secrets("/folder/part?.hither"), Ok(()));
}

#[test]
fn a_list_has_parts_and_http_has_origins() {
    assert_eq!(split(" a,, b ,"), ["a", "b"]);
    let origin = |text| parse(text, None).unwrap().origin();
    assert_eq!(origin("https://host:443/a").as_deref(), Some("https://host"));
    assert_eq!(origin("http://host:81/a").as_deref(), Some("http://host:81"));
    assert_eq!(origin("s3://bucket/a"), None);
    assert_eq!(parse("/a", None), Ok(Location::Path("/a".into())));
}
