//! A builder's options, by the names that they have in JavaScript. `js/options.js` has checked them.

use crate::failure::{Failure, Outcome};
use hither::{ColumnSchema, ColumnType, Element, HnswParams, IndexOptions, IvfParams};
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

pub(crate) fn metric(name: &str) -> Option<Metric> {
    name.parse().ok()
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
    index.element = given.element.and_then(|name| name.parse().ok()).unwrap_or(Element::F16);
    index.key_type = given.keys.and_then(|name| name.parse().ok()).unwrap_or(KeyType::RowNumber);
    index.codes = given.codes.and_then(|name| name.parse().ok());
    // Checked at once, even where the number of rows decides later.
    index.hnsw = (kind("hnsw") || by_rows).then_some(hnsw);
    index.ivf = kind("ivf").then_some(IvfParams { lists: given.lists.unwrap_or(0) });
    if let Some(seed) = given.seed {
        index.seed = seed;
    }
    for Column { name, r#type } in given.columns {
        let column_type = r#type.parse().unwrap_or(ColumnType::Text);
        index.columns.push(ColumnSchema { name, column_type });
    }
    index.properties = given.properties;
    index.threads = 1;
    Ok(Options { index, hnsw, by_rows })
}
