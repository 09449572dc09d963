//! What is in an index, by the names that `js/entries/index.d.ts` has.

use hither::raw::SectionInfo;
use hither::{Calibration, Index, SegmentInfo};
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::JsValue;

/// An object of these entries.
fn object(entries: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in entries {
        // A new object refuses none.
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

/// The information about files that have so many rows together, each given with its index and its bytes;
/// the first says what all have in common.
pub(crate) fn info(first: &Index<'_>, rows: f64, files: &[(&Index<'_>, usize)]) -> JsValue {
    let options = first.options();
    object(&[
        ("rows", rows.into()),
        ("bytes", files.iter().map(|(_, bytes)| bytes).sum::<usize>().into()),
        ("dimensions", first.dimensions().into()),
        ("metric", first.metric().name().into()),
        ("element", options.element.name().into()),
        ("keys", options.key_type.name().into()),
        ("unitLength", files.iter().all(|(index, _)| index.is_unit_length()).into()),
        ("model", or_null(first.property("model"))),
        (
            "columns",
            array(first.columns(), |column| {
                let column_type = column.column_type.name();
                object(&[("name", column.name.as_str().into()), ("type", column_type.into())])
            }),
        ),
        ("files", array(files, |(index, bytes)| file(index, *bytes))),
    ])
}

fn file(index: &Index<'_>, bytes: usize) -> JsValue {
    let (info, options) = (index.info(), index.options());
    // Users choose these names, `__proto__` too: as entries they become properties of the object itself.
    let pair = |(name, value): &(String, String)| {
        Array::of2(&name.as_str().into(), &value.as_str().into()).into()
    };
    let properties = Object::from_entries(&array(&options.properties, pair)).unwrap_or_default();
    object(&[
        ("formatVersion", info.format_version.into()),
        ("contentId", or_null(index.content_id().map(|id| format!("{id:032x}")))),
        ("rows", (index.len() as f64).into()),
        ("bytes", bytes.into()),
        ("m", or_null(options.hnsw.map(|hnsw| hnsw.m))),
        ("efConstruction", or_null(options.hnsw.map(|hnsw| hnsw.ef_construction))),
        ("properties", properties.into()),
        ("segments", array(&info.segments, segment)),
        ("sections", array(info.sections, section)),
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

fn section(section: SectionInfo) -> JsValue {
    object(&[
        ("segment", section.segment.into()),
        ("name", section.name.into()),
        ("column", or_null(section.column)),
        ("offset", (section.offset as f64).into()),
        ("bytes", (section.length as f64).into()),
    ])
}
