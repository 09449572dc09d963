//! What EXPLAIN says of a scan.

use crate::foreign::plan::Exact;
use crate::foreign::scan::Scan;
use crate::foreign::shortfall::RecallShortfall;
use crate::search::iterative::FIRST_BATCH;
use crate::sql::explain::Properties;
use hither_core::Metric;
use pgrx::pg_sys;

/// Writes the properties of a scan.
///
/// # Safety
/// `state` is the explain state that Postgres gave.
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
    properties.integer("Shards", scan.table.shards.len() as u64);
    if scan.filters() > 0 {
        properties.integer("Pushed Filters", scan.filters() as u64);
    }
    if !scan.reasons.is_empty() {
        properties.texts("Not Pushed", &scan.reasons);
    }
    scan.note_stats();
    // SAFETY: the caller's promise.
    if unsafe { (*state).analyze }
        && let Some(stats) = scan.stats
    {
        properties.integer("Codes Compared", stats.visited);
        properties.integer("Vectors Compared", stats.compared);
        properties.integer("Late Rows", stats.dropped);
    }
}

/// How the nearest rows are found.
fn search(scan: &Scan, metric: Metric, properties: &Properties) {
    let info = scan.table.index().info();
    let structure = info.segments.first().and_then(|segment| segment.structures.first());
    let exact = scan.exact.unwrap_or_else(|| scan.exactness(None));
    let (structure, how) = match structure {
        Some(structure) if exact == Exact::No => {
            (structure.name(), scan.table.effort.describe(*structure))
        }
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

/// The recall that the calibration reached, where more is wanted.
fn recall(scan: &Scan, properties: &Properties) {
    if scan.exact.unwrap_or_else(|| scan.exactness(None)) != Exact::No {
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
