//! Reads the options of a builder by their names in JavaScript. `js/options.js` has checked them.

use hither::{ColumnSchema, ColumnType, Element, HnswParams, IndexOptions, IvfParams};
use hither::{KeyType, Metric};
use js_sys::Array;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    /// An object of options. An option that is not given has its default.
    pub type BuilderOptions;

    #[wasm_bindgen(method, getter)]
    fn dimensions(this: &BuilderOptions) -> Option<u32>;
    #[wasm_bindgen(method, getter)]
    fn metric(this: &BuilderOptions) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn element(this: &BuilderOptions) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn keys(this: &BuilderOptions) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn codes(this: &BuilderOptions) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn m(this: &BuilderOptions) -> Option<u32>;
    #[wasm_bindgen(method, getter, js_name = efConstruction)]
    fn ef_construction(this: &BuilderOptions) -> Option<u32>;
    #[wasm_bindgen(method, getter)]
    fn lists(this: &BuilderOptions) -> Option<u32>;
    #[wasm_bindgen(method, getter)]
    fn ranges(this: &BuilderOptions) -> Option<bool>;
    #[wasm_bindgen(method, getter)]
    fn kinds(this: &BuilderOptions) -> Option<Vec<String>>;
    #[wasm_bindgen(method, getter)]
    fn seed(this: &BuilderOptions) -> Option<u64>;
    #[wasm_bindgen(method, getter)]
    fn columns(this: &BuilderOptions) -> Option<Vec<ColumnOptions>>;
    /// Pairs of a name and a value.
    #[wasm_bindgen(method, getter)]
    fn properties(this: &BuilderOptions) -> Option<Vec<Array>>;

    type ColumnOptions;

    #[wasm_bindgen(method, getter)]
    fn name(this: &ColumnOptions) -> String;
    #[wasm_bindgen(method, getter, js_name = type)]
    fn column_type(this: &ColumnOptions) -> String;
}

/// What to build, and whether to choose the structure by the number of rows.
pub(crate) struct Options {
    pub(crate) index: IndexOptions,
    pub(crate) hnsw: HnswParams,
    pub(crate) by_rows: bool,
}

pub(crate) fn read(given: &BuilderOptions) -> Options {
    let kinds = given.kinds().unwrap_or_default();
    let kind = |name| kinds.iter().any(|kind| kind == name);
    let by_rows = kinds.is_empty();
    let default = HnswParams::default();
    let hnsw = HnswParams {
        m: given.m().unwrap_or(default.m),
        ef_construction: given.ef_construction().unwrap_or(default.ef_construction),
    };
    let measured = given.metric().and_then(|name| name.parse().ok()).unwrap_or(Metric::Cosine);
    let mut index = IndexOptions::new(given.dimensions().unwrap_or(0) as usize, measured);
    index.element = given.element().and_then(|name| name.parse().ok()).unwrap_or(Element::F16);
    index.key_type = given.keys().and_then(|name| name.parse().ok()).unwrap_or(KeyType::RowNumber);
    index.codes = given.codes().and_then(|name| name.parse().ok());
    // Checked at once, even where the number of rows decides later.
    index.hnsw = (kind("hnsw") || by_rows).then_some(hnsw);
    index.ivf = kind("ivf").then(|| IvfParams { lists: given.lists().unwrap_or(0) });
    index.ranges = given.ranges().unwrap_or(false);
    if let Some(seed) = given.seed() {
        index.seed = seed;
    }
    for column in given.columns().into_iter().flatten() {
        let column_type = column.column_type().parse().unwrap_or(ColumnType::Text);
        index.columns.push(ColumnSchema { name: column.name(), column_type });
    }
    let text = |pair: &Array, at| pair.get(at).as_string().unwrap_or_default();
    let properties = given.properties().into_iter().flatten();
    index.properties = properties.map(|pair| (text(&pair, 0), text(&pair, 1))).collect();
    index.threads = 1;
    Options { index, hnsw, by_rows }
}
