//! Recall calibration: which `ef_search` or `probes` a wanted recall takes. The build measures it with queries:
//! rows that it holds out of the structure.

use crate::archive::manifest;
use crate::error::{Result, corrupt};
use crate::limits::MAX_EFFORT;
use crate::metric::sqrt;
use crate::names::named;
use alloc::vec::Vec;

/// A structure that a search can use.
///
/// ```
/// use hither::{Index, SearchParams, Searcher, Structure};
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// # let bytes = builder.finish()?;
///
/// // An exact answer, whatever structures the file has.
/// let params = SearchParams::new(3).structure(Structure::Flat);
/// let index = Index::open(&bytes)?;
/// assert_eq!(index.search(&[0.0, 0.0], &params, &mut Searcher::new())?.len(), 3);
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Structure {
    /// An exact scan of all rows; every index can do it.
    Flat = 0,
    /// A hierarchical navigable small world graph.
    Hnsw = 1,
    /// An inverted file.
    Ivf = 2,
}

named!(Structure, "structure": Flat = "flat", Hnsw = "hnsw", Ivf = "ivf");

impl Structure {
    /// The parameter that sets the effort of a search, if there is one: `ef_search` or `probes`.
    pub fn effort_name(self) -> Option<&'static str> {
        match self {
            Self::Flat => None,
            Self::Hnsw => Some("ef_search"),
            Self::Ivf => Some("probes"),
        }
    }
}

/// Recall measured at build for settings of one structure.
///
/// ```
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// # let bytes = builder.finish()?;
/// use hither::Index;
///
/// for segment in Index::open(&bytes)?.info().segments {
///     for calibration in segment.calibrations {
///         let wanted = calibration.effort(0.95);
///         println!("{} needs {wanted} for recall 0.95", calibration.structure.name());
///     }
/// }
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The structure.
    pub structure: Structure,
    /// How many neighbours were asked for.
    pub k: u32,
    /// How many rows of the index were held out as queries.
    pub queries: u32,
    /// `ef_search` or `probes`, ascending, and the mean recall@k at it.
    pub points: Vec<(u32, f32)>,
}

/// The settings that are measured, up to the size of the structure.
pub(crate) const EFFORTS: [u32; 27] = [
    1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384,
    512, 768, 1024, 1536,
];

impl Calibration {
    pub(crate) fn from_manifest(stored: &manifest::Calibration) -> Result<Self> {
        const WHAT: &str = "the calibration";
        let structure = Structure::try_from(stored.structure)?;
        let settings = 1..=MAX_EFFORT as u32;
        let sound = stored.efforts.len() == stored.recalls.len()
            && stored.efforts.is_sorted_by(|a, b| a < b)
            && stored.efforts.iter().all(|effort| settings.contains(effort))
            && stored.recalls.iter().all(|recall| (0.0..=1.0).contains(recall))
            && settings.contains(&stored.k);
        if !sound {
            return Err(corrupt(WHAT));
        }
        let points = stored.efforts.iter().copied().zip(stored.recalls.iter().copied());
        Ok(Self { structure, k: stored.k, queries: stored.queries, points: points.collect() })
    }

    pub(crate) fn to_manifest(&self) -> manifest::Calibration {
        manifest::Calibration {
            structure: self.structure as u8,
            k: self.k,
            queries: self.queries,
            efforts: self.points.iter().map(|point| point.0).collect(),
            recalls: self.points.iter().map(|point| point.1).collect(),
        }
    }

    /// The setting with the highest measured recall (the least such setting) and that recall: asking for more
    /// will not bring more.
    pub fn best(&self) -> (u32, f32) {
        let better =
            |best: (u32, f32), point: &(u32, f32)| if point.1 > best.1 { *point } else { best };
        self.points.iter().fold((1, 0.0), better)
    }

    /// The least setting that reached `recall`, with a margin of three standard errors of the
    /// measurement, interpolated between the settings that were measured. The greatest setting if none did.
    pub fn effort(&self, recall: f32) -> u32 {
        let answers = (self.queries as f32 * self.k as f32).max(1.0);
        let lower =
            |measured: f32| measured - 3.0 * sqrt(measured * (1.0 - measured).max(0.0) / answers);
        let mut last: Option<(u32, f32)> = None;
        for &(effort, measured) in &self.points {
            let reached = lower(measured);
            if reached >= recall {
                return match last {
                    Some((before, below)) if reached > below => {
                        let part = (recall - below) / (reached - below);
                        before + libm::ceilf(part * (effort - before) as f32) as u32
                    }
                    _ => effort,
                };
            }
            last = Some((effort, reached));
        }
        last.map_or(1, |(effort, _)| effort)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(points: &[(u32, f32)]) -> Calibration {
        Calibration { structure: Structure::Hnsw, k: 10, queries: 200, points: points.into() }
    }

    #[test]
    fn best_is_the_least_setting_with_the_highest_recall() {
        assert_eq!(measured(&[(10, 0.5), (40, 0.7), (80, 0.69), (160, 0.7)]).best(), (40, 0.7));
        assert_eq!(measured(&[(10, 1.0)]).best(), (10, 1.0));
        assert_eq!(measured(&[]).best(), (1, 0.0));
    }
}
