//! Plans the search of a segment: which structure, and which effort.

use super::{Index, SearchParams, Shards};
use crate::calibration::{Calibration, Structure};
use crate::limits::{DEFAULT_EF_SEARCH, DEFAULT_PROBES};
use crate::metric::Metric;
use crate::segment::Segment;
use crate::segment::plan::Plan;

impl Segment<'_> {
    pub(super) fn plan(&self, params: &SearchParams<'_>, metric: Metric) -> Plan {
        let k = params.k;
        let mut structure = self.structure(params);
        let (mut ef_search, mut probes) = (
            params.ef_search.unwrap_or(DEFAULT_EF_SEARCH),
            params.probes.unwrap_or(DEFAULT_PROBES),
        );
        if let Some(recall) = params.recall
            && structure != Structure::Flat
        {
            match self.effort(structure, k, recall) {
                Some(effort) => (ef_search, probes) = (effort, effort),
                // There are too few rows for a calibration, so that a scan is cheap.
                None => structure = Structure::Flat,
            }
        }
        let effort = if structure == Structure::Ivf { probes } else { ef_search };
        let plan = Plan::new(structure, k, effort, self.codes.is_some(), metric);
        Plan { radius: params.radius, ..plan }
    }

    /// The structure that a search of this segment uses.
    fn structure(&self, params: &SearchParams<'_>) -> Structure {
        match params.structure {
            None if self.hnsw.is_some() => Structure::Hnsw,
            None if self.ivf.is_some() => Structure::Ivf,
            None => Structure::Flat,
            Some(structure) if self.has(structure) => structure,
            Some(_) => Structure::Flat,
        }
    }

    /// The calibration for the next greater `k`, or for the greatest.
    fn calibration(&self, structure: Structure, k: usize) -> Option<&Calibration> {
        let fitting = || self.calibrations.iter().filter(|c| c.structure == structure);
        fitting()
            .filter(|calibration| calibration.k as usize >= k)
            .min_by_key(|calibration| calibration.k)
            .or_else(|| fitting().max_by_key(|calibration| calibration.k))
    }

    /// The calibrated setting for this recall; beyond the greatest `k` that was measured, in proportion to `k`.
    fn effort(&self, structure: Structure, k: usize, recall: f32) -> Option<usize> {
        let calibration = self.calibration(structure, k)?;
        let effort = calibration.effort(recall) as usize;
        let measured = (calibration.k as usize).max(1);
        Some(if k > measured && structure == Structure::Hnsw {
            effort.saturating_mul(k) / measured
        } else {
            effort
        })
    }
}

impl Index<'_> {
    /// The calibration of this file that did not reach `params.recall`, if there is one; of several segments,
    /// the one whose [best](Calibration::best) recall is lowest. A search with `params` then takes the greatest
    /// setting that was measured, and should not be expected to find more than that recall. None where an exact
    /// scan answers, and where no recall is wanted.
    ///
    /// ```
    /// use hither::{HnswParams, Index, IndexBuilder, IndexOptions, Metric, SearchParams};
    ///
    /// let hnsw = Some(HnswParams::default());
    /// let options = IndexOptions { hnsw, ..IndexOptions::new(2, Metric::L2) };
    /// let mut builder = IndexBuilder::new(options)?;
    /// for x in 0..200 { builder.push(None, &[x as f32, 0.0], &[])?; }
    /// let bytes = builder.finish()?;
    /// let index = Index::open(&bytes)?;
    /// if let Some(calibration) = index.unreached_recall(&SearchParams::new(10).recall(0.99)) {
    ///     let (effort, recall) = calibration.best();
    ///     println!("no more than {recall} was reached, at {effort}");
    /// }
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn unreached_recall(&self, params: &SearchParams<'_>) -> Option<&Calibration> {
        let wanted = params.recall.filter(|_| !params.wants_all())?;
        let used = self.segments.iter().filter_map(|segment| {
            let calibration = segment.calibration(segment.structure(params), params.k)?;
            (calibration.best().1 < wanted).then_some(calibration)
        });
        used.min_by(|a, b| a.best().1.total_cmp(&b.best().1))
    }
}

impl Shards<'_, '_> {
    /// The lowest of the calibrations that [`Index::unreached_recall`] returns for the indexes.
    pub fn unreached_recall(&self, params: &SearchParams<'_>) -> Option<&Calibration> {
        let unreached = self.indexes().iter().filter_map(|index| index.unreached_recall(params));
        unreached.min_by(|a, b| a.best().1.total_cmp(&b.best().1))
    }
}
