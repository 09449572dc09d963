//! What is in an index, as JSON in the form of `IndexInfo` in `js/index.d.ts`; but the recall of a
//! calibration's points is given by the bits of its f32.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use hither::{Index, Structure};

fn object(entries: &[(&str, String)]) -> String {
    let entries: Vec<String> =
        entries.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", entries.join(","))
}

fn array(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    format!("[{}]", items.join(","))
}

fn text(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            '\0'..' ' => json.push_str(&format!("\\u{:04x}", c as u32)),
            _ => json.push(c),
        }
    }
    json.push('"');
    json
}

fn number(number: impl Into<u64>) -> String {
    number.into().to_string()
}

fn optional(json: Option<String>) -> String {
    json.unwrap_or_else(|| "null".into())
}

/// One file of an index; with how many rows it has.
pub(crate) fn file(index: &Index<'_>, bytes: usize) -> String {
    let (info, options) = (index.info(), index.options());
    let segments = info.segments.iter().map(|segment| {
        let calibrations = segment.calibrations.iter().map(|calibration| {
            let points = calibration.points.iter();
            object(&[
                ("structure", text(calibration.structure.name())),
                ("k", number(calibration.k)),
                ("queries", number(calibration.queries)),
                (
                    "points",
                    array(
                        points.map(|(effort, recall)| format!("[{effort},{}]", recall.to_bits())),
                    ),
                ),
            ])
        });
        let structures = segment.structures.iter().copied().map(Structure::name);
        object(&[
            ("rows", number(segment.rows)),
            ("removed", number(segment.removed)),
            ("structures", array(structures.map(text))),
            ("codes", text(segment.codes.name())),
            ("lists", optional(segment.lists.map(number))),
            ("calibrations", array(calibrations)),
        ])
    });
    let sections = info.sections.iter().map(|section| {
        object(&[
            ("segment", number(section.segment)),
            ("name", text(section.name)),
            ("column", optional(section.column.as_deref().map(text))),
            ("offset", number(section.offset)),
            ("bytes", number(section.length)),
        ])
    });
    let properties =
        options.properties.iter().map(|(name, value)| format!("{}:{}", text(name), text(value)));
    let properties: Vec<String> = properties.collect();
    object(&[
        ("formatVersion", number(info.format_version)),
        ("contentId", optional(index.content_id().map(|id| format!("\"{id:032x}\"")))),
        ("rows", number(index.len())),
        ("bytes", number(bytes as u64)),
        ("m", optional(options.hnsw.map(|hnsw| number(hnsw.m)))),
        ("efConstruction", optional(options.hnsw.map(|hnsw| number(hnsw.ef_construction)))),
        ("properties", format!("{{{}}}", properties.join(","))),
        ("segments", array(segments)),
        ("sections", array(sections)),
    ])
}

/// An index of these files, of which `first` tells what they have in common.
pub(crate) fn index(first: &Index<'_>, files: &[String], unit_length: bool) -> String {
    let columns = first.columns().iter().map(|column| {
        object(&[("name", text(&column.name)), ("type", text(column.column_type.name()))])
    });
    let properties = &first.options().properties;
    let model = properties.iter().find(|(name, _)| name == "model").map(|(_, value)| text(value));
    object(&[
        ("dimensions", number(first.dimensions() as u64)),
        ("metric", text(first.metric().name())),
        ("element", text(first.options().element.name())),
        ("keys", text(first.options().key_type.name())),
        ("unitLength", unit_length.to_string()),
        ("model", optional(model)),
        ("columns", array(columns)),
        ("files", format!("[{}]", files.join(","))),
    ])
}
