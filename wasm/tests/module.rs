//! Tests of the exported classes from within WebAssembly, in Node and in a browser: what they build and answer,
//! compared with the library, how values look in JavaScript, and what they refuse. `make test-npm` runs it.

#![cfg(target_arch = "wasm32")]

use hither::raw::AlignedBytes;
use hither::{ColumnSchema, ColumnType, SearchParams, Searcher, ValueRef};
use hither::{Index, IndexBuilder, IndexOptions, KeyRef, KeyType, Metric};
use hither_wasm::{BuilderOptions, FileBuilder, FileBytes, FileSink, OpenIndex, Outcome};
use js_sys::{Array, JSON, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

const DIMENSIONS: usize = 8;

/// Keys of text, a graph, and two columns, as `js/options.js` gives them.
const OPTIONS: &str = r#"{ "dimensions": 8, "metric": "l2", "keys": "text", "kinds": ["hnsw"], "properties": [],
    "columns": [{ "name": "parity", "type": "text" }, { "name": "row", "type": "int64" }] }"#;

fn parsed(json: &str) -> JsValue {
    JSON::parse(json).expect("it is JSON")
}

fn options(json: &str) -> BuilderOptions {
    parsed(json).unchecked_into()
}

fn vector(row: usize) -> Vec<f32> {
    (0..DIMENSIONS).map(|at| ((row * 31 + at * at * 7) % 101) as f32 / 8.0).collect()
}

fn parity(row: usize) -> &'static str {
    if row.is_multiple_of(2) { "even" } else { "odd" }
}

fn push(builder: &mut FileBuilder, rows: std::ops::Range<usize>) {
    let vectors: Vec<f32> = rows.clone().flat_map(vector).collect();
    let values = Array::new();
    for row in rows {
        values.push(&format!("row {row}").into());
        values.push(&parity(row).into());
        values.push(&(row as f64).into());
    }
    builder.push(&vectors, &values).ok().expect("the rows are fine");
}

fn builder(rows: usize) -> FileBuilder {
    let mut builder = FileBuilder::new(&options(OPTIONS)).ok().expect("the options are fine");
    push(&mut builder, 0..rows / 2);
    push(&mut builder, rows / 2..rows);
    builder
}

/// What the library writes for the same rows.
fn written(rows: usize) -> AlignedBytes {
    let mut options = IndexOptions::new(DIMENSIONS, Metric::L2);
    options.key_type = KeyType::Text;
    options.hnsw = Some(Default::default());
    options.threads = 1;
    options.columns = vec![
        ColumnSchema { name: "parity".into(), column_type: ColumnType::Text },
        ColumnSchema { name: "row".into(), column_type: ColumnType::Int64 },
    ];
    let mut builder = IndexBuilder::new(options).expect("the options are fine");
    for row in 0..rows {
        let key = format!("row {row}");
        let values = [ValueRef::Text(parity(row)), ValueRef::Int64(row as i64)];
        builder.push(Some(KeyRef::Text(&key)), &vector(row), &values).expect("the row is fine");
    }
    let mut bytes = AlignedBytes::new();
    builder.write_to(&mut bytes, None).expect("it is written");
    bytes
}

#[wasm_bindgen(inline_js = "
export function sink(has_room, goes_on) {
  let content;
  let at = 0;
  return {
    begin: (length) => has_room && ((content = new Uint8Array(length)), true),
    take: (piece) => (content.set(piece, at), (at += piece.length)),
    report: () => goes_on,
    get content() { return at === content?.length ? content : undefined; },
  };
}")]
extern "C" {
    /// Takes a file of the announced number of bytes.
    #[wasm_bindgen(extends = FileSink)]
    type Taker;
    fn sink(has_room: bool, goes_on: bool) -> Taker;
    #[wasm_bindgen(method, getter)]
    fn content(this: &Taker) -> Option<Uint8Array>;
}

fn finished(builder: &mut FileBuilder) -> Vec<u8> {
    let sink = sink(true, true);
    builder.finish(&sink).ok().expect("it is built");
    sink.content().expect("as many bytes as were said to come").to_vec()
}

fn bytes_of(content: &[u8]) -> FileBytes {
    let mut bytes = FileBytes::new(content.len() as f64).ok().expect("room");
    content.chunks(1000).for_each(|piece| bytes.append(piece));
    bytes
}

fn opened(content: &[u8]) -> OpenIndex {
    let mut opened = OpenIndex::new();
    opened.push(bytes_of(content), true, None).ok().expect("it opens");
    opened
}

/// The code of an error, which must have a message.
fn code<T>(outcome: Outcome<T>) -> String {
    let Err(failure) = outcome else { return "no error".into() };
    assert!(!failure.message().is_empty());
    failure.code()
}

/// Searches for the `k` nearest, with or without the filter.
fn search(opened: &mut OpenIndex, query: &[f32], k: usize, filtered: bool) -> Outcome<()> {
    opened.search(Some(query.to_vec()), k, None, None, None, false, None, None, filtered)
}

/// The keys of the last answer.
fn keys(opened: &OpenIndex) -> Vec<String> {
    opened.keys().iter().map(|key| key.as_string().expect("a text")).collect()
}

#[wasm_bindgen_test]
fn the_file_is_the_library_s() {
    assert!(finished(&mut builder(600)) == written(600).as_slice());
}

#[wasm_bindgen_test]
fn answers_are_the_library_s() {
    let content = written(600);
    let index = Index::open(content.as_slice()).expect("it opens");
    let mut opened = opened(content.as_slice());
    assert_eq!(opened.count_rows().ok(), Some(600.0));
    let mut searcher = Searcher::new();
    for row in (0..600).step_by(37) {
        let mut query = vector(row);
        query[0] += 0.3;
        let neighbors = index.search(&query, &SearchParams::new(5), &mut searcher).expect("found");
        search(&mut opened, &query, 5, false).ok().expect("an answer");
        assert!(opened.compared() > 0.0);
        let expected = neighbors.iter().map(|found| index.key(found.row).expect("a key"));
        let expected: Vec<String> = expected.map(|key| key.to_owned().to_string()).collect();
        assert_eq!(keys(&opened), expected);
        let distances: Vec<f32> = neighbors.iter().map(|found| found.distance).collect();
        assert_eq!(opened.distances(), distances);
    }
    opened.filter(parsed(r#"{ "parity": { "$eq": "odd" } }"#)).ok().expect("a filter");
    search(&mut opened, &vector(0), 7, true).ok().expect("an answer");
    let rows = opened.column(1).ok().expect("there is the column");
    assert_eq!(rows.length(), 7);
    assert!(rows.iter().all(|row| row.as_f64().expect("a number") % 2.0 == 1.0));
    let found = opened.get(&"row 42".into()).ok().expect("a text key");
    assert_eq!(found, Some(vector(42)));
    assert!(!opened.has(&"row 600".into()).ok().expect("a text key"));
}

#[wasm_bindgen_test]
fn what_is_in_it_has_names() {
    let info = opened(written(600).as_slice()).info().ok().expect("it is open");
    let text = String::from(JSON::stringify(&info).expect("it has JSON"));
    for part in [r#""rows":600"#, r#""metric":"l2""#, r#""model":null"#, r#""structures":["hnsw"]"#]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[wasm_bindgen_test]
fn integers_cross_exactly() {
    let given = r#"{ "dimensions": 1, "metric": "l2", "keys": "int64", "kinds": [], "columns": [], "properties": [] }"#;
    let mut builder = FileBuilder::new(&options(given)).ok().expect("the options are fine");
    let integers = [1 << 53, -(1_i64 << 53) + 1, i64::MIN];
    let keys: Array = integers.into_iter().map(JsValue::from).collect();
    builder.push(&[0.0, 1.0, 2.0], &keys).ok().expect("the keys are fine");
    let mut opened = opened(&finished(&mut builder));
    let back = [integers[0].into(), JsValue::from(integers[1] as f64), integers[2].into()];
    for (key, back) in keys.iter().zip(back) {
        assert!(opened.get(&key).ok().expect("an int64").is_some());
        assert_eq!(opened.keys().get(0), back);
    }
    for other in [0.5.into(), "1".into(), JsValue::UNDEFINED] {
        assert_eq!(code(opened.get(&other)), "key_type");
    }
}

#[wasm_bindgen_test]
fn a_build_stops_and_goes_on() {
    let mut builder = builder(300);
    for (has_room, expected) in [(true, "aborted"), (false, "out_of_memory")] {
        let stopped = sink(has_room, !has_room);
        assert_eq!((code(builder.finish(&stopped)).as_str(), builder.rows()), (expected, 300));
        assert!(stopped.content().is_none());
    }
    assert!(finished(&mut builder) == written(300).as_slice());
}

#[wasm_bindgen_test]
fn what_is_wrong_has_a_code() {
    let content = written(50);
    let content = content.as_slice();
    let mut damaged = content.to_vec();
    *damaged.last_mut().expect("bytes") ^= 1;
    let mut opened = opened(content);
    let html = b"<!doctype html>".repeat(9);
    let push = |content: &[u8], whole, model: Option<&str>| {
        code(OpenIndex::new().push(bytes_of(content), whole, model.map(Into::into)))
    };
    for (told, expected) in [
        (push(&html, false, None), "not_an_index"),
        (push(&content[..content.len() - 1], false, None), "truncated"),
        (push(&damaged, true, None), "corrupt"),
        (push(content, false, Some("m")), "wrong_model"),
        (code(search(&mut opened, &[0.0; 3], 1, false)), "dimension_mismatch"),
        (code(opened.filter(parsed(r#"{ "row": { "$is": "1" } }"#))), "invalid_filter"),
        (code(FileBuilder::new(&options(&OPTIONS.replace('8', "0")))), "invalid_parameter"),
        (code(FileBuilder::new(&options("{}"))), "invalid_parameter"),
        (code(FileBytes::new(4.2e9)), "out_of_memory"),
    ] {
        assert_eq!(told, expected);
    }
    opened.push(bytes_of(written(50).as_slice()), false, None).ok().expect("it is alike");
    assert_eq!(code(opened.remove(&"row 1".into())), "unsupported");
}
