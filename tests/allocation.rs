//! A warm search allocates nothing.
#![allow(unsafe_code, reason = "an allocator that counts")]

use hither::{ColumnSchema, ColumnType, IndexBuilder, Shards, Structure, ValueRef};
use hither::{Filter, HnswParams, Index, IndexOptions, IvfParams, Metric, SearchParams, Searcher};
use hither_tests::clustered;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

// Each thread counts its own allocations: the main thread of the test harness may allocate at any time.
thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

fn count_one() {
    COUNT.with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count_one();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count_one();
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_warm_search_allocates_nothing() {
    let rows = clustered(41, 4000, 32);
    let queries = clustered(42, 50, 32);
    let columns = vec![ColumnSchema { name: "group".into(), column_type: ColumnType::Int64 }];
    let options = IndexOptions {
        columns,
        hnsw: Some(HnswParams::default()),
        ivf: Some(IvfParams { lists: 50 }),
        ..IndexOptions::new(32, Metric::Cosine)
    };
    let mut builder = IndexBuilder::new(options).unwrap();
    for (number, row) in rows.rows().enumerate() {
        builder.push(None, row, &[ValueRef::Int64(number as i64 % 100)]).unwrap();
    }
    let bytes = builder.finish().unwrap();
    let index = Index::open(&bytes).unwrap();
    let wide = index.filter(&Filter::from_json(r#"{"group": {"$lt": 50}}"#).unwrap()).unwrap();
    let narrow = index.filter(&Filter::from_json(r#"{"group": 7}"#).unwrap()).unwrap();
    let params = SearchParams::new(10);
    let shards = Shards::union_all(vec![&index, &index]).unwrap();
    for params in [
        params,
        params.structure(Structure::Flat),
        params.structure(Structure::Ivf).probes(10),
        params.recall(0.9),
        params.metric(Metric::Cosine).filter(&wide),
        params.filter(&narrow),
        params.structure(Structure::Ivf).filter(&wide),
    ] {
        let (mut searcher, mut several) = (Searcher::new(), Searcher::new());
        let mut pass = || {
            for query in queries.rows() {
                assert_eq!(index.search(query, &params, &mut searcher).unwrap().len(), 10);
                // A search that can go on.
                index.start_search(query, &params, &mut searcher).unwrap();
                for _ in 0..3 {
                    assert_eq!(index.next_batch(&params, &mut searcher, 10).unwrap().len(), 10);
                }
                // A search of several indexes.
                shards.start_search(query, &params, &[], &mut several).unwrap();
                for _ in 0..3 {
                    let batch = shards.next_batch(&params, &[], &mut several, 10).unwrap();
                    assert_eq!(batch.len(), 10);
                }
            }
        };
        pass();
        let before = COUNT.get();
        pass();
        let count = COUNT.get() - before;
        assert_eq!(count, 0, "{:?} allocated {count} times", params.structure);
    }
}
