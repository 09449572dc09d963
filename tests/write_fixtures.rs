//! Writes the fixtures of the library's current format version, once, when the version is new: `cargo run -p
//! hither-tests --example write_fixtures`. It overwrites no file.

use hither::raw::FORMAT_VERSION;
use hither::{Codes, ColumnSchema, ColumnType, Element, HnswParams, Index};
use hither::{IndexBuilder, IndexOptions, IvfParams, KeyRef, Metric, Save, ValueRef, write_file};
use hither_tests::{clustered, repository};

fn group(key: usize) -> [ValueRef<'static>; 1] {
    [ValueRef::Text(if key.is_multiple_of(2) { "even" } else { "odd" })]
}

fn main() {
    let base = IndexOptions {
        columns: vec![ColumnSchema { name: "group".into(), column_type: ColumnType::Text }],
        hnsw: None,
        properties: vec![("source".into(), "fixture".into())],
        ..IndexOptions::new(12, Metric::L2)
    };
    let flat = IndexOptions { element: Element::F32, ..base.clone() };
    let hnsw = IndexOptions {
        metric: Metric::Cosine,
        hnsw: Some(HnswParams { m: 6, ef_construction: 40 }),
        codes: Some(Codes::Sq8),
        ..base.clone()
    };
    let ivf = IndexOptions {
        metric: Metric::InnerProduct,
        ivf: Some(IvfParams { lists: 8 }),
        codes: Some(Codes::Sq8Only),
        ..base.clone()
    };
    // With as many dimensions as codes are aligned to. The first of these files was written when factors were
    // among the codes.
    let l2 = IndexOptions { dimensions: 16, metric: Metric::L2, ..hnsw.clone() };
    let cosine = IndexOptions { dimensions: 16, metric: Metric::Cosine, ..ivf.clone() };
    // With 4-bit codes: the factors among the codes, and beside them.
    let packed = IndexOptions { dimensions: 24, codes: Some(Codes::Sq4), ..l2.clone() };
    let packed_cosine = IndexOptions { dimensions: 32, codes: Some(Codes::Sq4), ..cosine.clone() };
    let ranges = IndexOptions { ranges: true, codes: None, hnsw: None, ..hnsw.clone() };
    // With the directory of keys.
    let keyed = IndexOptions { key_type: hither::KeyType::Int64, ..ranges.clone() };
    let delta = IndexOptions { key_type: hither::KeyType::Int64, ..base };
    for (name, options) in [
        ("flat-f32", flat),
        ("hnsw-f16-sq8", hnsw),
        ("ivf-sq8-only", ivf),
        ("delta", delta),
        ("hnsw-f16-sq8-l2-16", l2),
        ("ivf-sq8-only-cosine-16", cosine),
        ("hnsw-sq4", packed),
        ("ivf-sq4-cosine-32", packed_cosine),
        ("ranges", ranges),
        ("ranges-keys", keyed),
    ] {
        let path = repository("tests/fixtures").join(format!("v{FORMAT_VERSION}-{name}.hither"));
        if path.exists() {
            println!("{} is there already", path.display());
            continue;
        }
        let rows = clustered(61, 120, options.dimensions);
        let first = if name == "delta" { 100 } else { 120 };
        let mut builder = IndexBuilder::new(options).unwrap();
        for key in 0..first {
            builder.push(Some(KeyRef::Int64(key as i64)), rows.row(key), &group(key)).unwrap();
        }
        let codes = builder.options().codes.unwrap_or(Codes::None);
        let bytes = builder.finish().unwrap();
        assert_eq!(Index::open(&bytes).unwrap().info().segments[0].codes, codes, "{name}");
        let mut index = Index::open(&bytes).unwrap();
        if name == "delta" {
            for key in 0..120 {
                let number = KeyRef::Int64(key as i64);
                if key >= first {
                    index.insert(Some(number), rows.row(key), &group(key)).unwrap();
                }
                if key % 7 == 3 {
                    index.remove(number).unwrap();
                }
            }
        }
        write_file(&path, |sink| index.write_to(sink, Save::delta().threads(1))).unwrap();
        println!("{}", path.display());
    }
}
