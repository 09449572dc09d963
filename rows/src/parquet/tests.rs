mod vectors;

use ::parquet::{
    column::writer::ColumnWriter,
    data_type::{ByteArray, Int96},
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};
use hither::{ColumnType, Key};

use super::*;
use crate::{
    Input, Options, Setting,
    testing::{damage, drain, fixture, message, scratch},
};

fn notes(input: &Input) -> String {
    input.notes.iter().map(ToString::to_string).collect()
}

/// The content of a leaf column: values as i64, and the levels.
struct Leaf(Vec<i64>, Vec<i16>, Vec<i16>);

fn file(path: &Path, schema: &str, groups: &[Vec<Leaf>]) {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, properties).unwrap();
    for leaves in groups {
        let mut group = writer.next_row_group().unwrap();
        for Leaf(values, definitions, repetitions) in leaves {
            let mut column = group.next_column().unwrap().unwrap();
            macro_rules! write {
                ($writer:ident, $convert:expr) => {{
                    let values: Vec<_> = values.iter().map($convert).collect();
                    $writer.write_batch(&values, levels(definitions), levels(repetitions)).unwrap();
                }};
            }
            let text = |&v: &i64| ByteArray::from(v.to_string().as_str());
            let half = |&v: &i64| half::f16::from_f32(v as f32).to_le_bytes().to_vec();
            match column.untyped() {
                ColumnWriter::BoolColumnWriter(w) => write!(w, |&v| v != 0),
                ColumnWriter::Int32ColumnWriter(w) => write!(w, |&v| v as i32),
                ColumnWriter::Int64ColumnWriter(w) => write!(w, |&v| v),
                ColumnWriter::Int96ColumnWriter(w) => write!(w, |&v| {
                    let mut days = Int96::new();
                    days.set_data(0, 0, 2_440_588 + v as u32);
                    days
                }),
                ColumnWriter::FloatColumnWriter(w) => write!(w, |&v| v as f32),
                ColumnWriter::DoubleColumnWriter(w) => write!(w, |&v| v as f64),
                ColumnWriter::ByteArrayColumnWriter(w) => write!(w, text),
                ColumnWriter::FixedLenByteArrayColumnWriter(w) => {
                    write!(w, |v| ByteArray::from(half(v)).into());
                }
            }
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

/// The levels of a column; `None` for a required one, which has none.
fn levels(levels: &[i16]) -> Option<&[i16]> {
    (!levels.is_empty()).then_some(levels)
}

/// Two rows with three values each.
fn six(definition: i16) -> Leaf {
    Leaf((1..=6).collect(), vec![definition; 6], vec![0, 1, 1, 0, 1, 1])
}

fn read(path: &Path) -> Result<(Input, Vec<Row>), Error> {
    let options = Options::default();
    Ok((Input::open(path, &options)?, drain(Input::open(path, &options)?)?))
}

#[test]
fn digits_and_types_that_were_asked_for() {
    let folder = scratch("parquet-digits");
    let path = folder.join("a.parquet");
    let cast = |column: &str, value: i64, wanted: ColumnType| {
        let schema = format!("message m {{ repeated float vector; {column} }}");
        let vector = Leaf(vec![1, 2], vec![1, 1], vec![0, 1]);
        file(&path, &schema, &[vec![vector, Leaf(vec![value], vec![], vec![])]]);
        let column_types = vec![("x".into(), wanted)];
        let input = Input::open(&path, &Options { column_types, ..Options::default() })?;
        assert_eq!(input.columns[0].column_type, wanted, "{column}");
        drain(input).map(|rows| rows[0].attributes[0].clone())
    };
    use ColumnType::{Float64, Int64, Text, Timestamp, Uuid};
    let text = |text: &str| Ok(Value::Text(text.into()));
    let unsigned = "required int64 x (INTEGER(64, false));";
    assert_eq!(cast(unsigned, -1, Text), text("18446744073709551615"));
    let error = cast(unsigned, -1, Int64).unwrap_err();
    assert!(error.to_string().contains("row 0 (from 0): \"x\" is 18446744073709551615"), "{error}");
    assert_eq!(error.setting(), Some(&Setting::Type("x".into(), Text)));
    assert_eq!(cast("required int64 x;", -7, Text), text("-7"));
    assert_eq!(cast("required int64 x (DECIMAL(18, 3));", -5, Text), text("-0.005"));
    assert_eq!(cast("required int64 x (DECIMAL(18, 0));", 12, Text), text("12"));
    assert_eq!(cast(unsigned, -1, Float64), Ok(Value::Float64(18_446_744_073_709_551_615.0)));
    // A number with more digits than a double can represent.
    let id = 123_456_789_012_345_678;
    assert_eq!(cast("required int64 x (DECIMAL(18, 0));", id, Int64), Ok(Value::Int64(id)));
    assert_eq!(cast("required int64 x (DECIMAL(18, 2));", -700, Int64), Ok(Value::Int64(-7)));
    let half = message(cast("required int64 x (DECIMAL(18, 1));", 15, Int64));
    assert!(half.contains("\"x\" is 1.5, decimal that does not become int64"), "{half}");
    assert_eq!(cast("required int64 x;", 7, Float64), Ok(Value::Float64(7.0)));
    assert_eq!(cast("required double x;", 7, Int64), Ok(Value::Int64(7)));
    assert_eq!(cast("required boolean x;", 1, Text), text("true"));
    assert_eq!(cast("required binary x (UTF8);", 12, Int64), Ok(Value::Int64(12)));
    let day = "required int32 x (DATE);";
    assert_eq!(cast(day, 1, Text), text("1970-01-02T00:00:00Z"));
    assert!(message(cast(day, 1, Uuid)).contains("does not become uuid"));
    assert!(message(cast("required binary x (UTF8);", 12, Timestamp)).contains("does not become"));
    let open = |column: &str| {
        let schema = format!("message m {{ repeated float vector; {column} }}");
        let vector = Leaf(vec![1, 2], vec![1, 1], vec![0, 1]);
        file(&path, &schema, &[vec![vector, Leaf(vec![1], vec![], vec![])]]);
        notes(&Input::open(&path, &Options::default()).unwrap())
    };
    assert!(
        open("required int64 x (DECIMAL(18, 3));")
            .contains("asked for as text it keeps its digits")
    );
    assert!(open("required int96 x;").contains("read to the millisecond"));
    let whole = "message m { repeated float vector; required int64 id (DECIMAL(18, 0)); }";
    file(
        &path,
        whole,
        &[vec![Leaf(vec![1, 2], vec![1, 1], vec![0, 1]), Leaf(vec![id], vec![], vec![])]],
    );
    let column_types = vec![("id".into(), Int64)];
    let input = Input::open(&path, &Options { column_types, ..Options::default() }).unwrap();
    assert_eq!((input.key_type, notes(&input)), (KeyType::Int64, String::new()));
    assert_eq!(drain(input).unwrap()[0].key, Some(Key::Int64(id)));
    assert!(open("required double id;").contains("\"id\" is not the key"));
    assert_eq!(open("required int64 x;"), "");
}

#[test]
fn types_of_columns() {
    let folder = scratch("parquet-types");
    let path = folder.join("a.parquet");
    let one = |value| Leaf(vec![value], vec![], vec![]);
    let check = |column: &str, leaf: Leaf, column_type: ColumnType, value: Value| {
        let schema = format!("message m {{ repeated float vector; {column} }}");
        let vector = Leaf(vec![1, 2], vec![1, 1], vec![0, 1]);
        file(&path, &schema, &[vec![vector, leaf]]);
        let (input, rows) = read(&path).unwrap();
        assert_eq!(input.columns[0].column_type, column_type, "{column}");
        assert_eq!(rows[0].attributes, [value], "{column}");
    };
    use ColumnType::{Bool, Bytes, Float64, Int64, Json, Text, Timestamp};
    let day = 86_400_000_000;
    let text = |text: &str| Value::Text(text.into());
    let json = |text: &str| Value::Json(text.into());
    check("required boolean x;", one(1), Bool, Value::Bool(true));
    check("required int32 x;", one(-7), Int64, Value::Int64(-7));
    check("required int32 x (INTEGER(8, false));", one(7), Int64, Value::Int64(7));
    check("required int64 x;", one(i64::MIN), Int64, Value::Int64(i64::MIN));
    check("required float x;", one(2), Float64, Value::Float64(2.0));
    check("required double x;", one(2), Float64, Value::Float64(2.0));
    check("required fixed_len_byte_array(2) x (FLOAT16);", one(2), Float64, Value::Float64(2.0));
    check("required binary x (UTF8);", one(12), Text, text("12"));
    check("required binary x (JSON);", one(12), Json, json("12"));
    check("required binary x;", one(12), Bytes, Value::Bytes(b"12".to_vec()));
    check("required int32 x (DATE);", one(-1), Timestamp, Value::Timestamp(-day));
    check("required int96 x;", one(1), Timestamp, Value::Timestamp(day));
    for (unit, micros) in [("MILLIS", 5_000_000), ("MICROS", 5_000), ("NANOS", 5)] {
        let column = format!("required int64 x (TIMESTAMP({unit}, true));");
        check(&column, one(5_000), Timestamp, Value::Timestamp(micros));
        let column = format!("required int64 x (TIMESTAMP({unit}, false));");
        check(&column, one(5_000), Timestamp, Value::Timestamp(micros));
    }
    check("required int32 x (TIME(MILLIS, true));", one(3_723_004), Text, text("01:02:03.004"));
    check("required int64 x (TIME(MICROS, true));", one(1_000_000), Text, text("00:00:01"));
    check("required int32 x (DECIMAL(9, 2));", one(-1205), Float64, Value::Float64(-12.05));
    check("required int64 x (DECIMAL(18, 1));", one(3), Float64, Value::Float64(0.3));
    check("optional int64 x;", Leaf(vec![], vec![0], vec![0]), Int64, Value::Null);
    check(
        "optional group x (LIST) { repeated group list { optional binary element (UTF8); } }",
        Leaf(vec![1], vec![3, 2], vec![0, 1]),
        Json,
        json("[\"1\",null]"),
    );
    check(
        "optional group x { optional int32 y; }",
        Leaf(vec![1], vec![2], vec![0]),
        Json,
        json("{\"y\":1}"),
    );
    let digits = "optional group x { optional int64 y (DECIMAL(18, 2)); }";
    let all = Leaf(vec![123_456_789_012_345_678], vec![2], vec![0]);
    check(digits, all, Json, json("{\"y\":1234567890123456.78}"));
}

/// Rounded to the nearest as in text, and reported.
#[test]
fn moments_below_a_microsecond_are_rounded_and_counted() {
    let folder = scratch("parquet-moments");
    let path = folder.join("a.parquet");
    let one = |value| Leaf(vec![value], vec![], vec![]);
    let open = |column: &str, value: i64| {
        let schema = format!("message m {{ repeated float vector; {column} }}");
        file(&path, &schema, &[vec![Leaf(vec![1, 2], vec![1, 1], vec![0, 1]), one(value)]]);
        Input::open(&path, &Options::default()).unwrap()
    };
    for (nanos, micros) in [(1_000, 1), (1_499, 1), (1_500, 2), (-500, 0), (-501, -1), (1_999, 2)] {
        let mut input = open("required int64 x (TIMESTAMP(NANOS, true));", nanos);
        let mut row = Row::default();
        assert!(input.next(&mut row).unwrap());
        assert_eq!(row.attributes, [Value::Timestamp(micros)], "{nanos}");
        assert_eq!(input.rounded(), u64::from(nanos % 1_000 != 0));
    }
    for column in ["required int32 x (DATE);", "required group x { required int32 y (DATE); }"] {
        let text = message(drain(open(column, i64::from(i32::MAX))));
        assert!(text.contains("beyond the years that a timestamp holds"), "{text}");
    }
}

#[test]
fn keys() {
    let folder = scratch("parquet-keys");
    let path = folder.join("a.parquet");
    let vector = || Leaf(vec![1, 2], vec![1, 1], vec![0, 0]);
    let schema = |column: &str| format!("message m {{ repeated float vector; {column} }}");
    file(
        &path,
        &schema("required binary id (UTF8);"),
        &[vec![vector(), Leaf(vec![7, 8], vec![], vec![])]],
    );
    let (input, rows) = read(&path).unwrap();
    assert_eq!((input.key_type, input.key_column.as_deref()), (KeyType::Text, Some("id")));
    assert_eq!(rows[1].key, Some(Key::Text("8".into())));
    let optional = schema("optional int64 id;");
    file(&path, &optional, &[vec![vector(), Leaf(vec![7, 8], vec![1, 1], vec![0, 0])]]);
    assert_eq!(read(&path).unwrap().0.key_type, KeyType::Int64);
    file(&path, &optional, &[vec![vector(), Leaf(vec![7], vec![1, 0], vec![0, 0])]]);
    assert_eq!(read(&path).unwrap().0.key_type, KeyType::RowNumber, "it has nulls");
    let options = Options { key_column: Some("id".into()), ..Options::default() };
    let text = message(drain(Input::open(&path, &options).unwrap()));
    assert!(text.contains("row 1 (from 0): \"id\" is null"), "{text}");
}

#[test]
fn damage_never_panics() {
    let folder = scratch("parquet-damage");
    let path = folder.join("a.parquet");
    file(
        &path,
        "message m { optional group vector (LIST) { repeated group list { optional float element; } } optional binary t (UTF8); optional group l (LIST) { repeated group list { optional int32 element; } } }",
        &[vec![
            six(3),
            Leaf(vec![1], vec![1, 0], vec![0, 0]),
            Leaf(vec![1, 2], vec![3, 3, 0], vec![0, 1, 0]),
        ]],
    );
    let bytes = std::fs::read(&path).unwrap();
    damage(&path, &bytes, |path| read(path).map(|(_, rows)| rows.len()));
    let path = folder.join("t.parquet");
    for length in 0..bytes.len() {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(read(&path).is_err(), "{length}");
    }
}

/// JSON has no rule for duplicate names, and no entry of a map may be lost.
#[test]
fn a_map_with_a_key_twice() {
    let input = Input::open(&fixture("fixed.parquet"), &Options::default()).unwrap();
    let rows = drain(input).unwrap();
    let maps: Vec<_> = rows.iter().map(|row| row.attributes[1].clone()).collect();
    let json = |text: &str| Value::Json(text.into());
    assert_eq!(maps, [json("{\"k\":1,\"k\":2}"), Value::Null, json("{}")]);
}
