use super::estimate::Estimate;
use super::*;
use crate::column::tests::{Sample, borrow};
use crate::column::{ColumnSections, ColumnView};
use alloc::string::ToString;
use alloc::vec;
use proptest::prelude::*;
use std::sync::LazyLock;

static SAMPLES: LazyLock<Vec<Sample>> =
    LazyLock::new(|| [0, 1, 64, 700, 5000, 9001].map(Sample::new).into());

fn compare(column: &str, op: Comparison, value: Value) -> Filter {
    Filter::Compare { column: column.into(), op, value }
}

/// Rows that match by the plainest evaluation.
fn expected(filter: &Filter, sample: &Sample) -> Vec<u32> {
    let matches = |row: &u32| {
        let get = |column: usize| sample.builders[column].get(*row as usize);
        filter.matches_values(&sample.schema, get).unwrap()
    };
    (0..sample.rows).filter(matches).collect()
}

/// Rows that match, after checking that all evaluations agree.
fn matching(filter: &Filter, sample: &Sample) -> Vec<u32> {
    let expected = expected(filter, sample);
    let bound = filter.bind(&sample.views(), sample.rows).unwrap();
    let mut collected = Vec::new();
    bound.collect_into(&mut collected).unwrap();
    assert_eq!(collected, expected, "{filter:?}");
    let matches = (0..sample.rows).filter(|row| bound.matches(*row).unwrap());
    assert!(matches.eq(expected.iter().copied()), "{filter:?}");
    let Estimate { lower, upper, expected: about } = bound.estimate().unwrap();
    let bounds = lower..=upper;
    assert!(bounds.contains(&(expected.len() as u32)), "{filter:?} {bounds:?} {expected:?}");
    assert!(bounds.contains(&about));
    expected
}

fn literal(column: &'static str) -> BoxedStrategy<Value> {
    let text = |values: &'static [&'static str]| {
        prop::sample::select(values).prop_map(|text| Value::Text(text.into())).boxed()
    };
    let number = prop_oneof![
        (-6_i64..8).prop_map(Value::Int64),
        (0_i64..30_000).prop_map(Value::Int64),
        prop::sample::select(&[i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1]).prop_map(Value::Int64),
        (-8_i32..8).prop_map(|quarters| Value::Float64(f64::from(quarters) / 4.0)),
        prop::sample::select(&[f64::NAN, f64::INFINITY, -f64::INFINITY, -0.0, 1e300, 2e9])
            .prop_map(Value::Float64),
        prop::sample::select(&[9_007_199_254_740_992.0, -9_223_372_036_854_775_808.0, 1e-300])
            .prop_map(Value::Float64),
    ];
    let value = match column {
        "flag" => any::<bool>().prop_map(Value::Bool).boxed(),
        "n" | "serial" | "score" => number.boxed(),
        "lang" | "empty" => text(&["en", "e", "f", "fr", "zz", "zz\u{10ffff}", ""]),
        "word" => text(&["word", "word 1", "word 39", "word 399", "x", "word 200"]),
        "title" => text(&["", "a", "a\0", "a\0\0", "abcdefghij", "abcdefghijabc", "1", "5", "z"]),
        "at" => text(&["2024-05-01", "2024-05-01T00:00:00.000004Z", "infinity", "-infinity"]),
        "id" => text(&["03030303030303030303030303030303", "00000000000000000000000000000000"]),
        "raw" => text(&["\\x", "\\x1f1f1f", "\\x1F1F1F1F1F1F1F1F1F", "\\xff", "\\x00"]),
        _ => Just(Value::Null).boxed(),
    };
    prop_oneof![8 => value, 1 => Just(Value::Null)].boxed()
}

fn leaf() -> impl Strategy<Value = Filter> {
    let columns = &[
        "flag", "n", "serial", "score", "lang", "word", "title", "empty", "at", "id", "raw", "doc",
    ];
    let op = prop::sample::select(&[
        Comparison::Eq,
        Comparison::Ne,
        Comparison::Lt,
        Comparison::Le,
        Comparison::Gt,
        Comparison::Ge,
    ]);
    prop::sample::select(columns).prop_flat_map(move |column| {
        let values = || prop::collection::vec(literal(column), 0..4);
        let is_text = ["lang", "empty", "word", "title"].contains(&column);
        let prefix = literal(if is_text { column } else { "doc" }).prop_map(move |value| {
            match value {
                Value::Text(prefix) => Filter::Prefix { column: column.into(), prefix },
                _ => Filter::IsNotNull(column.into()),
            }
        });
        prop_oneof![
            4 => (op.clone(), literal(column)).prop_map(move |(op, value)| compare(column, op, value)),
            1 => values().prop_map(move |values| Filter::In { column: column.into(), values }),
            1 => values().prop_map(move |values| Filter::NotIn { column: column.into(), values }),
            1 => prefix,
            1 => Just(Filter::IsNull(column.into())),
        ]
    })
}

fn tree() -> impl Strategy<Value = Filter> {
    leaf().prop_recursive(4, 16, 4, |inner| {
        let several = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            2 => several.clone().prop_map(Filter::And),
            2 => several.prop_map(Filter::Or),
            1 => inner.clone().prop_map(|inner| Filter::Not(Box::new(inner))),
            1 => inner.prop_map(|inner| Filter::NotTrue(Box::new(inner))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_way_of_evaluating_agrees(filter in tree(), sample in 0_usize..6) {
        matching(&filter, &SAMPLES[sample]);
    }
}

#[test]
fn every_comparison_of_every_column_agrees() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    for _ in 0..2000 {
        let filter = leaf().new_tree(&mut runner).unwrap().current();
        matching(&filter, &SAMPLES[3]);
    }
}

#[test]
fn integers_and_doubles_compare_exactly() {
    let schema = [ColumnSchema { name: "x".into(), column_type: ColumnType::Int64 }];
    let passes = |row: i64, op, literal: f64| {
        let filter = compare("x", op, Value::Float64(literal));
        filter.matches_values(&schema, |_| ValueRef::Int64(row)).unwrap()
    };
    assert!(passes(2, Comparison::Lt, 2.5) && !passes(3, Comparison::Lt, 2.5));
    assert!(passes(-2, Comparison::Gt, -2.5) && !passes(-3, Comparison::Gt, -2.5));
    assert!(!passes((1 << 53) + 1, Comparison::Eq, 9_007_199_254_740_992.0));
    assert!(passes((1 << 53) + 1, Comparison::Gt, 9_007_199_254_740_992.0));
    assert!(passes(i64::MAX, Comparison::Lt, 9_223_372_036_854_775_808.0));
    assert!(passes(i64::MIN, Comparison::Eq, -9_223_372_036_854_775_808.0));
    assert!(passes(i64::MAX, Comparison::Lt, f64::NAN));
}

#[test]
fn null_is_unknown() {
    let sample = &SAMPLES[3];
    let one = || compare("n", Comparison::Eq, Value::Int64(1));
    let not_one = compare("n", Comparison::Ne, Value::Int64(1));
    let is_null = Filter::IsNull("n".into());
    let [equal, unequal, nulls] = [one(), not_one, is_null].map(|f| matching(&f, sample).len());
    assert!(equal > 0 && unequal > 0 && nulls > 0);
    assert_eq!(equal + unequal + nulls, 700);
    assert_eq!(matching(&Filter::Not(Box::new(one())), sample).len(), unequal);
    assert_eq!(matching(&Filter::NotTrue(Box::new(one())), sample).len(), unequal + nulls);
    let in_null = |column: &str| Filter::NotIn { column: column.into(), values: vec![Value::Null] };
    assert_eq!(matching(&in_null("n"), sample).len(), 0);
    assert_eq!(matching(&Filter::And(vec![]), sample).len(), 700);
    assert_eq!(matching(&Filter::Or(vec![]), sample).len(), 0);
}

#[test]
fn estimates_are_exact_where_zones_and_dictionaries_decide() {
    let sample = &SAMPLES[5];
    let estimate =
        |filter: &Filter| filter.bind(&sample.views(), sample.rows).unwrap().estimate().unwrap();
    let exact = [
        compare("lang", Comparison::Eq, Value::Text("fr".into())),
        compare("word", Comparison::Ge, Value::Text("word 2".into())),
        Filter::Prefix { column: "word".into(), prefix: "word 3".into() },
        Filter::In {
            column: "lang".into(),
            values: ["e", "fr", "x"].map(|v| Value::Text(v.into())).into(),
        },
        compare("serial", Comparison::Lt, Value::Int64(3 * 4096)),
        Filter::IsNotNull("n".into()),
        Filter::And(vec![]),
    ];
    for filter in exact {
        let count = matching(&filter, sample).len() as u32;
        assert_eq!(estimate(&filter), Estimate { lower: count, upper: count, expected: count });
    }
    let filter = compare("score", Comparison::Gt, Value::Float64(0.0));
    let count = matching(&filter, sample).len() as f64;
    let about = f64::from(estimate(&filter).expected);
    assert!((about - count).abs() < 0.2 * count, "{about} {count}");
    // Where the sample includes all rows, the estimate is exact.
    let small = &SAMPLES[2];
    let bound = filter.bind(&small.views(), 64).unwrap();
    assert_eq!(bound.estimate().unwrap().expected as usize, matching(&filter, small).len());
}

#[test]
fn errors_say_what_would_be_right() {
    let schema = &SAMPLES[0].schema;
    let message = |filter: Filter| {
        let message = filter.check(schema).unwrap_err().to_string();
        assert_eq!(filter.bind(&SAMPLES[0].views(), 0).unwrap_err().to_string(), message);
        message
    };
    let text = |column, text: &str| compare(column, Comparison::Eq, Value::Text(text.into()));
    assert_eq!(
        message(text("language", "en")),
        "there is no column \"language\"; there are: flag, n, serial, score, lang, word, title, \
         empty, at, id, raw, doc"
    );
    assert_eq!(message(text("n", "1")), "column \"n\" is int64 and does not go with text");
    assert_eq!(message(text("doc", "{}")), "column \"doc\" is json and does not go with text");
    assert_eq!(
        message(text("at", "yesterday")),
        "invalid filter: column \"at\" is timestamp; write its values as \
         \"2024-05-01T12:00:00Z\""
    );
    let prefix = Filter::Prefix { column: "n".into(), prefix: "1".into() };
    assert_eq!(message(prefix), "column \"n\" is int64 and does not go with a prefix");
    let mut deep = Filter::IsNull("n".into());
    for _ in 0..1000 {
        deep = Filter::Not(Box::new(deep));
    }
    assert_eq!(message(deep), "invalid filter: it is nested more than 64 deep");
}

#[cfg(feature = "json")]
fn json_error(json: &str) -> String {
    Filter::from_json(json).unwrap_err().to_string()
}

#[cfg(feature = "json")]
#[test]
fn json_means_what_mongodb_means() {
    let sample = &SAMPLES[3];
    let count = |json: &str| matching(&Filter::from_json(json).unwrap(), sample).len();
    let all = |json: &[&str]| json.iter().map(|json| count(json)).sum::<usize>();
    assert_eq!(count("{}"), 700);
    // Each pair divides all rows, null ones too.
    for pair in [
        [r#"{"n": 1}"#, r#"{"n": {"$ne": 1}}"#],
        [r#"{"n": {"$gte": 1}}"#, r#"{"n": {"$not": {"$gte": 1}}}"#],
        [r#"{"n": {"$gte": 1}, "lang": "en"}"#, r#"{"$not": {"n": {"$gte": 1}, "lang": "en"}}"#],
        [r#"{"n": {"$in": [1, 2]}}"#, r#"{"n": {"$nin": [1, 2]}}"#],
        [r#"{"n": {"$in": [1, null]}}"#, r#"{"n": {"$nin": [1, null]}}"#],
        [r#"{"n": {"$in": []}}"#, r#"{"n": {"$nin": []}}"#],
        [r#"{"n": null}"#, r#"{"n": {"$ne": null}}"#],
        [r#"{"n": {"$exists": false}}"#, r#"{"n": {"$exists": true}}"#],
        [r#"{"word": {"$prefix": "word 1"}}"#, r#"{"word": {"$not": {"$prefix": "word 1"}}}"#],
    ] {
        assert_eq!(all(&pair), 700, "{pair:?}");
    }
    let nulls = count(r#"{"n": null}"#);
    assert_eq!(count(r#"{"n": {"$in": [1, null]}}"#), count(r#"{"n": 1}"#) + nulls);
    assert_eq!(count(r#"{"$or": [{"n": 1}, {"n": 2}]}"#), count(r#"{"n": {"$in": [1, 2]}}"#));
    assert_eq!(
        count(r#"{"$and": [{"n": {"$gt": 0}}, {"n": {"$lt": 2.5}}]}"#),
        count(r#"{"n": {"$gt": 0, "$lte": 2}}"#)
    );
    assert!(count(r#"{"score": "NaN"}"#) > 0);
    assert!(count(r#"{"at": {"$gt": "2024-05-01T02:00:00+02:00", "$lt": "infinity"}}"#) > 0);
    let filter = Filter::from_json(r#"{"year": {"$gte": 2020}}"#).unwrap();
    assert_eq!(filter, compare("year", Comparison::Ge, Value::Int64(2020)));
}

#[cfg(feature = "json")]
#[test]
fn other_json_is_refused() {
    for (json, part) in [
        ("{", "it is no JSON: "),
        ("[]", "a filter is an object such as"),
        (r#"{"a": {"$gtt": 1}}"#, "\"$gtt\" of column \"a\" is no operator; there are: $eq, $ne"),
        (r#"{"$gt": 1}"#, "\"$gt\" is no operator around columns"),
        (r#"{"a": {}}"#, "column \"a\" has no operator"),
        (r#"{"a": [1]}"#, "for several use \"$in\""),
        (r#"{"a": {"$in": 1}}"#, "\"$in\" takes an array of values, not a number"),
        (r#"{"a": {"$gt": null}}"#, "use \"$exists\""),
        (r#"{"a": {"$exists": 1}}"#, "true or false"),
        (r#"{"$or": {}}"#, "takes an array of filters"),
    ] {
        let error = json_error(json);
        assert!(error.starts_with("invalid filter: ") && error.contains(part), "{error}");
    }
    for open in [r#"{"$not":"#, r#"{"a":{"$not":"#] {
        assert!(json_error(&open.repeat(100_000)).starts_with("invalid filter: "));
    }
    let deep = r#"{"$not":"#.repeat(100) + "{}" + &"}".repeat(100);
    assert_eq!(json_error(&deep), "invalid filter: it is nested more than 64 deep");
    // The same for JSON from another parser, at any depth.
    let message = |json: serde_json::Value| {
        let error = serde_json::from_value::<Filter>(json).unwrap_err();
        error.to_string()
    };
    let within =
        |depth| (0..depth).fold(serde_json::json!({}), |json, _| serde_json::json!({"$not": json}));
    for depth in [65, 100, 2000] {
        assert_eq!(message(within(depth)), "invalid filter: it is nested more than 64 deep");
    }
    assert_eq!(message(serde_json::json!({"a": {"$in": 1}})), json_error(r#"{"a": {"$in": 1}}"#));
}

#[test]
fn damage_gives_errors_at_most() {
    let sample = Sample::new(70);
    let filters: Vec<Filter> = ["flag", "n", "score", "lang", "word", "title", "at", "id", "raw"]
        .iter()
        .map(|column| match *column {
            "flag" => compare(column, Comparison::Eq, Value::Bool(true)),
            "n" | "score" => compare(column, Comparison::Gt, Value::Int64(1)),
            "at" => compare(column, Comparison::Lt, Value::Timestamp(0)),
            "id" => compare(column, Comparison::Ne, Value::Uuid([3; 16])),
            "raw" => compare(column, Comparison::Ge, Value::Bytes(vec![31])),
            _ => Filter::Prefix { column: (*column).into(), prefix: "e".into() },
        })
        .collect();
    for (number, schema) in sample.schema.iter().enumerate() {
        let use_all = |sections: &ColumnSections<Vec<u8>>| {
            let view = ColumnView::new(schema.clone(), borrow(sections), sample.rows);
            let Ok(view) = view else { return };
            let _ = view.verify();
            for row in 0..=sample.rows {
                let _ = view.get(row);
            }
            for filter in &filters {
                let Ok(bound) = filter.bind(core::slice::from_ref(&view), sample.rows) else {
                    continue;
                };
                let mut rows = Vec::new();
                let _ = bound.collect_into(&mut rows);
                assert!(rows.len() <= 70 && rows.is_sorted());
                if let Ok(estimate) = bound.estimate() {
                    assert!(estimate.lower <= estimate.expected);
                    assert!(estimate.expected <= estimate.upper);
                }
                for row in 0..=sample.rows {
                    let _ = bound.matches(row);
                }
            }
        };
        let section = |sections: &mut ColumnSections<Vec<u8>>, number| match number {
            0 => core::mem::take(&mut sections.validity),
            1 => core::mem::take(&mut sections.values),
            2 => core::mem::take(&mut sections.offsets),
            3 => core::mem::take(&mut sections.dictionary_offsets),
            4 => core::mem::take(&mut sections.dictionary),
            _ => core::mem::take(&mut sections.zones),
        };
        for part in 0..6 {
            let length = section(&mut sample.sections[number].clone(), part).len();
            for bit in 0..8 * length {
                let mut sections = sample.sections[number].clone();
                let mut bytes = section(&mut sections, part);
                bytes[bit / 8] ^= 1 << (bit % 8);
                match part {
                    0 => sections.validity = bytes,
                    1 => sections.values = bytes,
                    2 => sections.offsets = bytes,
                    3 => sections.dictionary_offsets = bytes,
                    4 => sections.dictionary = bytes,
                    _ => sections.zones = bytes,
                }
                use_all(&sections);
            }
        }
    }
}

#[cfg(feature = "json")]
#[test]
fn an_entry_that_comes_twice_is_no_filter() {
    for (text, twice) in [
        (r#"{"a": 1, "a": 2}"#, "a"),
        (r#"{"a": 1, "\u0061": 1}"#, "a"),
        (r#"{"a": {"$gt": 1, "$gt": 2}}"#, "$gt"),
        (r#"{"$or": [{"b": 1}, {"b": 1, "c": 2, "b": 3}]}"#, "b"),
        (r#"{"$and": [], "$and": []}"#, "$and"),
        (r#"{"$not": {"a": {"$not": {"$eq": 1, "$eq": 2}}}}"#, "$eq"),
    ] {
        let message = Filter::from_json(text).unwrap_err().to_string();
        assert!(message.contains(&format!("\"{twice}\" is there twice")), "{message}");
    }
    assert!(Filter::from_json(r#"{"a": 1, "b": 1, "$or": [{"a": 2}, {"a": 3}]}"#).is_ok());
    // Numbers are read as serde_json's own values are.
    for text in ["-0", "9223372036854775807", "9223372036854775808", "-1e400", "1.5"] {
        let json = format!("{{\"a\": {text}}}");
        let value = serde_json::from_str::<serde_json::Value>(&json);
        match value {
            Ok(value) => {
                let parsed = Filter::from_json(&json).unwrap();
                assert_eq!(parsed, serde_json::from_value(value).unwrap(), "{text}");
            }
            Err(_) => assert!(Filter::from_json(&json).is_err(), "{text}"),
        }
    }
}
