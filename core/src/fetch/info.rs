//! What the start of a file says about the whole file.

use super::open::LazyIndex;
use crate::archive::FORMAT_VERSION;
use crate::archive::manifest::Segment;
use crate::calibration::{Calibration, Structure};
use crate::error::{Result, try_collect};
use crate::index::info::sections;
use crate::index::{IndexInfo, SegmentInfo};
use crate::segment::Codes;

impl LazyIndex {
    /// What is in the file, for people, like [`Index::info`](crate::Index::info). Reads nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) before the index is open,
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for a manifest with impossible values.
    pub fn info(&self) -> Result<IndexInfo> {
        let manifest = &self.opened()?.start.manifest;
        let segments = try_collect(manifest.segments.iter().map(segment_info))?;
        Ok(IndexInfo { format_version: FORMAT_VERSION, segments, sections: sections(manifest) })
    }

    /// Whether all rows have length 1. See [`Index::is_unit_length`](crate::Index::is_unit_length).
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) before the index is open.
    pub fn is_unit_length(&self) -> Result<bool> {
        Ok(self.opened()?.start.manifest.unit_length)
    }
}

fn segment_info(segment: &Segment) -> Result<SegmentInfo> {
    let hnsw = segment.hnsw.as_ref().map(|_| Structure::Hnsw);
    let ivf = segment.ivf.as_ref().map(|_| Structure::Ivf);
    Ok(SegmentInfo {
        rows: segment.rows,
        removed: segment.hidden.min(segment.rows),
        structures: hnsw.into_iter().chain(ivf).collect(),
        codes: Codes::try_from(segment.codes)?,
        lists: segment.ivf.as_ref().map(|ivf| ivf.lists),
        calibrations: try_collect(segment.calibrations.iter().map(Calibration::from_manifest))?,
    })
}
