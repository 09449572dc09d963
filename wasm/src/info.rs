//! Describes an index by the names that `js/entries/index.d.ts` has.

use crate::failure::{Failure, Outcome};
use hither::raw::SectionInfo;
use hither::{Calibration, IndexInfo, IndexOptions, SegmentInfo};
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::JsValue;

/// An object with these entries.
fn object(entries: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in entries {
        // A new object refuses no property.
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object.into()
}

fn array<T>(values: impl IntoIterator<Item = T>, each: impl Fn(T) -> JsValue) -> JsValue {
    let array = Array::new();
    values.into_iter().for_each(|value| {
        array.push(&each(value));
    });
    array.into()
}

fn or_null<T: Into<JsValue>>(value: Option<T>) -> JsValue {
    value.map_or(JsValue::NULL, Into::into)
}

/// What is known of a file.
pub(crate) struct FileInfo<'a> {
    pub options: &'a IndexOptions,
    pub info: IndexInfo,
    pub content_id: Option<u128>,
    pub unit_length: bool,
    pub rows: u64,
    pub bytes: u64,
}

/// A file's property `model`.
pub(crate) fn model(options: &IndexOptions) -> Option<&str> {
    let mut properties = options.properties.iter();
    properties.find(|property| property.0 == "model").map(|property| property.1.as_str())
}

/// Refuses a file of another model than the wanted one, if one is wanted.
pub(crate) fn check_model(made: Option<&str>, wanted: Option<&str>) -> Outcome<()> {
    let Some(wanted) = wanted.filter(|wanted| made != Some(*wanted)) else { return Ok(()) };
    let made = made.map_or("does not say its model".into(), |made| format!("is of {made}"));
    let message = format!(
        "the file {made}, and vectors of {wanted} mean nothing to it; build it from that model, with the property model={wanted}"
    );
    Err(Failure::new("wrong_model", message))
}

/// The information about files with `rows` rows together; the first file says what all have in common.
pub(crate) fn info(rows: f64, files: &[FileInfo<'_>]) -> JsValue {
    let [FileInfo { options, .. }, ..] = files else { return JsValue::NULL };
    object(&[
        ("rows", rows.into()),
        ("bytes", (files.iter().map(|file| file.bytes).sum::<u64>() as f64).into()),
        ("dimensions", options.dimensions.into()),
        ("metric", options.metric.name().into()),
        ("element", options.element.name().into()),
        ("keys", options.key_type.name().into()),
        ("unitLength", files.iter().all(|file| file.unit_length).into()),
        ("model", or_null(model(options))),
        (
            "columns",
            array(&options.columns, |column| {
                let column_type = column.column_type.name();
                object(&[("name", column.name.as_str().into()), ("type", column_type.into())])
            }),
        ),
        ("files", array(files, file)),
    ])
}

fn file(file: &FileInfo<'_>) -> JsValue {
    let (info, options) = (&file.info, file.options);
    // Users choose these names, even `__proto__`: made from entries, they are properties of the object itself.
    let pair = |(name, value): &(String, String)| {
        Array::of2(&name.as_str().into(), &value.as_str().into()).into()
    };
    let properties = Object::from_entries(&array(&options.properties, pair)).unwrap_or_default();
    object(&[
        ("formatVersion", info.format_version.into()),
        ("contentId", or_null(file.content_id.map(|id| format!("{id:032x}")))),
        ("rows", (file.rows as f64).into()),
        ("bytes", (file.bytes as f64).into()),
        ("m", or_null(options.hnsw.map(|hnsw| hnsw.m))),
        ("efConstruction", or_null(options.hnsw.map(|hnsw| hnsw.ef_construction))),
        ("properties", properties.into()),
        ("segments", array(&info.segments, segment)),
        ("sections", array(&info.sections, section)),
    ])
}

fn segment(segment: &SegmentInfo) -> JsValue {
    object(&[
        ("rows", segment.rows.into()),
        ("removed", segment.removed.into()),
        ("structures", array(&segment.structures, |structure| structure.name().into())),
        ("codes", segment.codes.name().into()),
        ("lists", or_null(segment.lists)),
        ("calibrations", array(&segment.calibrations, calibration)),
    ])
}

fn calibration(calibration: &Calibration) -> JsValue {
    let (effort, recall) = calibration.best();
    let point =
        |(effort, recall): &(u32, f32)| Array::of2(&(*effort).into(), &(*recall).into()).into();
    object(&[
        ("structure", calibration.structure.name().into()),
        ("k", calibration.k.into()),
        ("queries", calibration.queries.into()),
        ("points", array(&calibration.points, point)),
        ("best", object(&[("effort", effort.into()), ("recall", recall.into())])),
    ])
}

fn section(section: &SectionInfo) -> JsValue {
    object(&[
        ("segment", section.segment.into()),
        ("name", section.name.into()),
        ("column", or_null(section.column.as_deref())),
        ("offset", (section.offset as f64).into()),
        ("bytes", (section.length as f64).into()),
    ])
}
