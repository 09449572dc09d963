//! Writes the initial corpus of every target to `corpus/`: `cargo run --example seeds`.

use hither_fuzz::fixtures::{fixture, names};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

const FILTERS: [&str; 12] = [
    r#"{"int": 3}"#,
    r#"{"int": {"$gte": 10, "$lt": 30.5}, "bool": true}"#,
    r#"{"$or": [{"colour": {"$in": ["red", "blue"]}}, {"title": {"$gt": "row 2"}}]}"#,
    r#"{"$and": [{"colour": {"$nin": ["red", null]}}, {"$not": {"int": {"$ne": 5}}}]}"#,
    r#"{"$not": {"$or": [{"float": {"$lte": 0.25}}, {"title": {"$prefix": "row"}}]}}"#,
    r#"{"time": {"$gt": "1970-01-05T00:00:00Z"}}"#,
    r#"{"time": {"$lt": 864000000000}}"#,
    r#"{"uuid": {"$gt": "08080808-0808-0808-0808-080808080808"}}"#,
    r#"{"bytes": {"$ne": "\\x0102"}}"#,
    r#"{"float": {"$exists": true}}"#,
    r#"{"int": {"$in": [9223372036854775807, -9223372036854775808, 1e300]}}"#,
    r#"{}"#,
];

const LINES: [&str; 3] = [
    "\u{4}{\"id\": 1, \"vector\": [0.5, -1e3], \"title\": \"a\"}\n{\"id\": 2, \"vector\": [1, 2]}\n",
    "\u{82}{\"id\":\"a\",\"n\":null,\"t\":\"2024-01-01T00:00:00Z\"}\n{\"id\":\"b\",\"n\":1.5,\"o\":{\"x\":[]}}\n",
    "\u{1}\u{feff}{\"u\":\"08080808-0808-0808-0808-080808080808\",\"b\":true}",
];

const TABLES: [&str; 3] = [
    "\u{82}id\tname\tn\n1\tred\t\n2\t\"blue\t-7\n",
    "\u{1}t\tu\r\n2024-01-01\t08080808080808080808080808080808\r\n",
    "\u{3}x\n1.5\nNaN\n-inf\n",
];

fn main() -> io::Result<()> {
    for (at, name) in names().enumerate() {
        for mode in 0..2_u8 {
            let mut bytes = vec![mode];
            bytes.extend_from_slice(&fixture(name).bytes);
            seed("open_and_search", &format!("{name}-{mode}"), &bytes)?;
        }
        let script = [3, at as u8, 64, 0, 1, 0, 0, 0, 128, 2, 255, 255, 255, 255];
        seed("open_and_search", &format!("{name}-script"), &script)?;
    }
    for (at, text) in FILTERS.iter().enumerate() {
        seed("filter_json", &at.to_string(), text.as_bytes())?;
    }
    for (target, texts) in [("jsonl", LINES), ("tsv", TABLES)] {
        for (at, text) in texts.iter().enumerate() {
            // The first character, as a byte, says how the rest is read.
            let first = text.chars().next().unwrap_or_default();
            let mut bytes = vec![first as u8];
            bytes.extend_from_slice(&text.as_bytes()[first.len_utf8()..]);
            seed(target, &at.to_string(), &bytes)?;
        }
    }
    for descr in ["<f4", "<f2", "<f8", "|u1", "<i8", "<U2", "|S3"] {
        for (shape, order) in [("(2, 3)", "False"), ("(3, 2)", "True"), ("(4,)", "False")] {
            let bytes = npy(descr, order, shape);
            seed("npy", &format!("{}-{order}-{}", &descr[1..], shape.len()), &bytes)?;
        }
    }
    for first in [2, 130] {
        let mut bytes = vec![first];
        bytes.extend(parquet_rows()?);
        seed("parquet", &first.to_string(), &bytes)?;
    }
    // Files that other programs wrote.
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rows/fixtures");
    for entry in fs::read_dir(fixtures)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = fs::read(&path)?;
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("npz") => seed("npz", &name, &bytes)?,
            Some("arrow" | "arrows") => seed("arrow", &name, &[&[2], &bytes[..]].concat())?,
            Some("parquet") => seed("parquet", &name, &[&[2], &bytes[..]].concat())?,
            _ => {}
        }
    }
    for (which, size) in [4, 1, 4].into_iter().enumerate() {
        let mut bytes = vec![which as u8];
        for row in 0..3_u8 {
            bytes.extend_from_slice(&2_u32.to_le_bytes());
            bytes.resize(bytes.len() + 2 * size, row);
        }
        seed("fvecs", &which.to_string(), &bytes)?;
    }
    Ok(())
}

fn npy(descr: &str, order: &str, shape: &str) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    let header = format!("{header:<117}\n");
    let mut bytes = vec![4];
    bytes.extend_from_slice(b"\x93NUMPY\x01\x00");
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend((0..64_u8).map(|n| n % 60));
    bytes
}

/// Two rows with a key, a list of floats, and a text that is null once.
fn parquet_rows() -> io::Result<Vec<u8>> {
    let schema = "message rows { REQUIRED INT64 id; OPTIONAL BYTE_ARRAY name (UTF8);
        REQUIRED GROUP vector (LIST) { REPEATED GROUP list { REQUIRED FLOAT element; } } }";
    let schema = Arc::new(parse_message_type(schema)?);
    let mut bytes = Vec::new();
    let mut file = SerializedFileWriter::new(&mut bytes, schema, Default::default())?;
    let mut group = file.next_row_group()?;
    while let Some(mut column) = group.next_column()? {
        match column.untyped() {
            ColumnWriter::Int64ColumnWriter(id) => id.write_batch(&[1, 2], None, None)?,
            ColumnWriter::ByteArrayColumnWriter(name) => {
                name.write_batch(&[ByteArray::from("red")], Some(&[1, 0]), None)?
            }
            ColumnWriter::FloatColumnWriter(vector) => {
                let (definitions, repetitions) = ([1; 4], [0, 1, 0, 1]);
                vector.write_batch(
                    &[0.5, 1.0, -1.0, 2.0],
                    Some(&definitions),
                    Some(&repetitions),
                )?
            }
            _ => 0, // the schema has no other column
        };
        column.close()?;
    }
    group.close()?;
    file.close()?;
    Ok(bytes)
}

fn seed(target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}
