use std::path::Path;

use hither::{ColumnType, Key, KeyType, Value};

use super::*;
use crate::{
    Input, Options, Row,
    testing::{damage, drain, message, scratch},
};

fn read(path: &Path) -> Result<(Input, Vec<Row>), Error> {
    let options = Options::default();
    Ok((Input::open(path, &options)?, drain(Input::open(path, &options)?)?))
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

#[test]
fn quotes_types_nulls_and_a_vector() {
    let folder = scratch("csv");
    let path = folder.join("a.csv");
    let lines = "\u{feff}id,vector,title,\"n,m\",ok\r\n\
        7,\"[1, 2.5]\",\"a \"\"b\"\", c\r\nd\",1,true\r\n\
        \r\n\
        8,\"[-3e2,0.1]\",,,\"\"\r\n";
    std::fs::write(&path, lines).unwrap();
    let (input, rows) = read(&path).unwrap();
    assert_eq!((input.rows, input.dimensions, input.key_type), (Some(2), 2, KeyType::Int64));
    let names: Vec<_> = input.columns.iter().map(|c| (c.name.as_str(), c.column_type)).collect();
    let types = [("title", ColumnType::Text), ("n,m", ColumnType::Int64), ("ok", ColumnType::Bool)];
    assert_eq!(names, types);
    assert_eq!((&rows[0].key, &rows[0].vector[..]), (&Some(Key::Int64(7)), &[1.0, 2.5][..]));
    assert_eq!(rows[0].attributes, [text("a \"b\", c\r\nd"), Value::Int64(1), Value::Bool(true)]);
    assert_eq!(rows[1].vector, [-300.0, 0.1]);
    assert_eq!(rows[1].attributes, [Value::Null, Value::Null, Value::Null]);
}

#[test]
fn separators_of_the_first_line() {
    let folder = scratch("csv-separators");
    let path = folder.join("a.csv");
    for separator in [",", ";", "\t"] {
        let header = ["id", "vector", "t"].join(separator);
        let row = ["1", "\"[1,2]\"", "\"a\t;,b\""].join(separator);
        std::fs::write(&path, format!("{header}\n{row}\n")).unwrap();
        let (_, rows) = read(&path).unwrap();
        assert_eq!(rows[0].attributes, [text("a\t;,b")], "{separator:?}");
    }
}

#[test]
fn files_that_are_cut_within_quotes() {
    let folder = scratch("csv-cut");
    let path = folder.join("a.csv");
    for (end, whole) in [
        ("2,[2],x", true),
        ("2,[2],x\n", true),
        ("2,[2],x\n\n\n", true),
        ("2,[2],\"x\ny\"", true),
        ("2,[2],\"x\"\"\"\n", true),
        ("2,[2],!\n", true),
        ("2,[2],\"!\n\"\n", true),
        ("2,[2],\"x", false),
        ("2,[2],\"x\n", false),
        ("2,[2],\"x\"\"\n", false),
        ("2,[2],\"", false),
        ("2,[2],\"!\n", false),
        ("\"", false),
    ] {
        std::fs::write(&path, format!("id,vector,t\n1,[1],x\n{end}")).unwrap();
        match read(&path) {
            Ok((_, rows)) => assert!(whole && rows.len() == 2, "{end:?}"),
            Err(error) => {
                let error = error.to_string();
                assert!(!whole && error.contains("line 3: a quote is opened"), "{end:?}: {error}");
            }
        }
    }
}

#[test]
fn refusals() {
    let folder = scratch("csv-refusals");
    let path = folder.join("a.csv");
    for (bytes, part) in [
        (&b""[..], "the file is empty; its first line names"),
        (b"\n\n", "the file is empty; its first line names"),
        (b"id,vector\n", "it has no rows"),
        (b"id,vector\n1,[1]\n2,[1],3\n", "line 3: it has 3 fields where there are 2 columns"),
        (b"id,vector\n1,\"[1,2]\"\n2,[1]\n", "line 3: \"vector\" has 1 values"),
        (b"id,vector\n1,[1]\n2,\n", "line 3: \"vector\" is null"),
        (b"id,vector\n1,[1]\n2,\xff\n", "line 3: it is no valid UTF-8"),
        (b"id,vector,id\n1,[1],2\n", "column 3 is called \"id\""),
        (b"id,,x\n1,[1],2\n", "column 2 is called \"\""),
        (b"id,name\n1,x\n", "no column holds a list of numbers"),
        (b"a,b\n[1],[2]\n", "several columns could be the vector: a, b; name one"),
        (b"vector,n\n[1],99999999999999999999\n", "name its type"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let text = message(read(&path));
        assert!(text.contains("a.csv") && text.contains(part), "{text}");
    }
}

#[test]
fn attributes_and_names_that_are_given() {
    let folder = scratch("csv-attributes");
    let (v, a) = (folder.join("v.bvecs"), folder.join("a.csv"));
    std::fs::write(&v, [1, 0, 0, 0, 7, 1, 0, 0, 0, 8]).unwrap();
    std::fs::write(&a, "x,\"1\"\n,\n").unwrap();
    let mut options = Options {
        attributes: Some(a),
        column_names: Some(vec!["t".into(), "n".into()]),
        ..Options::default()
    };
    let rows = drain(Input::open(&v, &options).unwrap()).unwrap();
    assert_eq!(rows[0].attributes, [text("x"), Value::Int64(1)]);
    assert_eq!(rows[1].attributes, [Value::Null, Value::Null]);
    options.column_names = None;
    assert!(message(Input::open(&v, &options)).contains("it has 1 rows, and"));
}

#[test]
fn damage_never_panics() {
    let folder = scratch("csv-damage");
    let bytes = b"id,vector,t\n1,\"[1,2]\",\"a\"\"b\"\n2,\"[3,4]\",\n";
    damage(&folder.join("a.csv"), bytes, |path| read(path).map(|(_, rows)| rows.len()));
}
