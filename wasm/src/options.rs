//! A builder's options, as the values that `js/options.js` makes of them, in its order. It has
//! checked them; none stands for what was not given.

use crate::token::{Token, Tokens};
use crate::value::integer;
use alloc::string::String;
use hither::{Codes, ColumnSchema, ColumnType, Element, HnswParams, IndexOptions, IvfParams};
use hither::{KeyType, Metric};

/// What is to be built, and whether the structure is to be chosen by the number of rows.
pub(crate) struct Options {
    pub(crate) index: IndexOptions,
    pub(crate) hnsw: HnswParams,
    pub(crate) by_rows: bool,
}

// In the order in which JavaScript numbers them.
pub(crate) const METRICS: [Metric; 4] =
    [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1];
const ELEMENTS: [Element; 2] = [Element::F16, Element::F32];
const KEY_TYPES: [KeyType; 4] = [KeyType::RowNumber, KeyType::Int64, KeyType::Uuid, KeyType::Text];
const CODES: [Codes; 4] = [Codes::None, Codes::Sq8, Codes::Sq8Only, Codes::Sq4];
const COLUMN_TYPES: [ColumnType; 8] = [
    ColumnType::Bool,
    ColumnType::Int64,
    ColumnType::Float64,
    ColumnType::Text,
    ColumnType::Timestamp,
    ColumnType::Uuid,
    ColumnType::Bytes,
    ColumnType::Json,
];

/// Values that are left to read.
struct Values<'v>(Tokens<'v>);

impl Values<'_> {
    fn number(&mut self) -> Option<usize> {
        match self.0.read() {
            Token::Number(number) => Some(number as usize),
            _ => None,
        }
    }

    fn text(&mut self) -> String {
        match self.0.read() {
            Token::Text(text) => text.into(),
            _ => String::new(),
        }
    }

    /// The one whose number comes next; the `default`th where there is none.
    fn choice<T: Copy>(&mut self, all: &[T], default: usize) -> T {
        let number = self.number().unwrap_or(default);
        all[if number < all.len() { number } else { default }]
    }
}

pub(crate) fn read(values: &[u8]) -> Options {
    let mut values = Values(Tokens(values));
    let dimensions = values.number().unwrap_or(0);
    let mut options = IndexOptions::new(dimensions, values.choice(&METRICS, 1));
    options.element = values.choice(&ELEMENTS, 0);
    options.key_type = values.choice(&KEY_TYPES, 0);
    options.codes = values.number().and_then(|number| CODES.get(number).copied());
    let default = HnswParams::default();
    let hnsw = HnswParams {
        m: values.number().map_or(default.m, |m| m as u32),
        ef_construction: values.number().map_or(default.ef_construction, |ef| ef as u32),
    };
    let lists = values.number().unwrap_or(0) as u32;
    let [flat, graph, inverted] = [(); 3].map(|()| values.number() == Some(1));
    let by_rows = !(flat || graph || inverted);
    // Checked at once, even where the number of rows decides later.
    options.hnsw = (graph || by_rows).then_some(hnsw);
    options.ivf = inverted.then_some(IvfParams { lists });
    if let Some(seed) = integer(values.0.read()) {
        options.seed = seed as u64;
    }
    for _ in 0..values.number().unwrap_or(0) {
        let name = values.text();
        options.columns.push(ColumnSchema { name, column_type: values.choice(&COLUMN_TYPES, 3) });
    }
    for _ in 0..values.number().unwrap_or(0) {
        options.properties.push((values.text(), values.text()));
    }
    options.threads = 1;
    Options { index: options, hnsw, by_rows }
}
