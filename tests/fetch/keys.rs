//! Looking rows up by key, and listing keys, by ranges: the answers are those of the whole file, in two round trips.

use super::elsewhere::Elsewhere;
use super::files::{files, options};
use hither::raw::AlignedBytes;
use hither::{
    Index, IndexBuilder, IndexFile, IndexOptions, Key, KeyRef, KeyType, Metric, RowId, Save,
};
use hither_tests::{Random, repository};

/// A file of these text keys, in a random order.
fn of_keys(keys: &[String]) -> AlignedBytes {
    let mut order: Vec<&String> = keys.iter().collect();
    let mut random = Random::new(3);
    order.sort_by_cached_key(|_| random.number());
    let options = IndexOptions { columns: Vec::new(), ..options(Metric::L2, KeyType::Text) };
    let mut builder = IndexBuilder::new(IndexOptions { dimensions: 2, ..options }).unwrap();
    for (number, key) in order.iter().enumerate() {
        builder.push(Some(KeyRef::Text(key)), &[number as f32, 1.0], &[]).unwrap();
    }
    builder.finish().unwrap()
}

/// Words that share beginnings, as those of a dictionary do, and some thousand of them begin alike.
fn words() -> Vec<String> {
    let mut words = vec![String::new(), "é".into(), "日本".into(), "a".repeat(9_000), "zz".into()];
    words.push(format!("{}b", "a".repeat(9_000)));
    words.extend((0..6_000).map(|number| format!("word {:x}", number * 7_919)));
    words.extend(
        (0..3_000).map(|number| format!("{} {number}", (b'b' + (number % 20) as u8) as char)),
    );
    words
}

fn key_in_file(whole: &Index<'_>, row: RowId) -> Key {
    whole.key(row).unwrap().to_owned()
}

#[test]
fn every_key_is_found_and_no_other() {
    for (name, bytes, _) in files() {
        let whole = Index::open(&bytes).unwrap();
        for (cache, seed) in [(u64::MAX, None), (0, Some(2))] {
            let mut elsewhere = Elsewhere::open(&bytes, cache, 0, seed);
            let step = if cache == 0 { 151 } else { 13 };
            for row in whole.rows().step_by(step) {
                let key = key_in_file(&whole, row);
                assert_eq!(elsewhere.poll(|index| index.find(key.as_ref())), Some(row), "{name}");
                let other = match key {
                    Key::Int64(number) => Key::Int64(number.saturating_add(100_000).max(0)),
                    Key::Uuid(bytes) => Key::Uuid(bytes.map(|byte| !byte)),
                    Key::Text(text) => Key::Text(text + " "),
                };
                let expected = whole.find(other.as_ref()).unwrap();
                assert_eq!(elsewhere.poll(|index| index.find(other.as_ref())), expected, "{name}");
                elsewhere.index.settle();
            }
        }
        // Removed rows are not found: every ninth row of a file that was changed.
        let mut elsewhere = Elsewhere::open(&bytes, u64::MAX, 0, None);
        for number in 0..200_i64 {
            let key = match whole.options().key_type {
                KeyType::RowNumber => Key::Int64(number),
                KeyType::Int64 => Key::Int64(-7 * number),
                KeyType::Text => Key::Text(format!("row {number}")),
                KeyType::Uuid => continue,
            };
            let expected = whole.find(key.as_ref()).unwrap();
            assert_eq!(elsewhere.poll(|index| index.find(key.as_ref())), expected, "{name}");
        }
    }
}

#[test]
fn keys_with_a_prefix_are_those_of_the_whole_file() {
    let prefixes = ["", "r", "row 1", "row 24", "row 999", "s", "row 12 ", "ro\u{10ffff}"];
    for (name, bytes, _) in files() {
        let whole = Index::open(&bytes).unwrap();
        let mut elsewhere = Elsewhere::open(&bytes, 0, 0, Some(4));
        if whole.options().key_type != KeyType::Text {
            assert!(whole.keys_with_prefix("", 3).is_err(), "{name}");
            assert!(elsewhere.index.keys_with_prefix("", 3).is_err(), "{name}");
            continue;
        }
        let mut all: Vec<Key> = whole.rows().map(|row| key_in_file(&whole, row)).collect();
        all.sort();
        for prefix in prefixes {
            for limit in [0, 1, 7, 600, usize::MAX] {
                let begins = |key: &Key| match key {
                    Key::Text(text) if text.starts_with(prefix) => Some(text.clone()),
                    _ => None,
                };
                let expected: Vec<String> = all.iter().filter_map(begins).take(limit).collect();
                assert_eq!(whole.keys_with_prefix(prefix, limit).unwrap(), expected, "{name}");
                let found = elsewhere.poll(|index| index.keys_with_prefix(prefix, limit));
                assert_eq!(found, expected, "{name} {prefix:?} {limit}");
                elsewhere.index.settle();
            }
        }
    }
}

#[test]
fn a_look_up_takes_two_round_trips_and_a_further_one_takes_one() {
    let mut words = words();
    let bytes = of_keys(&words);
    let whole = Index::open(&bytes).unwrap();
    whole.verify().unwrap();
    words.sort();
    for (number, word) in words.iter().enumerate().step_by(97) {
        let key = KeyRef::Text(word);
        let mut elsewhere = Elsewhere::open(&bytes, u64::MAX, 0, None);
        let before = (elsewhere.trips, elsewhere.index.traffic().0);
        let found = elsewhere.poll(|index| index.find(key));
        assert_eq!(found, whole.find(key).unwrap());
        assert!(elsewhere.trips - before.0 <= 2);
        assert!(elsewhere.index.traffic().0 - before.1 < bytes.len() as u64 / 6, "all keys");
        let trips = elsewhere.trips;
        let other = KeyRef::Text(&words[(number * 31) % words.len()]);
        assert!(elsewhere.poll(|index| index.find(other)).is_some());
        assert!(elsewhere.trips - trips <= 1);
    }
    for prefix in ["", "word", "word 1", "b", "c 1", "zz", "a", "é", "none"] {
        for limit in [1, 10, 2_000, usize::MAX] {
            let expected = words.iter().filter(|word| word.starts_with(prefix)).take(limit);
            let expected: Vec<&String> = expected.collect();
            let mut elsewhere = Elsewhere::open(&bytes, u64::MAX, 0, None);
            let before = elsewhere.trips;
            let found = elsewhere.poll(|index| index.keys_with_prefix(prefix, limit));
            assert!(found.iter().eq(expected), "{prefix:?} {limit}");
            assert!(elsewhere.trips - before <= 2, "{prefix:?} {limit}");
        }
    }
}

#[test]
fn a_row_number_is_found_by_the_order_of_keys() {
    let mut builder =
        IndexBuilder::new(IndexOptions { ranges: true, ..IndexOptions::new(2, Metric::L2) })
            .unwrap();
    let mut random = Random::new(5);
    for _ in 0..40_000 {
        builder.push(None, &[random.normal(), random.normal()], &[]).unwrap();
    }
    let bytes = builder.finish().unwrap();
    let whole = Index::open(&bytes).unwrap();
    for number in (0..40_000).step_by(1_999).chain([39_999]) {
        let key = KeyRef::Int64(number);
        let mut elsewhere = Elsewhere::open(&bytes, u64::MAX, 0, None);
        let before = (elsewhere.trips, elsewhere.index.traffic().0);
        assert_eq!(elsewhere.poll(|index| index.find(key)), whole.find(key).unwrap());
        assert!(elsewhere.trips - before.0 <= 2);
        assert!(elsewhere.index.traffic().0 - before.1 < 20_000, "all keys");
    }
}

#[test]
fn rows_that_were_removed_are_not_listed_and_those_behind_them_are() {
    let words = words();
    let bytes = of_keys(&words);
    let mut index = Index::open(&bytes).unwrap();
    let mut left: Vec<&String> = words.iter().filter(|word| word.starts_with("word")).collect();
    left.sort();
    for word in left.drain(..2_500) {
        assert!(index.remove(KeyRef::Text(word)).unwrap());
    }
    let found = index.keys_with_prefix("word", 10).unwrap();
    assert!(found.iter().eq(left[..10].iter().copied()));
    let mut changed = AlignedBytes::new();
    index.write_to(&mut changed, Save::delta()).unwrap();
    let mut elsewhere = Elsewhere::open(&changed, u64::MAX, 0, None);
    assert_eq!(elsewhere.poll(|index| index.keys_with_prefix("word", 10)), found);
}

#[test]
fn files_without_a_directory_answer_from_all_keys() {
    let file = IndexFile::open(repository("tests/fixtures/v1-ranges.hither")).unwrap();
    let bytes = std::fs::read(repository("tests/fixtures/v1-ranges.hither")).unwrap();
    let mut elsewhere = Elsewhere::open(&bytes, 0, 0, None);
    for number in [0, 5, 119, 120] {
        let key = KeyRef::Int64(number);
        let expected = file.index().find(key).unwrap();
        assert_eq!(elsewhere.poll(|index| index.find(key)), expected);
    }
}
