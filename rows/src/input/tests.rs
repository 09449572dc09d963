use hither::{ColumnType, Key, Value};

use super::*;
use crate::{
    testing::{Scratch, drain, message, scratch},
    write_npy_i64,
};

fn vectors(folder: &Scratch) -> PathBuf {
    let path = folder.join("v.bvecs");
    std::fs::write(&path, [1, 0, 0, 0, 7, 1, 0, 0, 0, 8]).unwrap();
    path
}

#[test]
fn vectors_keys_and_attributes_from_three_files() {
    let folder = scratch("input-three");
    let (v, k, a) = (vectors(&folder), folder.join("k.npy"), folder.join("a.jsonl"));
    write_npy_i64(&k, &[40, 50], 2, 1).unwrap();
    std::fs::write(&a, "{\"id\": 1}\n{\"id\": 2}\n").unwrap();
    let options = Options { keys: Some(k), attributes: Some(a), ..Options::default() };
    let input = Input::open(&v, &options).unwrap();
    assert_eq!((input.rows, input.dimensions, input.key_type), (Some(2), 1, KeyType::Int64));
    let rows = drain(input).unwrap();
    assert_eq!(rows[1].key, Some(Key::Int64(50)));
    assert_eq!(rows[1].vector, [8.0]);
    assert_eq!(rows[1].attributes, [Value::Int64(2)], "beside vectors, \"id\" is an attribute");
}

#[test]
fn rows_that_do_not_match_and_names_that_clash() {
    let folder = scratch("input-clash");
    let (v, k, a) = (vectors(&folder), folder.join("k.npy"), folder.join("a.jsonl"));
    write_npy_i64(&k, &[1, 2, 3], 3, 1).unwrap();
    std::fs::write(&a, "{\"x\": 1}\n").unwrap();
    let keys = Options { keys: Some(k.clone()), ..Options::default() };
    let text = message(Input::open(&v, &keys));
    assert!(text.contains("k.npy: it has 3 keys, and") && text.contains("2 vectors"), "{text}");
    let attributes = Options { attributes: Some(a.clone()), ..Options::default() };
    assert!(message(Input::open(&v, &attributes)).contains("it has 1 rows"));
    let main = folder.join("main.jsonl");
    std::fs::write(&main, "{\"vector\": [1], \"x\": 2}\n").unwrap();
    assert!(message(Input::open(&main, &attributes)).contains("the column \"x\" is in"));
    for (text, part) in [
        ("{\"vector\": [1], \"\": 2}\n", "main.jsonl: a column has an empty name"),
        ("{\"\": [1], \"x\": 2}\n", ""),
    ] {
        std::fs::write(&main, text).unwrap();
        match Input::open(&main, &Options::default()) {
            Ok(input) => assert!(part.is_empty() && input.columns.len() == 1),
            Err(error) => assert!(!part.is_empty() && error.to_string().contains(part), "{error}"),
        }
    }
    std::fs::write(&a, "{\"\": 1}\n{\"\": 2}\n").unwrap();
    assert!(message(Input::open(&v, &attributes)).contains("a.jsonl: a column has an empty"));
    let both = Options { key_column: Some("x".into()), ..keys };
    assert!(message(Input::open(&v, &both)).contains("leave one out"));
}

#[test]
fn names_of_files() {
    let folder = scratch("input-names");
    for (name, part) in [
        ("a.xls", "the format .xls is unknown; there are .npy, .npz, .fvecs, .bvecs"),
        ("a.npy.gz", "only text is read packed, and .npy is none"),
        ("a.gz", "no extension"),
        ("a", "no extension"),
        ("a.json", "jq -c"),
        ("missing.npy", "there is no such file"),
        ("missing.jsonl", "there is no such file"),
    ] {
        let text = message(Input::open(&folder.join(name), &Options::default()));
        assert!(text.contains(part), "{text}");
    }
    for extension in ["npy", "fvecs", "jsonl", "parquet"] {
        let path = folder.join(&format!("folder.{extension}"));
        std::fs::create_dir(&path).unwrap();
        message(Input::open(&path, &Options::default()));
    }
    let v = vectors(&folder);
    let options = Options { vector_column: Some("v".into()), ..Options::default() };
    assert!(message(Input::open(&v, &options)).contains("leave it out"));
    let options = Options { key_column: Some("k".into()), ..Options::default() };
    assert!(message(Input::open(&v, &options)).contains("give a file of keys"));
}

#[cfg(not(feature = "parquet"))]
#[test]
fn without_parquet() {
    let folder = scratch("input-without");
    for name in ["a.parquet", "a.arrow"] {
        let path = folder.join(name);
        std::fs::write(&path, "PAR1").unwrap();
        let error = Input::open(&path, &Options::default()).err().unwrap();
        assert!(error.to_string().contains("build it with Parquet"), "{error}");
        assert_eq!(error.setting(), Some(&Setting::Feature("parquet")));
    }
}

#[test]
fn a_file_that_changes_while_it_is_read() {
    let folder = scratch("input-changed");
    let path = folder.join("a.jsonl");
    let line = "{\"vector\": [1]}\n";
    for lines in [1, 3] {
        std::fs::write(&path, line.repeat(2)).unwrap();
        let input = Input::open(&path, &Options::default()).unwrap();
        std::fs::write(&path, line.repeat(lines)).unwrap();
        assert!(message(drain(input)).contains("it had 2 rows"), "{lines}");
    }
}

#[test]
fn rows_for_an_index_get_its_types() {
    let folder = scratch("input-layout");
    let path = folder.join("a.jsonl");
    let column = |name: &str, column_type| ColumnSchema { name: name.into(), column_type };
    let layout = |key_type| crate::Layout {
        dimensions: 1,
        precision: crate::Precision::F32,
        key_type,
        columns: vec![
            column("price", ColumnType::Float64),
            column("code", ColumnType::Text),
            column("id", ColumnType::Text),
        ],
    };
    let read = |line: &str, key_type| {
        std::fs::write(&path, line).unwrap();
        let layout = Some(layout(key_type));
        drain(Input::open(&path, &Options { layout, ..Options::default() })?)
    };
    let line = "{\"vector\": [1], \"key\": 7, \"price\": 3, \"code\": 12, \"id\": 9, \"x\": 1}\n";
    let rows = read(line, KeyType::Text).unwrap();
    assert_eq!(rows[0].key, Some(Key::Text("7".into())));
    let values =
        [Value::Float64(3.0), Value::Text("12".into()), Value::Text("9".into()), Value::Int64(1)];
    assert_eq!(rows[0].attributes, values);
    let rows = read(line, KeyType::RowNumber).unwrap();
    assert_eq!(rows[0].key, Some(Key::Int64(7)));
    // A column of the index is not taken as the key because of its name.
    let rows = read("{\"vector\": [1], \"id\": 9}\n", KeyType::Int64).unwrap();
    assert_eq!((&rows[0].key, &rows[0].attributes[..]), (&None, &values[2..3]));
    for (line, part) in [
        ("{\"vector\": [1], \"key\": \"a\"}\n", "line 1: \"key\" is \"a\", and the keys are int64"),
        ("{\"vector\": [1], \"price\": \"a\"}\n", "line 1: \"price\" is \"a\", and the column is"),
        // Digits are only lost if the options ask for the type.
        (
            "{\"vector\": [1], \"price\": 9007199254740993}\n",
            "line 1: \"price\" is 9007199254740993, which float64 would round",
        ),
    ] {
        let text = message(read(line, KeyType::Int64));
        assert!(text.contains(part), "{text}");
    }
}
