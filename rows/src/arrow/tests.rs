use std::path::PathBuf;

use arrow_array::{
    ArrayRef, FixedSizeListArray, Float32Array, Int32Array, Int64Array, ListArray, UInt32Array,
    UInt64Array,
};
use arrow_buffer::OffsetBuffer;
use arrow_ipc::{
    CompressionType,
    writer::{FileWriter, IpcWriteOptions, StreamWriter},
};
use arrow_schema::Field;
use hither::{ColumnType, Key, Value};
use std::sync::Arc;

use super::*;
use crate::{
    Input, Options,
    testing::{damage, drain, fixture, message, scratch},
};

fn read(path: &Path) -> Result<Vec<Row>, Error> {
    drain(Input::open(path, &Options::default())?)
}

fn vectors(name: &str) -> Vec<Vec<f32>> {
    read(&fixture(name)).unwrap().into_iter().map(|row| row.vector).collect()
}

/// pyarrow wrote the file, with a column of each type.
#[test]
fn columns_of_every_type() {
    let text = |text: &str| Value::Text(text.into());
    let json = |text: &str| Value::Json(text.into());
    let uuid = |last: u8| Value::Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    let when = 1_704_164_645_000_000;
    let day = 86_400_000_000;
    let expected = [
        vec![
            Value::Bool(true),
            Value::Int64(-128),
            Value::Int64(0),
            Value::Float64(0.5),
            text("red"),
            text("short"),
            Value::Bytes(vec![0, 255]),
            uuid(0),
            Value::Timestamp(when),
            Value::Timestamp(when + 6),
            Value::Timestamp(1_000_000_002),
            Value::Timestamp(day),
            text("01:02:03"),
            Value::Float64(1.1),
            json("{\"a\":[1]}"),
            json("{\"a\":[1,null],\"b\":0.1}"),
            json("{\"k\":1,\"k\":2}"),
            Value::Null,
        ],
        (0..18)
            .map(|at| match at {
                3 => Value::Float64(1.0),
                4 => text("blue"),
                7 => uuid(1),
                _ => Value::Null,
            })
            .collect(),
        vec![
            Value::Bool(false),
            Value::Int64(127),
            Value::Int64(i64::MAX),
            Value::Float64(-2.0),
            text("red"),
            text("longer than twelve bytes"),
            Value::Bytes(Vec::new()),
            uuid(2),
            Value::Timestamp(when),
            Value::Timestamp(when + 6),
            Value::Timestamp(0),
            Value::Timestamp(-day),
            text("00:00:00"),
            Value::Float64(-0.05),
            json("2"),
            json("{\"a\":[],\"b\":null}"),
            json("{}"),
            Value::Null,
        ],
    ];
    // The file has two batches, the stream has three.
    for name in ["types.arrow", "types.arrows"] {
        let mut input = Input::open(&fixture(name), &Options::default()).unwrap();
        assert_eq!((input.rows, input.dimensions), (Some(3), 3));
        assert_eq!(input.key_type, KeyType::Text);
        let notes: String = input.notes.iter().map(ToString::to_string).collect();
        assert!(notes.contains("\"price\" is decimal"), "{notes}");
        let mut row = Row::default();
        for (key, expected) in ["x", "y", "z"].into_iter().zip(&expected) {
            assert!(input.next(&mut row).unwrap());
            assert_eq!(row.key, Some(Key::Text(key.into())));
            assert_eq!(row.attributes, *expected, "{name} {key}");
        }
        assert!(!input.next(&mut row).unwrap());
        assert_eq!(input.rounded(), 1);
        assert_eq!(row.vector, [1.0, 3.0, 5.0]);
    }
}

#[test]
fn vectors_of_lists_halves_bytes_and_text() {
    let expected = [[0.5, -1.5, 2.0], [65504.0, 0.0, -0.25], [1.0, 3.0, 5.0]];
    for name in ["lists.arrow", "halves.arrow", "text.arrow", "polars.arrow", "polars.arrows"] {
        assert_eq!(vectors(name), expected, "{name}");
    }
    assert_eq!(vectors("bytes.arrow"), [[0.0, 1.0, 2.0], [255.0, 0.0, 0.0], [1.0, 3.0, 5.0]]);
    for name in ["lz4.arrow", "zstd.arrow"] {
        let rows = read(&fixture(name)).unwrap();
        assert_eq!(rows.len(), 500);
        for (at, row) in rows.iter().enumerate() {
            assert_eq!(row.vector, [at as f32 / 2.0, (at % 7) as f32, 1.0]);
            assert_eq!(row.key, Some(Key::Int64(at as i64)));
        }
    }
}

#[test]
fn types_that_are_asked_for() {
    let options = Options {
        column_types: vec![("price".into(), ColumnType::Text), ("u".into(), ColumnType::Text)],
        ..Options::default()
    };
    let rows = drain(Input::open(&fixture("types.arrow"), &options).unwrap()).unwrap();
    assert_eq!(rows[2].attributes[13], Value::Text("-0.05".into()));
    assert_eq!(rows[2].attributes[2], Value::Text(i64::MAX.to_string()));
}

/// A batch of lists with these lengths, whose numbers count from 0; `None` is a null.
fn batch(lengths: &[Option<usize>]) -> RecordBatch {
    let numbers: usize = lengths.iter().flatten().sum();
    let values: ArrayRef = Arc::new(Float32Array::from_iter_values((0..numbers).map(|n| n as f32)));
    let offsets = OffsetBuffer::from_lengths(lengths.iter().map(|length| length.unwrap_or(0)));
    let nulls = lengths.iter().map(Option::is_some).collect::<Vec<_>>().into();
    let item = Arc::new(Field::new("item", values.data_type().clone(), true));
    let lists = ListArray::new(item, offsets, values, Some(nulls));
    let ids = Int64Array::from_iter_values(0..lengths.len() as i64);
    let columns: [(&str, ArrayRef); 2] = [("vector", Arc::new(lists)), ("id", Arc::new(ids))];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn write(path: &Path, batches: &[RecordBatch]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = FileWriter::try_new(&mut bytes, &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    drop(writer);
    std::fs::write(path, &bytes).unwrap();
    bytes
}

#[test]
fn rows_without_a_vector_are_told_and_passed_over() {
    let folder = scratch("arrow-invalid");
    let path = folder.join("a.arrow");
    write(&path, &[batch(&[None, Some(0)]), batch(&[Some(2), Some(1), Some(2)])]);
    let mut input = Input::open(&path, &Options::default()).unwrap();
    assert_eq!((input.rows, input.dimensions), (Some(5), 2));
    let mut row = Row::default();
    for expected in ["row 0 (from 0): \"vector\" is null", "is empty", "", "has 1 values", ""] {
        assert!(input.next(&mut row).unwrap());
        let told = row.invalid.as_ref().map_or(String::new(), ToString::to_string);
        assert!(told.contains(expected) && told.is_empty() == expected.is_empty(), "{told}");
    }
    assert_eq!(row.vector, [3.0, 4.0]);
}

#[test]
fn integers_that_float32_would_round() {
    let folder = scratch("arrow-rounded");
    let path = folder.join("a.arrow");
    let most = i64::from(i32::MAX);
    let columns: [(ArrayRef, i128); 4] = [
        (Arc::new(Int32Array::from(vec![1, 2, 3, i32::MAX])), most.into()),
        (Arc::new(UInt32Array::from(vec![1, 2, 3, u32::MAX])), u32::MAX.into()),
        (Arc::new(Int64Array::from(vec![1, 2, 1 << 62, i64::MIN + 1])), (i64::MIN + 1).into()),
        (Arc::new(UInt64Array::from(vec![1, 2, 1 << 63, u64::MAX])), u64::MAX.into()),
    ];
    for (values, number) in columns {
        let item = Arc::new(Field::new("item", values.data_type().clone(), true));
        let lists = FixedSizeListArray::new(item, 2, values, None);
        let column: ArrayRef = Arc::new(lists);
        write(&path, &[RecordBatch::try_from_iter([("v", column)]).unwrap()]);
        let text = message(read(&path));
        let says = format!("row 1 (from 0): \"v\" holds {number} at 1, which float32 would round");
        assert!(text.ends_with(&says), "{text}");
    }
}

#[test]
fn refusals() {
    let folder = scratch("arrow-refusals");
    let path = folder.join("a.arrow");
    let whole = write(&path, &[batch(&[Some(2)])]);
    for (bytes, part) in [
        (Vec::new(), "the file is empty"),
        (b"FEA1 of long ago".to_vec(), "Feather of version 1"),
        (b"hello, world".to_vec(), "cannot be read as Arrow"),
        (whole[..whole.len() - 1].to_vec(), "does not end as Arrow files do"),
        (write(&path, &[batch(&[])]), "it has no rows"),
        (write(&path, &[batch(&[None])]), "row 0 (from 0): is null"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let text = message(read(&path));
        assert!(text.contains(part), "{text}");
    }
    let numbers = RecordBatch::try_from_iter([("n", batch(&[Some(1)]).column(1).clone())]).unwrap();
    write(&path, &[numbers]);
    assert!(message(read(&path)).contains("no column holds a list of numbers"));
}

/// Lengths that the file does not have are rejected before memory is allocated for them.
#[test]
fn lengths_that_lie() {
    let folder = scratch("arrow-lengths");
    let path = folder.join("a.arrows");
    let batch = batch(&[Some(64), Some(64)]);
    let options = IpcWriteOptions::default();
    let options = options.try_with_compression(Some(CompressionType::LZ4_FRAME)).unwrap();
    let mut bytes = Vec::new();
    let mut writer =
        StreamWriter::try_new_with_options(&mut bytes, &batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(read(&path).unwrap().len(), 2);
    // The numbers are preceded by their uncompressed length.
    let length = 512_i64.to_le_bytes();
    let at = bytes.windows(8).position(|bytes| bytes == length).unwrap();
    for lie in [1_i64 << 40, i64::MAX] {
        let mut lying = bytes.clone();
        lying[at..at + 8].copy_from_slice(&lie.to_le_bytes());
        std::fs::write(&path, &lying).unwrap();
        assert!(message(read(&path)).contains("damaged"), "{lie}");
    }
    // The length of the first header.
    for lie in [i32::MAX, -5] {
        let mut lying = bytes.clone();
        lying[4..8].copy_from_slice(&lie.to_le_bytes());
        std::fs::write(&path, &lying).unwrap();
        assert!(message(read(&path)).contains("damaged"), "{lie}");
    }
}

#[test]
fn damage_never_panics() {
    let folder = scratch("arrow-damage");
    let bytes = std::fs::read(fixture("polars.arrow")).unwrap();
    damage(&folder.join("a.arrow"), &bytes, |path| read(path).map(|rows| rows.len()));
    // A stream may end after any of its messages.
    let bytes = std::fs::read(fixture("polars.arrows")).unwrap();
    for length in 0..bytes.len() {
        let path: PathBuf = folder.join("cut.arrows");
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(read(&path).map_or(true, |rows| rows.len() == 3), "{length}");
    }
    let bytes = std::fs::read(fixture("types.arrow")).unwrap();
    for length in 0..bytes.len() {
        let path: PathBuf = folder.join("cut.arrow");
        std::fs::write(&path, &bytes[..length]).unwrap();
        message(read(&path));
    }
}

/// The dimensions are those of the schema, whatever the rows.
#[test]
fn a_fixed_length_that_no_row_has() {
    let folder = scratch("arrow-fixed");
    let path = folder.join("a.arrow");
    let item = Arc::new(Field::new("item", arrow_schema::DataType::Float32, true));
    let lists = FixedSizeListArray::new_null(item, i32::MAX, 0);
    let column: ArrayRef = Arc::new(lists);
    write(&path, &[RecordBatch::try_from_iter([("vector", column)]).unwrap()]);
    assert!(message(read(&path)).contains("it has no rows"));
}
