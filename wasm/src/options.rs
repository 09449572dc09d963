//! A builder's options, as JSON that `js/builder.js` makes.

use crate::failure::{Failure, Outcome};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use hither::{Codes, ColumnSchema, ColumnType, Element, HnswParams, IndexOptions, IvfParams};
use hither::{Json, KeyType, Metric};

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

/// What an object says under a name; null if nothing.
fn field<'j>(json: &'j Json, name: &str) -> &'j Json {
    match json {
        Json::Object(entries) => {
            entries.iter().find(|entry| entry.0 == name).map_or(&Json::Null, |entry| &entry.1)
        }
        _ => &Json::Null,
    }
}

fn items(json: &Json) -> &[Json] {
    if let Json::Array(items) = json { items } else { &[] }
}

fn text(json: Option<&Json>) -> Option<&str> {
    if let Some(Json::Text(text)) = json { Some(text) } else { None }
}

/// A value as messages show it.
fn shown(json: &Json) -> String {
    match json {
        Json::Null => "null".into(),
        Json::Bool(value) => format!("{value}"),
        Json::Int64(number) => format!("{number}"),
        Json::Float64(_) => "a fraction".into(),
        Json::Text(text) => format!("\"{text}\""),
        _ => "an object".into(),
    }
}

/// One of `all`, called by the name that `json` says; `default` where it says nothing.
fn one_of<T: Copy>(json: &Json, name: &str, all: &[(&str, T)], default: T) -> Outcome<T> {
    let value = field(json, name);
    if *value == Json::Null {
        return Ok(default);
    }
    match all.iter().find(|(known, _)| text(Some(value)) == Some(known)) {
        Some((_, found)) => Ok(*found),
        None => {
            let known: Vec<&str> = all.iter().map(|(known, _)| *known).collect();
            invalid(name, &format!("{} is none of {}", shown(value), known.join(", ")))
        }
    }
}

fn whole(json: &Json, name: &str, default: u32) -> Outcome<u32> {
    let value = field(json, name);
    match value {
        Json::Null => Ok(default),
        Json::Int64(number) if u32::try_from(*number).is_ok() => Ok(*number as u32),
        _ => invalid(name, &format!("{} is no whole number from 0 on", shown(value))),
    }
}

pub(crate) const METRICS: [(&str, Metric); 4] = [
    ("l2", Metric::L2),
    ("cosine", Metric::Cosine),
    ("ip", Metric::InnerProduct),
    ("l1", Metric::L1),
];

pub(crate) fn read(json: &Json) -> Outcome<Options> {
    let Json::Object(entries) = json else { return invalid("options", "give an object") };
    let unknown = |name: &&String| !NAMES.contains(&name.as_str()) && *name != "seed";
    if let Some(name) = entries.iter().map(|(name, _)| name).find(unknown) {
        return invalid(name, &format!("no such option; there are: {}, seed", NAMES.join(", ")));
    }
    let dimensions = match field(json, "dimensions") {
        Json::Int64(dimensions) if *dimensions >= 0 => *dimensions,
        _ => return invalid("dimensions", "give the number of values of a vector, 1 to 65,535"),
    };
    let metric = one_of(json, "metric", &METRICS, Metric::Cosine)?;
    let mut options = IndexOptions::new(dimensions as usize, metric);
    let elements = [("f16", Element::F16), ("f32", Element::F32)];
    options.element = one_of(json, "element", &elements, Element::F16)?;
    let key_types = [KeyType::RowNumber, KeyType::Int64, KeyType::Uuid, KeyType::Text];
    let key_types = key_types.map(|key_type| (key_type.name(), key_type));
    options.key_type = one_of(json, "keys", &key_types, KeyType::RowNumber)?;
    let codes = [Codes::None, Codes::Sq8, Codes::Sq8Only].map(|codes| (codes.name(), Some(codes)));
    options.codes = one_of(json, "codes", &codes, None)?;
    let default = HnswParams::default();
    let hnsw = HnswParams {
        m: whole(json, "m", default.m)?,
        ef_construction: whole(json, "efConstruction", default.ef_construction)?,
    };
    let lists = whole(json, "lists", 0)?;
    if *field(json, "lists") == Json::Int64(0) {
        return invalid("lists", "0 lists hold no rows; leave it out for the default");
    }
    let kinds = match field(json, "kind") {
        Json::Null => &[],
        Json::Array(kinds) => &kinds[..],
        kind => core::slice::from_ref(kind),
    };
    let (mut graph, mut inverted) = (false, false);
    for kind in kinds {
        match text(Some(kind)) {
            Some("flat") => {}
            Some("hnsw") => graph = true,
            Some("ivf") => inverted = true,
            _ => return invalid("kind", &format!("{} is none of flat, hnsw, ivf", shown(kind))),
        }
    }
    // Checked at once, even where the number of rows decides later.
    options.hnsw = (graph || kinds.is_empty()).then_some(hnsw);
    options.ivf = inverted.then_some(IvfParams { lists });
    for pair in items(field(json, "columns")).iter().map(items) {
        let (name, type_name) = (text(pair.first()), text(pair.get(1)));
        let column_type = type_name.and_then(ColumnType::from_name);
        let (Some(name), Some(column_type)) = (name, column_type) else {
            let known = "bool, int64, float64, text, timestamp, uuid, bytes, json";
            return invalid(
                "columns",
                &format!("the type of {} is none of {known}", shown(&pair[0])),
            );
        };
        options.columns.push(ColumnSchema { name: name.into(), column_type });
    }
    for pair in items(field(json, "properties")).iter().map(items) {
        let (Some(name), Some(value)) = (text(pair.first()), text(pair.get(1))) else {
            return invalid("properties", "names and values are strings");
        };
        options.properties.push((name.into(), value.into()));
    }
    match field(json, "seed") {
        Json::Null => {}
        Json::Int64(seed) => options.seed = *seed as u64,
        _ => return invalid("seed", "give a whole number from 0 on"),
    }
    options.threads = 1;
    Ok(Options { index: options, hnsw, by_rows: kinds.is_empty() })
}
