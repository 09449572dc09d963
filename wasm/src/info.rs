//! What is in an index, by the names that `js/index.d.ts` has.

use hither::{Calibration, Index};
use serde::Serialize;
use wasm_bindgen::JsValue;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Info<'i> {
    rows: f64,
    bytes: usize,
    dimensions: usize,
    metric: &'static str,
    element: &'static str,
    keys: &'static str,
    unit_length: bool,
    model: Option<&'i str>,
    columns: Vec<Column<'i>>,
    files: Vec<File<'i>>,
}

#[derive(Serialize)]
struct Column<'i> {
    name: &'i str,
    r#type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'i> {
    format_version: u32,
    content_id: Option<String>,
    rows: u64,
    bytes: usize,
    m: Option<u32>,
    ef_construction: Option<u32>,
    properties: &'i [(String, String)],
    segments: Vec<Segment>,
    sections: Vec<Section>,
}

#[derive(Serialize)]
struct Segment {
    rows: u32,
    removed: u32,
    structures: Vec<&'static str>,
    codes: &'static str,
    lists: Option<u32>,
    calibrations: Vec<Points>,
}

#[derive(Serialize)]
struct Points {
    structure: &'static str,
    k: u32,
    queries: u32,
    points: Vec<(u32, f32)>,
    best: Best,
}

#[derive(Serialize)]
struct Best {
    effort: u32,
    recall: f32,
}

#[derive(Serialize)]
struct Section {
    segment: u32,
    name: &'static str,
    column: Option<String>,
    offset: u64,
    bytes: u64,
}

impl<'i> Info<'i> {
    /// Of files with so many rows, each with its index and its bytes; the first says what all have in common.
    pub(crate) fn new(first: &'i Index<'i>, rows: f64, files: &[(&'i Index<'i>, usize)]) -> Self {
        let options = first.options();
        let model = options.properties.iter().find(|(name, _)| name == "model");
        let columns = first.columns().iter();
        Self {
            rows,
            bytes: files.iter().map(|(_, bytes)| bytes).sum(),
            dimensions: first.dimensions(),
            metric: first.metric().name(),
            element: options.element.name(),
            keys: options.key_type.name(),
            unit_length: files.iter().all(|(index, _)| index.is_unit_length()),
            model: model.map(|(_, value)| value.as_str()),
            columns: columns
                .map(|column| Column { name: &column.name, r#type: column.column_type.name() })
                .collect(),
            files: files.iter().map(|(index, bytes)| File::new(index, *bytes)).collect(),
        }
    }

    pub(crate) fn to_js(&self) -> JsValue {
        let serializer = serde_wasm_bindgen::Serializer::new().serialize_missing_as_null(true);
        self.serialize(&serializer).unwrap_or_default()
    }
}

impl<'i> File<'i> {
    fn new(index: &'i Index<'i>, bytes: usize) -> Self {
        let (info, options) = (index.info(), index.options());
        let segments = info.segments.into_iter().map(|segment| Segment {
            rows: segment.rows,
            removed: segment.removed,
            structures: segment.structures.iter().map(|structure| structure.name()).collect(),
            codes: segment.codes.name(),
            lists: segment.lists,
            calibrations: segment.calibrations.into_iter().map(Points::from).collect(),
        });
        let sections = info.sections.into_iter().map(|section| Section {
            segment: section.segment,
            name: section.name,
            column: section.column,
            offset: section.offset,
            bytes: section.length,
        });
        Self {
            format_version: info.format_version,
            content_id: index.content_id().map(|id| format!("{id:032x}")),
            rows: index.len(),
            bytes,
            m: options.hnsw.map(|hnsw| hnsw.m),
            ef_construction: options.hnsw.map(|hnsw| hnsw.ef_construction),
            properties: &options.properties,
            segments: segments.collect(),
            sections: sections.collect(),
        }
    }
}

impl From<Calibration> for Points {
    fn from(calibration: Calibration) -> Self {
        let (effort, recall) = calibration.best();
        Self {
            structure: calibration.structure.name(),
            k: calibration.k,
            queries: calibration.queries,
            best: Best { effort, recall },
            points: calibration.points,
        }
    }
}
