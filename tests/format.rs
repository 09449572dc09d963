//! FORMAT.md is enough to read a file: the reader here is written from it, without the library's code, and must
//! find the same rows, values and neighbours as the library.

mod reader;

use hither::raw::AlignedBytes;
use hither::{
    Codes, ColumnSchema, ColumnType, Element, HnswParams, Index, IndexBuilder, IndexOptions,
    IvfParams, KeyRef, KeyType, Metric, Save, ValueRef,
};
use hither_tests::{clustered, repository};
use reader::{Cell, File};
use std::collections::BTreeSet;

/// Compares everything that the reader finds with what the library returns.
fn compare(name: &str, bytes: &[u8]) {
    let file = File::read(bytes).unwrap_or_else(|why| panic!("{name}: {why}"));
    let aligned = AlignedBytes::copy_of(bytes);
    let index = Index::open(&aligned).unwrap();
    assert_eq!(index.content_id(), Some(file.content_id), "{name}");
    assert_eq!(index.dimensions(), file.dimensions, "{name}");
    assert_eq!(index.metric() as u8, file.metric, "{name}");
    let columns: Vec<(&str, u8)> =
        index.columns().iter().map(|c| (c.name.as_str(), c.column_type as u8)).collect();
    let read: Vec<(&str, u8)> = file.columns.iter().map(|(name, t)| (name.as_str(), *t)).collect();
    assert_eq!(columns, read, "{name}");
    let rows: Vec<_> = index.rows().collect();
    let live: Vec<(usize, usize)> = file
        .segments
        .iter()
        .enumerate()
        .flat_map(|(number, segment)| segment.live().map(move |row| (number, row)))
        .collect();
    assert_eq!(rows.len(), live.len(), "{name}");
    let mut vector = vec![0.0; file.dimensions];
    for (row, (number, at)) in rows.into_iter().zip(live) {
        let segment = &file.segments[number];
        index.vector(row, &mut vector).unwrap();
        assert_eq!(vector, file.vector(segment, at), "{name}: row {at} of segment {number}");
        let key = match index.key(row).unwrap() {
            KeyRef::Int64(number) => Cell::Number(number),
            KeyRef::Uuid(bytes) => Cell::Bytes(bytes.to_vec()),
            KeyRef::Text(text) => Cell::Bytes(text.as_bytes().to_vec()),
        };
        assert_eq!(key, file.key(segment, at), "{name}: row {at} of segment {number}");
        for column in 0..file.columns.len() {
            let value = match index.value(row, column).unwrap() {
                ValueRef::Null => Cell::Null,
                ValueRef::Bool(value) => Cell::Number(value.into()),
                ValueRef::Int64(value) | ValueRef::Timestamp(value) => Cell::Number(value),
                ValueRef::Float64(value) => Cell::Number(value.to_bits() as i64),
                ValueRef::Text(value) | ValueRef::Json(value) => Cell::Bytes(value.into()),
                ValueRef::Uuid(value) => Cell::Bytes(value.to_vec()),
                ValueRef::Bytes(value) => Cell::Bytes(value.to_vec()),
            };
            assert_eq!(value, file.value(segment, at, column), "{name}: row {at}, column {column}");
        }
    }
    for segment in &file.segments {
        reaches_every_row(name, &file, segment);
        lists_cover_every_row(name, &file, segment);
        codes_are_near(name, &file, segment);
    }
}

/// From the entry, down through the upper layers and along the base layer, every row is reached.
fn reaches_every_row(name: &str, file: &File<'_>, segment: &reader::Segment) {
    let Some(entry) = file.base_entry(segment) else { return };
    let mut met = BTreeSet::from([entry]);
    let mut open = vec![entry];
    while let Some(row) = open.pop() {
        for next in file.neighbors(segment, row) {
            assert!(next < segment.rows, "{name}");
            if met.insert(next) {
                open.push(next);
            }
        }
        // Copies follow the row that they copy.
        let mut copy = row + 1;
        while copy < segment.rows && file.is_copy(segment, copy) {
            assert_eq!(file.vector(segment, copy), file.vector(segment, row), "{name}");
            met.insert(copy);
            copy += 1;
        }
    }
    assert_eq!(met.len(), segment.rows, "{name}: {} of {} rows", met.len(), segment.rows);
}

fn lists_cover_every_row(name: &str, file: &File<'_>, segment: &reader::Segment) {
    let Some(lists) = file.lists(segment) else { return };
    assert_eq!(lists.first(), Some(&0), "{name}");
    assert_eq!(*lists.last().unwrap() as usize, segment.rows, "{name}");
    assert!(lists.is_sorted(), "{name}");
}

/// Decoded rows are within a few scales of the stored ones, and the factor of a row is as specified.
fn codes_are_near(name: &str, file: &File<'_>, segment: &reader::Segment) {
    for row in 0..segment.rows {
        let Some((decoded, factor)) = file.decoded(segment, row) else { return };
        let mut vector = file.vector(segment, row);
        let length = |values: &[f32]| values.iter().map(|x| x * x).sum::<f32>().sqrt();
        if file.metric == reader::COSINE {
            let inverse = 1.0 / length(&vector);
            vector.iter_mut().for_each(|value| *value *= inverse);
            let wanted = 1.0 / length(&decoded);
            assert!((factor.unwrap() / wanted - 1.0).abs() < 1e-4, "{name}: row {row}");
        }
        let off: Vec<f32> = decoded.iter().zip(&vector).map(|(a, b)| a - b).collect();
        let allowed = 0.75 * segment.scale * (file.dimensions as f32).sqrt();
        assert!(length(&off) <= allowed + 0.1 * length(&vector), "{name}: row {row}");
    }
}

#[test]
fn fixtures_are_read_by_the_text_alone() {
    let folder = std::fs::read_dir(repository("tests/fixtures")).unwrap();
    let mut count = 0;
    for entry in folder.map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        // Its graph is torn on purpose.
        if name.ends_with(".hither") && !name.contains("torn") {
            compare(&name, &std::fs::read(entry.path()).unwrap());
            count += 1;
        }
    }
    assert!(count >= 9, "{count} fixtures");
}

/// Columns of every type, with nulls; `words` has a dictionary, and `text` is too varied for one.
fn columns() -> Vec<ColumnSchema> {
    [
        ("flag", ColumnType::Bool),
        ("number", ColumnType::Int64),
        ("share", ColumnType::Float64),
        ("words", ColumnType::Text),
        ("text", ColumnType::Text),
        ("at", ColumnType::Timestamp),
        ("id", ColumnType::Uuid),
        ("raw", ColumnType::Bytes),
        ("json", ColumnType::Json),
    ]
    .map(|(name, column_type)| ColumnSchema { name: name.into(), column_type })
    .into()
}

fn made(options: IndexOptions, rows: usize) -> Vec<u8> {
    let vectors = clustered(7, rows, options.dimensions);
    let key_type = options.key_type;
    let mut builder = IndexBuilder::new(options).unwrap();
    for row in 0..rows {
        let (text, json) = (format!("a text of row {row}"), format!("{{\"row\": {row}}}"));
        let (name, id) = (format!("key {}", row * 7919 % rows), [(row % 251) as u8; 16]);
        let uuid = ((row * 7919 % rows) as u128).to_be_bytes();
        let key = match key_type {
            KeyType::Int64 => KeyRef::Int64(5 - (row * 7919 % rows) as i64),
            KeyType::Uuid => KeyRef::Uuid(uuid),
            KeyType::Text => KeyRef::Text(&name),
            _ => KeyRef::Int64((row * 7919 % rows) as i64),
        };
        let values = [
            ValueRef::Bool(row % 3 == 0),
            ValueRef::Int64(-(row as i64)),
            ValueRef::Float64(1.0 / row as f64),
            ValueRef::Text(["noun", "verb", ""][row % 3]),
            ValueRef::Text(&text),
            ValueRef::Timestamp(row as i64 * 1_000_003),
            ValueRef::Uuid(id),
            ValueRef::Bytes(&id[..row % 16]),
            ValueRef::Json(&json),
        ];
        let values: Vec<_> = (0..9)
            .map(|at| if (row + at) % 5 == 0 { ValueRef::Null } else { values[at] })
            .collect();
        // Every tenth row repeats the one before.
        let vector = vectors.row(if row % 10 == 9 { row - 1 } else { row });
        builder.push(Some(key), vector, &values).unwrap();
    }
    builder.finish().unwrap().to_vec()
}

#[test]
fn files_of_every_kind_are_read_by_the_text_alone() {
    let hnsw = Some(HnswParams { m: 6, ef_construction: 40 });
    let ivf = Some(IvfParams { lists: 9 });
    let kinds = [
        (Metric::L2, Element::F16, KeyType::Int64, hnsw, None, Some(Codes::Sq8)),
        (Metric::Cosine, Element::F32, KeyType::Uuid, hnsw, None, Some(Codes::Sq4)),
        (Metric::Cosine, Element::F16, KeyType::Text, None, ivf, Some(Codes::Sq8Only)),
        (Metric::InnerProduct, Element::F32, KeyType::RowNumber, hnsw, ivf, Some(Codes::None)),
        (Metric::L1, Element::F16, KeyType::Int64, None, None, None),
    ];
    for (metric, element, key_type, hnsw, ivf, codes) in kinds {
        for dimensions in [3, 30, 64] {
            let options = IndexOptions {
                element,
                key_type,
                hnsw,
                ivf,
                codes,
                columns: columns(),
                ..IndexOptions::new(dimensions, metric)
            };
            let name = format!("{metric:?}, {element:?}, {key_type:?}, {codes:?}, {dimensions}");
            compare(&name, &made(options, 700));
        }
    }
}

#[test]
fn a_delta_is_read_by_the_text_alone() {
    let options = IndexOptions {
        hnsw: Some(HnswParams { m: 4, ef_construction: 30 }),
        key_type: KeyType::Int64,
        columns: columns(),
        ..IndexOptions::new(8, Metric::L2)
    };
    let file = AlignedBytes::copy_of(&made(options, 300));
    let mut index = Index::open(&file).unwrap();
    for key in [3, 4] {
        assert!(index.remove(KeyRef::Int64(key)).unwrap());
    }
    index.insert(Some(KeyRef::Int64(4)), &[0.5; 8], &[ValueRef::Null; 9]).unwrap();
    index.insert(Some(KeyRef::Int64(4_000)), &[1.5; 8], &[ValueRef::Null; 9]).unwrap();
    let mut delta = AlignedBytes::new();
    index.write_to(&mut delta, Save::delta().threads(1)).unwrap();
    compare("a delta", &delta);
}
