//! Searches that go on: what a batch promises, however many rows are asked for at a time.

use hither::{AlignedBytes, Filter, Index, IndexFilter, IndexOptions, IvfParams, KeyRef, Metric};
use hither::{ColumnSchema, ColumnType, IndexBuilder, Order, Save, SearchParams, Searcher};
use hither::{Structure, ValueRef};
use hither_tests::{Matrix, Random, clustered, numbers};
use std::collections::BTreeSet;

/// An index of several segments: one of a build, one of a delta, and rows that were only inserted.
/// Some rows are removed, some replaced, some are equal.
fn grown(rows: &Matrix, metric: Metric) -> AlignedBytes {
    let column = ColumnSchema { name: "part".into(), column_type: ColumnType::Int64 };
    let options = IndexOptions {
        ivf: Some(IvfParams { lists: 20 }),
        columns: vec![column],
        ..IndexOptions::new(rows.dimensions, metric)
    };
    let mut builder = IndexBuilder::new(options).unwrap();
    for (number, row) in rows.rows().enumerate() {
        let row = if number % 11 == 0 { rows.row(number / 3) } else { row };
        builder.push(None, row, &[ValueRef::Int64(number as i64 % 7)]).unwrap();
    }
    let first = builder.finish().unwrap();
    let mut index = Index::open(&first).unwrap();
    change(&mut index, rows, 3, 1200);
    let mut bytes = AlignedBytes::new();
    index.write_to(Save::Delta, 1, &mut bytes, &mut |_| Ok(())).unwrap();
    bytes
}

/// Replaces, inserts and removes rows.
fn change(index: &mut Index<'_>, rows: &Matrix, seed: u64, inserted: usize) {
    let mut random = Random::new(seed);
    for number in 0..inserted {
        let row = rows.row(random.below(rows.len()));
        index.insert(None, row, &[ValueRef::Int64(number as i64 % 7)]).unwrap();
    }
    for _ in 0..200 {
        let key = KeyRef::Int64(random.below(rows.len()) as i64);
        if random.below(2) == 0 {
            index.remove(key).unwrap();
        } else if index.find(key).unwrap().is_some() {
            index.update(key, rows.row(random.below(rows.len())), &[ValueRef::Int64(1)]).unwrap();
        }
    }
}

/// Asks for batches of random sizes until there are no more rows.
fn check(
    index: &Index<'_>,
    params: SearchParams<'_>,
    query: &[f32],
    random: &mut Random,
    expected: u64,
) {
    let mut searcher = Searcher::new();
    index.start_search(query, &params, &mut searcher).unwrap();
    let mut given = BTreeSet::new();
    let (mut total, mut last) = (0, f32::NEG_INFINITY);
    loop {
        let count = [1, 2, 7, 33, 100, 1000][random.below(6)] + random.below(5);
        let batch = index.next_batch(&params, &mut searcher, count).unwrap();
        let what = format!("{:?} {:?} k {}", params.structure, params.order, params.k);
        assert!(batch.len() <= count, "{what}");
        for (pair, keys) in batch.windows(2).zip(numbers(index, batch).windows(2)) {
            let [nearer, farther] = pair else { unreachable!() };
            assert!(nearer.distance <= farther.distance, "{what}: a batch of {count}");
            if params.order == Order::Relaxed && nearer.distance == farther.distance {
                assert!(keys[0] < keys[1], "{what}: a tie in a batch of {count}");
            }
        }
        if params.order == Order::Strict && !batch.is_empty() {
            assert!(batch[0].distance >= last, "{what}");
            last = batch[batch.len() - 1].distance;
        }
        if batch.is_empty() {
            break;
        }
        total += batch.len() as u64;
        given.extend(numbers(index, batch));
    }
    assert_eq!(given.len() as u64, total, "a row came twice");
    assert_eq!(total + searcher.stats().dropped, expected);
}

#[test]
fn batches_of_any_size_are_in_order_of_distance() {
    let rows = clustered(21, 2500, 12);
    let queries = clustered(22, 6, 12);
    let mut random = Random::new(5);
    for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1] {
        let bytes = grown(&rows, metric);
        let mut index = Index::open(&bytes).unwrap();
        change(&mut index, &rows, 9, 150);
        assert_eq!(index.info().segments.len(), 2);
        let filter = Filter::from_json(r#"{"part": {"$lt": 3}}"#).unwrap();
        let filter: IndexFilter<'_> = index.filter(&filter).unwrap();
        let matching = index.matching(&filter).unwrap().len() as u64;
        for (number, query) in queries.rows().enumerate() {
            for structure in [Structure::Flat, Structure::Hnsw, Structure::Ivf] {
                for order in [Order::Strict, Order::Relaxed] {
                    let k = [1, 3, 10, 60][random.below(4)];
                    let params = SearchParams::new(k).structure(structure).order(order);
                    check(&index, params, query, &mut random, index.len());
                    if number % 2 == 0 {
                        check(&index, params.filter(&filter), query, &mut random, matching);
                    }
                }
            }
        }
    }
}
