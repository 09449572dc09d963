//! What EXPLAIN says of a scan.

use crate::scan::Scan;
use pgrx::pg_sys;
use std::ffi::CString;

/// Writes the properties of a scan.
///
/// # Safety
/// `state` is the explain state that Postgres gave.
pub unsafe fn explain(scan: &mut Scan, state: *mut pg_sys::ExplainState) {
    let text = |label: &str, value: &str| {
        let label = CString::new(label).unwrap_or_default();
        let value = CString::new(value.replace('\0', "")).unwrap_or_default();
        // SAFETY: the caller's promise; both texts are copied.
        unsafe { pg_sys::ExplainPropertyText(label.as_ptr(), value.as_ptr(), state) };
    };
    let integer = |label: &str, value: u64| {
        let label = CString::new(label).unwrap_or_default();
        // SAFETY: as above.
        unsafe {
            pg_sys::ExplainPropertyInteger(label.as_ptr(), std::ptr::null(), value as i64, state);
        }
    };
    let index = scan.table.index();
    if let Some(metric) = scan.private.metric {
        let info = index.info();
        let structure = info.segments.first().and_then(|segment| segment.structures.first());
        let how = match structure {
            Some(structure) if !scan.private.exact => {
                format!("{}, {}", structure.name(), scan.table.effort.describe(*structure))
            }
            Some(_) => "exact: there is no LIMIT".into(),
            None => "exact: the file has no structure".into(),
        };
        text("Index Search", &format!("{how}, by {}", metric.operator()));
    }
    integer("Shards", scan.table.shards.len() as u64);
    if scan.filters() > 0 {
        integer("Pushed Filters", scan.filters() as u64);
    }
    for reason in &scan.reasons {
        text("Not Pushed", reason);
    }
    scan.note_stats();
    // SAFETY: the caller's promise.
    if unsafe { (*state).analyze }
        && let Some(stats) = scan.stats
    {
        integer("Codes Compared", stats.visited);
        integer("Vectors Compared", stats.compared);
        integer("Late Rows", stats.dropped);
    }
}
