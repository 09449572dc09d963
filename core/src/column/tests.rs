use super::*;
use crate::error::ErrorKind;
use crate::random::Random;
use alloc::{format, string::ToString, vec};

/// Columns of all types and layouts, both built and stored.
pub(crate) struct Sample {
    pub schema: Vec<ColumnSchema>,
    pub builders: Vec<ColumnBuilder>,
    pub sections: Vec<ColumnSections<Vec<u8>>>,
    pub rows: u32,
}

impl Sample {
    pub fn new(rows: u32) -> Self {
        let mut random = Random::new(rows.into());
        let schema: Vec<ColumnSchema> = [
            ("flag", ColumnType::Bool),
            ("n", ColumnType::Int64),
            ("serial", ColumnType::Int64),
            ("score", ColumnType::Float64),
            ("lang", ColumnType::Text),
            ("word", ColumnType::Text),
            ("title", ColumnType::Text),
            ("empty", ColumnType::Text),
            ("at", ColumnType::Timestamp),
            ("id", ColumnType::Uuid),
            ("raw", ColumnType::Bytes),
            ("doc", ColumnType::Json),
        ]
        .map(|(name, column_type)| ColumnSchema { name: name.into(), column_type })
        .into();
        let mut builders: Vec<_> = schema.iter().cloned().map(ColumnBuilder::new).collect();
        for row in 0..rows {
            for (schema, builder) in schema.iter().zip(&mut builders) {
                let value = sample_value(&schema.name, row, &mut random);
                builder.push(value.as_ref()).unwrap();
            }
        }
        let order: Vec<u32> = (0..rows).collect();
        let sections = builders.iter().map(|builder| builder.encode(&order)).collect();
        Self { schema, builders, sections, rows }
    }

    pub fn views(&self) -> Vec<ColumnView<'_>> {
        let columns = self.schema.iter().zip(&self.sections);
        let views = columns.map(|(schema, sections)| {
            ColumnView::new(schema.clone(), borrow(sections), self.rows).unwrap()
        });
        views.collect()
    }
}

fn sample_value(column: &str, row: u32, random: &mut Random) -> Value {
    let pick = random.below(40);
    match column {
        "serial" => return Value::Int64(i64::from(row) * 3),
        "empty" => return Value::Null,
        // Some regions have no nulls, some only nulls, so that zones differ.
        _ if pick < 6 && (row / 512).is_multiple_of(2) || row / 4096 % 2 == 1 && column == "n" => {
            return Value::Null;
        }
        _ => {}
    }
    let small = i64::from(random.below(9));
    match column {
        "flag" => Value::Bool(small < 4),
        "n" => Value::Int64(match pick {
            6 => i64::MIN,
            7 => i64::MAX,
            8 => 1 << 53,
            9 => (1 << 53) + 1,
            _ => small - 4,
        }),
        "score" => Value::Float64(match pick {
            6 => f64::NAN,
            7 => f64::INFINITY,
            8 => f64::NEG_INFINITY,
            9 => -0.0,
            10 => 9_007_199_254_740_992.0,
            11 => -9_223_372_036_854_775_808.0,
            12 => -f64::NAN,
            13 => f64::MIN_POSITIVE,
            _ => small as f64 / 2.0 - 1.0,
        }),
        "lang" => Value::Text(["en", "fr", "de", "e", "zz\u{10ffff}"][small as usize % 5].into()),
        "word" => Value::Text(format!("word {}", random.below(400))),
        "title" => Value::Text(match small {
            0 => "".into(),
            1 => "a\0".into(),
            _ => format!("{}{}", "abcdefghij".repeat(small as usize - 2), random.next()),
        }),
        "at" => Value::Timestamp(match pick {
            6 => i64::MIN,
            7 => i64::MAX,
            _ => 1_714_521_600_000_000 + small,
        }),
        "id" => Value::Uuid([small as u8; 16]),
        "raw" => Value::Bytes(vec![small as u8 * 31; random.below(12) as usize]),
        _ => Value::Json(format!("{{\"a\": {small}}}")),
    }
}

pub(crate) fn borrow(sections: &ColumnSections<Vec<u8>>) -> ColumnSections<&[u8]> {
    ColumnSections {
        validity: &sections.validity,
        values: &sections.values,
        offsets: &sections.offsets,
        dictionary_offsets: &sections.dictionary_offsets,
        dictionary: &sections.dictionary,
        zones: &sections.zones,
    }
}

/// Whether two values are the same, bit by bit.
fn same(a: ValueRef<'_>, b: ValueRef<'_>) -> bool {
    match (a, b) {
        (ValueRef::Float64(a), ValueRef::Float64(b)) => a.to_bits() == b.to_bits(),
        (a, b) => a == b,
    }
}

#[test]
fn values_come_back() {
    for rows in [0, 1, 8, 63, 700, 9001] {
        let sample = Sample::new(rows);
        for (view, builder) in sample.views().iter().zip(&sample.builders) {
            assert_eq!(view.verify(), Ok(()), "{} of {rows}", view.schema.name);
            assert_eq!(builder.len(), rows as usize);
            for row in 0..rows {
                assert!(same(view.get(row).unwrap(), builder.get(row as usize)));
            }
            assert!(view.get(rows).is_err());
            assert_eq!(builder.get(rows as usize), ValueRef::Null);
        }
    }
}

#[test]
fn rows_are_encoded_in_the_order_that_is_asked_for() {
    let sample = Sample::new(700);
    let order: Vec<u32> = (0..700).rev().filter(|row| row % 3 > 0).collect();
    for (schema, builder) in sample.schema.iter().zip(&sample.builders) {
        let sections = builder.encode(&order);
        let view = ColumnView::new(schema.clone(), borrow(&sections), order.len() as u32).unwrap();
        assert_eq!(view.verify(), Ok(()));
        for (at, row) in order.iter().enumerate() {
            assert!(same(view.get(at as u32).unwrap(), builder.get(*row as usize)));
        }
    }
}

#[test]
fn text_that_repeats_gets_a_dictionary() {
    for (entries, width) in [(1_u32, 1), (256, 1), (257, 2), (65_536, 2), (65_537, 4)] {
        let schema = ColumnSchema { name: "text".into(), column_type: ColumnType::Text };
        let mut builder = ColumnBuilder::new(schema.clone());
        let rows = 4 * entries;
        for row in 0..rows {
            builder.push(ValueRef::Text(&format!("text {}", row % entries))).unwrap();
        }
        let order: Vec<u32> = (0..rows).collect();
        let sections = builder.encode(&order);
        assert_eq!(sections.values.len(), (rows * width) as usize);
        let view = ColumnView::new(schema, borrow(&sections), rows).unwrap();
        assert_eq!(view.cells.layout, Layout::Codes(entries));
        assert_eq!(view.verify(), Ok(()));
        assert_eq!(view.get(rows - 1), Ok(ValueRef::Text(&format!("text {}", entries - 1))));
        assert_eq!(view.cells.rows_below(entries), Some(rows));
    }
    let layouts: Vec<Layout> =
        Sample::new(700).views().iter().map(|view| view.cells.layout).collect();
    assert!(matches!(layouts[4..8], [Layout::Codes(5), _, Layout::Blobs, Layout::Codes(0)]));
}

#[test]
fn values_must_fit() {
    let schema = |column_type| ColumnSchema { name: "x".into(), column_type };
    let mut floats = ColumnBuilder::new(schema(ColumnType::Float64));
    floats.push(ValueRef::Int64(3)).unwrap();
    assert_eq!(floats.get(0), ValueRef::Float64(3.0));
    let mut ints = ColumnBuilder::new(schema(ColumnType::Int64));
    let error = ints.push(ValueRef::Float64(3.0)).unwrap_err();
    assert_eq!(error.to_string(), "column \"x\" is int64 and does not go with float64");
    assert_eq!(ints.len(), 0);
}

#[test]
fn sections_of_other_lengths_are_refused() {
    let sample = Sample::new(100);
    for (schema, sections) in sample.schema.iter().zip(&sample.sections) {
        for change in 0..6 {
            let mut sections = sections.clone();
            let section = match change {
                0 => &mut sections.validity,
                1 => &mut sections.values,
                2 => &mut sections.offsets,
                3 => &mut sections.dictionary_offsets,
                4 => &mut sections.dictionary,
                _ => &mut sections.zones,
            };
            section.push(0);
            let view = ColumnView::new(schema.clone(), borrow(&sections), 100);
            // Bytes may have any length; only `verify` checks it.
            assert!(view.is_err() || view.unwrap().verify().is_err(), "{schema:?} {change}");
        }
        assert!(ColumnView::new(schema.clone(), borrow(sections), 200).is_err());
        assert!(ColumnView::new(schema.clone(), borrow(sections), u32::MAX).is_err());
    }
}

#[test]
fn dictionaries_and_zones_are_verified() {
    let sample = Sample::new(700);
    let column = 4;
    let verify = |sections: &ColumnSections<Vec<u8>>| {
        let view = ColumnView::new(sample.schema[column].clone(), borrow(sections), 700).unwrap();
        view.verify()
    };
    let changes: [fn(&mut ColumnSections<Vec<u8>>); 4] = [
        |sections| sections.values[699] = 5,
        |sections| sections.dictionary[0] = b'x',
        |sections| sections.dictionary_offsets[12] ^= 1,
        |sections| sections.zones[0] ^= 1,
    ];
    for change in changes {
        let mut sections = sample.sections[column].clone();
        change(&mut sections);
        let error = verify(&sections).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Corrupt { .. }));
    }
}

#[test]
fn doubles_order_as_in_postgres() {
    let ascending = [
        f64::NEG_INFINITY,
        f64::MIN,
        -1.0,
        -f64::MIN_POSITIVE,
        0.0,
        f64::MIN_POSITIVE,
        1.0,
        f64::MAX,
        f64::INFINITY,
        f64::NAN,
    ];
    assert!(ascending.is_sorted_by(|a, b| float_key(*a) < float_key(*b)));
    assert_eq!(float_key(-0.0), float_key(0.0));
    assert_eq!(float_key(-f64::NAN), float_key(f64::NAN));
}
