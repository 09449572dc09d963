//! The plan of a search in one segment.

use crate::calibration::Structure;
use crate::limits::DEFAULT_EF_SEARCH;
use crate::metric::Metric;
use crate::neighbor::Candidate;
use crate::quantize::{CodedQuery, Width};

/// How to search a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub structure: Structure,
    /// How many neighbours the first answer has. A first request for more begins a search that can go on.
    pub k: usize,
    pub ef_search: usize,
    pub probes: usize,
    /// The metric of the distances: the index's own, or another for unit vectors.
    pub metric: Metric,
    /// The distance beyond which rows are not wanted.
    pub radius: Option<f32>,
    /// Whether other segments have a part in the first answer, and how many candidates a walk then settles
    /// by itself.
    pub is_joint: bool,
    pub settled: usize,
}

/// The least number of candidates that the walk of a segment settles by itself.
const LEAST_SETTLED: usize = 4;

impl Plan {
    /// A plan for the `k` nearest rows with a structure whose steering is `coded` or not. The pool holds as
    /// many candidates as an answer needs; with codes, a few more to choose from.
    pub fn new(structure: Structure, k: usize, effort: usize, coded: bool, metric: Metric) -> Self {
        let ef_search = match structure {
            Structure::Ivf if coded => 4 * k,
            Structure::Ivf => k,
            Structure::Hnsw if coded => effort.max(least_measured(k)),
            Structure::Hnsw | Structure::Flat => effort.max(k),
        };
        let settled = effort.max(LEAST_SETTLED);
        let (radius, is_joint) = (None, false);
        Self { structure, k, ef_search, probes: effort, metric, radius, is_joint, settled }
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self::new(Structure::Flat, 1, DEFAULT_EF_SEARCH, false, Metric::L2)
    }
}

/// The least number of rows, nearest by codes, whose stored vectors are measured to find the `want` nearest:
/// codes may misplace a row by some places. With ten alone, one in thirty was wrong.
pub(crate) fn least_measured(want: usize) -> usize {
    want + want / 2
}

/// How many of the rows `found`, which are sorted by codes, get their stored vectors measured to find the
/// `want` nearest: at most half, which has proved enough; with 4-bit codes all, of which half are returned at
/// once. A search that does not go on measures no rows that are farther than the error of the codes explains.
pub(super) fn rows_measured(
    want: usize,
    found: &[Candidate],
    coded: Option<&CodedQuery>,
    goes_on: bool,
) -> usize {
    let mut most = match coded.map(CodedQuery::width) {
        Some(Width::Four) => found.len(),
        _ => found.len().div_ceil(2),
    };
    if let Some(coded) = coded
        && !goes_on
        && let Some(last) = want.checked_sub(1).and_then(|last| found.get(last))
    {
        let bound = coded.bound(last.rank());
        most = most.min(found.partition_point(|entry| entry.rank() <= bound));
    }
    most.max(least_measured(want))
}
