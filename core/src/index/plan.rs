//! What a search does in a segment: by which structure, and how hard.

use super::SearchParams;
use crate::calibration::Structure;
use crate::metric::Metric;
use crate::segment::Segment;
use crate::segment::filter::EF_SEARCH;
use crate::segment::search::Plan;

/// Probes where nothing else was asked for.
const PROBES: usize = 16;

impl Segment<'_> {
    pub(super) fn plan(&self, params: &SearchParams<'_>, metric: Metric, resumable: bool) -> Plan {
        let k = params.k;
        let mut structure = match params.structure {
            None if self.hnsw.is_some() => Structure::Hnsw,
            None if self.ivf.is_some() => Structure::Ivf,
            None => Structure::Flat,
            Some(structure) if self.has(structure) => structure,
            Some(_) => Structure::Flat,
        };
        let (mut ef_search, mut probes) =
            (params.ef_search.unwrap_or(EF_SEARCH), params.probes.unwrap_or(PROBES));
        if let Some(recall) = params.recall
            && structure != Structure::Flat
        {
            match self.effort(structure, k, recall) {
                Some(effort) => (ef_search, probes) = (effort, effort),
                // Too few rows for a calibration: they may as well be scanned.
                None => structure = Structure::Flat,
            }
        }
        // The pool holds what an answer needs; codes want a few more to choose from.
        let ef_search = match structure {
            Structure::Ivf if self.codes.is_some() => 4 * k,
            Structure::Ivf => k,
            Structure::Hnsw | Structure::Flat => ef_search.max(k),
        };
        Plan { structure, k, ef_search, probes, metric, resumable }
    }

    /// The calibrated setting for this recall: of the calibration for the next greater `k`, or
    /// beyond the greatest in proportion to it.
    fn effort(&self, structure: Structure, k: usize, recall: f32) -> Option<usize> {
        let fitting = || self.calibrations.iter().filter(|c| c.structure == structure);
        let calibration = fitting()
            .filter(|calibration| calibration.k as usize >= k)
            .min_by_key(|calibration| calibration.k)
            .or_else(|| fitting().max_by_key(|calibration| calibration.k))?;
        let effort = calibration.effort(recall) as usize;
        let measured = (calibration.k as usize).max(1);
        Some(if k > measured && structure == Structure::Hnsw {
            effort.saturating_mul(k) / measured
        } else {
            effort
        })
    }
}
