use std::path::{Path, PathBuf};

use hither::{ColumnType, KeyType, Value};

use super::*;
use crate::{
    Input, Options, Row,
    testing::{damage, drain, message, scratch},
};

/// Reads two vectors of one dimension, with attributes in a separate file.
fn read(vectors: &Path, tsv: &Path, options: &Options) -> Result<(Input, Vec<Row>), Error> {
    let options = Options { attributes: Some(tsv.to_owned()), ..options.clone() };
    Ok((Input::open(vectors, &options)?, drain(Input::open(vectors, &options)?)?))
}

fn two_vectors(folder: &crate::testing::Scratch) -> PathBuf {
    let path = folder.join("v.bvecs");
    std::fs::write(&path, [1, 0, 0, 0, 7, 1, 0, 0, 0, 8]).unwrap();
    path
}

#[test]
fn types_nulls_and_quotes() {
    let folder = scratch("tsv");
    let (v, t) = (two_vectors(&folder), folder.join("a.tsv"));
    let text = "\u{feff}word\tn\tx\tok\r\n\"quoted\" a \"b\t7\t1.5\ttrue\r\nnaïve\t\t2\tfalse";
    std::fs::write(&t, text).unwrap();
    let (input, rows) = read(&v, &t, &Options::default()).unwrap();
    let types: Vec<_> = input.columns.iter().map(|c| (c.name.as_str(), c.column_type)).collect();
    assert_eq!(
        types,
        [
            ("word", ColumnType::Text),
            ("n", ColumnType::Int64),
            ("x", ColumnType::Float64),
            ("ok", ColumnType::Bool)
        ]
    );
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(
        rows[0].attributes,
        [text("\"quoted\" a \"b"), Value::Int64(7), Value::Float64(1.5), Value::Bool(true)]
    );
    assert_eq!(
        rows[1].attributes,
        [text("naïve"), Value::Null, Value::Float64(2.0), Value::Bool(false)]
    );
}

#[test]
fn keys_names_and_types_that_were_asked_for() {
    let folder = scratch("tsv-options");
    let (v, t) = (two_vectors(&folder), folder.join("a.tsv"));
    std::fs::write(&t, "noun:1\t12\nnoun:2\t13\n").unwrap();
    let options = Options {
        column_names: Some(vec!["key".into(), "n".into()]),
        key_column: Some("key".into()),
        column_types: vec![("n".into(), ColumnType::Text)],
        ..Options::default()
    };
    let (input, rows) = read(&v, &t, &options).unwrap();
    assert_eq!((input.key_type, input.key_column.as_deref()), (KeyType::Text, Some("key")));
    assert_eq!(rows[1].key, Some(hither::Key::Text("noun:2".into())));
    assert_eq!(rows[1].attributes, [Value::Text("13".into())]);
}

#[test]
fn refusals() {
    let folder = scratch("tsv-refusals");
    let (v, t) = (two_vectors(&folder), folder.join("a.tsv"));
    let names = |names: &[&str]| Some(names.iter().map(|&name| name.into()).collect());
    for (text, column_names, part) in [
        ("", None, "the file is empty"),
        ("a\nx\n", None, "name the columns"),
        ("a\nx\ny\n", names(&["a"]), "name no columns"),
        ("a\nx\ny\nz\nw\n", None, "it has 4 rows, and"),
        ("a\ta\nx\ty\nx\ty\n", None, "column 2 is called \"a\""),
        ("a\tb\nx\ty\nx\n", None, "line 3: it has 1 fields where there are 2 columns"),
    ] {
        std::fs::write(&t, text).unwrap();
        let text = message(read(&v, &t, &Options { column_names, ..Options::default() }));
        assert!(text.contains(part), "{text}");
    }
    std::fs::write(&t, b"a\n\xff\nx\n").unwrap();
    assert!(message(read(&v, &t, &Options::default())).contains("line 2: it is no valid UTF-8"));
    std::fs::write(&t, "a\n1\nx\n").unwrap();
    let column_types = vec![("a".into(), ColumnType::Int64)];
    let options = Options { column_types, ..Options::default() };
    assert!(message(read(&v, &t, &options)).contains("line 3: field 1 (\"a\") is \"x\", no int64"));
    let column_types = vec![("b".into(), ColumnType::Int64)];
    let options = Options { column_types, ..Options::default() };
    assert!(message(read(&v, &t, &options)).contains("no column \"b\""));
    let options = Options { key_column: Some("b".into()), ..Options::default() };
    assert!(message(read(&v, &t, &options)).contains("no column \"b\"; there are: a"));
}

#[test]
fn damage_never_panics() {
    let folder = scratch("tsv-damage");
    let v = two_vectors(&folder);
    damage(&folder.join("a.tsv"), "a\tb\n1\tü\n2.5\t\n".as_bytes(), |path| {
        read(&v, path, &Options::default()).map(|(_, rows)| rows.len())
    });
}
