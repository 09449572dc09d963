//! Searches that go on: the promises of batches, whatever number of rows is asked for at a time.

use hither::raw::AlignedBytes;
use hither::{
    ColumnSchema, ColumnType, ErrorKind, IndexBuilder, Order, Save, SearchParams, Searcher,
};
use hither::{Filter, Index, IndexFilter, IndexOptions, IvfParams, KeyRef, Metric};
use hither::{Shards, Structure, ValueRef};
use hither_tests::{Matrix, Random, clustered, numbers};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An index of several segments: one from a build, one from a delta, and rows that were only inserted. Some
/// rows are removed, some replaced, and some are equal.
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
    index.write_to(&mut bytes, Save::delta().threads(1)).unwrap();
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

/// The first answer of a search that goes on is that of a plain search, and costs no more. A first batch of
/// more than `k` rows comes from a search that can go on. Either way every row comes once.
#[test]
fn the_first_answer_is_a_plain_search() {
    let rows = clustered(31, 4000, 12);
    let queries = clustered(32, 12, 12);
    let mut random = Random::new(7);
    for metric in [Metric::L2, Metric::Cosine] {
        let bytes = grown(&rows, metric);
        let mut index = Index::open(&bytes).unwrap();
        change(&mut index, &rows, 33, 60);
        for query in queries.rows() {
            for structure in [Structure::Flat, Structure::Hnsw, Structure::Ivf] {
                let k = [1, 10, 25][random.below(3)];
                let params = SearchParams::new(k).structure(structure).order(Order::Relaxed);
                let (mut plain, mut searcher) = (Searcher::new(), Searcher::new());
                let expected = index.search(query, &params, &mut plain).unwrap().to_vec();
                index.start_search(query, &params, &mut searcher).unwrap();
                let mut found = Vec::new();
                while found.len() < k {
                    let count = 1 + random.below(k - found.len());
                    found.extend_from_slice(
                        index.next_batch(&params, &mut searcher, count).unwrap(),
                    );
                }
                assert_eq!(found, expected, "{structure:?} {k}");
                assert_eq!(searcher.stats(), plain.stats(), "{structure:?} {k}");
                let more = index.next_batch(&params, &mut searcher, 40).unwrap();
                let known: BTreeSet<_> = found.iter().map(|found| found.row).collect();
                assert!(more.len() == 40 && more.iter().all(|more| !known.contains(&more.row)));
                // The next rows are near, too: most of them are those of an exact scan.
                let flat = SearchParams::new(k + 40).structure(Structure::Flat);
                let exact = index.search(query, &flat, &mut plain).unwrap();
                let exact: BTreeSet<_> = exact.iter().map(|exact| exact.row).collect();
                found.extend_from_slice(more);
                let hits = found.iter().filter(|found| exact.contains(&found.row)).count();
                assert!(hits * 2 > exact.len(), "{structure:?} {k}: {hits}");
            }
        }
    }
}

/// A search that is interrupted at every opportunity answers, bit for bit, like one that is not.
#[test]
fn an_interrupted_search_goes_on() {
    let rows = clustered(41, 9000, 12);
    let queries = clustered(42, 3, 12);
    let bytes = grown(&rows, Metric::L2);
    let mut index = Index::open(&bytes).unwrap();
    change(&mut index, &rows, 43, 6000);
    let most = index.filter(&Filter::from_json(r#"{"part": {"$lt": 6}}"#).unwrap()).unwrap();
    let asked = AtomicUsize::new(0);
    let always = || {
        asked.fetch_add(1, Ordering::Relaxed);
        true
    };
    for query in queries.rows() {
        for structure in [Structure::Flat, Structure::Hnsw, Structure::Ivf] {
            for filter in [None, Some(&most)] {
                for order in [Order::Strict, Order::Relaxed] {
                    let params = SearchParams {
                        structure: Some(structure),
                        filter,
                        order,
                        ef_search: Some(3000),
                        ..SearchParams::new(10)
                    };
                    let (mut plain, mut searcher) = (Searcher::new(), Searcher::new());
                    index.start_search(query, &params, &mut plain).unwrap();
                    index.start_search(query, &params, &mut searcher).unwrap();
                    let mut interrupts = 0;
                    for count in [10, 3, 2000, 9000] {
                        let expected = index.next_batch(&params, &mut plain, count).unwrap();
                        let params = params.interrupt(&always);
                        let found = loop {
                            match index.next_batch(&params, &mut searcher, count) {
                                Ok(found) => break found.to_vec(),
                                Err(error) => assert_eq!(*error.kind(), ErrorKind::Interrupted),
                            }
                            interrupts += 1;
                        };
                        assert_eq!(found, expected, "{structure:?} {order:?} {count}");
                        assert_eq!(searcher.stats(), plain.stats());
                    }
                    assert_eq!(interrupts, asked.swap(0, Ordering::Relaxed));
                    let rows = searcher.stats().visited + searcher.stats().compared;
                    let blocks = rows as usize / 4096;
                    assert!(
                        (1..=blocks).contains(&interrupts),
                        "{structure:?} {interrupts} {blocks}"
                    );
                }
            }
        }
    }
    // A search that was given up leaves nothing behind.
    let params = SearchParams::new(5).structure(Structure::Flat);
    let mut searcher = Searcher::new();
    let expected = index.search(queries.row(0), &params, &mut Searcher::new()).unwrap().to_vec();
    let found = index.search(queries.row(0), &params.interrupt(&always), &mut searcher);
    assert_eq!(*found.unwrap_err().kind(), ErrorKind::Interrupted);
    assert_eq!(index.search(queries.row(0), &params, &mut searcher).unwrap(), expected);
}

/// Indexes whose rows all count: their union, with a filter for each index, in batches; and the floor is a
/// lower bound.
#[test]
fn a_union_gives_the_rows_of_all() {
    let rows = clustered(51, 1500, 6);
    let queries = clustered(52, 4, 6);
    let files = [grown(&rows, Metric::L2), grown(&clustered(53, 900, 6), Metric::L2)];
    let first = Index::open(&files[0]).unwrap();
    let second = Index::open(&files[1]).unwrap();
    let indexes = [&first, &second, &first];
    let shards = Shards::union_all(indexes.to_vec()).unwrap();
    assert_eq!(shards.rows().unwrap(), 2 * first.len() + second.len());
    let filters = [2, 5, 6].map(|bound| format!(r#"{{"part": {{"$lt": {bound}}}}}"#));
    let filters: Vec<IndexFilter<'_>> = filters
        .iter()
        .zip(indexes)
        .map(|(json, index)| index.filter(&Filter::from_json(json).unwrap()).unwrap())
        .collect();
    let filters: Vec<&IndexFilter<'_>> = filters.iter().collect();
    let mut searcher = Searcher::new();
    for query in queries.rows() {
        let mut expected = Vec::new();
        for (shard, index) in indexes.iter().enumerate() {
            for row in index.matching(filters[shard]).unwrap() {
                let distance = index.distance(query, row, &mut searcher).unwrap();
                let KeyRef::Int64(key) = index.key(row).unwrap() else { unreachable!() };
                expected.push((distance, key, shard));
            }
        }
        expected.sort_by(|a, b| a.partial_cmp(b).unwrap());
        for structure in [Structure::Flat, Structure::Hnsw] {
            let params = SearchParams::new(10).structure(structure).order(Order::Relaxed);
            shards.start_search(query, &params, &filters, &mut searcher).unwrap();
            let (mut found, mut floor) = (Vec::new(), f32::NEG_INFINITY);
            loop {
                let batch = shards.next_batch(&params, &filters, &mut searcher, 70).unwrap();
                let before = found.len();
                found.extend(batch.iter().map(|near| {
                    let (shard, row) = shards.place(near.row).unwrap();
                    let KeyRef::Int64(key) = indexes[shard].key(row).unwrap() else { panic!() };
                    (near.distance, key, shard)
                }));
                assert!(
                    found[before..]
                        .iter()
                        .all(|row| row.0 >= floor || structure != Structure::Flat)
                );
                floor = searcher.floor(Metric::L2);
                if found.len() == before {
                    break;
                }
                if structure == Structure::Flat {
                    assert_eq!(found, expected[..found.len()]);
                    let next = expected.get(found.len()).map_or(f32::INFINITY, |next| next.0);
                    assert!(floor <= next && floor >= found[found.len() - 1].0, "{floor} {next}");
                }
            }
            assert_eq!(floor, f32::INFINITY);
            found.sort_by(|a, b| a.partial_cmp(b).unwrap());
            assert_eq!(found, expected, "{structure:?}");
        }
    }
    assert!(shards.last_read(&searcher) < 3);
    let other = Index::new(IndexOptions::new(6, Metric::L1)).unwrap();
    assert!(Shards::union_all(vec![&first, &other]).is_ok());
    let other = Index::new(IndexOptions::new(7, Metric::L2)).unwrap();
    assert!(Shards::union_all(vec![&first, &other]).is_err());
}
