//! Transfers: the structures of an index under other keys and with other columns.

use hither::raw::{AlignedBytes, Transfer};
use hither::{
    Codes, ColumnSchema, ColumnType, ErrorKind, Index, IndexBuilder, IndexOptions, IvfParams,
    KeyRef, KeyType, Metric, Result, SearchParams, Searcher, ValueRef,
};
use hither_tests::PutAside;

const DIMENSIONS: usize = 8;

/// The same on every machine; some rows are equal.
fn vector(row: u32) -> Vec<f32> {
    let row = if row.is_multiple_of(50) { row / 2 } else { row };
    let value = |at: u32| ((row * 8 + at).wrapping_mul(2_654_435_761) >> 20) as f32 / 256.0 - 8.0;
    (0..DIMENSIONS as u32).map(value).collect()
}

fn name(row: u32) -> String {
    format!("row {row}")
}

/// Rows numbered in their order, in several segments where memory is limited.
fn built(options: IndexOptions, rows: u32) -> AlignedBytes {
    let mut builder = IndexBuilder::new(options).unwrap();
    builder.spill_to(Box::new(PutAside::default()));
    for row in 0..rows {
        builder.push(Some(KeyRef::Int64(row.into())), &vector(row), &[]).unwrap();
    }
    builder.finish().unwrap()
}

/// The same rows under their names, with their number as a column.
fn transferred(index: &Index<'_>, vectors: bool) -> AlignedBytes {
    let number = ColumnSchema { name: "number".into(), column_type: ColumnType::Int64 };
    let mut transfer = Transfer::new(index, KeyType::Text, vec![number]).unwrap();
    if vectors {
        transfer.replace_vectors(Box::new(PutAside::default())).unwrap();
    }
    for row in index.rows() {
        let KeyRef::Int64(number) = index.key(row).unwrap() else { panic!("a number") };
        let vector = vectors.then(|| vector(number as u32));
        let (key, values) = (name(number as u32), [ValueRef::Int64(number)]);
        transfer.push(KeyRef::Text(&key), vector.as_deref(), &values).unwrap();
    }
    let mut bytes = AlignedBytes::new();
    transfer.write_to(&mut bytes).unwrap();
    bytes
}

fn nearest(index: &Index<'_>, query: u32, number: impl Fn(KeyRef<'_>) -> u32) -> Vec<(u32, f32)> {
    let mut searcher = Searcher::new();
    let found = index.search(&vector(query), &SearchParams::new(20), &mut searcher).unwrap();
    let mut found: Vec<_> =
        found.iter().map(|near| (number(index.key(near.row).unwrap()), near.distance)).collect();
    // Ties are sorted by key, which is another now.
    found.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    found
}

fn options(metric: Metric) -> IndexOptions {
    let key_type = KeyType::Int64;
    IndexOptions { threads: 1, key_type, ..IndexOptions::new(DIMENSIONS, metric) }
}

#[test]
fn rows_are_found_as_before_by_their_new_keys() {
    let ivf = |metric| {
        let ivf = Some(IvfParams { lists: 0 });
        IndexOptions { hnsw: None, ivf, ..options(metric) }
    };
    let memory = |metric| {
        let options = options(metric);
        let memory = Some(options.memory_needed(2100));
        IndexOptions { memory, ..options }
    };
    for metric in Metric::ALL {
        for options in [options(*metric), ivf(*metric), memory(*metric)] {
            let parts = options.memory.is_some();
            let bytes = built(options, 3500);
            let index = Index::open(&bytes).unwrap();
            assert_eq!(index.info().segments.len() > 1, parts);
            for vectors in [false, true] {
                let bytes = transferred(&index, vectors);
                let named = Index::open(&bytes).unwrap();
                named.verify().unwrap();
                assert_eq!(named.len(), 3500);
                for query in [0, 77, 3499] {
                    let own = nearest(&index, query, |key| match key {
                        KeyRef::Int64(number) => number as u32,
                        _ => panic!("a number"),
                    });
                    let by_name = nearest(&named, query, |key| match key {
                        KeyRef::Text(text) => text[4..].parse().unwrap(),
                        _ => panic!("a text"),
                    });
                    let distances =
                        |found: &[(u32, f32)]| found.iter().map(|f| f.1).collect::<Vec<_>>();
                    assert_eq!(distances(&own), distances(&by_name));
                    let row = named.find(KeyRef::Text(&name(query))).unwrap().unwrap();
                    assert_eq!(named.value(row, 0).unwrap(), ValueRef::Int64(query.into()));
                    let mut stored = vec![0.0; DIMENSIONS];
                    named.vector(row, &mut stored).unwrap();
                    assert_eq!(stored, vector(query));
                }
            }
        }
    }
}

#[test]
fn the_same_keys_give_the_same_bytes() {
    let bytes = built(options(Metric::L2), 3000);
    let index = Index::open(&bytes).unwrap();
    for vectors in [false, true] {
        let mut transfer = Transfer::new(&index, KeyType::Int64, vec![]).unwrap();
        if vectors {
            transfer.replace_vectors(Box::new(PutAside::default())).unwrap();
        }
        for row in index.rows() {
            let KeyRef::Int64(number) = index.key(row).unwrap() else { panic!("a number") };
            let vector = vectors.then(|| vector(number as u32));
            transfer.push(KeyRef::Int64(number), vector.as_deref(), &[]).unwrap();
        }
        let mut again = AlignedBytes::new();
        transfer.write_to(&mut again).unwrap();
        assert!(again[..] == bytes[..]);
    }
}

#[test]
fn codes_alone_become_codes_beside_vectors() {
    let codes = Some(Codes::Sq8Only);
    let bytes = built(IndexOptions { codes, ..options(Metric::Cosine) }, 3000);
    let index = Index::open(&bytes).unwrap();
    let bytes = transferred(&index, true);
    let named = Index::open(&bytes).unwrap();
    named.verify().unwrap();
    assert_eq!(named.info().segments[0].codes, Codes::Sq8);
    let row = named.find(KeyRef::Text(&name(42))).unwrap().unwrap();
    let mut stored = vec![0.0; DIMENSIONS];
    named.vector(row, &mut stored).unwrap();
    assert_eq!(stored, vector(42));
    assert_eq!(named.vector_error(row).unwrap(), 0.0);
    let mut searcher = Searcher::new();
    let found = named.search(&vector(42), &SearchParams::new(1), &mut searcher).unwrap();
    assert!(found[0].distance.abs() < 1e-6);
}

#[test]
fn what_does_not_fit_is_refused() {
    let bytes = built(options(Metric::L2), 3);
    let mut index = Index::open(&bytes).unwrap();
    let mut transfer = Transfer::new(&index, KeyType::Text, vec![]).unwrap();
    let unsupported =
        |result: Result<()>| matches!(result.unwrap_err().kind(), ErrorKind::Unsupported { .. });
    let wrong_key = transfer.push(KeyRef::Int64(1), None, &[]);
    assert!(matches!(wrong_key.unwrap_err().kind(), ErrorKind::KeyType { .. }));
    assert!(unsupported(transfer.push(KeyRef::Text("a"), Some(&vector(0)), &[])));
    transfer.push(KeyRef::Text("a"), None, &[]).unwrap();
    assert!(unsupported(transfer.replace_vectors(Box::new(PutAside::default()))));
    assert!(unsupported(transfer.write_to(&mut AlignedBytes::new())));
    transfer.push(KeyRef::Text("b"), None, &[]).unwrap();
    transfer.push(KeyRef::Text("a"), None, &[]).unwrap();
    assert!(unsupported(transfer.push(KeyRef::Text("c"), None, &[])));
    let twice = transfer.write_to(&mut AlignedBytes::new());
    assert!(matches!(twice.unwrap_err().kind(), ErrorKind::DuplicateKey { .. }));
    drop(transfer);
    index.remove(KeyRef::Int64(1)).unwrap();
    assert!(unsupported(Transfer::new(&index, KeyType::Text, vec![]).map(drop)));
}
