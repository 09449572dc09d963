//! The recall that a file's calibrations reached, for `--json` and for people.

use hither::{Calibration, Index, Structure};
use serde::Serialize;

/// A build warns if its structures do not reach this recall.
const EXPECTED: f32 = 0.99;

/// Warnings for a build whose structures do not reach the recall that is usually expected.
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

/// The warning for a search that wanted more recall than the calibration reached.
pub fn unreached(wanted: f32, calibration: &Calibration) -> String {
    format!(
        "warning: recall {wanted} was not reached when the file was built: {} was the best; \
         --exact scans all rows",
        best(calibration)
    )
}

/// The highest measured recall and its setting.
pub fn best(calibration: &Calibration) -> String {
    let (effort, recall) = calibration.best();
    let setting = calibration.structure.effort_name().unwrap_or_default();
    format!("{} at {setting} {effort}", rounded_down(recall))
}

/// The recall that a calibration reached, for `--json`.
#[derive(Serialize)]
pub struct RecallReport {
    structure: Structure,
    k: u32,
    queries: u32,
    points: Vec<(u32, f64)>,
    best: Best,
}

#[derive(Serialize)]
struct Best {
    effort: u32,
    recall: f64,
}

/// The calibrations of a segment, for `--json`.
pub fn reached(calibrations: &[Calibration]) -> Vec<RecallReport> {
    let reached = |calibration: &Calibration| {
        let (effort, recall) = calibration.best();
        let points = calibration.points.iter();
        RecallReport {
            structure: calibration.structure,
            k: calibration.k,
            queries: calibration.queries,
            points: points.map(|&(effort, recall)| (effort, f64::from(recall))).collect(),
            best: Best { effort, recall: rounded_down(recall) },
        }
    };
    calibrations.iter().map(reached).collect()
}

/// Rounded down to four digits: 0.98996 is not shown as 0.99.
pub fn rounded_down(recall: f32) -> f64 {
    (f64::from(recall) * 1e4).floor() / 1e4
}
