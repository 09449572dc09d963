//! Builds with limited memory: several segments, which answer like one.

use hither::raw::AlignedBytes;
use hither::{
    Codes, ColumnSchema, ColumnType, ErrorKind, Filter, HnswParams, Index, IndexBuilder,
    IndexOptions, IvfParams, Key, KeyRef, KeyType, Metric, Neighbor, SearchParams, Searcher,
    Shards, Structure, ValueRef, merge_into,
};
use hither_tests::{Matrix, PutAside, clustered, numbers, recall};

/// With a quarter of the memory that the rows need.
fn quarter(options: IndexOptions, rows: usize) -> IndexOptions {
    IndexOptions { memory: Some(options.memory_needed(rows as u64) / 4), ..options }
}

fn builder(options: &IndexOptions) -> IndexBuilder {
    let mut builder = IndexBuilder::new(options.clone()).unwrap();
    builder.spill_to(Box::new(PutAside::default()));
    builder
}

/// Builds an index with the rows' number modulo 7 and a text as columns.
fn build(rows: &Matrix, options: &IndexOptions, told: bool) -> AlignedBytes {
    let mut builder = builder(options);
    if told {
        builder.reserve(rows.len()).unwrap();
    }
    for (number, row) in rows.rows().enumerate() {
        let text = format!("row {number}");
        let key = match options.key_type {
            KeyType::RowNumber => None,
            KeyType::Int64 => Some(Key::Int64(-(number as i64))),
            KeyType::Uuid => Some(Key::Uuid((number as u128).to_be_bytes())),
            KeyType::Text => Some(Key::Text(text.clone())),
        };
        let values = [ValueRef::Int64(number as i64 % 7), ValueRef::Text(&text)];
        builder.push(key.as_ref().map(Key::as_ref), row, &values).unwrap();
    }
    assert_eq!(builder.rows(), rows.len() as u64);
    builder.finish().unwrap()
}

fn options(dimensions: usize, metric: Metric) -> IndexOptions {
    let column = |name: &str, column_type| ColumnSchema { name: name.into(), column_type };
    let columns = vec![column("seven", ColumnType::Int64), column("text", ColumnType::Text)];
    let hnsw = Some(HnswParams { m: 8, ef_construction: 40 });
    IndexOptions { columns, hnsw, ..IndexOptions::new(dimensions, metric) }
}

/// The keys and distances of an answer.
fn answer(index: &Index<'_>, query: &[f32], params: &SearchParams<'_>) -> Vec<(String, f32)> {
    let mut searcher = Searcher::new();
    let found = index.search(query, params, &mut searcher).unwrap().to_vec();
    found.iter().map(|row| (index.key(row.row).unwrap().to_string(), row.distance)).collect()
}

#[test]
fn the_answers_of_several_segments_are_those_of_one() {
    let rows = clustered(51, 12_000, 24);
    for (metric, key_type, ivf) in [
        (Metric::Cosine, KeyType::RowNumber, false),
        (Metric::L2, KeyType::Text, true),
        (Metric::InnerProduct, KeyType::Uuid, false),
    ] {
        let ivf = ivf.then(IvfParams::default);
        let whole = IndexOptions { key_type, ivf, ..options(24, metric) };
        let limited = quarter(whole.clone(), rows.len());
        let one = build(&rows, &whole, true);
        let one = Index::open(&one).unwrap();
        assert_eq!(one.info().segments.len(), 1);
        let several = build(&rows, &limited, true);
        let several = Index::open(&several).unwrap();
        several.verify().unwrap();
        assert_eq!(several.len(), rows.len() as u64);
        let info = several.info();
        assert!((4..=6).contains(&info.segments.len()), "{}", info.segments.len());
        // The segments have about the same number of rows, and all structures.
        let counts: Vec<u32> = info.segments.iter().map(|segment| segment.rows).collect();
        assert!(counts.iter().max().unwrap() * 2 < counts.iter().min().unwrap() * 3, "{counts:?}");
        for segment in &info.segments {
            assert_eq!(segment.structures, one.info().segments[0].structures);
            assert!(!segment.calibrations.is_empty());
        }
        let filter = Filter::from_json(r#"{"seven": 3}"#).unwrap();
        let [in_one, in_several] = [&one, &several].map(|index| index.filter(&filter).unwrap());
        let (mut found, mut wanted) = (0.0, 0.0);
        for query in rows.rows().step_by(240) {
            let flat = SearchParams::new(10).structure(Structure::Flat);
            let exact = answer(&one, query, &flat);
            assert_eq!(answer(&several, query, &flat), exact);
            let (a, b) = (flat.filter(&in_one), flat.filter(&in_several));
            assert_eq!(answer(&several, query, &b), answer(&one, query, &a));
            // The recall that the calibrations promise holds for all segments.
            let keys = |rows: &[(String, f32)]| rows.iter().map(|row| row.0.clone()).collect();
            let (exact, got): (Vec<String>, Vec<String>) =
                (keys(&exact), keys(&answer(&several, query, &SearchParams::new(10).recall(0.95))));
            found += exact.iter().filter(|key| got.contains(key)).count() as f32;
            wanted += exact.len() as f32;
        }
        assert!(found / wanted >= 0.94, "{metric:?}: {}", found / wanted);
        let mut value = Vec::new();
        for number in [0, 5_000, 11_999] {
            let key = match key_type {
                KeyType::RowNumber => Key::Int64(number),
                KeyType::Int64 => Key::Int64(-number),
                KeyType::Uuid => Key::Uuid((number as u128).to_be_bytes()),
                KeyType::Text => Key::Text(format!("row {number}")),
            };
            let row = several.find(key.as_ref()).unwrap().unwrap();
            value.push(several.value(row, 0).unwrap() == ValueRef::Int64(number % 7));
        }
        assert_eq!(value, [true; 3]);
    }
}

#[test]
fn the_file_is_the_same_for_any_number_of_threads() {
    let rows = clustered(52, 12_000, 8);
    for told in [false, true] {
        let limited = quarter(options(8, Metric::Cosine), rows.len());
        let with = |threads| build(&rows, &IndexOptions { threads, ..limited.clone() }, told);
        let file = with(1);
        assert!(file.as_slice() == with(3).as_slice());
        assert!(file.as_slice() == with(40).as_slice());
        // A limit that is not reached changes nothing.
        let whole = IndexOptions { memory: None, ..limited.clone() };
        let enough = IndexOptions { memory: Some(1 << 40), ..limited };
        assert!(build(&rows, &whole, told).as_slice() == build(&rows, &enough, told).as_slice());
    }
}

#[test]
fn keys_are_unique_over_all_segments() {
    let rows = clustered(53, 12_000, 8);
    for (key_type, twice) in [(KeyType::Int64, 7), (KeyType::Int64, 11_999), (KeyType::Text, 7)] {
        let options = IndexOptions { key_type, columns: Vec::new(), ..options(8, Metric::L2) };
        let mut builder = builder(&quarter(options, rows.len()));
        let mut push = |number: i64, row: usize| {
            let key = match key_type {
                KeyType::Int64 => Key::Int64(number),
                _ => Key::Text(format!("{number}")),
            };
            builder.push(Some(key.as_ref()), rows.row(row), &[])
        };
        let pushed = (0..rows.len()).try_for_each(|row| push(row as i64, row));
        let error = pushed.and_then(|()| push(twice, 0)).and_then(|()| builder.finish().map(drop));
        let error = error.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::DuplicateKey { key: twice.to_string() });
    }
}

#[test]
fn texts_take_their_share_of_the_memory() {
    let options = options(4, Metric::L2);
    let limited = IndexOptions { memory: Some(options.memory_needed(20_000)), ..options };
    let mut builder = builder(&limited);
    let text = "x".repeat(10_000);
    for number in 0..5_000 {
        let values = [ValueRef::Int64(number), ValueRef::Text(&text)];
        let pushed = builder.push(None, &[number as f32, 0.0, 0.0, 1.0], &values);
        let Err(error) = pushed else { continue };
        // Memory holds so few of these rows that a segment of them is not worth building.
        assert!((100..2_000).contains(&number), "{number}");
        let message = error.to_string();
        assert!(message.contains("give at least"), "{message}");
        let least: u64 = message.rsplit(' ').next().unwrap().parse().unwrap();
        assert!((40_000_000..60_000_000).contains(&least), "{message}");
        return;
    }
    panic!("50 MB of text found room in {:?}", limited.memory);
}

#[test]
fn what_memory_cannot_do_is_said() {
    let whole = IndexOptions::new(384, Metric::Cosine);
    for memory in [0, 1, 1_000, whole.memory_needed(1_999)] {
        let error =
            IndexBuilder::new(IndexOptions { memory: Some(memory), ..whole.clone() }).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with(&format!("memory: {memory} bytes")), "{message}");
        let least: u64 = message.rsplit(' ').next().unwrap().parse().unwrap();
        assert_eq!(least, whole.memory_needed(2_000));
    }
    // The keys of so many rows leave no room for a segment; as many rows as there is memory for are one
    // segment.
    let limited = IndexOptions { memory: Some(whole.memory_needed(5_000)), ..whole };
    let error = builder(&limited).reserve(100_000_000).unwrap_err();
    assert!(error.to_string().contains("give at least"), "{error}");
    let rows = clustered(56, 5_000, 8);
    let whole = options(8, Metric::L2);
    let texts = (0..5_000).map(|row| format!("row {row}").len() as u64).sum::<u64>();
    let just = IndexOptions { memory: Some(whole.memory_needed(5_000) + 2 * texts), ..whole };
    for told in [false, true] {
        let bytes = build(&rows, &just, told);
        assert_eq!(Index::open(&bytes).unwrap().info().segments.len(), 1);
    }
    let options = IndexOptions::new(2, Metric::L2);
    let limited = IndexOptions { memory: Some(options.memory_needed(2_500)), ..options };
    let mut builder = IndexBuilder::new(limited).unwrap();
    let pushed = (0..5_000).try_for_each(|x| builder.push(None, &[x as f32, 1.0], &[]));
    assert!(matches!(pushed.unwrap_err().kind(), ErrorKind::Unsupported { .. }));
}

#[test]
fn merging_keeps_within_memory_too() {
    let rows = clustered(54, 12_000, 16);
    let halves = [0..6_000, 6_000..12_000].map(|half| {
        let values = rows.values[half.start * 16..half.end * 16].to_vec();
        hither_tests::build(
            &Matrix { values, dimensions: 16 },
            IndexOptions::new(16, Metric::Cosine),
        )
    });
    let halves = [&halves[0], &halves[1]].map(|bytes| Index::open(bytes).unwrap());
    let need = halves[0].options().memory_needed(12_000);
    let options = IndexOptions { memory: Some(need / 2), ..halves[0].options().clone() };
    let mut builder = builder(&options);
    merge_into(&mut builder, &[&halves[0], &halves[1]], None).unwrap();
    assert!(builder.segments_aside() > 0);
    let merged = builder.finish().unwrap();
    let merged = Index::open(&merged).unwrap();
    merged.verify().unwrap();
    let one = hither::merge(&[&halves[0], &halves[1]], 1).unwrap().finish().unwrap();
    let one = Index::open(&one).unwrap();
    let mut searcher = Searcher::new();
    let mut total = 0.0;
    for query in rows.rows().step_by(120) {
        let flat = SearchParams::new(10).structure(Structure::Flat);
        let exact = numbers(&one, one.search(query, &flat, &mut searcher).unwrap());
        let found = merged.search(query, &flat, &mut searcher).unwrap();
        assert_eq!(numbers(&merged, found), exact);
        let found = merged.search(query, &SearchParams::new(10), &mut searcher).unwrap();
        total += recall(&numbers(&merged, found), &exact);
    }
    assert!(total / 100.0 > 0.95, "{total}");
    // A builder for other rows is refused, and so is a limit that the order of the rows alone would fill.
    let other = IndexOptions::new(16, Metric::L2);
    let mut builder = IndexBuilder::new(other).unwrap();
    assert!(merge_into(&mut builder, &[&halves[0]], None).is_err());
    let little = IndexOptions { memory: Some(one.options().memory_needed(2_000)), ..options };
    let mut builder = IndexBuilder::new(little).unwrap();
    let error = merge_into(&mut builder, &[&halves[0]], None).unwrap_err();
    assert!(error.to_string().contains("give at least"), "{error}");
}

#[test]
fn codes_alone_and_exact_scans_go_on_in_segments() {
    let rows = clustered(55, 16_000, 16);
    for (codes, hnsw) in [(Some(Codes::Sq8Only), true), (None, false)] {
        let whole = IndexOptions { codes, ..options(16, Metric::L2) };
        let whole = if hnsw { whole } else { IndexOptions { hnsw: None, ..whole } };
        let bytes = build(&rows, &quarter(whole, rows.len()), false);
        let index = Index::open(&bytes).unwrap();
        index.verify().unwrap();
        assert!(index.info().segments.len() >= 4);
        let mut searcher = Searcher::new();
        for number in (0..rows.len()).step_by(800) {
            let found = index.search(rows.row(number), &SearchParams::new(1), &mut searcher);
            assert_eq!(numbers(&index, found.unwrap()), [number as i64]);
        }
    }
}

#[test]
fn rows_like_a_row_are_those_of_a_search_but_it() {
    let rows = clustered(17, 16_000, 6);
    let options = IndexOptions { key_type: KeyType::Int64, ..options(6, Metric::L2) };
    let bytes = build(&rows, &quarter(options, rows.len()), true);
    let mut index = Index::open(&bytes).unwrap();
    let values = [ValueRef::Int64(0), ValueRef::Null];
    index.insert(Some(KeyRef::Int64(1)), rows.row(5), &values).unwrap();
    let shards = Shards::new(vec![&index, &index]).unwrap();
    let mut searcher = Searcher::new();
    for number in (0..rows.len()).step_by(801).chain([5]) {
        let (key, query) = (KeyRef::Int64(-(number as i64)), rows.row(number));
        for structure in [Structure::Flat, Structure::Hnsw] {
            let params = SearchParams::new(11).structure(structure);
            let mut expected = answer(&index, query, &params);
            expected.retain(|found| found.0 != key.to_string());
            expected.truncate(10);
            let params = SearchParams { k: 10, ..params.except(key) };
            assert_eq!(answer(&index, query, &params), expected, "{structure} {number}");
            let among = shards.search(query, &params, &[], &mut searcher).unwrap();
            let other = |found: &Neighbor| shards.key(found.row).unwrap() != key;
            assert!(among.iter().all(other) && among.len() == 10);
            // A search that goes on leaves the row out, too.
            index.start_search(query, &params, &mut searcher).unwrap();
            let mut found = Vec::new();
            for _ in 0..4 {
                let next = index.next_batch(&params, &mut searcher, 5).unwrap();
                found.extend(next.iter().map(|found| index.key(found.row).unwrap()));
            }
            assert!(found.len() == 20 && !found.contains(&key));
        }
        let radius = answer(&index, query, &SearchParams::new(30))[29].1;
        let params = SearchParams::within(radius);
        let all = index.search(query, &params, &mut searcher).unwrap().len();
        let but = index.search(query, &params.except(key), &mut searcher).unwrap().len();
        assert_eq!(but, all - 1);
    }
    let params = SearchParams::new(1).except(KeyRef::Text("a"));
    let error = index.search(rows.row(0), &params, &mut searcher).unwrap_err();
    assert_eq!(error.kind().code(), "key_type");
}
