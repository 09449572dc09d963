//! `hither info`: what is in an index file.

use crate::failure::Failure;
use crate::opened;
use crate::recall;
use crate::show;
use clap::Args;
use hither::Index;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;

/// Tell what is in an index file.
#[derive(Args)]
pub struct Arguments {
    /// The index file.
    file: PathBuf,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let file = opened::open(&arguments.file)?;
    let index = file.index();
    if arguments.json {
        let json = format!("{:#}\n", as_json(index, file.len()));
        show::print(&show::printable_json(&json))
    } else {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = as_text(&mut text, index, file.len());
        show::print(&text)
    }
}

fn bytes_per_vector(index: &Index<'_>, bytes: u64) -> f64 {
    bytes as f64 / index.len().max(1) as f64
}

fn as_json(index: &Index<'_>, bytes: u64) -> serde_json::Value {
    let info = index.info();
    let options = index.options();
    let segments = info.segments.iter().map(|segment| {
        json!({
            "rows": segment.rows,
            "removed": segment.removed,
            "structures": segment.structures.iter().map(|s| s.name()).collect::<Vec<_>>(),
            "codes": segment.codes.name(),
            "lists": segment.lists,
            "calibrations": recall::as_json(&segment.calibrations),
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
    let columns = index.columns().iter();
    let columns = columns.map(|c| json!({ "name": c.name, "type": c.column_type.name() }));
    let properties = options.properties.iter();
    let properties = properties.map(|(name, value)| (name.clone(), value.clone().into()));
    json!({
        "format_version": info.format_version,
        "content_id": index.content_id().map(|id| format!("{id:032x}")),
        "rows": index.len(),
        "dimensions": index.dimensions(),
        "metric": index.metric().name(),
        "element": options.element.name(),
        "keys": options.key_type.name(),
        "unit_length": index.is_unit_length(),
        "bytes": bytes,
        "bytes_per_vector": bytes_per_vector(index, bytes),
        "parameters": {
            "m": options.hnsw.map(|hnsw| hnsw.m),
            "ef_construction": options.hnsw.map(|hnsw| hnsw.ef_construction),
            "seed": options.seed,
        },
        "columns": columns.collect::<Vec<_>>(),
        "properties": serde_json::Value::Object(properties.collect()),
        "segments": segments.collect::<Vec<_>>(),
        "sections": sections.collect::<Vec<_>>(),
    })
}

fn as_text(text: &mut String, index: &Index<'_>, bytes: u64) -> std::fmt::Result {
    let info = index.info();
    let options = index.options();
    let unit = if index.is_unit_length() { ", all of unit length" } else { "" };
    writeln!(
        text,
        "rows        {} of {} dimensions{unit}",
        show::count(index.len()),
        index.dimensions()
    )?;
    writeln!(text, "metric      {} ({})", index.metric().name(), index.metric().operator())?;
    writeln!(text, "element     {}", options.element.name())?;
    writeln!(text, "keys        {}", options.key_type.name())?;
    let each = bytes_per_vector(index, bytes);
    writeln!(text, "size        {} ({each:.0} bytes per vector)", show::bytes(bytes))?;
    let id = index.content_id().unwrap_or_default();
    writeln!(text, "format      version {}, content {id:032x}", info.format_version)?;
    if let Some(hnsw) = options.hnsw {
        writeln!(
            text,
            "hnsw        m {}, ef_construction {}, seed {}",
            hnsw.m, hnsw.ef_construction, options.seed
        )?;
    }
    for (name, value) in &options.properties {
        writeln!(text, "{:<11} {}", show::printable(name), show::printable(value))?;
    }
    for column in index.columns() {
        let (name, kind) = (show::printable(&column.name), column.column_type.name());
        writeln!(text, "column      {name} {kind}")?;
    }
    for (number, segment) in info.segments.iter().enumerate() {
        let structures: Vec<&str> = segment.structures.iter().map(|s| s.name()).collect();
        let structures = if structures.is_empty() { "flat".into() } else { structures.join(", ") };
        write!(
            text,
            "\nsegment {number}   {} rows, {structures}, codes {}",
            show::count(segment.rows.into()),
            segment.codes.name()
        )?;
        if let Some(lists) = segment.lists {
            write!(text, ", {lists} lists")?;
        }
        if segment.removed > 0 {
            write!(text, ", {} removed", show::count(segment.removed.into()))?;
        }
        writeln!(text)?;
        for calibration in &segment.calibrations {
            let setting =
                if calibration.structure.name() == "ivf" { "probes" } else { "ef_search" };
            write!(text, "  {setting} for recall@{}:", calibration.k)?;
            for recall in [0.9, 0.95, 0.98, 0.99] {
                if recall > calibration.best().1 {
                    write!(text, "  {recall} not reached, best {}", recall::best(calibration))?;
                    break;
                }
                write!(text, "  {recall} at {}", calibration.effort(recall))?;
            }
            writeln!(text, "  ({} held-out queries)", calibration.queries)?;
        }
    }
    writeln!(text, "\n{:>14} {:>14}  section", "offset", "bytes")?;
    for section in &info.sections {
        let (offset, length) = (show::count(section.offset), show::count(section.length));
        write!(text, "{offset:>14} {length:>14}  {}", section.name)?;
        if let Some(column) = &section.column {
            write!(text, " \"{}\"", show::printable(column))?;
        }
        writeln!(text)?;
    }
    Ok(())
}
