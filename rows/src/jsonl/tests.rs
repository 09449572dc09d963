use std::path::Path;

use super::*;
use crate::{
    Input, Options,
    testing::{damage, drain, message, scratch},
};

fn read(path: &Path, options: &Options) -> Result<(Input, Vec<Row>), Error> {
    Ok((Input::open(path, options)?, drain(Input::open(path, options)?)?))
}

#[test]
fn every_type() {
    let folder = scratch("jsonl");
    let path = folder.join("a.jsonl");
    let text = r#"{"id": 5, "embedding": [1, 2.5e0], "b": true, "i": 1, "f": 1, "t": "a\u00e9\n", "when": "2024-01-01T00:00:00Z", "u": "0189d3e4-7c6b-7000-8000-0123456789ab", "x": "\\x00ff", "j": {"a": [1, 2]}, "mixed": 1}

{"embedding": [ -0.1 , 1e38 ], "id": 6, "f": "NaN", "mixed": "x", "late": null, "i": null}
"#;
    std::fs::write(&path, text).unwrap();
    let (input, rows) = read(&path, &Options::default()).unwrap();
    assert_eq!((input.rows, input.dimensions, input.key_type), (Some(2), 2, KeyType::Int64));
    assert_eq!(input.vector_column.as_deref(), Some("embedding"));
    assert_eq!(input.key_column.as_deref(), Some("id"));
    let types: Vec<_> = input.columns.iter().map(|c| (c.name.as_str(), c.column_type)).collect();
    use ColumnType::{Bool, Bytes, Float64, Int64, Json, Text, Timestamp, Uuid};
    assert_eq!(
        types,
        [
            ("b", Bool),
            ("i", Int64),
            ("f", Float64),
            ("t", Text),
            ("when", Timestamp),
            ("u", Uuid),
            ("x", Bytes),
            ("j", Json),
            ("mixed", Json),
            ("late", Text),
        ]
    );
    assert_eq!(rows[0].vector, [1.0, 2.5]);
    assert_eq!(rows[1].vector, [-0.1, 1e38]);
    assert_eq!(rows[1].key, Some(Key::Int64(6)));
    assert_eq!(rows[0].attributes[3], Value::Text("aé\n".into()));
    assert_eq!(rows[0].attributes[4], Value::Timestamp(1_704_067_200_000_000));
    assert_eq!(rows[0].attributes[6], Value::Bytes(vec![0, 255]));
    assert_eq!(rows[0].attributes[7], Value::Json("{\"a\": [1, 2]}".into()));
    assert_eq!(rows[1].attributes[0..2], [Value::Null, Value::Null]);
    assert!(matches!(rows[1].attributes[2], Value::Float64(f) if f.is_nan()));
    assert_eq!(rows[1].attributes[8], Value::Json("\"x\"".into()));
}

#[test]
fn the_vector_is_named_or_the_only_one() {
    let folder = scratch("jsonl-vector");
    let path = folder.join("a.ndjson");
    std::fs::write(&path, "{\"v\": [1, 2], \"uneven\": [1]}\n{\"v\": [3, 4], \"uneven\": []}\n")
        .unwrap();
    let (input, rows) = read(&path, &Options::default()).unwrap();
    assert_eq!(input.vector_column.as_deref(), Some("v"));
    assert_eq!(input.key_type, KeyType::RowNumber);
    assert_eq!(rows[1].attributes, [Value::Json("[]".into())]);
    std::fs::write(&path, "{\"v\": [1, 2], \"w\": [1]}\n").unwrap();
    let text = message(read(&path, &Options::default()));
    assert!(text.contains("v, w; name one"), "{text}");
    let named = |name: &str| Options { vector_column: Some(name.into()), ..Options::default() };
    assert_eq!(read(&path, &named("w")).unwrap().0.dimensions, 1);
    assert!(message(read(&path, &named("z"))).contains("there are: v, w"));
}

#[test]
fn keys() {
    let folder = scratch("jsonl-keys");
    let path = folder.join("a.jsonl");
    let key_of = |id: [&str; 2], options: &Options| {
        let lines = id.map(|id| format!("{{\"vector\": [1], \"id\": {id}}}\n"));
        std::fs::write(&path, lines.concat()).unwrap();
        read(&path, options).map(|(input, _)| (input.key_type, input.columns.len()))
    };
    let default = Options::default();
    assert_eq!(key_of(["1", "2"], &default).unwrap(), (KeyType::Int64, 0));
    assert_eq!(key_of(["\"a\"", "\"b\""], &default).unwrap(), (KeyType::Text, 0));
    assert_eq!(key_of(["\"a\"", "1"], &default).unwrap(), (KeyType::RowNumber, 1));
    assert_eq!(key_of(["1", "null"], &default).unwrap(), (KeyType::RowNumber, 1));
    assert_eq!(key_of(["1.5", "2"], &default).unwrap(), (KeyType::RowNumber, 1));
    let named = Options { key_column: Some("id".into()), ..Options::default() };
    assert!(message(key_of(["1", "null"], &named)).contains("cannot be the key"));
    assert!(message(key_of(["1", "9223372036854775808"], &named)).contains("within int64"));
    let column_types = vec![("id".into(), ColumnType::Text)];
    let text = Options { column_types, ..named };
    assert_eq!(key_of(["1", "\"b\""], &text).unwrap(), (KeyType::Text, 0));
}

#[test]
fn refusals() {
    let folder = scratch("jsonl-refusals");
    let path = folder.join("a.jsonl");
    for (text, part) in [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        ("[1, 2]\n", "line 1: a line of JSON Lines is an object"),
        ("{\"vector\": [1]}\n{\"vector\": [1\n", "line 2"),
        ("{\"vector\": [NaN]}\n", "NaN and Infinity are no JSON"),
        (
            "{\"vector\": [1, 2]}\n{\"vector\": [1]}\n",
            "line 2: \"vector\" has 1 values where the first vector has 2",
        ),
        ("{\"vector\": [1, 2]}\n{\"vector\": null}\n", "line 2: \"vector\" is null"),
        ("{\"vector\": [1, 2]}\n\n{\"x\": 1}\n", "line 3: there is no \"vector\""),
        ("{\"vector\": [1, 2]}\n{\"vector\": [1, null]}\n", "holds null at 1"),
        ("{\"vector\": [1, 2]}\n{\"vector\": []}\n", "has 0 values"),
        ("{\"vector\": [1, 1e39]}\n", "holds 1e39 at 1, which is beyond float32"),
        ("{\"vector\": [1], \"x\": 1e400}\n", "\"x\" is 1e400, and the column is float64"),
        ("{\"vector\": [1], \"x\": 1, \"x\": 2}\n", "line 1: \"x\" is there twice"),
        ("{\"x\": 1}\n", "none can be the vector; there are: x"),
        ("{\"vector\": []}\n", "none can be the vector"),
    ] {
        std::fs::write(&path, text).unwrap();
        let message = message(read(&path, &Options::default()));
        assert!(message.contains(part), "{text}: {message}");
    }
    std::fs::write(&path, b"{\"a\": \"\xff\"}\n").unwrap();
    assert!(message(read(&path, &Options::default())).contains("UTF-8"));
}

#[test]
fn damage_never_panics() {
    let folder = scratch("jsonl-damage");
    let text = "{\"vector\": [1, 2.5], \"id\": 1, \"t\": \"é\\u00e9\"}\n{\"vector\": [3, 4], \"id\": 2, \"t\": null}\n";
    damage(&folder.join("a.jsonl"), text.as_bytes(), |path| {
        read(path, &Options::default()).map(|(_, rows)| rows.len())
    });
}
