//! The indexes that are built: every structure, metric, element, kind of codes and type of keys at least once,
//! in 48 dimensions (a multiple of 16) and 100 (not one); with equal rows, and long ones.

use crate::answers;
use crate::hash::Hash;
use crate::rows::{Cloud, Random, vector};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use hither::raw::AlignedBytes;
use hither::{
    Codes, ColumnSchema, ColumnType, Element, HnswParams, Index, IndexBuilder, IndexOptions,
    IvfParams, Key, KeyType, Metric, Result, Save, ValueRef,
};

/// An index, and how it is changed after it is built.
pub struct Case {
    name: &'static str,
    cloud: Cloud,
    rows: u64,
    /// How many rows are inserted afterwards; from 1,000 on a delta builds structures of its own.
    inserted: u64,
    /// Whether it is also saved compacted, which takes as long as building it.
    compacted: bool,
    options: IndexOptions,
}

/// A case for every hash that is printed, named for its particularity.
pub fn all() -> Vec<Case> {
    use Codes::{None as NoCodes, Sq4, Sq8, Sq8Only};
    use Element::{F16, F32};
    use Metric::{Cosine, InnerProduct, L1, L2};
    let hnsw = |m, ef_construction| Some(HnswParams { m, ef_construction });
    let ivf = |lists| Some(IvfParams { lists });
    let case = |name, rows, dimensions, metric, element, codes, hnsw, ivf| Case {
        name,
        cloud: Cloud::Clusters,
        rows,
        inserted: 30,
        compacted: false,
        options: IndexOptions {
            element,
            codes: Some(codes),
            hnsw,
            ivf,
            ..IndexOptions::new(dimensions, metric)
        },
    };
    let mut cases = vec![
        case("l2-f32-flat", 600, 48, L2, F32, NoCodes, None, None),
        case("l2-f32-hnsw", 900, 48, L2, F32, NoCodes, hnsw(16, 128), None),
        case("l2-f16-hnsw-sq8", 1500, 100, L2, F16, Sq8, hnsw(8, 64), None),
        case("l2-f16-hnsw-sq4", 300, 100, L2, F16, Sq4, hnsw(8, 64), None),
        case("l2-f16-hnsw-only", 700, 100, L2, F16, Sq8Only, hnsw(8, 64), None),
        case("cosine-f16-flat-sq8", 600, 100, Cosine, F16, Sq8, None, None),
        case("cosine-f32-ivf-sq8", 1200, 48, Cosine, F32, Sq8, None, ivf(24)),
        case("cosine-f16-both-sq8", 1100, 100, Cosine, F16, Sq8, hnsw(12, 64), ivf(0)),
        case("cosine-f16-ivf-only", 800, 100, Cosine, F16, Sq8Only, None, ivf(16)),
        case("ip-f32-hnsw", 800, 100, InnerProduct, F32, NoCodes, hnsw(16, 64), None),
        case("ip-f16-both-sq8", 900, 48, InnerProduct, F16, Sq8, hnsw(8, 64), ivf(12)),
        case("l1-f32-hnsw", 700, 100, L1, F32, NoCodes, hnsw(12, 64), None),
        case("l1-f16-ivf", 1000, 48, L1, F16, NoCodes, None, ivf(20)),
    ];

    let mut defaults = case("l2-defaults", 1000, 100, L2, F16, Sq8, None, None);
    defaults.options = IndexOptions {
        key_type: KeyType::Text,
        columns: vec![
            ColumnSchema { name: "number".into(), column_type: ColumnType::Int64 },
            ColumnSchema { name: "words".into(), column_type: ColumnType::Text },
        ],
        properties: vec![("source".into(), "made up".into())],
        ..IndexOptions::new(100, L2)
    };
    defaults.compacted = true;
    cases.push(defaults);

    let mut unit = case("cosine-unit-length", 800, 48, Cosine, F16, Sq8, hnsw(8, 64), ivf(10));
    unit.cloud = Cloud::UnitLength;
    unit.options.key_type = KeyType::Uuid;
    unit.compacted = true;
    cases.push(unit);

    let mut packed = case("cosine-f16-both-sq4", 900, 48, Cosine, F16, Sq4, hnsw(8, 64), ivf(12));
    packed.cloud = Cloud::UnitLength;
    cases.push(packed);

    // Kernels take queries of 4 bits in parts of 512 dimensions.
    let mut long = case("l2-f16-hnsw-sq4-long", 120, 1100, L2, F16, Sq4, hnsw(8, 64), None);
    long.inserted = 5;
    cases.push(long);

    let mut copies = case("l2-f16-both-copies", 1500, 48, L2, F16, NoCodes, hnsw(8, 64), ivf(12));
    copies.cloud = Cloud::Copies;
    copies.inserted = 1050;
    copies.compacted = true;
    cases.push(copies);

    let mut ranges = case("cosine-f16-ranges", 1500, 100, Cosine, F16, Sq8, hnsw(8, 64), None);
    ranges.options.ranges = true;
    ranges.inserted = 80;
    cases.push(ranges);

    let mut ranges = case("ip-f32-ranges-ivf", 700, 48, InnerProduct, F32, NoCodes, None, ivf(20));
    ranges.cloud = Cloud::Copies;
    ranges.options.ranges = true;
    cases.push(ranges);

    let mut grown = case("l2-grown", 600, 48, L2, F16, Sq8, hnsw(8, 64), ivf(8));
    grown.inserted = 1050;
    grown.options.key_type = KeyType::Int64;
    grown.options.seed = 7;
    cases.push(grown);
    cases
}

impl Case {
    /// Builds, searches, changes and saves; appends a line for every file that this makes.
    pub fn run(&self, threads: usize, lines: &mut String) -> Result<()> {
        let options = IndexOptions { threads, ..self.options.clone() };
        let mut random = Random::new(options.seed ^ self.rows);
        let mut builder = IndexBuilder::new(options)?;
        for number in 0..self.rows {
            let row = self.row(number, &mut random);
            // Where keys are row numbers, the builder assigns them.
            let numbered = self.options.key_type == KeyType::RowNumber;
            let key = (!numbered).then(|| row.key.as_ref());
            builder.push(key, &row.vector, &row.values())?;
        }
        let bytes = builder.finish()?;
        let mut index = Index::open(&bytes)?;
        index.verify()?;
        let codes = self.options.codes;
        assert!(codes.is_none_or(|codes| codes == index.info().segments[0].codes), "{}", self.name);
        self.line("", &bytes, &index, lines)?;

        self.change(&mut index, &mut random)?;
        // The answers of the changed index in memory, before it is saved.
        let mut changed = Hash::new();
        answers::of(&index, self.cloud, &mut changed)?;
        let delta = save(&index, Save::delta(), threads)?;
        let reopened = Index::open(&delta)?;
        reopened.verify()?;
        self.line("+delta", &delta, &reopened, lines)?;
        lines.push_str(&format!("{}+memory - {:016x}\n", self.name, changed.value()));
        if self.compacted {
            let compact = save(&reopened, Save::compact(), threads)?;
            self.line("+compact", &compact, &Index::open(&compact)?, lines)?;
        }
        Ok(())
    }

    /// Inserts, updates and removes rows, both of the file and inserted ones.
    fn change(&self, index: &mut Index<'_>, random: &mut Random) -> Result<()> {
        let end = self.rows + self.inserted;
        for number in self.rows..end {
            let row = self.row(number, random);
            index.insert(Some(row.key.as_ref()), &row.vector, &row.values())?;
        }
        for number in (0..end).step_by(37) {
            let row = self.row(number, random);
            index.update(row.key.as_ref(), &row.vector, &row.values())?;
        }
        for number in (5..end).step_by(23) {
            index.remove(self.key(number).as_ref())?;
        }
        Ok(())
    }

    fn line(&self, stage: &str, file: &[u8], index: &Index<'_>, lines: &mut String) -> Result<()> {
        let (mut bytes, mut found) = (Hash::new(), Hash::new());
        bytes.bytes(file);
        answers::of(index, self.cloud, &mut found)?;
        let (name, bytes, found) = (self.name, bytes.value(), found.value());
        lines.push_str(&format!("{name}{stage} {bytes:016x} {found:016x}\n"));
        Ok(())
    }

    fn row(&self, number: u64, random: &mut Random) -> Row {
        Row {
            key: self.key(number),
            vector: vector(self.cloud, self.options.dimensions, random),
            columns: self.options.columns.len(),
            number: (random.below(4) > 0).then(|| random.next() as i64 >> random.below(60)),
            words: (random.below(4) > 0).then(|| format!("word {}", random.below(50))),
        }
    }

    fn key(&self, number: u64) -> Key {
        // An odd factor permutes the 64-bit numbers: distinct keys, in no order.
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        match self.options.key_type {
            KeyType::RowNumber => Key::Int64(number as i64),
            KeyType::Int64 => Key::Int64(mixed as i64),
            KeyType::Uuid => {
                Key::Uuid((u128::from(mixed) << 64 | u128::from(number)).to_be_bytes())
            }
            KeyType::Text => Key::Text(format!("key {mixed:x}")),
        }
    }
}

struct Row {
    key: Key,
    vector: Vec<f32>,
    columns: usize,
    number: Option<i64>,
    words: Option<String>,
}

impl Row {
    fn values(&self) -> Vec<ValueRef<'_>> {
        let number = self.number.map_or(ValueRef::Null, ValueRef::Int64);
        let words = self.words.as_deref().map_or(ValueRef::Null, ValueRef::Text);
        [number, words][..self.columns].to_vec()
    }
}

fn save(index: &Index<'_>, save: Save<'_>, threads: usize) -> Result<AlignedBytes> {
    let mut bytes = AlignedBytes::new();
    index.write_to(&mut bytes, save.threads(threads))?;
    Ok(bytes)
}
