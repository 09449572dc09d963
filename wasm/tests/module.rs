//! The module from within WebAssembly, in Node and in a browser: what it builds and answers against
//! the library, what values are as bytes, and what it refuses. `make test-npm` runs it.

#![cfg(target_arch = "wasm32")]

use hither::{AlignedBytes, ErrorKind, Index, IndexBuilder, IndexOptions, KeyRef, KeyType, Metric};
use hither::{ColumnSchema, ColumnType, SearchParams, Searcher, Sink, ValueRef};
use hither_wasm::token::{Token, Tokens};
use hither_wasm::{Building, Opened, Outcome};
use wasm_bindgen_test::wasm_bindgen_test;

const DIMENSIONS: usize = 8;

/// Values as `js/token.js` writes them.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn put(&mut self, tag: u8, bytes: &[u8]) {
        self.0.push(tag);
        self.0.extend(bytes);
    }

    fn none(&mut self) {
        self.put(0, &[]);
    }

    fn number(&mut self, number: f64) {
        self.put(3, &number.to_le_bytes());
    }

    fn bigint(&mut self, number: i64) {
        self.put(4, &number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.put(5, &(text.len() as u32).to_le_bytes());
        self.0.extend(text.as_bytes());
    }
}

/// Values as they are given, behind their count.
fn values(given: &[u8]) -> Tokens<'_> {
    Tokens(&given[4..])
}

/// Options as `js/options.js` gives them: vectors of so many values under l2, `keys` the number of
/// the keys' type.
fn options(dimensions: usize, keys: u32) -> Writer {
    let mut options = Writer::default();
    options.number(dimensions as f64);
    options.number(0.0);
    options.none();
    options.number(keys.into());
    options
}

/// Keys of text, a graph, and two columns.
fn all_options() -> Vec<u8> {
    let mut options = options(DIMENSIONS, 3);
    (0..4).for_each(|_| options.none());
    [0.0, 1.0, 0.0].into_iter().for_each(|kind| options.number(kind));
    options.none();
    options.number(2.0);
    options.text("parity");
    options.number(3.0);
    options.text("row");
    options.number(1.0);
    options.0
}

fn text(text: &str) -> Vec<u8> {
    let mut out = Writer::default();
    out.text(text);
    out.0
}

/// The filter `{ NAME: { OPERATOR: VALUE } }`; `value` is written already.
fn filter(name: &str, operator: &str, value: &[u8]) -> Vec<u8> {
    let mut out = Writer::default();
    for name in [name, operator] {
        out.put(8, &1_u32.to_le_bytes());
        out.text(name);
    }
    [out.0, value.to_vec()].concat()
}

fn vector(row: usize) -> Vec<f32> {
    (0..DIMENSIONS).map(|at| ((row * 31 + at * at * 7) % 101) as f32 / 8.0).collect()
}

fn parity(row: usize) -> &'static str {
    if row.is_multiple_of(2) { "even" } else { "odd" }
}

fn push(building: &mut Building, rows: std::ops::Range<usize>) {
    let vectors: Vec<f32> = rows.clone().flat_map(vector).collect();
    building.stage(vectors.len()).ok().expect("room").copy_from_slice(&vectors);
    let mut values = Writer::default();
    for row in rows {
        values.text(&format!("row {row}"));
        values.text(parity(row));
        values.number(row as f64);
    }
    building.push(&values.0).ok().expect("the rows are fine");
}

fn building(rows: usize) -> Building {
    let mut building = Building::new(&all_options()).ok().expect("the options are fine");
    push(&mut building, 0..rows / 2);
    push(&mut building, rows / 2..rows);
    building
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
    builder.write_to(&mut bytes, &mut |_| Ok(())).expect("it is written");
    bytes
}

/// Takes a file, and hears how many bytes will come.
#[derive(Default)]
struct Taker {
    content: Vec<u8>,
    said: u64,
    is_full: bool,
}

impl Sink for Taker {
    fn begin(&mut self, bytes: u64) -> hither::Result<()> {
        self.said = bytes;
        if self.is_full { Err(ErrorKind::OutOfMemory { bytes }.into()) } else { Ok(()) }
    }

    fn write(&mut self, bytes: &[u8]) -> hither::Result<()> {
        self.content.extend(bytes);
        Ok(())
    }
}

/// The file that is built, and how many bytes were said to come.
fn finished(building: &mut Building) -> (Vec<u8>, u64) {
    let mut taker = Taker::default();
    building.finish(&mut taker, &mut |_| Ok(())).ok().expect("it is built");
    (taker.content, taker.said)
}

fn bytes_of(content: &[u8]) -> AlignedBytes {
    let mut bytes = AlignedBytes::try_with_capacity(content.len()).expect("room");
    content.chunks(1000).for_each(|piece| bytes.extend_from_slice(piece));
    bytes
}

fn opened(content: &[u8]) -> Opened {
    let mut opened = Opened::default();
    opened.push(bytes_of(content), true, &[]).ok().expect("it opens");
    opened
}

/// The code of what went wrong; behind it there is a message.
fn code<T>(outcome: Outcome<T>) -> String {
    let Err(failure) = outcome else { return "no error".into() };
    assert!(!failure.message().is_empty());
    failure.code().into()
}

/// The keys of an answer, and its distances.
fn search(
    opened: &mut Opened,
    query: &[f32],
    k: usize,
    filter: Option<&[u8]>,
) -> (Vec<String>, Vec<f32>) {
    opened.vector(query.len()).ok().expect("room").copy_from_slice(query);
    if let Some(filter) = filter {
        opened.filter(filter).ok().expect("the filter is fine");
    }
    let stats = opened.search(false, SearchParams::new(k), filter.is_some());
    assert!(stats.ok().expect("an answer").0.compared > 0);
    let distances = opened.answer().0.to_vec();
    let mut keys = values(opened.keys());
    let keys = distances.iter().map(|_| match keys.read() {
        Token::Text(key) => key.into(),
        other => panic!("{other:?} is no text"),
    });
    (keys.collect(), distances)
}

#[wasm_bindgen_test]
fn the_file_is_the_library_s() {
    let (content, said) = finished(&mut building(600));
    assert_eq!(said, content.len() as u64);
    assert!(content == written(600).as_slice());
}

#[wasm_bindgen_test]
fn answers_are_the_library_s() {
    let content = written(600);
    let index = Index::open(content.as_slice()).expect("it opens");
    let mut opened = opened(content.as_slice());
    assert_eq!(opened.rows().ok(), Some(600));
    let mut searcher = Searcher::new();
    for row in (0..600).step_by(37) {
        let mut query = vector(row);
        query[0] += 0.3;
        let neighbors = index.search(&query, &SearchParams::new(5), &mut searcher).expect("found");
        let (keys, distances) = search(&mut opened, &query, 5, None);
        let expected = neighbors.iter().map(|found| index.key(found.row).expect("a key"));
        let expected: Vec<String> = expected.map(|key| key.to_owned().to_string()).collect();
        assert_eq!(keys, expected);
        assert_eq!(distances, neighbors.iter().map(|found| found.distance).collect::<Vec<_>>());
    }
    let (odd, _) = search(&mut opened, &vector(0), 7, Some(&filter("parity", "$eq", &text("odd"))));
    assert_eq!(odd.len(), 7);
    let mut rows = values(opened.column(1).ok().expect("there is the column"));
    for _ in 0..7 {
        assert!(matches!(rows.read(), Token::Number(row) if row % 2.0 == 1.0));
    }
    let found = opened.get(&text("row 42")).ok().expect("a text key");
    assert_eq!(found, Some(&vector(42)[..]));
    assert!(!opened.has(&text("row 600")).ok().expect("a text key"));
}

#[wasm_bindgen_test]
fn integers_cross_exactly() {
    let mut building = Building::new(&options(1, 1).0).ok().expect("the options are fine");
    let keys = [1 << 53, -(1_i64 << 53) + 1, i64::MIN];
    building.stage(3).ok().expect("room").copy_from_slice(&[0.0, 1.0, 2.0]);
    let bigint = |key: i64| {
        let mut out = Writer::default();
        out.bigint(key);
        out.0
    };
    building.push(&keys.map(bigint).concat()).ok().expect("the keys are fine");
    let mut opened = opened(&finished(&mut building).0);
    let back = [Token::Integer(keys[0]), Token::Number(keys[1] as f64), Token::Integer(keys[2])];
    for (key, back) in keys.into_iter().zip(back) {
        assert!(opened.get(&bigint(key)).ok().expect("an int64").is_some());
        assert_eq!(values(opened.keys()).read(), back);
    }
    let mut half = Writer::default();
    half.number(0.5);
    assert_eq!(code(opened.get(&half.0)), "key_type");
    assert_eq!(code(opened.get(&text("1"))), "key_type");
    assert_eq!(code(opened.get(&[])), "key_type");
}

#[wasm_bindgen_test]
fn a_build_stops_and_goes_on() {
    let mut building = building(300);
    let stop = &mut |_| Err(ErrorKind::Cancelled.into());
    let told = code(building.finish(&mut Taker::default(), stop));
    assert_eq!((told.as_str(), building.rows()), ("aborted", 300));
    let mut full = Taker { is_full: true, ..Taker::default() };
    let told = code(building.finish(&mut full, &mut |_| Ok(())));
    assert_eq!((told.as_str(), building.rows()), ("out_of_memory", 300));
    assert!(full.content.is_empty());
    assert!(finished(&mut building).0 == written(300).as_slice());
}

#[wasm_bindgen_test]
fn what_is_wrong_has_a_code() {
    let content = written(50);
    let content = content.as_slice();
    let mut damaged = content.to_vec();
    *damaged.last_mut().expect("bytes") ^= 1;
    let mut opened = opened(content);
    opened.vector(3).ok().expect("room");
    let params = SearchParams::new(1);
    let html = b"<!doctype html>".repeat(9);
    let push = |content: &[u8], whole, model: &[u8]| {
        code(Opened::default().push(bytes_of(content), whole, model))
    };
    for (told, expected) in [
        (push(&html, false, &[]), "not_an_index"),
        (push(&content[..content.len() - 1], false, &[]), "truncated"),
        (push(&damaged, true, &[]), "corrupt"),
        (push(content, false, &text("m")), "wrong_model"),
        (code(opened.search(false, params, false)), "dimension_mismatch"),
        (code(opened.filter(&filter("row", "$is", &text("1")))), "invalid_filter"),
        (code(Building::new(&[])), "invalid_parameter"),
        (code(opened.vector(1_050_000_000)), "out_of_memory"),
    ] {
        assert_eq!(told, expected);
    }
    opened.push(bytes_of(written(50).as_slice()), false, &[]).ok().expect("it is alike");
    assert_eq!(code(opened.remove(&text("row 1"))), "unsupported");
    let alone = Building::new(&options(3, 0).0).ok().expect("the options are fine");
    assert_eq!(alone.rows(), 0);
}
