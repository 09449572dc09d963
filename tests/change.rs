//! Inserting, updating, removing, saving and merging, compared with a map that is changed likewise.

use hither::raw::AlignedBytes;
use hither::{
    ColumnSchema, ColumnType, Difference, ErrorKind, Filter, Index, IndexBuilder, IndexOptions,
    IvfParams, Key, KeyRef, KeyType, Metric, Neighbor, Save, SearchParams, Searcher, Shards,
    Structure, ValueRef, merge,
};
use hither_tests::{Random, build, clustered, numbers};
use std::collections::BTreeMap;

fn save(index: &Index<'_>, how: Save<'_>) -> AlignedBytes {
    let mut bytes = AlignedBytes::new();
    index.write_to(&mut bytes, how.threads(1)).unwrap();
    bytes
}

/// Checks, by look-up and by search, that the index has the rows of `model` and no others.
fn check(index: &Index<'_>, model: &BTreeMap<i64, Vec<f32>>) {
    index.verify().unwrap();
    assert_eq!(index.len(), model.len() as u64);
    let mut vector = vec![0.0; index.dimensions()];
    for (key, expected) in model {
        let row =
            index.find(KeyRef::Int64(*key)).unwrap().unwrap_or_else(|| panic!("{key} is lost"));
        assert_eq!(index.key(row), Ok(KeyRef::Int64(*key)));
        index.vector(row, &mut vector).unwrap();
        assert_eq!(&vector, expected);
    }
    let mut searcher = Searcher::new();
    let query = vec![0.1; index.dimensions()];
    for structure in [None, Some(Structure::Flat)] {
        let params = SearchParams { structure, ..SearchParams::new(model.len().max(1)) };
        let mut keys = numbers(index, index.search(&query, &params, &mut searcher).unwrap());
        keys.sort_unstable();
        assert!(keys.iter().eq(model.keys()), "{structure:?}");
    }
}

#[test]
fn changes_are_what_a_map_would_do() {
    let rows = clustered(21, 1200, 12);
    let options = IndexOptions {
        key_type: KeyType::Int64,
        element: hither::Element::F32,
        ivf: Some(IvfParams { lists: 20 }),
        ..IndexOptions::new(12, Metric::L2)
    };
    let mut index = Index::new(options).unwrap();
    let mut model = BTreeMap::new();
    let mut random = Random::new(22);
    let mut bytes;
    for round in 0..4 {
        for _ in 0..600 {
            let key = random.below(900) as i64 - 100;
            let vector = rows.row(random.below(1200));
            match random.below(3) {
                0 => {
                    let result = index.insert(Some(KeyRef::Int64(key)), vector, &[]);
                    assert_eq!(result.is_ok(), !model.contains_key(&key));
                    if result.is_ok() {
                        model.insert(key, vector.to_vec());
                    }
                }
                1 => {
                    let result = index.update(KeyRef::Int64(key), vector, &[]);
                    assert_eq!(result.is_ok(), model.contains_key(&key));
                    if result.is_ok() {
                        model.insert(key, vector.to_vec());
                    }
                }
                _ => {
                    let removed = index.remove(KeyRef::Int64(key)).unwrap();
                    assert_eq!(removed, model.remove(&key).is_some());
                }
            }
        }
        check(&index, &model);
        let how = if round % 2 == 0 { Save::delta() } else { Save::compact() };
        let saved = save(&index, how);
        drop(index);
        bytes = saved;
        // The bytes must outlive the index that the next round opens from them.
        let bytes: &'static AlignedBytes = Box::leak(Box::new(bytes));
        index = Index::open(bytes).unwrap();
        check(&index, &model);
    }
}

#[test]
fn compacting_what_was_not_changed_gives_the_same_bytes() {
    let rows = clustered(23, 1500, 20);
    let options =
        IndexOptions { ivf: Some(IvfParams::default()), ..IndexOptions::new(20, Metric::Cosine) };
    let bytes = build(&rows, options);
    let again = save(&Index::open(&bytes).unwrap(), Save::compact());
    assert!(bytes.as_slice() == again.as_slice());
}

#[test]
fn a_delta_of_what_was_not_changed_says_the_same() {
    let rows = clustered(24, 300, 8);
    let bytes = build(&rows, IndexOptions::new(8, Metric::L2));
    let again = save(&Index::open(&bytes).unwrap(), Save::delta());
    assert!(bytes.as_slice() == again.as_slice());
}

#[test]
fn row_numbers_go_on_and_are_not_given_twice() {
    let rows = clustered(25, 10, 4);
    let bytes = build(&rows, IndexOptions::new(4, Metric::L2));
    let mut index = Index::open(&bytes).unwrap();
    assert_eq!(index.insert(None, rows.row(0), &[]), Ok(Key::Int64(10)));
    assert!(index.remove(KeyRef::Int64(10)).unwrap());
    assert_eq!(index.insert(None, rows.row(1), &[]), Ok(Key::Int64(11)));
    assert!(!index.remove(KeyRef::Int64(10)).unwrap());
    let duplicate = index.insert(Some(KeyRef::Int64(11)), rows.row(1), &[]);
    assert_eq!(duplicate, Err(ErrorKind::DuplicateKey { key: "11".into() }.into()));
    let text = index.insert(Some(KeyRef::Text("a")), rows.row(1), &[]);
    assert!(matches!(text.unwrap_err().kind(), ErrorKind::KeyType { .. }));
    let missing = index.update(KeyRef::Int64(99), rows.row(1), &[]);
    assert!(matches!(missing.unwrap_err().kind(), ErrorKind::KeyNotFound { .. }));
    let failed = index.insert(None, &[f32::NAN; 4], &[]);
    assert_eq!(*failed.unwrap_err().kind(), ErrorKind::NonFinite { at: 0 });
    assert_eq!(index.len(), 11);
}

#[test]
fn merging_keeps_the_last_of_equal_keys() {
    let rows = clustered(26, 40, 6);
    let keyed = |keys: std::ops::Range<i64>, from: usize| {
        let options = IndexOptions {
            key_type: KeyType::Int64,
            element: hither::Element::F32,
            ..IndexOptions::new(6, Metric::L2)
        };
        let mut builder = IndexBuilder::new(options).unwrap();
        for (at, key) in keys.enumerate() {
            builder.push(Some(KeyRef::Int64(key)), rows.row(from + at), &[]).unwrap();
        }
        builder.finish().unwrap()
    };
    let (a, b) = (keyed(0..20, 0), keyed(15..35, 20));
    let (a, b) = (Index::open(&a).unwrap(), Index::open(&b).unwrap());
    let merged = merge(&[&a, &b], 1).unwrap().finish().unwrap();
    let model = (0..15).map(|key| (key, rows.row(key as usize).to_vec()));
    let model = model.chain((15..35).map(|key| (key, rows.row(5 + key as usize).to_vec())));
    check(&Index::open(&merged).unwrap(), &model.collect());

    let numbered = build(&rows, IndexOptions::new(6, Metric::L2));
    let numbered = Index::open(&numbered).unwrap();
    let twice = merge(&[&numbered, &numbered], 1).unwrap().finish().unwrap();
    assert_eq!(Index::open(&twice).unwrap().len(), 80);
    assert!(merge(&[&a, &numbered], 1).is_err());
}

#[test]
fn text_and_uuid_keys_are_found() {
    let rows = clustered(27, 60, 5);
    for key_type in [KeyType::Text, KeyType::Uuid] {
        let key = |number: usize| match key_type {
            KeyType::Text => Key::Text(format!("{}-é", number * 7919 % 60)),
            _ => Key::Uuid(((number * 7919 % 60) as u128 * 0x1234_5678_9abc_def1).to_be_bytes()),
        };
        let options = IndexOptions { key_type, ..IndexOptions::new(5, Metric::L2) };
        let mut builder = IndexBuilder::new(options).unwrap();
        for (number, row) in rows.rows().enumerate() {
            builder.push(Some(key(number).as_ref()), row, &[]).unwrap();
        }
        let bytes = builder.finish().unwrap();
        let index = Index::open(&bytes).unwrap();
        index.verify().unwrap();
        let mut vector = [0.0; 5];
        for (number, row) in rows.rows().enumerate() {
            let found = index.find(key(number).as_ref()).unwrap().unwrap();
            index.vector(found, &mut vector).unwrap();
            let rounded = row.iter().map(|&v| half::f16::from_f32(v).to_f32());
            assert!(vector.iter().copied().eq(rounded));
        }
        assert_eq!(index.find(Key::Text("no".into()).as_ref()).is_err(), key_type == KeyType::Uuid);
        let mut builder = merge(&[&index], 1).unwrap();
        builder.push(Some(key(3).as_ref()), rows.row(0), &[]).unwrap();
        let error = builder.finish().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::DuplicateKey { .. }));
    }
}

/// Indexes that share keys answer like the index that they are merged into, however they are merged.
#[test]
fn several_indexes_answer_as_their_merger() {
    let rows = clustered(61, 900, 8);
    for key_type in [KeyType::Int64, KeyType::RowNumber] {
        let options = IndexOptions {
            key_type,
            hnsw: None,
            element: hither::Element::F32,
            columns: vec![ColumnSchema { name: "from".into(), column_type: ColumnType::Int64 }],
            ..IndexOptions::new(8, Metric::L2)
        };
        let mut random = Random::new(62);
        let parts: Vec<AlignedBytes> = (0..3)
            .map(|part| {
                let mut builder = IndexBuilder::new(options.clone()).unwrap();
                // Most rows of the first two are replaced by a later one.
                let mut keys: Vec<i64> = (0..300).filter(|_| random.below(3) > 0).collect();
                keys.retain(|key| part == 2 || key_type == KeyType::RowNumber || key % 9 != part);
                for key in keys {
                    let key = (key_type == KeyType::Int64).then_some(KeyRef::Int64(key));
                    let vector = rows.row(random.below(900));
                    builder.push(key, vector, &[ValueRef::Int64(part)]).unwrap();
                }
                builder.finish().unwrap()
            })
            .collect();
        let indexes: Vec<Index<'_>> = parts.iter().map(|part| Index::open(part).unwrap()).collect();
        let indexes: Vec<&Index<'_>> = indexes.iter().collect();
        let merged = merge(&indexes, 1).unwrap().finish().unwrap();
        let merged = Index::open(&merged).unwrap();
        let shards = Shards::new(indexes.clone()).unwrap();
        for row in merged.rows() {
            let found = shards.find(merged.key(row).unwrap()).unwrap().expect("its row");
            let (shard, found) = shards.place(found).unwrap();
            assert_eq!(indexes[shard].value(found, 0), merged.value(row, 0));
        }
        let filter = Filter::from_json(r#"{"from": {"$ne": 1}}"#).unwrap();
        let bound: Vec<_> = indexes.iter().map(|index| index.filter(&filter).unwrap()).collect();
        let bound: Vec<_> = bound.iter().collect();
        let bound_merged = merged.filter(&filter).unwrap();
        let mut searcher = Searcher::new();
        for number in 0..40 {
            let query = rows.row(number * 20);
            for (k, radius, filtered) in [
                (1, None, false),
                (10, None, true),
                (1000, None, false),
                (7, Some(3.0), true),
                (usize::MAX, Some(3.0), false),
                (usize::MAX, Some(4.0), true),
            ] {
                let params = SearchParams { radius, ..SearchParams::new(k) };
                let filters = if filtered { &bound[..] } else { &[] };
                let merged_filter = filtered.then_some(&bound_merged);
                let merged_params = SearchParams { filter: merged_filter, ..params };
                let found = shards.search(query, &params, filters, &mut searcher).unwrap();
                let key = |row: &Neighbor| (shards.key(row.row).unwrap(), row.distance);
                let got: Vec<_> = found.iter().map(key).collect();
                let expected = merged.search(query, &merged_params, &mut searcher).unwrap();
                let expected =
                    expected.iter().map(|row| (merged.key(row.row).unwrap(), row.distance));
                assert!(got.into_iter().eq(expected), "{key_type:?} {k} {radius:?}");
            }
        }
    }
}

#[test]
fn indexes_that_differ_do_not_answer_as_one() {
    let of = |dimensions, metric, key_type, columns| {
        let options = IndexOptions { key_type, columns, ..IndexOptions::new(dimensions, metric) };
        Index::new(options).unwrap()
    };
    let column = || vec![ColumnSchema { name: "a".into(), column_type: ColumnType::Bool }];
    let first = of(2, Metric::L2, KeyType::Int64, Vec::new());
    for (other, difference) in [
        (of(3, Metric::L1, KeyType::Text, column()), Difference::Dimensions),
        (of(2, Metric::L1, KeyType::Text, column()), Difference::KeyType),
        (of(2, Metric::L1, KeyType::Int64, column()), Difference::Metric),
        (of(2, Metric::L2, KeyType::Int64, column()), Difference::Columns),
    ] {
        assert_eq!(first.difference(&other), Some(difference));
        assert_eq!(Shards::new(vec![&first, &other]).is_ok(), difference == Difference::Columns);
        assert!(merge(&[&first, &other], 1).is_err());
    }
    assert!(Shards::new(Vec::new()).is_err());
}

#[test]
fn rows_without_a_key_get_a_random_uuid() {
    let options = IndexOptions { key_type: KeyType::Uuid, ..IndexOptions::new(1, Metric::L2) };
    let build = |seed: Option<u64>| {
        let mut builder = IndexBuilder::new(options.clone()).unwrap();
        seed.into_iter().for_each(|seed| builder.seed_keys(seed));
        for row in 0..50 {
            builder.push(None, &[row as f32], &[]).unwrap();
        }
        builder.finish().unwrap()
    };
    assert_eq!(*build(Some(7)), *build(Some(7)));
    assert_ne!(*build(Some(7)), *build(Some(8)));
    let bytes = build(None);
    assert_ne!(*bytes, *build(None));
    let mut index = Index::open(&bytes).unwrap();
    let key = index.insert(None, &[0.5], &[]).unwrap();
    assert!(index.find(key.as_ref()).unwrap().is_some());
    index.seed_keys(7);
    assert!(index.insert(None, &[1.5], &[]).is_ok());
    assert_eq!(index.len(), 52);
    for row in index.rows() {
        let KeyRef::Uuid(bytes) = index.key(row).unwrap() else { panic!("a key of another type") };
        assert_eq!((bytes[6] >> 4, bytes[8] >> 6), (4, 2));
    }
}
