//! What the calibrations in a file reached, for people and programs.

use hither::{Calibration, Index, Structure};
use serde_json::{Value as Json, json};

/// A build says so where its structures did not reach this recall.
const EXPECTED: f32 = 0.99;

/// Lines for a build whose structures do not reach what is mostly expected of them.
pub fn warnings(index: &Index<'_>) -> Vec<String> {
    let segments = index.info().segments;
    let calibrations = segments.iter().flat_map(|segment| &segment.calibrations);
    let unreached = calibrations.filter(|calibration| calibration.best().1 < EXPECTED);
    unreached
        .map(|calibration| {
            format!(
                "warning: {} did not reach recall@{} {EXPECTED} on these rows: {} was the best; \
                 a greater --m, other --codes or another --kind may; search --exact scans all rows",
                calibration.structure.name(),
                calibration.k,
                best(calibration),
            )
        })
        .collect()
}

/// A line for a search that wanted more than the calibration reached.
pub fn unreached(wanted: f32, calibration: &Calibration) -> String {
    format!(
        "warning: recall {wanted} was not reached when the file was built: {} was the best; \
         --exact scans all rows",
        best(calibration)
    )
}

/// The highest recall that was measured, and where.
pub fn best(calibration: &Calibration) -> String {
    let (effort, recall) = calibration.best();
    let setting = match calibration.structure {
        Structure::Ivf => "probes",
        _ => "ef_search",
    };
    format!("{} at {setting} {effort}", rounded_down(recall))
}

/// The calibrations as JSON, each with the best that it reached.
pub fn as_json(calibrations: &[Calibration]) -> Json {
    let calibrations = calibrations.iter().map(|calibration| {
        let (effort, recall) = calibration.best();
        json!({
            "structure": calibration.structure.name(),
            "k": calibration.k,
            "queries": calibration.queries,
            "points": calibration.points,
            "best": { "effort": effort, "recall": rounded_down(recall) },
        })
    });
    calibrations.collect()
}

/// To four digits, never up: 0.98996 is not 0.99.
pub fn rounded_down(recall: f32) -> f64 {
    (f64::from(recall) * 1e4).floor() / 1e4
}
