//! The module from within WebAssembly, in Node and in a browser: what it builds and answers against
//! the library, what crosses to JavaScript, and what it refuses. `make test-npm` runs it.

#![cfg(target_arch = "wasm32")]

use hither::{AlignedBytes, Index, IndexBuilder, IndexOptions, KeyRef, KeyType, Metric};
use hither::{ColumnSchema, ColumnType, SearchParams, Searcher, ValueRef};
use hither_wasm::token::{Token, Tokens};
use hither_wasm::{Building, Bytes, Host, Opened, file_length, wasm_memory};
use js_sys::{
    Array, Float32Array, Float64Array, Function, Object, Reflect, Uint8Array, WebAssembly::Memory,
};
use wasm_bindgen::{JsCast, JsValue, closure::ScopedClosure};
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

/// The values that are written there, up to many.
fn written_at(place: usize) -> Vec<u8> {
    octets(place + 4, 1 << 10).to_vec()
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

/// JSON in the form in which `js/token.js` writes it.
fn tokens(json: &str) -> Vec<u8> {
    let mut out = Writer::default();
    write_json(&js_sys::JSON::parse(json).expect("JSON"), &mut out);
    out.0
}

fn write_json(json: &JsValue, out: &mut Writer) {
    if let Some(array) = json.dyn_ref::<Array>() {
        out.put(7, &array.length().to_le_bytes());
        array.iter().for_each(|inner| write_json(&inner, out));
    } else if let Some(object) = json.dyn_ref::<Object>() {
        let entries = Object::entries(object);
        out.put(8, &entries.length().to_le_bytes());
        for entry in entries.iter() {
            let entry = entry.unchecked_into::<Array>();
            write_json(&entry.get(0), out);
            write_json(&entry.get(1), out);
        }
    } else if let Some(number) = json.as_f64() {
        out.number(number);
    } else {
        out.text(&json.as_string().expect("a text"));
    }
}

/// JavaScript's view of our memory, made anew as its glue does.
fn floats(pointer: usize, length: usize) -> Float32Array {
    let memory = wasm_memory().unchecked_into::<Memory>();
    Float32Array::new_with_byte_offset_and_length(&memory.buffer(), pointer as u32, length as u32)
}

fn octets(pointer: usize, length: usize) -> Uint8Array {
    let memory = wasm_memory().unchecked_into::<Memory>();
    Uint8Array::new_with_byte_offset_and_length(&memory.buffer(), pointer as u32, length as u32)
}

fn vector(row: usize) -> Vec<f32> {
    (0..DIMENSIONS).map(|at| ((row * 31 + at * at * 7) % 101) as f32 / 8.0).collect()
}

fn parity(row: usize) -> &'static str {
    if row.is_multiple_of(2) { "even" } else { "odd" }
}

fn push(building: &mut Building, rows: std::ops::Range<usize>) {
    let vectors: Vec<f32> = rows.clone().flat_map(vector).collect();
    let place = building.stage(vectors.len(), 100 * vectors.len()).ok().expect("room");
    floats(place, vectors.len()).copy_from(&vectors);
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

/// What takes a file, of functions in JavaScript; those that are not given do nothing.
fn host(functions: &[(&str, &Function)]) -> Host {
    let host = Object::new();
    let silent = Function::new_no_args("return false");
    for name in ["report", "begin", "take"] {
        let given = functions.iter().find(|(given, _)| *given == name);
        let function = given.map_or(&silent, |(_, function)| function);
        Reflect::set(&host, &name.into(), function).expect("an object takes it");
    }
    host.unchecked_into()
}

/// The file that is built, and how many bytes were said to come.
fn finished(building: &mut Building) -> (Vec<u8>, f64) {
    let (mut content, mut said) = (Vec::new(), f64::NAN);
    let mut take = |length: usize, place: usize| content.extend(octets(place, length).to_vec());
    let mut begin = |length: f64| said = length;
    let taking = ScopedClosure::<dyn FnMut(usize, usize)>::borrow_mut_aborting(&mut take);
    let beginning = ScopedClosure::<dyn FnMut(f64)>::borrow_mut_aborting(&mut begin);
    let host = host(&[
        ("take", taking.as_ref().unchecked_ref()),
        ("begin", beginning.as_ref().unchecked_ref()),
    ]);
    building.finish(&host).ok().expect("it is built");
    drop((taking, beginning));
    (content, said)
}

fn bytes_of(content: &[u8]) -> Bytes {
    let mut bytes = Bytes::new(content.len() as f64).ok().expect("room");
    content.chunks(1000).for_each(|piece| bytes.append(piece));
    bytes
}

fn opened(content: &[u8]) -> Opened {
    let mut opened = Opened::new();
    opened.push(bytes_of(content), true, &[]).ok().expect("it opens");
    opened
}

/// The code of what went wrong; behind it there is a message.
fn code<T>(outcome: Result<T, impl Into<JsValue>>) -> String {
    let text = match outcome {
        Ok(_) => return "no error".into(),
        Err(failure) => failure.into().as_string().expect("a text"),
    };
    let (code, message) = text.split_once('\n').expect("a code, then a message");
    assert!(!message.is_empty());
    code.into()
}

/// The keys of an answer, and its distances.
fn search(
    opened: &mut Opened,
    query: &[f32],
    k: usize,
    filter: Option<&str>,
) -> (Vec<String>, Vec<f32>) {
    let place = opened.vector(query.len(), 0).ok().expect("room");
    floats(place, query.len()).copy_from(query);
    if let Some(filter) = filter {
        opened.filter(&tokens(filter)).ok().expect("the filter is fine");
    }
    let (none, filtered) = (f32::NAN, filter.is_some());
    let told = opened.search(false, k, 0, 0, none, false, 4, filtered, none).ok();
    let memory = wasm_memory().unchecked_into::<Memory>();
    let told = told.expect("an answer") as u32;
    let told = Float64Array::new_with_byte_offset_and_length(&memory.buffer(), told, 5).to_vec();
    let (written, mut left) = (written_at(opened.keys()), Vec::new());
    let mut keys = Tokens(&written);
    for _ in 0..told[0] as usize {
        let Token::Text(key) = keys.read() else { panic!("text keys") };
        left.push(key.into());
    }
    (left, floats(told[1] as usize, told[0] as usize).to_vec())
}

#[wasm_bindgen_test]
fn the_file_is_the_library_s() {
    let (content, said) = finished(&mut building(600));
    assert_eq!(said, content.len() as f64);
    assert!(content == written(600).as_slice());
    assert_eq!(file_length(&content[..64]).ok(), Some(content.len() as f64));
}

#[wasm_bindgen_test]
fn answers_are_the_library_s() {
    let content = written(600);
    let index = Index::open(content.as_slice()).expect("it opens");
    let mut opened = opened(content.as_slice());
    assert_eq!(opened.rows(), 600.0);
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
    let (odd, _) = search(&mut opened, &vector(0), 7, Some(r#"{"parity": "odd"}"#));
    let rows = opened.column(1).ok().expect("there is the column");
    assert_eq!(odd.len(), 7);
    let rows = written_at(rows);
    let mut rows = Tokens(&rows);
    for _ in 0..7 {
        assert!(matches!(rows.read(), Token::Number(row) if row % 2.0 == 1.0));
    }
    let place = opened.get(&text("row 42")).ok().expect("a text key");
    assert_eq!(floats(place, DIMENSIONS).to_vec(), vector(42));
    assert!(!opened.has(&text("row 600")).ok().expect("a text key"));
}

#[wasm_bindgen_test]
fn integers_cross_exactly() {
    let mut building = Building::new(&options(1, 1).0).ok().expect("the options are fine");
    let keys = [1 << 53, -(1_i64 << 53) + 1, i64::MIN];
    let place = building.stage(3, 27).ok().expect("room");
    floats(place, 3).copy_from(&[0.0, 1.0, 2.0]);
    let bigint = |key: i64| {
        let mut out = Writer::default();
        out.bigint(key);
        out.0
    };
    building.push(&keys.map(bigint).concat()).ok().expect("the keys are fine");
    let mut opened = opened(&finished(&mut building).0);
    let back = [Token::Integer(keys[0]), Token::Number(keys[1] as f64), Token::Integer(keys[2])];
    for (key, back) in keys.into_iter().zip(back) {
        assert_ne!(opened.get(&bigint(key)).ok().expect("an int64"), 0);
        assert_eq!(Tokens(&written_at(opened.keys())).read(), back);
    }
    let mut half = Writer::default();
    half.number(0.5);
    assert_eq!(code(opened.get(&half.0)), "key_type");
    assert_eq!(code(opened.get(&text("1"))), "key_type");
    assert_eq!(code(opened.get(&[])), "key_type");
}

#[wasm_bindgen_test]
fn a_build_stops_and_goes_on() {
    for stop in ["return true", "throw new Error('no')"] {
        let mut building = building(300);
        let stop = Function::new_no_args(stop);
        let told = code(building.finish(&host(&[("report", &stop)])));
        assert_eq!((told.as_str(), building.rows()), ("aborted", 300));
        let full = Function::new_no_args("throw new RangeError('Array buffer allocation failed')");
        let told = code(building.finish(&host(&[("begin", &full)])));
        assert_eq!((told.as_str(), building.rows()), ("out_of_memory", 300));
        assert!(finished(&mut building).0 == written(300).as_slice());
    }
}

#[wasm_bindgen_test]
fn what_is_wrong_has_a_code() {
    let content = written(50);
    let content = content.as_slice();
    let mut damaged = content.to_vec();
    *damaged.last_mut().expect("bytes") ^= 1;
    let mut opened = opened(content);
    let query = opened.vector(3, 0).ok().expect("room");
    assert!(query > 0);
    let none = f32::NAN;
    for (told, expected) in [
        (code(file_length(b"<!doctype html>".repeat(9).as_slice())), "not_an_index"),
        (
            code(Opened::new().push(bytes_of(&content[..content.len() - 1]), false, &[])),
            "truncated",
        ),
        (code(Opened::new().push(bytes_of(&damaged), true, &[])), "corrupt"),
        (code(Opened::new().push(bytes_of(content), false, &text("m"))), "wrong_model"),
        (code(opened.search(false, 1, 0, 0, none, false, 4, false, none)), "dimension_mismatch"),
        (code(opened.filter(&tokens(r#"{ "row": { "$is": 1 } }"#))), "invalid_filter"),
        (code(Building::new(&[])), "invalid_parameter"),
        (code(opened.vector(3, 4_200_000_000)), "out_of_memory"),
        (code(Bytes::new(4.2e9)), "out_of_memory"),
        (code(Bytes::new(1e12)), "out_of_memory"),
    ] {
        assert_eq!(told, expected);
    }
    opened.push(bytes_of(written(50).as_slice()), false, &[]).ok().expect("it is alike");
    assert_eq!(code(opened.remove(&text("row 1"))), "unsupported");
    let alone = Building::new(&options(3, 0).0).ok().expect("the options are fine");
    assert_eq!(alone.rows(), 0);
}
