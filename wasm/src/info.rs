//! What is in an index, as JSON in the form of `IndexInfo` in `js/index.d.ts`.

use hither::Index;
use serde_json::{Value as Json, json};

/// One file of an index.
pub(crate) fn file(index: &Index<'_>, bytes: usize) -> Json {
    let (info, options) = (index.info(), index.options());
    let segments = info.segments.iter().map(|segment| {
        let calibrations = segment.calibrations.iter().map(|calibration| {
            json!({
                "structure": calibration.structure.name(),
                "k": calibration.k,
                "queries": calibration.queries,
                "points": calibration.points,
            })
        });
        json!({
            "rows": segment.rows,
            "removed": segment.removed,
            "structures": segment.structures.iter().map(|s| s.name()).collect::<Vec<_>>(),
            "codes": segment.codes.name(),
            "lists": segment.lists,
            "calibrations": calibrations.collect::<Vec<_>>(),
        })
    });
    let sections = info.sections.iter().map(|section| {
        json!({
            "segment": section.segment,
            "name": section.name,
            "column": section.column,
            "offset": section.offset,
            "bytes": section.length,
        })
    });
    let properties = options.properties.iter();
    let properties = properties.map(|(name, value)| (name.clone(), value.clone().into()));
    json!({
        "formatVersion": info.format_version,
        "contentId": index.content_id().map(|id| format!("{id:032x}")),
        "rows": index.len(),
        "bytes": bytes,
        "m": options.hnsw.map(|hnsw| hnsw.m),
        "efConstruction": options.hnsw.map(|hnsw| hnsw.ef_construction),
        "properties": Json::Object(properties.collect()),
        "segments": segments.collect::<Vec<_>>(),
        "sections": sections.collect::<Vec<_>>(),
    })
}

/// An index of these files, of which `first` tells what they have in common.
pub(crate) fn index(first: &Index<'_>, files: Vec<Json>, unit_length: bool) -> Json {
    let sum = |name: &str| files.iter().filter_map(|file| file[name].as_u64()).sum::<u64>();
    let columns = first.columns().iter();
    let columns = columns.map(|c| json!({ "name": c.name, "type": c.column_type.name() }));
    let properties = &first.options().properties;
    let model = properties.iter().find(|(name, _)| name == "model").map(|(_, value)| value);
    json!({
        "rows": sum("rows"),
        "bytes": sum("bytes"),
        "dimensions": first.dimensions(),
        "metric": first.metric().name(),
        "element": first.options().element.name(),
        "keys": first.options().key_type.name(),
        "unitLength": unit_length,
        "model": model,
        "columns": columns.collect::<Vec<_>>(),
        "files": files,
    })
}
