use hither::{ColumnSchema, ColumnType, Key, KeyType};

use super::*;
use crate::{
    Input, Options, Precision, Row, read_matrix_f32, read_matrix_i64,
    testing::{drain, message, scratch},
    write_npy_i64,
};

const UUID: [u8; 16] = [1, 0x89, 0xd3, 0xe4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

/// A column of every type, with nulls and extremes.
fn rows() -> (Layout, Vec<Row>) {
    use ColumnType::{Bool, Bytes, Float64, Int64, Json, Text, Timestamp, Uuid};
    let types = [Bool, Int64, Float64, Text, Timestamp, Uuid, Bytes, Json];
    let layout = Layout {
        dimensions: 3,
        precision: Precision::F32,
        key_type: KeyType::Text,
        columns: types
            .map(|column_type| ColumnSchema { name: column_type.name().into(), column_type })
            .into(),
    };
    let values = [
        vec![
            Value::Bool(true),
            Value::Int64(i64::MIN),
            Value::Float64(2.0),
            Value::Text("a\tb\"ü\n\u{1}".into()),
            Value::Timestamp(1),
            Value::Uuid(UUID),
            Value::Bytes(vec![0, 255]),
            Value::Json("{\"a\": [1, \"x\"]}".into()),
        ],
        vec![Value::Null; 8],
        vec![
            Value::Bool(false),
            Value::Int64(i64::MAX),
            Value::Float64(f64::NEG_INFINITY),
            Value::Text(String::new()),
            Value::Timestamp(i64::MAX),
            Value::Uuid([0; 16]),
            Value::Bytes(Vec::new()),
            Value::Json("[]".into()),
        ],
    ];
    let vectors = [[0.1, -1e-40, f32::MAX], [1.0, 2.0, 3.0], [16_777_216.0, 1.0 / 3.0, -0.0]];
    // With nulls in the first row, a column must still exist, and in its place.
    let values = {
        let [a, b, c] = values;
        [b, a, c]
    };
    let rows = values.into_iter().zip(vectors).enumerate().map(|(at, (attributes, vector))| Row {
        vector: vector.into(),
        invalid: None,
        key: Some(Key::Text(format!("key {at}"))),
        attributes,
    });
    (layout, rows.collect())
}

fn write(path: &Path, layout: &Layout, rows: &[Row]) {
    let mut output = Output::create(path, layout).unwrap();
    for row in rows {
        output.write(row.key.as_ref().map(Key::as_ref), &row.vector, &row.attributes).unwrap();
    }
    assert!(!path.exists(), "it has its name only when it is whole");
    output.finish().unwrap();
}

fn round_trip(extension: &str) {
    let folder = scratch("output");
    for key_type in [KeyType::Text, KeyType::Int64, KeyType::Uuid, KeyType::RowNumber] {
        let path = folder.join(&format!("{}.{extension}", key_type.name()));
        let (mut layout, mut rows) = rows();
        layout.key_type = key_type;
        for (at, row) in rows.iter_mut().enumerate() {
            row.key = match key_type {
                KeyType::RowNumber => None,
                KeyType::Int64 => Some(Key::Int64(at as i64 - 1)),
                KeyType::Uuid => Some(Key::Uuid([at as u8; 16])),
                KeyType::Text => Some(Key::Text(format!("key {at}"))),
            };
        }
        write(&path, &layout, &rows);
        let input = Input::open(&path, &Options::default()).unwrap();
        assert_eq!((input.rows, input.dimensions, input.key_type), (Some(3), 3, key_type));
        assert_eq!(input.columns, layout.columns);
        assert_eq!(drain(input).unwrap(), rows);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn jsonl_and_back() {
    round_trip("jsonl");
}

#[test]
fn packed_jsonl_and_back() {
    round_trip("jsonl.gz");
    if cfg!(feature = "parquet") {
        round_trip("ndjson.zst");
    }
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_and_back() {
    round_trip("parquet");
}

#[cfg(feature = "parquet")]
#[test]
fn arrow_and_back() {
    for extension in ["arrow", "feather", "arrows"] {
        round_trip(extension);
    }
}

/// An empty field is null, so empty text is not preserved; documents are read as text unless the options
/// give their type.
#[test]
fn csv_and_back() {
    let folder = scratch("output-csv");
    let (layout, mut rows) = rows();
    for (name, packed) in [("a.csv", false), ("a.csv.gz", true)] {
        let path = folder.join(name);
        write(&path, &layout, &rows);
        assert_eq!(std::fs::read(&path).unwrap().starts_with(&[0x1f, 0x8b]), packed);
        let json = vec![("json".into(), ColumnType::Json)];
        let options = Options { column_types: json, ..Options::default() };
        let input = Input::open(&path, &options).unwrap();
        assert_eq!((input.key_type, &input.columns), (KeyType::Text, &layout.columns));
        let read = drain(input).unwrap();
        rows[2].attributes[3] = Value::Null;
        assert_eq!(read, rows);
        rows[2].attributes[3] = Value::Text(String::new());
    }
    let path = folder.join("b.csv");
    for name in ["a\tb", " a", "a\nb"] {
        let columns = vec![ColumnSchema { name: name.into(), column_type: ColumnType::Text }];
        let text = message(Output::create(&path, &Layout { columns, ..layout.clone() }));
        assert!(text.contains("a header line cannot hold the name"), "{text}");
        assert!(!path.exists());
    }
}

#[test]
fn tsv_and_back() {
    let folder = scratch("output-tsv");
    let (layout, mut rows) = rows();
    let path = folder.join("a.tsv");
    let mut output = Output::create(&path, &layout).unwrap();
    let second = rows[1].clone();
    let key = |row: &Row| row.key.clone().unwrap();
    output.write(Some(key(&rows[0]).as_ref()), &rows[0].vector, &rows[0].attributes).unwrap();
    let text = output.write(Some(key(&second).as_ref()), &second.vector, &second.attributes);
    let text = text.unwrap_err().to_string();
    assert!(text.contains("row 1 (from 0): \"text\" holds a tab or a line end"), "{text}");
    drop(output);
    assert!(!path.exists());
    rows[1].attributes[3] = Value::Text("\"a\" ü, 'b'".into());
    for name in ["a.tsv", "a.tsv.gz"] {
        let path = folder.join(name);
        write(&path, &layout, &rows);
        let json = vec![("json".into(), ColumnType::Json)];
        let input = Input::open(&path, &Options { column_types: json, ..Options::default() });
        let read = drain(input.unwrap()).unwrap();
        rows[2].attributes[3] = Value::Null;
        assert_eq!(read, rows);
        rows[2].attributes[3] = Value::Text(String::new());
    }
}

#[test]
fn npy_and_back() {
    let folder = scratch("output-npy");
    let (mut layout, rows) = rows();
    let path = folder.join("a.npy");
    write(&path, &layout, &rows);
    let expected: Vec<f32> = rows.iter().flat_map(|row| row.vector.clone()).collect();
    assert_eq!(read_matrix_f32(&path, None).unwrap(), (expected.clone(), 3, 3));
    layout.precision = Precision::F16;
    let half = folder.join("h.npy");
    write(&half, &layout, &rows);
    let rounded = |x: &f32| half::f16::from_f32(*x).to_f32();
    let halves: Vec<f32> = expected.iter().map(rounded).collect();
    assert_eq!(read_matrix_f32(&half, None).unwrap(), (halves, 3, 3));
    write_npy_i64(&path, &[1, -2], 2, 1).unwrap();
    assert_eq!(read_matrix_i64(&path).unwrap(), (vec![1, -2], 2, 1));
}

#[test]
fn attributes_whose_names_are_taken_are_called_otherwise() {
    let folder = scratch("output-names");
    let path = folder.join("a.jsonl");
    let (mut layout, rows) = rows();
    for (column, name) in layout.columns.iter_mut().zip(["vector", "key", "id", "vector_"]) {
        column.name = name.into();
    }
    write(&path, &layout, &rows);
    let input = Input::open(&path, &Options::default()).unwrap();
    let roles = (input.vector_column.as_deref(), input.key_column.as_deref());
    assert_eq!(roles, (Some("vector"), Some("key")));
    let names: Vec<&str> = input.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names[..4], ["vector__", "key_", "id", "vector_"]);
    let read = drain(input).unwrap();
    assert_eq!(read, rows, "nothing is lost");
}

#[test]
fn nothing_is_left_of_what_is_not_finished() {
    let folder = scratch("output-unfinished");
    let path = folder.join("a.jsonl");
    let (layout, rows) = rows();
    let mut output = Output::create(&path, &layout).unwrap();
    output.write(None, &rows[0].vector, &rows[0].attributes).unwrap();
    drop(output);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
    let text = message(Output::create(&folder.join("none/a.jsonl"), &layout));
    assert!(text.contains("its folder does not exist"), "{text}");
    for (name, part) in [
        ("a.fvecs", "rows are written as"),
        ("a", "rows are written as"),
        ("a.gz", "rows are written as"),
        ("a.npy.gz", "only text is packed, and .npy is none"),
        ("a.parquet.zst", "only text is packed"),
    ] {
        let text = message(Output::create(&folder.join(name), &layout));
        assert!(text.contains(part), "{name}: {text}");
    }
}
