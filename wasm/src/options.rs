//! A builder's options, as JSON that `js/builder.js` writes.

use crate::failure::{Failure, Outcome};
use hither::{Codes, ColumnSchema, ColumnType, Element, HnswParams, IndexOptions, IvfParams};
use hither::{KeyType, Metric};
use serde_json::Value as Json;

/// What is to be built, and whether the structure is to be chosen by the number of rows.
pub(crate) struct Options {
    pub(crate) index: IndexOptions,
    pub(crate) hnsw: HnswParams,
    pub(crate) by_rows: bool,
}

const NAMES: [&str; 11] = [
    "dimensions",
    "metric",
    "element",
    "keys",
    "kind",
    "codes",
    "m",
    "efConstruction",
    "lists",
    "columns",
    "properties",
];

fn invalid<T>(name: &str, reason: &str) -> Outcome<T> {
    Err(Failure::new("invalid_parameter", format!("{name}: {reason}")))
}

/// One of `all`, called by the name that `json` says; `default` where it says nothing.
fn one_of<T: Copy>(json: &Json, name: &str, all: &[(&str, T)], default: T) -> Outcome<T> {
    let value = &json[name];
    if value.is_null() {
        return Ok(default);
    }
    match all.iter().find(|(known, _)| value.as_str() == Some(known)) {
        Some((_, found)) => Ok(*found),
        None => {
            let known: Vec<&str> = all.iter().map(|(known, _)| *known).collect();
            invalid(name, &format!("{value} is none of {}", known.join(", ")))
        }
    }
}

fn whole(json: &Json, name: &str, default: u32) -> Outcome<u32> {
    match &json[name] {
        Json::Null => Ok(default),
        value => match value.as_u64().and_then(|number| u32::try_from(number).ok()) {
            Some(number) => Ok(number),
            None => invalid(name, &format!("{value} is no whole number from 0 on")),
        },
    }
}

pub(crate) const METRICS: [(&str, Metric); 4] = [
    ("l2", Metric::L2),
    ("cosine", Metric::Cosine),
    ("ip", Metric::InnerProduct),
    ("l1", Metric::L1),
];

pub(crate) fn read(text: &str) -> Outcome<Options> {
    let json: Json = match serde_json::from_str(text) {
        Ok(json) => json,
        Err(error) => return invalid("options", &error.to_string()),
    };
    let known = |name: &String| NAMES.contains(&name.as_str()) || name == "seed";
    if let Some(name) = json.as_object().and_then(|all| all.keys().find(|name| !known(name))) {
        return invalid(name, &format!("no such option; there are: {}, seed", NAMES.join(", ")));
    }
    let Some(dimensions) = json["dimensions"].as_u64() else {
        return invalid("dimensions", "give the number of values of a vector, 1 to 65,535");
    };
    let metric = one_of(&json, "metric", &METRICS, Metric::Cosine)?;
    let mut options = IndexOptions::new(dimensions as usize, metric);
    let elements = [("f16", Element::F16), ("f32", Element::F32)];
    options.element = one_of(&json, "element", &elements, Element::F16)?;
    let key_types = [KeyType::RowNumber, KeyType::Int64, KeyType::Uuid, KeyType::Text];
    let key_types = key_types.map(|key_type| (key_type.name(), key_type));
    options.key_type = one_of(&json, "keys", &key_types, KeyType::RowNumber)?;
    let codes = [Codes::None, Codes::Sq8, Codes::Sq8Only].map(|codes| (codes.name(), Some(codes)));
    options.codes = one_of(&json, "codes", &codes, None)?;
    let default = HnswParams::default();
    let hnsw = HnswParams {
        m: whole(&json, "m", default.m)?,
        ef_construction: whole(&json, "efConstruction", default.ef_construction)?,
    };
    let lists = whole(&json, "lists", 0)?;
    if json["lists"].as_u64() == Some(0) {
        return invalid("lists", "0 lists hold no rows; leave it out for the default");
    }
    let kinds: Vec<&Json> = match &json["kind"] {
        Json::Null => Vec::new(),
        Json::Array(kinds) => kinds.iter().collect(),
        kind => vec![kind],
    };
    let (mut graph, mut inverted) = (false, false);
    for kind in &kinds {
        match kind.as_str() {
            Some("flat") => {}
            Some("hnsw") => graph = true,
            Some("ivf") => inverted = true,
            _ => return invalid("kind", &format!("{kind} is none of flat, hnsw, ivf")),
        }
    }
    // Checked at once, even where the number of rows decides later.
    options.hnsw = (graph || kinds.is_empty()).then_some(hnsw);
    options.ivf = inverted.then_some(IvfParams { lists });
    for pair in json["columns"].as_array().into_iter().flatten() {
        let (name, type_name) = (pair[0].as_str(), pair[1].as_str());
        let column_type = type_name.and_then(ColumnType::from_name);
        let (Some(name), Some(column_type)) = (name, column_type) else {
            let known = "bool, int64, float64, text, timestamp, uuid, bytes, json";
            return invalid("columns", &format!("the type of {} is none of {known}", pair[0]));
        };
        options.columns.push(ColumnSchema { name: name.into(), column_type });
    }
    for pair in json["properties"].as_array().into_iter().flatten() {
        let (Some(name), Some(value)) = (pair[0].as_str(), pair[1].as_str()) else {
            return invalid("properties", "names and values are strings");
        };
        options.properties.push((name.into(), value.into()));
    }
    match &json["seed"] {
        Json::Null => {}
        value => match value.as_u64() {
            Some(seed) => options.seed = seed,
            None => return invalid("seed", "give a whole number from 0 on"),
        },
    }
    options.threads = 1;
    Ok(Options { index: options, hnsw, by_rows: kinds.is_empty() })
}
