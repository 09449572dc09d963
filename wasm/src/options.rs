//! A builder's options, by the names that they have in JavaScript. `js/options.js` has checked them.

use crate::failure::{Failure, Outcome};
use hither::{Codes, ColumnSchema, ColumnType, Element, HnswParams, IndexOptions, IvfParams};
use hither::{KeyType, Metric};
use serde::Deserialize;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    /// An object of options.
    pub type BuilderOptions;
}

/// What is not given has its default.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    dimensions: usize,
    metric: Option<String>,
    element: Option<String>,
    keys: Option<String>,
    codes: Option<String>,
    m: Option<u32>,
    ef_construction: Option<u32>,
    lists: Option<u32>,
    kinds: Vec<String>,
    seed: Option<u64>,
    columns: Vec<Column>,
    properties: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
    r#type: String,
}

/// What is to be built, and whether the structure is to be chosen by the number of rows.
pub(crate) struct Options {
    pub(crate) index: IndexOptions,
    pub(crate) hnsw: HnswParams,
    pub(crate) by_rows: bool,
}

const METRICS: [Metric; 4] = [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1];
const ELEMENTS: [Element; 2] = [Element::F16, Element::F32];
const KEY_TYPES: [KeyType; 4] = [KeyType::RowNumber, KeyType::Int64, KeyType::Uuid, KeyType::Text];
const CODES: [Codes; 4] = [Codes::None, Codes::Sq8, Codes::Sq8Only, Codes::Sq4];

pub(crate) fn metric(name: &str) -> Option<Metric> {
    METRICS.into_iter().find(|metric| metric.name() == name)
}

pub(crate) fn read(options: &BuilderOptions) -> Outcome<Options> {
    let given: Given = serde_wasm_bindgen::from_value(options.into())
        .map_err(|error| Failure::new("invalid_parameter", error.to_string()))?;
    let kind = |name| given.kinds.iter().any(|kind| kind == name);
    let by_rows = given.kinds.is_empty();
    let default = HnswParams::default();
    let hnsw = HnswParams {
        m: given.m.unwrap_or(default.m),
        ef_construction: given.ef_construction.unwrap_or(default.ef_construction),
    };
    let measured = given.metric.as_deref().and_then(metric).unwrap_or(Metric::Cosine);
    let mut index = IndexOptions::new(given.dimensions, measured);
    let element = |name| ELEMENTS.into_iter().find(|element| element.name() == name);
    index.element = given.element.as_deref().and_then(element).unwrap_or(Element::F16);
    let key_type = |name| KEY_TYPES.into_iter().find(|key_type| key_type.name() == name);
    index.key_type = given.keys.as_deref().and_then(key_type).unwrap_or(KeyType::RowNumber);
    let codes = |name| CODES.into_iter().find(|codes| codes.name() == name);
    index.codes = given.codes.as_deref().and_then(codes);
    // Checked at once, even where the number of rows decides later.
    index.hnsw = (kind("hnsw") || by_rows).then_some(hnsw);
    index.ivf = kind("ivf").then_some(IvfParams { lists: given.lists.unwrap_or(0) });
    if let Some(seed) = given.seed {
        index.seed = seed;
    }
    for Column { name, r#type } in given.columns {
        let column_type = ColumnType::from_name(&r#type).unwrap_or(ColumnType::Text);
        index.columns.push(ColumnSchema { name, column_type });
    }
    index.properties = given.properties;
    index.threads = 1;
    Ok(Options { index, hnsw, by_rows })
}
