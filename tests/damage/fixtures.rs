//! Small files of each kind.

use super::random::Random;
use hither::raw::AlignedBytes;
use hither::{
    Codes, ColumnSchema, ColumnType, Element, Filter, HnswParams, Index, IndexBuilder,
    IndexOptions, IvfParams, Key, KeyType, Metric, Save, Value, ValueRef,
};
use std::ops::Range;

/// A sound file, and filters that fit its columns.
pub struct Fixture {
    pub name: &'static str,
    pub bytes: AlignedBytes,
    pub filters: Vec<Filter>,
}

/// The recipe of a fixture.
struct Recipe {
    name: &'static str,
    rows: usize,
    dimensions: usize,
    metric: Metric,
    element: Element,
    keys: KeyType,
    hnsw: bool,
    ivf: bool,
    ranges: bool,
    codes: Codes,
    columns: &'static [(&'static str, ColumnType)],
    filters: &'static [&'static str],
    /// How often rows are inserted, updated and removed, and the file is saved as a delta.
    deltas: usize,
    /// The number of distinct vectors.
    different: usize,
}

const PLAIN: Recipe = Recipe {
    name: "",
    rows: 40,
    dimensions: 8,
    metric: Metric::L2,
    element: Element::F32,
    keys: KeyType::RowNumber,
    hnsw: false,
    ivf: false,
    ranges: false,
    codes: Codes::None,
    columns: &[],
    filters: &[],
    deltas: 0,
    different: usize::MAX,
};

/// A column of every type.
const EVERY: &[(&str, ColumnType)] = &[
    ("bool", ColumnType::Bool),
    ("int", ColumnType::Int64),
    ("float", ColumnType::Float64),
    ("colour", ColumnType::Text),
    ("title", ColumnType::Text),
    ("time", ColumnType::Timestamp),
    ("uuid", ColumnType::Uuid),
    ("bytes", ColumnType::Bytes),
    ("json", ColumnType::Json),
];
const EVERY_FILTER: &[&str] = &[
    r#"{"int": {"$gte": 10, "$lt": 30}, "bool": true}"#,
    r#"{"$or": [{"colour": {"$in": ["red", "blue"]}}, {"title": {"$gt": "row 2"}}]}"#,
    r#"{"$not": {"$or": [{"float": {"$lte": 0.25}}, {"json": null}, {"uuid": null}]}}"#,
    r#"{"time": {"$ne": null}, "bytes": {"$ne": null}}"#,
];
const FEW: &[(&str, ColumnType)] = &[("int", ColumnType::Int64), ("colour", ColumnType::Text)];
const FEW_FILTER: &[&str] =
    &[r#"{"int": {"$ne": 3}}"#, r#"{"colour": {"$in": ["red", "green", "blue"]}}"#];

const RECIPES: [Recipe; 18] = [
    Recipe { name: "flat_f32_l2_number", ..PLAIN },
    Recipe {
        name: "flat_f16_cosine_int64_every_column",
        rows: 32,
        metric: Metric::Cosine,
        element: Element::F16,
        keys: KeyType::Int64,
        columns: EVERY,
        filters: EVERY_FILTER,
        ..PLAIN
    },
    Recipe {
        name: "flat_sq8_only_cosine_uuid",
        metric: Metric::Cosine,
        keys: KeyType::Uuid,
        codes: Codes::Sq8Only,
        ..PLAIN
    },
    Recipe {
        name: "hnsw_f32_l2_number_columns",
        rows: 48,
        hnsw: true,
        columns: FEW,
        filters: FEW_FILTER,
        ..PLAIN
    },
    Recipe {
        name: "hnsw_f16_cosine_sq8_uuid",
        rows: 44,
        dimensions: 9,
        metric: Metric::Cosine,
        element: Element::F16,
        keys: KeyType::Uuid,
        hnsw: true,
        codes: Codes::Sq8,
        ..PLAIN
    },
    Recipe {
        name: "hnsw_sq8_only_l2_int64_columns",
        rows: 48,
        keys: KeyType::Int64,
        hnsw: true,
        codes: Codes::Sq8Only,
        columns: FEW,
        filters: FEW_FILTER,
        ..PLAIN
    },
    Recipe {
        name: "hnsw_f16_l2_equal_rows_columns",
        rows: 60,
        element: Element::F16,
        keys: KeyType::Int64,
        hnsw: true,
        codes: Codes::Sq8,
        columns: FEW,
        filters: FEW_FILTER,
        different: 12,
        ..PLAIN
    },
    Recipe { name: "hnsw_f32_ip_number", metric: Metric::InnerProduct, hnsw: true, ..PLAIN },
    Recipe {
        name: "ivf_f32_ip_text",
        rows: 40,
        metric: Metric::InnerProduct,
        keys: KeyType::Text,
        ivf: true,
        ..PLAIN
    },
    Recipe {
        name: "ivf_f16_l2_sq8_columns",
        rows: 48,
        element: Element::F16,
        keys: KeyType::Int64,
        ivf: true,
        codes: Codes::Sq8,
        columns: FEW,
        filters: FEW_FILTER,
        ..PLAIN
    },
    Recipe {
        name: "both_f16_cosine_sq8_text",
        rows: 44,
        metric: Metric::Cosine,
        element: Element::F16,
        keys: KeyType::Text,
        hnsw: true,
        ivf: true,
        codes: Codes::Sq8,
        ..PLAIN
    },
    Recipe {
        name: "both_f16_l2_sq4_int64",
        rows: 44,
        dimensions: 32,
        element: Element::F16,
        keys: KeyType::Int64,
        hnsw: true,
        ivf: true,
        codes: Codes::Sq4,
        ..PLAIN
    },
    Recipe { name: "both_f32_l1", metric: Metric::L1, hnsw: true, ivf: true, ..PLAIN },
    Recipe {
        name: "segments_hnsw_int64_columns",
        rows: 30,
        keys: KeyType::Int64,
        hnsw: true,
        columns: FEW,
        filters: FEW_FILTER,
        deltas: 2,
        ..PLAIN
    },
    Recipe {
        name: "segments_ivf_number_f16",
        element: Element::F16,
        ivf: true,
        codes: Codes::Sq8,
        deltas: 1,
        ..PLAIN
    },
    Recipe {
        name: "ranges_hnsw_f16_cosine_number_columns",
        rows: 40,
        metric: Metric::Cosine,
        element: Element::F16,
        hnsw: true,
        ranges: true,
        codes: Codes::Sq8,
        columns: FEW,
        filters: FEW_FILTER,
        ..PLAIN
    },
    Recipe {
        name: "segments_ranges_l2_text_columns",
        rows: 24,
        keys: KeyType::Text,
        ranges: true,
        columns: FEW,
        filters: FEW_FILTER,
        deltas: 1,
        ..PLAIN
    },
    Recipe { name: "empty", rows: 0, hnsw: true, ivf: true, columns: FEW, ..PLAIN },
];

/// The names of all fixtures.
pub fn names() -> impl Iterator<Item = &'static str> {
    RECIPES.iter().map(|recipe| recipe.name)
}

/// Builds the fixture with this name.
pub fn fixture(name: &str) -> Fixture {
    let recipe = RECIPES.iter().find(|recipe| recipe.name == name).expect("a fixture's name");
    let filters = recipe.filters.iter().map(|json| Filter::from_json(json).expect(json));
    Fixture { name: recipe.name, bytes: recipe.build(), filters: filters.collect() }
}

/// The ranges of the sections of a sound file.
pub fn sections(bytes: &[u8]) -> Vec<Range<usize>> {
    let index = Index::open(bytes).expect("a sound file");
    let range = |offset: u64, length: u64| offset as usize..(offset + length) as usize;
    index.info().sections.iter().map(|section| range(section.offset, section.length)).collect()
}

impl Recipe {
    fn options(&self) -> IndexOptions {
        let mut options = IndexOptions::new(self.dimensions, self.metric);
        options.element = self.element;
        options.key_type = self.keys;
        options.columns = self
            .columns
            .iter()
            .map(|&(name, column_type)| ColumnSchema { name: name.into(), column_type })
            .collect();
        // Few neighbours for each row make many layers with few rows.
        options.hnsw = self.hnsw.then_some(HnswParams { m: 3, ef_construction: 12 });
        options.ivf = self.ivf.then_some(IvfParams { lists: 6 });
        options.ranges = self.ranges;
        options.codes = Some(self.codes);
        options.threads = 1;
        options.properties = vec![("source".into(), "damage".into())];
        options
    }

    fn build(&self) -> AlignedBytes {
        let mut builder = IndexBuilder::new(self.options()).expect("sound options");
        for number in 0..self.rows {
            let values = self.values(number);
            let values: Vec<ValueRef<'_>> = values.iter().map(Value::as_ref).collect();
            let key = self.key(number);
            let vector = self.vector(number);
            builder.push(key.as_ref().map(Key::as_ref), &vector, &values).expect("a sound row");
        }
        let mut bytes = builder.finish().expect("a sound index");
        let index = Index::open(&bytes).expect("a sound file");
        assert!(self.rows == 0 || index.info().segments[0].codes == self.codes, "{}", self.name);
        for round in 0..self.deltas {
            bytes = self.delta(&bytes, round);
        }
        bytes
    }

    /// The file with a few rows inserted, updated and removed.
    fn delta(&self, bytes: &AlignedBytes, round: usize) -> AlignedBytes {
        let mut index = Index::open(bytes).expect("a sound file");
        for number in 0..12 {
            let number = self.rows + 12 * round + number;
            let values = self.values(number);
            let values: Vec<ValueRef<'_>> = values.iter().map(Value::as_ref).collect();
            let key = self.key(number);
            let inserted =
                index.insert(key.as_ref().map(Key::as_ref), &self.vector(number), &values);
            inserted.expect("a new row");
        }
        for number in [round + 2, round + 9, self.rows + 12 * round + 1] {
            let key = self.key(number).unwrap_or(Key::Int64(number as i64));
            let values = self.values(number + 1);
            let values: Vec<ValueRef<'_>> = values.iter().map(Value::as_ref).collect();
            index.update(key.as_ref(), &self.vector(number + 100), &values).expect("a known row");
            let key = self.key(number + 3).unwrap_or(Key::Int64(number as i64 + 3));
            assert_eq!(index.remove(key.as_ref()), Ok(true), "a row to remove");
        }
        let mut saved = AlignedBytes::new();
        index.write_to(&mut saved, Save::delta().threads(1)).expect("saved");
        saved
    }

    fn vector(&self, number: usize) -> Vec<f32> {
        let number = number % self.different;
        let mut random = Random(number as u64);
        // Around a few centres, like real vectors.
        let centre = (number % 5) as f32 * 0.3 - 0.6;
        (0..self.dimensions).map(|_| centre + 0.5 * random.unit()).collect()
    }

    fn key(&self, number: usize) -> Option<Key> {
        // Not in the order of the rows.
        let scattered = Random(number as u64).next();
        match self.keys {
            KeyType::RowNumber => None,
            KeyType::Int64 => Some(Key::Int64(scattered.cast_signed() >> 16)),
            KeyType::Uuid => Some(Key::Uuid(u128::from(scattered).to_be_bytes())),
            KeyType::Text => Some(Key::Text(format!("{:x}", scattered >> 40))),
        }
    }

    fn values(&self, number: usize) -> Vec<Value> {
        let value = |&(name, column_type): &(&str, ColumnType)| {
            if number % 7 == name.len() % 7 {
                return Value::Null;
            }
            match column_type {
                ColumnType::Bool => Value::Bool(number % 3 == 1),
                ColumnType::Int64 => Value::Int64(number as i64),
                ColumnType::Float64 => Value::Float64(number as f64 / 64.0),
                ColumnType::Text if name == "title" => Value::Text(format!("row {number}")),
                ColumnType::Text => Value::Text(["red", "green", "", "blue"][number % 4].into()),
                ColumnType::Timestamp => Value::Timestamp(number as i64 * 86_400_000_000),
                ColumnType::Uuid => Value::Uuid([number as u8; 16]),
                ColumnType::Bytes => Value::Bytes(vec![number as u8; number % 4]),
                ColumnType::Json => Value::Json(format!(r#"{{"n":{number}}}"#)),
            }
        };
        self.columns.iter().map(value).collect()
    }
}
