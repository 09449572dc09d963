use std::io::{Cursor, Write};

use hither::{ColumnType, Key, KeyType, Value};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::{
    Input, Options,
    testing::{damage, drain, fixture, message, scratch},
};

fn read(path: &Path) -> Result<Vec<Row>, Error> {
    drain(Input::open(path, &Options::default())?)
}

/// NumPy wrote the archives, stored and compressed.
#[test]
fn vectors_keys_and_attributes_of_one_archive() {
    let text = |text: &str| Value::Text(text.into());
    for name in ["plain.npz", "packed.npz"] {
        let input = Input::open(&fixture(name), &Options::default()).unwrap();
        assert_eq!((input.rows, input.dimensions, input.key_type), (Some(3), 3, KeyType::Int64));
        let columns: Vec<_> =
            input.columns.iter().map(|c| (c.name.as_str(), c.column_type)).collect();
        let expected = [
            ("title", ColumnType::Text),
            ("year", ColumnType::Int64),
            ("score", ColumnType::Float64),
            ("ok", ColumnType::Bool),
        ];
        assert_eq!(columns, expected);
        let notes: String = input.notes.iter().map(ToString::to_string).collect();
        assert!(notes.contains("\"other\" has shape [4]"), "{notes}");
        let rows = drain(input).unwrap();
        assert_eq!(rows[1].vector, [65504.0, 0.0, -0.25]);
        let keys: Vec<_> = rows.iter().map(|row| row.key.clone().unwrap()).collect();
        assert_eq!(keys, [7, 8, -9].map(Key::Int64));
        let row = |row: usize| &rows[row].attributes[..];
        let (one, low) = (Value::Float64(0.5), Value::Float64(f64::NEG_INFINITY));
        assert_eq!(row(0), [text("a"), Value::Int64(1), one, Value::Bool(true)]);
        assert_eq!(row(1)[..2], [text(""), Value::Int64(2)]);
        assert!(matches!(row(1)[2], Value::Float64(score) if score.is_nan()));
        assert_eq!(row(2), [text("bcé"), Value::Int64(65535), low, Value::Bool(true)]);
    }
    let options = Options {
        column_types: vec![("year".into(), ColumnType::Text), ("id".into(), ColumnType::Text)],
        ..Options::default()
    };
    let rows = drain(Input::open(&fixture("plain.npz"), &options).unwrap()).unwrap();
    assert_eq!(rows[2].key, Some(Key::Text("-9".into())));
    assert_eq!(rows[2].attributes[1], text("65535"));
}

#[test]
fn attributes_of_an_archive() {
    let folder = scratch("npz-attributes");
    let path = folder.join("v.bvecs");
    for rows in [3, 4, 2] {
        std::fs::write(&path, [1, 0, 0, 0, 7].repeat(rows)).unwrap();
        let options = Options { attributes: Some(fixture("packed.npz")), ..Options::default() };
        let read = Input::open(&path, &options).and_then(drain);
        if rows != 3 {
            assert!(message(read).contains("it has 3 rows, and"));
            continue;
        }
        let rows = read.unwrap();
        assert_eq!((&rows[2].vector[..], &rows[2].key), (&[7.0][..], &None));
        // Without vectors, an array with a key's name is an attribute, and the matrix is ignored.
        let key = Value::Int64(-9);
        assert_eq!(rows[2].attributes.len(), 5);
        assert!(
            rows[2].attributes.contains(&key)
                && rows[2].attributes.contains(&Value::Text("bcé".into()))
        );
        let options = Options { key_column: Some("id".into()), ..options };
        let rows = drain(Input::open(&path, &options).unwrap()).unwrap();
        assert_eq!((&rows[2].key, rows[2].attributes.len()), (&Some(Key::Int64(-9)), 4));
    }
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(format!("{header:<117}\n").as_bytes());
    bytes.extend(data);
    bytes
}

fn archive(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in arrays {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn refusals() {
    let folder = scratch("npz-refusals");
    let path = folder.join("a.npz");
    let two = npy("<f4", "(2, 1)", &[0; 8]);
    let one = npy("<i8", "(1,)", &[0; 8]);
    let huge = npy("<f4", "(4611686018427387904, 4)", &[0; 8]);
    let wide = npy("<u8", "(2,)", &[0xff; 16]);
    for (bytes, part) in [
        (Vec::new(), "the file is empty"),
        (b"PK no archive".to_vec(), "cannot be read as .npz"),
        (archive(&[]), "no column holds a list of numbers"),
        (archive(&[("readme.txt", b"x".to_vec())]), "no column holds"),
        (archive(&[("a.npy", b"no array".to_vec())]), "a.npz: a.npy: this is no .npy file"),
        (archive(&[("a.npy", two.clone()), ("b.npy", two.clone())]), "several columns"),
        (archive(&[("a.npy", huge)]), "more than any file has"),
        (archive(&[("a.npy", two[..two.len() - 1].to_vec())]), "136 bytes in all, and it has 135"),
        (archive(&[("a.npy", [&two[..], &[0]].concat())]), "1 bytes follow the array"),
        (archive(&[("a.npy", two.clone()), ("id.npy", one)]), "\"id\" has not as many elements"),
        (archive(&[("a.npy", two.clone()), ("n.npy", wide)]), "\"n\" is 18446744073709551615"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let text = message(read(&path));
        assert!(text.contains("a.npz") && text.contains(part), "{part}: {text}");
    }
}

#[test]
fn damage_never_panics() {
    let folder = scratch("npz-damage");
    let path = folder.join("a.npz");
    let bytes = archive(&[("a.npy", npy("|u1", "(2, 3)", &[1, 2, 3, 4, 5, 6]))]);
    damage(&path, &bytes, |path| read(path).map(|rows| rows.len()));
    for length in 0..bytes.len() {
        std::fs::write(&path, &bytes[..length]).unwrap();
        message(read(&path));
    }
}
