//! Vectors in Parquet columns: lists of numbers of every type, and text.

use super::*;

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

/// The high bit of these numbers is not a sign.
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

/// Also in rows after the first batch, and for each row separately.
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

/// Also if the first row has no vector; later rows keep their vectors.
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

/// pyarrow wrote the file: lists of fixed length, halves, lists as JSON text.
#[test]
fn vectors_of_fixed_lists_halves_and_text() {
    let expected = [[0.5, -1.5, 2.0], [65504.0, 0.0, -0.25], [1.0, 3.0, 5.0]];
    for name in ["fixed.parquet", "halves.parquet", "text.parquet"] {
        let input = Input::open(&fixture(name), &Options::default()).unwrap();
        assert_eq!((input.rows, input.dimensions), (Some(3), 3), "{name}");
        let vectors: Vec<_> = drain(input).unwrap().into_iter().map(|row| row.vector).collect();
        assert_eq!(vectors, expected, "{name}");
    }
    // Text without vectors is not a vector column, whatever its name.
    let vector_column = Some("t".into());
    let options = Options { vector_column, ..Options::default() };
    let text = message(Input::open(&fixture("text.parquet"), &options));
    assert!(text.contains("text.parquet: the column \"t\" holds no list of numbers"), "{text}");
}
