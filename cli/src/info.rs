//! `hither info`: describes an index file.

use crate::failure::Failure;
use crate::opened;
use crate::recall::{self, RecallReport};
use crate::show;
use clap::Args;
use hither::raw::SectionInfo;
use hither::{Codes, ColumnType, Element, Index, KeyType, Metric, SegmentInfo, Structure};
use serde::Serialize;
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
        let json = serde_json::to_string_pretty(&File::new(index, file.len()))?;
        show::print(&(show::printable_json(&json) + "\n"))
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

/// The description, for `--json`.
#[derive(Serialize)]
struct File<'i> {
    format_version: u32,
    content_id: Option<String>,
    rows: u64,
    dimensions: usize,
    metric: Metric,
    element: Element,
    keys: KeyType,
    unit_length: bool,
    bytes: u64,
    bytes_per_vector: f64,
    parameters: Parameters,
    columns: Vec<Column<'i>>,
    properties: serde_json::Map<String, serde_json::Value>,
    segments: Vec<Segment>,
    sections: Vec<Section>,
}

#[derive(Serialize)]
struct Parameters {
    m: Option<u32>,
    ef_construction: Option<u32>,
    seed: u64,
}

#[derive(Serialize)]
struct Column<'i> {
    name: &'i str,
    #[serde(rename = "type")]
    column_type: ColumnType,
}

#[derive(Serialize)]
struct Segment {
    rows: u32,
    removed: u32,
    structures: Vec<Structure>,
    codes: Codes,
    lists: Option<u32>,
    calibrations: Vec<RecallReport>,
}

#[derive(Serialize)]
struct Section {
    segment: u32,
    name: &'static str,
    column: Option<String>,
    offset: u64,
    bytes: u64,
}

impl<'i> File<'i> {
    fn new(index: &'i Index<'_>, bytes: u64) -> Self {
        let (info, options) = (index.info(), index.options());
        let columns = index.columns().iter();
        let properties = options.properties.iter();
        Self {
            format_version: info.format_version,
            content_id: index.content_id().map(|id| format!("{id:032x}")),
            rows: index.len(),
            dimensions: index.dimensions(),
            metric: index.metric(),
            element: options.element,
            keys: options.key_type,
            unit_length: index.is_unit_length(),
            bytes,
            bytes_per_vector: bytes_per_vector(index, bytes),
            parameters: Parameters {
                m: options.hnsw.map(|hnsw| hnsw.m),
                ef_construction: options.hnsw.map(|hnsw| hnsw.ef_construction),
                seed: options.seed,
            },
            columns: columns
                .map(|column| Column { name: &column.name, column_type: column.column_type })
                .collect(),
            properties: properties
                .map(|(name, value)| (name.clone(), value.clone().into()))
                .collect(),
            segments: info.segments.into_iter().map(Segment::from).collect(),
            sections: info.sections.into_iter().map(Section::from).collect(),
        }
    }
}

impl From<SegmentInfo> for Segment {
    fn from(segment: SegmentInfo) -> Self {
        let SegmentInfo { rows, removed, structures, codes, lists, calibrations } = segment;
        let calibrations = recall::reached(&calibrations);
        Self { rows, removed, structures, codes, lists, calibrations }
    }
}

impl From<SectionInfo> for Section {
    fn from(section: SectionInfo) -> Self {
        let SectionInfo { segment, column, name, offset, length } = section;
        Self { segment, name, column, offset, bytes: length }
    }
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
            let setting = calibration.structure.effort_name().unwrap_or_default();
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
