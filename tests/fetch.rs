//! Searching a file by ranges: the answers do not depend on what was read when, and never come from bytes that
//! are not the file's.

#[path = "fetch/elsewhere.rs"]
mod elsewhere;
#[path = "fetch/files.rs"]
mod files;
#[path = "fetch/keys.rs"]
mod keys;

use core::task::Poll;
use elsewhere::Elsewhere;
use files::{build, files, in_memory, options};
use hither::fetch::{LazyIndex, LazySearcher};
use hither::{
    ErrorKind, Filter, HnswParams, Index, IndexBuilder, IndexOptions, IvfParams, Key, KeyRef,
    KeyType, Metric, Order, RowId, SearchParams, Structure,
};
use hither_tests::{Matrix, Random, clustered};

#[test]
fn the_same_answers_whatever_was_read_when() {
    for (name, bytes, rows) in files() {
        let whole = Index::open(&bytes).unwrap();
        whole.verify().unwrap();
        let queries = clustered(73, 6, 24);
        let mut all = Elsewhere::open(&bytes, u64::MAX, u64::MAX, None);
        let mut exact = Elsewhere::open(&bytes, u64::MAX, 4096, None);
        for (cache, gap, seed) in [(u64::MAX, 0, None), (0, 300, Some(5)), (40_000, 4096, Some(6))]
        {
            let mut some = Elsewhere::open(&bytes, cache, gap, seed);
            let (filter, every) = (some.filter(r#"{"seven": 3}"#), all.filter(r#"{"seven": 3}"#));
            for query in queries.rows() {
                for (params, batches) in [
                    (SearchParams::new(10), vec![10]),
                    (SearchParams::new(5).probes(3), vec![5, 20, 1]),
                    (SearchParams::new(10).recall(0.9).order(Order::Relaxed), vec![3, 50]),
                    (SearchParams::new(7).radius(2.5), vec![7, 7]),
                ] {
                    let one = some.search(query, &params, None, &batches);
                    assert_eq!(one, all.search(query, &params, None, &batches), "{name}");
                    let one = some.search(query, &params, Some(&filter), &batches);
                    assert_eq!(one, all.search(query, &params, Some(&every), &batches), "{name}");
                }
            }
        }
        // With every vector read, the answer is that of the whole file.
        let filter = whole.filter(&Filter::from_json(r#"{"colour": "red"}"#).unwrap()).unwrap();
        let red = exact.filter(r#"{"colour": "red"}"#);
        for query in queries.rows() {
            let params = SearchParams::new(20).structure(Structure::Flat);
            let expected = in_memory(&whole, query, &params);
            assert_eq!(exact.search(query, &params, None, &[20]), expected, "{name}");
            let expected = in_memory(&whole, query, &params.filter(&filter));
            assert_eq!(exact.search(query, &params, Some(&red), &[20]), expected, "{name}");
            let radius = expected[9].1;
            let params = SearchParams::within(radius);
            let expected = in_memory(&whole, query, &params);
            assert_eq!(exact.search(query, &params, None, &[usize::MAX]), expected, "{name}");
        }
        assert!(rows.len() as u64 > 2_000 && whole.len() > 2_000);
    }
}

#[test]
fn the_start_says_what_is_in_the_file_and_what_is_given_up_is_not_asked_for() {
    for (name, bytes, _) in files() {
        let whole = Index::open(&bytes).unwrap();
        let mut index = LazyIndex::new(0);
        assert!(index.info().is_err() && index.is_unit_length().is_err());
        while index.open().unwrap().is_pending() {
            for range in index.requests(0) {
                let end = (range.end as usize).min(bytes.len());
                index.supply(range.start, &bytes[range.start as usize..end]).unwrap();
            }
        }
        assert_eq!(index.info().unwrap(), whole.info(), "{name}");
        assert_eq!(index.is_unit_length().unwrap(), whole.is_unit_length());
        let row = RowId { segment: 0, row: 1 };
        assert!(index.vector(row).unwrap().is_pending() && !index.requests(0).is_empty());
        index.settle();
        assert!(index.requests(0).is_empty() && index.traffic().1 == 0, "{name}");
        assert!(index.vector(row).unwrap().is_pending() && !index.requests(0).is_empty());
    }
}

#[test]
fn lists_find_what_the_calibration_says_and_a_search_that_goes_on_finds_every_row_once() {
    for (name, bytes, rows) in files() {
        let whole = Index::open(&bytes).unwrap();
        let mut elsewhere = Elsewhere::open(&bytes, u64::MAX, 4096, None);
        let (mut hits, mut wanted) = (0, 0);
        for query in rows.rows().step_by(rows.len() / 40) {
            let exact = in_memory(&whole, query, &SearchParams::new(10).structure(Structure::Flat));
            let found = elsewhere.search(query, &SearchParams::new(10).recall(0.95), None, &[10]);
            assert_eq!(found.len(), 10, "{name}");
            hits += found.iter().filter(|row| exact.contains(row)).count();
            wanted += 10;
        }
        assert!(hits * 100 >= wanted * 92, "{name}: {hits} of {wanted}");
        for order in [Order::Relaxed, Order::Strict] {
            let params = SearchParams::new(10).order(order);
            let batches = vec![50; whole.len() as usize / 40];
            let found = elsewhere.search(rows.row(5), &params, None, &batches);
            let mut keys: Vec<&Key> = found.iter().map(|row| &row.0).collect();
            let count = keys.len();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), count, "{name}: a row came twice");
            match order {
                Order::Relaxed => assert_eq!(count as u64, whole.len(), "{name}"),
                Order::Strict => assert!(found.is_sorted_by(|a, b| a.1 <= b.1), "{name}"),
            }
        }
        let filter = elsewhere.filter(r#"{"title": {"$gte": "title of row 9"}}"#);
        for query in rows.rows().take(3) {
            let found = elsewhere.search(query, &SearchParams::new(10), Some(&filter), &[10]);
            assert_eq!(found.len(), 10, "{name}: a filter starves no search");
        }
    }
}

#[test]
fn keys_values_and_vectors_are_those_of_the_file() {
    for (name, bytes, _) in files() {
        let whole = Index::open(&bytes).unwrap();
        let mut elsewhere = Elsewhere::open(&bytes, 1 << 20, 0, Some(9));
        assert_eq!(elsewhere.index.len().unwrap(), whole.len(), "{name}");
        assert_eq!(elsewhere.index.content().unwrap().0, whole.content_id().unwrap());
        let mut vector = vec![0.0; 24];
        let rows: Vec<RowId> = whole.rows().step_by(97).collect();
        for row in rows {
            let key = elsewhere.poll(|index| index.key(row));
            assert_eq!(key.as_ref(), whole.key(row).unwrap(), "{name}");
            assert_eq!(elsewhere.poll(|index| index.find(key.as_ref())), Some(row), "{name}");
            for number in 0..whole.columns().len() {
                let value = elsewhere.poll(|index| index.value(row, number));
                assert_eq!(value.as_ref(), whole.value(row, number).unwrap(), "{name} {number}");
            }
            whole.vector(row, &mut vector).unwrap();
            assert_eq!(elsewhere.poll(|index| index.vector(row)), vector, "{name}");
        }
        let absent = Key::Text("none such".into());
        if whole.options().key_type == KeyType::Text {
            assert_eq!(elsewhere.poll(|index| index.find(absent.as_ref())), None);
        } else {
            assert!(elsewhere.index.find(absent.as_ref()).is_err());
        }
    }
}

#[test]
fn a_search_takes_four_round_trips_and_a_further_one_two_or_three() {
    let rows = clustered(75, 12_000, 24);
    let bytes = build(&rows, &options(Metric::Cosine, KeyType::RowNumber));
    let mut elsewhere = Elsewhere::open(&bytes, u64::MAX, 4096, None);
    elsewhere.search(rows.row(1), &SearchParams::new(10), None, &[10]);
    assert!(elsewhere.trips <= 4, "{}", elsewhere.trips);
    for query in rows.rows().step_by(1000) {
        let before = elsewhere.trips;
        elsewhere.search(query, &SearchParams::new(10), None, &[10]);
        assert!(elsewhere.trips - before <= 3);
    }
}

#[test]
fn bytes_that_are_not_the_files_are_an_error_and_never_kept() {
    let rows = clustered(76, 1_500, 24);
    let bytes = build(&rows, &options(Metric::L2, KeyType::Text));
    let other = build(&clustered(77, 1_500, 24), &options(Metric::L2, KeyType::Text));
    let (query, params) = (rows.row(3), SearchParams::new(10));
    let mut sound = Elsewhere::open(&bytes, u64::MAX, 0, None);
    let expected = sound.search(query, &params, None, &[10]);
    let mut random = Random::new(8);
    for round in 0..60 {
        let mut index = LazyIndex::new(if round % 2 == 0 { u64::MAX } else { 0 });
        let mut refused = 0;
        let mut bring = |index: &LazyIndex| {
            for range in index.requests(0) {
                let part = range.start as usize..(range.end as usize).min(bytes.len());
                let mut wrong = bytes[part.clone()].to_vec();
                match random.below(4) {
                    // Bytes of another version, rotated bytes, a flipped bit, or the right bytes.
                    0 => {
                        let end = part.end.min(other.len());
                        wrong[..end.saturating_sub(part.start)]
                            .copy_from_slice(&other[part.start.min(end)..end]);
                    }
                    1 => wrong.rotate_left(1),
                    2 => {
                        let at = random.below(wrong.len());
                        wrong[at] ^= 1 << random.below(8);
                    }
                    _ => {}
                }
                // The start is checked by opening; a block is checked once its hash is here.
                if range.start > 0 {
                    match index.supply(range.start, &wrong) {
                        Ok(()) => {}
                        Err(error) => {
                            assert!(matches!(error.kind(), ErrorKind::ChecksumMismatch { .. }));
                            refused += 1;
                            index.supply(range.start, &bytes[part]).unwrap();
                        }
                    }
                } else {
                    index.supply(0, &bytes[part]).unwrap();
                }
            }
        };
        while index.open().unwrap().is_pending() {
            bring(&index);
        }
        let mut searcher = LazySearcher::new();
        index.start_search(query, &params, None, &mut searcher).unwrap();
        while index.next_batch(&mut searcher, 10).unwrap().is_pending() {
            bring(&index);
        }
        let mut found = Vec::new();
        for row in searcher.found() {
            let key = loop {
                match index.key(row.row) {
                    Ok(Poll::Ready(key)) => break key,
                    Ok(Poll::Pending) => bring(&index),
                    // A block that arrived before its hash.
                    Err(error) => {
                        assert!(matches!(error.kind(), ErrorKind::ChecksumMismatch { .. }));
                    }
                }
            };
            found.push((key, row.distance));
        }
        assert_eq!(found, expected);
        assert!(refused > 0 || round > 0);
    }
}

#[test]
fn a_start_that_is_damaged_or_cut_opens_nothing() {
    let rows = clustered(78, 300, 24);
    let bytes = build(&rows, &options(Metric::L2, KeyType::RowNumber));
    let manifest = bytes.len().min(3000);
    let mut random = Random::new(4);
    for round in 0..200 {
        let mut damaged = bytes.to_vec();
        if round % 2 == 0 {
            damaged.truncate(1 + random.below(manifest));
        } else {
            damaged[random.below(manifest)] ^= 1 << random.below(8);
        }
        let mut index = LazyIndex::new(1 << 20);
        assert!(index.open().unwrap().is_pending());
        index.supply(0, &damaged).unwrap();
        let outcome = index.open();
        let message = outcome.as_ref().err().map(ToString::to_string);
        // Bytes behind the manifest are checked where they are read.
        if round % 2 == 0 {
            assert!(!matches!(outcome, Ok(Poll::Ready(()))), "{message:?}");
        }
    }
}

#[test]
fn what_is_here_is_not_read_again_and_what_was_given_up_is_not_asked_for() {
    for (name, bytes, rows) in files() {
        let whole = Index::open(&bytes).unwrap();
        let mut elsewhere = Elsewhere::open(&bytes, u64::MAX, 0, None);
        assert_eq!(elsewhere.index.is_unit_length().unwrap(), whole.is_unit_length(), "{name}");
        for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1] {
            let own = elsewhere.index.orders_by(metric).unwrap();
            assert_eq!(own, whole.orders_by(metric), "{name}");
        }
        let (mut searcher, query) = (LazySearcher::new(), rows.row(3));
        let params = SearchParams::new(10).structure(Structure::Flat);
        elsewhere.index.start_search(query, &params, None, &mut searcher).unwrap();
        elsewhere.poll(|index| index.next_batch(&mut searcher, 10));
        // After an exact search no row that is left is nearer than the floor.
        let (first, floor) = (searcher.found().to_vec(), searcher.floor(whole.metric()));
        let trips = elsewhere.trips;
        let mut vector = vec![0.0; 24];
        for found in &first {
            whole.vector(found.row, &mut vector).unwrap();
            assert_eq!(elsewhere.poll(|index| index.vector(found.row)), vector, "{name}");
        }
        assert_eq!(elsewhere.trips, trips, "{name}: a vector that was measured is read again");
        elsewhere.poll(|index| index.next_batch(&mut searcher, 10));
        assert!(searcher.found().iter().all(|found| found.distance >= floor), "{name}");

        let filter = elsewhere.filter(r#"{"seven": 3}"#);
        let bound = whole.filter(&Filter::from_json(r#"{"seven": 3}"#).unwrap()).unwrap();
        let mut matching = whole.matching(&bound).unwrap();
        assert_eq!((filter.len(), filter.is_empty()), (matching.len() as u64, false), "{name}");
        let mut passing: Vec<RowId> = whole.rows().filter(|row| filter.contains(*row)).collect();
        passing.sort_unstable();
        matching.sort_unstable();
        assert_eq!(passing, matching, "{name}");
        assert!(!filter.contains(RowId { segment: 99, row: 0 }));

        // The caller's limit; dropped pieces are read again.
        assert!(elsewhere.index.traffic().1 > 1000);
        elsewhere.index.shrink(1000);
        assert!(elsewhere.index.traffic().1 <= 1000);
        elsewhere.index.start_search(rows.row(9), &params, None, &mut searcher).unwrap();
        assert!(elsewhere.index.next_batch(&mut searcher, 10).unwrap().is_pending());
        assert!(!elsewhere.index.requests(0).is_empty());
        elsewhere.index.settle();
        assert!(elsewhere.index.requests(0).is_empty(), "{name}");
        elsewhere.poll(|index| index.next_batch(&mut searcher, 10));
        assert_eq!(searcher.found().len(), 10, "{name}");
    }
}

#[test]
fn what_cannot_be_asked_for_is_said() {
    let rows = clustered(79, 200, 24);
    let plain = IndexOptions { ranges: false, ..options(Metric::L2, KeyType::RowNumber) };
    let bytes = build(&rows, &plain);
    let mut index = LazyIndex::new(1 << 20);
    assert!(index.len().is_err());
    assert!(index.open().unwrap().is_pending());
    index.supply(0, &bytes[..bytes.len().min(1 << 16)]).unwrap();
    let message = index.open().unwrap_err().to_string();
    assert!(message.contains("--ranges"), "{message}");

    let refused = |options: IndexOptions| IndexBuilder::new(options).unwrap_err().to_string();
    let l1 = IndexOptions { ranges: true, ..IndexOptions::new(4, Metric::L1) };
    assert!(refused(l1).contains("ranges"));
    let codes = Some(hither::Codes::Sq8Only);
    let alone = IndexOptions { ranges: true, codes, ..IndexOptions::new(4, Metric::L2) };
    assert!(refused(alone).contains("ranges"));

    let bytes = build(&rows, &options(Metric::L2, KeyType::RowNumber));
    let elsewhere = Elsewhere::open(&bytes, 1 << 20, 0, None);
    let mut searcher = LazySearcher::new();
    let mut refused = |query: &[f32], params: SearchParams<'_>| {
        elsewhere.index.start_search(query, &params, None, &mut searcher).unwrap_err().to_string()
    };
    let query = rows.row(0);
    assert!(refused(&query[1..], SearchParams::new(3)).contains("dimensions"));
    assert!(refused(query, SearchParams::new(0)).contains('k'));
    assert!(refused(query, SearchParams::new(3).ef_search(10)).contains("probes"));
    assert!(refused(query, SearchParams::new(3).probes(0)).contains("probe"));
    assert!(
        refused(query, SearchParams { metric: Some(Metric::Cosine), ..SearchParams::new(3) })
            .contains("cosine")
    );
    assert!(
        refused(query, SearchParams { except: Some(KeyRef::Text("a")), ..SearchParams::new(3) })
            .contains("key")
    );
    assert!(elsewhere.index.next_batch(&mut searcher, 3).is_err());
}

#[test]
fn hostile_rows_are_found() {
    let dimensions = 24;
    let equal = Matrix { values: vec![0.5; 700 * dimensions], dimensions };
    let one = clustered(80, 1, dimensions);
    let mut two = clustered(81, 40, dimensions);
    two.values[..dimensions].fill(60_000.0);
    for (name, rows) in [("equal", equal), ("one", one), ("one huge", two)] {
        for (metric, hnsw) in
            [(Metric::L2, true), (Metric::Cosine, false), (Metric::InnerProduct, true)]
        {
            let hnsw = hnsw.then(HnswParams::default);
            let options = IndexOptions { hnsw, ..options(metric, KeyType::RowNumber) };
            let bytes = build(&rows, &options);
            let whole = Index::open(&bytes).unwrap();
            whole.verify().unwrap();
            let mut elsewhere = Elsewhere::open(&bytes, 0, 0, Some(3));
            for query in rows.rows().take(3) {
                let k = rows.len().min(10);
                let params = SearchParams::new(k).structure(Structure::Flat);
                let exact = in_memory(&whole, query, &params);
                let found = elsewhere.search(query, &SearchParams::new(k), None, &[k]);
                assert_eq!(found.len(), k, "{name} {metric:?}");
                assert!(
                    found.iter().zip(&exact).all(|(a, b)| a.1 <= b.1 + 1e-6),
                    "{name} {metric:?}"
                );
                assert_eq!(
                    elsewhere.search(query, &params, None, &[k]),
                    exact,
                    "{name} {metric:?}"
                );
            }
        }
    }
    let none = Matrix { values: Vec::new(), dimensions };
    let bytes = build(&none, &options(Metric::L2, KeyType::RowNumber));
    let mut elsewhere = Elsewhere::open(&bytes, 0, 0, None);
    assert!(elsewhere.search(&[0.5; 24], &SearchParams::new(3), None, &[3]).is_empty());
}

#[test]
fn lists_of_an_inverted_file_are_those_for_ranges() {
    let rows = clustered(82, 3_000, 24);
    let ivf = Some(IvfParams { lists: 40 });
    let bytes = build(&rows, &IndexOptions { ivf, ..options(Metric::L2, KeyType::RowNumber) });
    let whole = Index::open(&bytes).unwrap();
    whole.verify().unwrap();
    let params = SearchParams::new(10).structure(Structure::Ivf).probes(40);
    let exact = in_memory(&whole, rows.row(1), &SearchParams::new(10).structure(Structure::Flat));
    assert_eq!(in_memory(&whole, rows.row(1), &params), exact);
    let mut elsewhere = Elsewhere::open(&bytes, u64::MAX, 4096, None);
    assert_eq!(
        elsewhere.search(rows.row(1), &SearchParams::new(10).probes(40), None, &[10]),
        exact
    );
    // Merged and saved again, the file has new lists.
    let merged = hither::merge(&[&whole], 1).unwrap().finish().unwrap();
    assert!(Index::open(&merged).unwrap().options().ranges);
    Elsewhere::open(&merged, 0, 0, None);
}
