//! What an index consists of, for people to read.

use super::Index;
use crate::archive::manifest::Manifest;
use crate::archive::{FORMAT_VERSION, Kind};
use crate::calibration::{Calibration, Structure};
use crate::segment::Codes;
use alloc::string::String;
use alloc::vec::Vec;

impl Index<'_> {
    /// What is in the file, for people to read.
    pub fn info(&self) -> IndexInfo {
        let segments = self.segments.iter().map(|segment| SegmentInfo {
            rows: segment.rows,
            removed: segment.hidden_count,
            structures: segment.structures(),
            codes: segment.stored_codes,
            lists: segment.ivf.map(|ivf| ivf.lists()),
            calibrations: segment.calibrations.clone(),
        });
        let mut info = IndexInfo {
            format_version: FORMAT_VERSION,
            segments: segments.collect(),
            sections: Vec::new(),
        };
        if let Some(archive) = &self.archive {
            info.sections = sections(&archive.manifest);
        }
        info
    }
}

/// The sections that a manifest lists.
pub(crate) fn sections(manifest: &Manifest) -> Vec<SectionInfo> {
    let sections = manifest.sections.iter().map(|section| SectionInfo {
        segment: section.segment,
        column: manifest.columns.get(section.column as usize).map(|column| column.name.clone()),
        name: Kind::from_number(section.kind).map_or("unknown", Kind::name),
        offset: section.offset,
        length: section.length,
    });
    sections.collect()
}

/// What is in a file.
///
/// ```
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// # let bytes = builder.finish()?;
/// use hither::Index;
///
/// let info = Index::open(&bytes)?.info();
/// assert_eq!(info.segments[0].rows, 5);
/// let sections: u64 = info.sections.iter().map(|section| section.length).sum();
/// assert!(sections < bytes.len() as u64);
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct IndexInfo {
    /// Version of the file format.
    pub format_version: u32,
    /// The segments, first to last.
    pub segments: Vec<SegmentInfo>,
    /// The sections, in the order of the file.
    pub sections: Vec<SectionInfo>,
}

/// What is in a segment.
///
/// ```
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// # let bytes = builder.finish()?;
/// let index = hither::Index::open(&bytes)?;
/// let segment = &index.info().segments[0];
/// assert_eq!((segment.rows, segment.removed), (5, 0));
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentInfo {
    /// The number of rows, removed ones included.
    pub rows: u32,
    /// The number of removed or replaced rows.
    pub removed: u32,
    /// The structures over the rows; every segment can be scanned as well.
    pub structures: Vec<Structure>,
    /// The codes beside the vectors, or in place of them.
    pub codes: Codes,
    /// The number of lists of the inverted file, if there is one.
    pub lists: Option<u32>,
    /// The recall that was measured when the segment was built.
    pub calibrations: Vec<Calibration>,
}

/// A section of a file.
///
/// ```
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// # let bytes = builder.finish()?;
/// for section in hither::Index::open(&bytes)?.info().sections {
///     println!("{} at {}: {} bytes", section.name, section.offset, section.length);
/// }
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SectionInfo {
    /// The number of its segment.
    pub segment: u32,
    /// The name of its column, if it belongs to one.
    pub column: Option<String>,
    /// What it holds.
    pub name: &'static str,
    /// Its offset in the file, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
}
