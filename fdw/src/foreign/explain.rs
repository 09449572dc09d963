//! EXPLAIN's output for a scan.

use crate::foreign::files::Contents;
use crate::foreign::plan::ExactReason;
use crate::foreign::scan::Scan;
use crate::foreign::shortfall::RecallShortfall;
use crate::search::iterative::FIRST_BATCH;
use crate::sql::explain::Properties;
use hither_core::Metric;
use pgrx::pg_sys;

/// Prints the properties of a scan.
///
/// # Safety
/// `state` is the explain state that Postgres passed.
pub unsafe fn explain(scan: &mut Scan, state: *mut pg_sys::ExplainState) {
    // SAFETY: the caller's promise.
    let properties = unsafe { Properties::new(state) };
    if scan.private.count {
        properties.text("Count Of", &scan.relation_name());
    }
    if let Some(metric) = scan.private.metric {
        search(scan, metric, &properties);
        recall(scan, &properties);
    }
    properties.integer("Shards", scan.table.contents.len() as u64);
    if scan.table.contents.is_ranges() {
        properties.text("Fetch", "range");
    }
    if scan.filters() > 0 {
        properties.integer("Pushed Filters", scan.filters() as u64);
    }
    if !scan.reasons.is_empty() {
        properties.texts("Not Pushed", &scan.reasons);
    }
    scan.note_stats();
    // SAFETY: the caller's promise.
    if !unsafe { (*state).analyze } {
        return;
    }
    if let Some(stats) = scan.stats {
        properties.integer("Codes Compared", stats.visited);
        properties.integer("Vectors Compared", stats.compared);
        properties.integer("Late Rows", stats.dropped);
    }
    if let Contents::Ranges(files) = &scan.table.contents {
        let traffic = files.traffic();
        properties.integer("Range Requests", traffic.requests);
        properties.integer("Range Bytes", traffic.bytes);
        properties.integer("Round Trips", traffic.round_trips);
    }
}

/// Prints how the nearest rows are found.
fn search(scan: &Scan, metric: Metric, properties: &Properties) {
    let exact = scan.exact.unwrap_or_else(|| scan.exactness(None));
    let effort = scan.table.effort;
    let structure = match &scan.table.contents {
        Contents::Whole(shards) => {
            let info = shards.first().map(|shard| shard.file.index().info());
            let segment = info.and_then(|info| info.segments.into_iter().next());
            let structure = segment.and_then(|segment| segment.structures.into_iter().next());
            structure.map(|structure| (structure.name(), effort.describe(structure)))
        }
        Contents::Ranges(_) => Some(("ranges", effort.describe_ranges())),
    };
    let (structure, how) = match structure {
        Some(structure) if exact == ExactReason::No => structure,
        Some(_) => ("exact", exact.reason().into()),
        None => ("exact", "the file has no structure".into()),
    };
    let operator = metric.operator();
    let within = if scan.private.radius { ", within a radius" } else { "" };
    if properties.is_text() {
        let colon = if structure == "exact" { ":" } else { "," };
        let text = format!("{structure}{colon} {how}, by {operator}{within}");
        return properties.text("Index Search", &text);
    }
    properties.text("Index Search", structure);
    let label = if structure == "exact" { "Exact Because" } else { "Search Setting" };
    properties.text(label, &how);
    properties.text("Distance Operator", operator);
    properties.bool("Radius", scan.private.radius);
}

/// Prints the recall that the calibration reached, if it is lower than wanted.
fn recall(scan: &Scan, properties: &Properties) {
    if scan.exact.unwrap_or_else(|| scan.exactness(None)) != ExactReason::No {
        return;
    }
    let k = usize::try_from(scan.private.limit).ok().filter(|limit| *limit > 0);
    let Some(unreached) = RecallShortfall::of(&scan.table, k.unwrap_or(FIRST_BATCH)) else {
        return;
    };
    if properties.is_text() {
        return properties.text("Recall Reached", &unreached.describe());
    }
    properties.float("Recall Reached", unreached.best().into());
}
