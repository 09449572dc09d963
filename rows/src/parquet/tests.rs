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

/// What one leaf of a file holds: values as i64, and the levels.
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

/// Required columns have none.
fn levels(levels: &[i16]) -> Option<&[i16]> {
    (!levels.is_empty()).then_some(levels)
}

/// Two rows of three values.
fn six(definition: i16) -> Leaf {
    Leaf((1..=6).collect(), vec![definition; 6], vec![0, 1, 1, 0, 1, 1])
}

fn read(path: &Path) -> Result<(Input, Vec<Row>), Error> {
    let options = Options::default();
    Ok((Input::open(path, &options)?, drain(Input::open(path, &options)?)?))
}

#[test]
fn vectors_of_every_number_and_list() {
    let folder = scratch("parquet-vectors");
    let path = folder.join("a.parquet");
    for number in ["float", "double", "int32", "int64", "fixed_len_byte_array(2)"] {
        let float16 = if number.ends_with(')') { " (float16)" } else { "" };
        for (schema, definition) in [
            (
                format!(
                    "required group v (LIST) {{ repeated group list {{ required {number} element{float16}; }} }}"
                ),
                1,
            ),
            (
                format!(
                    "optional group v (LIST) {{ repeated group list {{ optional {number} element{float16}; }} }}"
                ),
                3,
            ),
            (format!("optional group v (LIST) {{ repeated {number} array{float16}; }}"), 2),
            (format!("repeated {number} v{float16};"), 1),
        ] {
            file(
                &path,
                &format!("message m {{ {schema} }}"),
                &[vec![six(definition)], vec![six(definition)]],
            );
            let (input, rows) = read(&path).unwrap();
            assert_eq!((input.dimensions, input.rows), (3, Some(4)), "{schema}");
            let vectors: Vec<_> = rows.into_iter().map(|row| row.vector).collect();
            let (a, b) = (vec![1.0, 2.0, 3.0], vec![4.0, 5.0, 6.0]);
            assert_eq!(vectors, [a.clone(), b.clone(), a, b], "{schema}");
        }
    }
}

/// Numbers whose high bit is no sign.
#[test]
fn vectors_of_unsigned_numbers() {
    let folder = scratch("parquet-unsigned");
    let path = folder.join("a.parquet");
    for (number, bits, least, most) in [
        ("int32", 32, i64::from(i32::MIN), "4294967295"),
        ("int64", 64, i64::MIN, "18446744073709551615"),
    ] {
        for signed in [false, true] {
            let schema = format!(
                "message m {{ optional group v (LIST) {{ repeated group list {{ optional {number} element (INTEGER({bits}, {signed})); }} }} }}"
            );
            file(&path, &schema, &[vec![Leaf(vec![least, 1], vec![3, 3], vec![0, 1])]]);
            let (_, rows) = read(&path).unwrap();
            let first = if signed { least as f32 } else { -(least as f32) };
            assert_eq!(rows[0].vector, [first, 1.0], "{schema}");
            file(&path, &schema, &[vec![Leaf(vec![1, -1], vec![3, 3], vec![0, 1])]]);
            match read(&path) {
                Ok((_, rows)) => assert!(signed && rows[0].vector == [1.0, -1.0], "{schema}"),
                Err(error) => {
                    let says = format!("\"v\" holds {most} at 1, which float32 would round");
                    assert!(!signed && error.to_string().contains(&says), "{error}");
                }
            }
        }
    }
}

/// Of rows beyond a batch, too, and each row for itself.
#[test]
fn integers_that_float32_would_round() {
    let folder = scratch("parquet-rounded");
    let path = folder.join("a.parquet");
    let schema =
        "message m { required group v (LIST) { repeated group list { required int32 element; } } }";
    let mut values: Vec<i64> = (0..2000).collect();
    values[601] = 16_777_217;
    values[603] = -16_777_219;
    values[604] = 16_777_218;
    let levels = (vec![1; 2000], [0, 1].repeat(1000));
    file(&path, schema, &[vec![Leaf(values, levels.0, levels.1)]]);
    let mut input = Input::open(&path, &Options::default()).unwrap();
    let (mut row, mut told) = (Row::default(), Vec::new());
    while input.next(&mut row).unwrap() {
        told.extend(row.invalid.take().map(|error| error.to_string()));
    }
    let says = |row, number| {
        format!("row {row} (from 0): \"v\" holds {number} at 1, which float32 would round")
    };
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].ends_with(&says(300, 16_777_217)), "{told:?}");
    assert!(told[1].ends_with(&says(301, -16_777_219)), "{told:?}");
}

#[test]
fn vectors_that_are_none() {
    let folder = scratch("parquet-null");
    let path = folder.join("a.parquet");
    let schema = "message m { optional group vector (LIST) { repeated group list { optional float element; } } }";
    for (leaf, part) in [
        (Leaf(vec![1, 2], vec![3, 3, 0], vec![0, 1, 0]), "row 1 (from 0): the vector is null"),
        (Leaf(vec![1, 2], vec![3, 3, 1], vec![0, 1, 0]), "row 1 (from 0): the vector is empty"),
        (Leaf(vec![1, 2, 3], vec![3, 3, 3, 2], vec![0, 1, 0, 1]), "value 1 of the vector is null"),
        (Leaf(vec![1, 2, 3], vec![3, 3, 3], vec![0, 1, 0]), "has 1 values where the first has 2"),
        (Leaf(vec![], vec![0], vec![0]), "row 0 (from 0): the vector is null"),
    ] {
        file(&path, schema, &[vec![leaf]]);
        let text = message(read(&path));
        assert!(text.contains(part), "{text}");
    }
    file(&path, "message m { required int64 x; }", &[vec![Leaf(vec![1], vec![], vec![])]]);
    assert!(message(read(&path)).contains("none can be the vector; there are: x"));
    file(&path, schema, &[]);
    assert!(message(read(&path)).contains("no rows"));
}

/// Also where the first row is such a one, and rows behind them keep their vectors.
#[test]
fn rows_without_a_vector_are_told_and_passed_over() {
    let folder = scratch("parquet-invalid");
    let path = folder.join("a.parquet");
    let schema = "message m { optional group vector (LIST) { repeated group list { optional float element; } } }";
    // Null, empty, [1, 2], [3, null], [4], [5, 6], and in the next group null, [7, 8].
    let first = Leaf(
        vec![1, 2, 3, 4, 5, 6],
        vec![0, 1, 3, 3, 3, 2, 3, 3, 3],
        vec![0, 0, 0, 1, 0, 1, 0, 0, 1],
    );
    let second = Leaf(vec![7, 8], vec![0, 3, 3], vec![0, 0, 1]);
    file(&path, schema, &[vec![first], vec![second]]);
    let mut input = Input::open(&path, &Options::default()).unwrap();
    assert_eq!(input.dimensions, 2);
    let mut row = Row::default();
    let mut found = Vec::new();
    while input.next(&mut row).unwrap() {
        found.push(match &row.invalid {
            Some(reason) => Err(reason.to_string()),
            None => Ok(row.vector.clone()),
        });
    }
    let valid: Vec<_> = found.iter().flatten().collect();
    assert_eq!(valid, [&[1.0, 2.0], &[5.0, 6.0], &[7.0, 8.0]]);
    let reasons: Vec<_> = found.iter().filter_map(|row| row.as_ref().err()).collect();
    for (reason, part) in reasons.iter().zip([
        "row 0 (from 0): the vector is null",
        "row 1 (from 0): the vector is empty",
        "row 3 (from 0): value 1 of the vector is null",
        "row 4 (from 0): the vector has 1 values where the first has 2",
        "row 6 (from 0): the vector is null",
    ]) {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(reasons.len(), 5);
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
    // More digits than a double has.
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

/// As text does: to the nearest, and with a word.
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

/// What pyarrow wrote: lists of a fixed length, halves, lists as JSON text.
#[test]
fn vectors_of_fixed_lists_halves_and_text() {
    let expected = [[0.5, -1.5, 2.0], [65504.0, 0.0, -0.25], [1.0, 3.0, 5.0]];
    for name in ["fixed.parquet", "halves.parquet", "text.parquet"] {
        let input = Input::open(&fixture(name), &Options::default()).unwrap();
        assert_eq!((input.rows, input.dimensions), (Some(3), 3), "{name}");
        let vectors: Vec<_> = drain(input).unwrap().into_iter().map(|row| row.vector).collect();
        assert_eq!(vectors, expected, "{name}");
    }
    // Text that holds no vector is none, whatever it is called.
    let vector_column = Some("t".into());
    let options = Options { vector_column, ..Options::default() };
    let text = message(Input::open(&fixture("text.parquet"), &options));
    assert!(text.contains("text.parquet: the column \"t\" holds no list of numbers"), "{text}");
}

/// JSON has no rule for a name that comes twice, and no entry of a map is lost.
#[test]
fn a_map_with_a_key_twice() {
    let input = Input::open(&fixture("fixed.parquet"), &Options::default()).unwrap();
    let rows = drain(input).unwrap();
    let maps: Vec<_> = rows.iter().map(|row| row.attributes[1].clone()).collect();
    let json = |text: &str| Value::Json(text.into());
    assert_eq!(maps, [json("{\"k\":1,\"k\":2}"), Value::Null, json("{}")]);
}
