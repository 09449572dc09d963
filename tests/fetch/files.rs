//! The files that are searched.

use hither::raw::AlignedBytes;
use hither::{
    ColumnSchema, ColumnType, Index, IndexBuilder, IndexOptions, Key, KeyType, Metric, Save,
    SearchParams, Searcher, Value, ValueRef,
};
use hither_tests::{Matrix, PutAside, clustered};

fn column(name: &str, column_type: ColumnType) -> ColumnSchema {
    ColumnSchema { name: name.into(), column_type }
}

pub fn options(metric: Metric, key_type: KeyType) -> IndexOptions {
    let columns = vec![
        column("seven", ColumnType::Int64),
        column("colour", ColumnType::Text),
        column("title", ColumnType::Text),
        column("even", ColumnType::Bool),
        column("score", ColumnType::Float64),
        column("id", ColumnType::Uuid),
        column("blob", ColumnType::Bytes),
        column("doc", ColumnType::Json),
        column("time", ColumnType::Timestamp),
    ];
    IndexOptions { key_type, columns, ranges: true, hnsw: None, ..IndexOptions::new(24, metric) }
}

fn key(key_type: KeyType, number: usize) -> Option<Key> {
    match key_type {
        KeyType::RowNumber => None,
        KeyType::Int64 => Some(Key::Int64(-7 * number as i64)),
        KeyType::Uuid => Some(Key::Uuid((number as u128).wrapping_mul(1 << 77 | 1).to_be_bytes())),
        KeyType::Text => Some(Key::Text(format!("row {number}"))),
    }
}

fn values(number: usize) -> Vec<Value> {
    let all = vec![
        Value::Int64(number as i64 % 7),
        Value::Text(["red", "green", "blue"][number % 3].into()),
        Value::Text(format!("title of row {number}")),
        Value::Bool(number.is_multiple_of(2)),
        Value::Float64(number as f64 / 3.0),
        Value::Uuid((number as u128).to_be_bytes()),
        Value::Bytes(vec![number as u8; number % 5]),
        Value::Json(format!("{{\"n\":{number}}}")),
        Value::Timestamp(number as i64 * 1_000_000),
    ];
    let null = number % 11;
    all.into_iter()
        .enumerate()
        .map(|(at, value)| if at == null { Value::Null } else { value })
        .collect()
}

pub fn build(rows: &Matrix, options: &IndexOptions) -> AlignedBytes {
    let mut builder = IndexBuilder::new(options.clone()).unwrap();
    builder.spill_to(Box::new(PutAside::default()));
    for (number, row) in rows.rows().enumerate() {
        let values = values(number);
        let values: Vec<ValueRef<'_>> = values.iter().map(Value::as_ref).collect();
        let key = key(options.key_type, number);
        builder.push(key.as_ref().map(Key::as_ref), row, &values).unwrap();
    }
    builder.finish().unwrap()
}

/// The same file with some rows removed and others added.
fn changed(bytes: &AlignedBytes, rows: &Matrix, key_type: KeyType) -> AlignedBytes {
    let mut index = Index::open(bytes).unwrap();
    for number in (0..rows.len() - 100).step_by(9) {
        let key = key(key_type, number).unwrap_or(Key::Int64(number as i64));
        assert!(index.remove(key.as_ref()).unwrap());
    }
    for number in rows.len()..rows.len() + 60 {
        let values = values(number);
        let values: Vec<ValueRef<'_>> = values.iter().map(Value::as_ref).collect();
        let key = key(key_type, number);
        let row = rows.row(number % rows.len());
        index.insert(key.as_ref().map(Key::as_ref), row, &values).unwrap();
    }
    let mut saved = AlignedBytes::new();
    index.write_to(&mut saved, Save::delta()).unwrap();
    saved
}

/// The keys and distances of a search of the whole file in memory.
pub fn in_memory(index: &Index<'_>, query: &[f32], params: &SearchParams<'_>) -> Vec<(Key, f32)> {
    let mut searcher = Searcher::new();
    let found = index.search(query, params, &mut searcher).unwrap().to_vec();
    found.iter().map(|row| (index.key(row.row).unwrap().to_owned(), row.distance)).collect()
}

/// Files of every metric and type of key: with one segment, with several, and with rows removed and added.
pub fn files() -> Vec<(String, AlignedBytes, Matrix)> {
    let rows = clustered(71, 2_500, 24);
    let mut files = Vec::new();
    for (metric, key_type) in [
        (Metric::L2, KeyType::RowNumber),
        (Metric::Cosine, KeyType::Text),
        (Metric::InnerProduct, KeyType::Int64),
        (Metric::Cosine, KeyType::Uuid),
    ] {
        let options = options(metric, key_type);
        let bytes = build(&rows, &options);
        files.push((format!("{metric:?} {key_type:?}"), bytes.clone(), rows.clone()));
        let changed = changed(&bytes, &rows, key_type);
        files.push((format!("{metric:?} {key_type:?} changed"), changed, rows.clone()));
        let quarter = options.memory_needed(9_000) / 3;
        let many = clustered(72, 9_000, 24);
        let limited = IndexOptions { memory: Some(quarter), ..options };
        files.push((format!("{metric:?} {key_type:?} segments"), build(&many, &limited), many));
    }
    files
}
