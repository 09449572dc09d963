//! A segment: rows with keys, columns and the structures over them.

pub(crate) mod build;
mod built;
mod calibrate;
mod coded;
pub(crate) mod filter;
pub(crate) mod order;
pub(crate) mod plan;
mod probe;
mod progress;
mod ranges;
mod scan;
pub(crate) mod search;
#[cfg(feature = "std")]
mod sieve;
pub(crate) mod storage;
mod truth;

pub(crate) use progress::heard;
pub use progress::{OnProgress, Progress};

use crate::archive::manifest::{self, NO_COLUMN};
use crate::archive::{Archive, Kind};
use crate::calibration::{Calibration, Structure};
use crate::column::{ColumnSchema, ColumnSections, ColumnView};
use crate::error::{OrCorrupt, Result, corrupt, try_collect};
use crate::hnsw::base::BaseSections;
use crate::hnsw::{GraphSize, HnswView};
use crate::ivf::IvfView;
use crate::key::directory::{self, DirectorySections};
use crate::key::{KeySections, KeyType, KeysView};
use crate::limits::MAX_ROWS;
use crate::names::named;
use crate::quantize::{CodeMeaning, CodesView, Width, decode_error};
use crate::ranges::verify::{RangeSections, verify};
use crate::rows::Bitmap;
use crate::vectors::{Shape, VectorsView};
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::ops::Range;

/// Scalar codes beside the vectors, or in their place.
///
/// ```
/// use hither::{Codes, IndexOptions, Metric};
///
/// // The smallest file: codes in place of the vectors.
/// let options = IndexOptions { codes: Some(Codes::Sq8Only), ..IndexOptions::new(384, Metric::Cosine) };
/// # assert!(hither::IndexBuilder::new(options).is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
#[non_exhaustive]
pub enum Codes {
    /// No codes: a walk measures the stored vectors.
    None = 0,
    /// Codes of 8 bits steer a search, and the stored vectors rerank its candidates. The default below 256
    /// dimensions, and for rows that 4 bits cannot tell apart; left out under L1, and for rows that 8 bits
    /// cannot tell apart either.
    #[default]
    Sq8 = 1,
    /// Codes alone, the smallest file: distances are measured from the decoded codes, which
    /// [`Index::vector`](crate::Index::vector) returns too. Under cosine they have unit length.
    Sq8Only = 2,
    /// Like [`Sq8`](Self::Sq8) with 4 bits: with many dimensions a search reads half as much and is faster. The
    /// default from 256 dimensions on. A segment whose rows 4 bits cannot tell apart has those of 8, or none.
    Sq4 = 3,
}

named!(Codes, "codes": None = "none", Sq8 = "sq8", Sq8Only = "sq8-only", Sq4 = "sq4");

impl Codes {
    pub(crate) fn width(self) -> Width {
        if self == Self::Sq4 { Width::Four } else { Width::Eight }
    }

    /// The section of a file that holds them.
    pub(crate) fn section(self) -> Kind {
        if self == Self::Sq4 { Kind::PackedCodes } else { Kind::Codes }
    }
}

/// Rows of a file, or of a sealed segment in memory, with the structures to search them.
#[derive(Clone, Debug)]
pub(crate) struct Segment<'a> {
    pub rows: u32,
    pub keys: KeysView<'a>,
    /// The stored vectors, or the codes decoded to vectors if there are only codes.
    pub vectors: VectorsView<'a>,
    pub codes: Option<CodesView<'a>>,
    /// Which codes these are.
    pub stored_codes: Codes,
    pub hnsw: Option<HnswView<'a>>,
    pub ivf: Option<IvfView<'a>>,
    pub columns: Vec<ColumnView<'a>>,
    pub calibrations: Vec<Calibration>,
    /// The lists for readers of ranges; a search of the whole file does not use them.
    ranges: RangeSections<'a>,
    /// The directory of keys, for the same readers.
    directory: DirectorySections<&'a [u8]>,
    /// The greatest distance of each vector from the one that was added; empty if the file does not store it.
    errors: &'a [u8],
    /// Bitmap of rows that were removed or replaced; empty if none was.
    hidden: Cow<'a, [u8]>,
    pub hidden_count: u32,
}

impl<'a> Segment<'a> {
    /// Opens segment `number` of a file. Checks sizes, reads no rows.
    pub fn open(
        archive: &Archive<'a>,
        number: u32,
        shape: Shape,
        key_type: KeyType,
        schema: &[ColumnSchema],
    ) -> Result<Self> {
        const WHAT: &str = "the table of segments";
        let segment = archive.manifest.segments.get(number as usize).or_corrupt(WHAT)?;
        let section = |kind| archive.section(number, NO_COLUMN, kind);
        let rows = segment.rows;
        if rows > MAX_ROWS {
            return Err(corrupt(WHAT));
        }
        let kind = Codes::try_from(segment.codes)?;
        let codes = match kind {
            Codes::None => None,
            Codes::Sq8 | Codes::Sq8Only | Codes::Sq4 => {
                let centre = bytemuck::try_cast_slice(section(Kind::CodeCentre));
                let centre: &[f32] = centre.map_err(|_| corrupt(WHAT))?;
                if centre.len() != shape.dimensions {
                    return Err(corrupt("the size of the codes"));
                }
                let (codes, factors) = (section(kind.section()), section(Kind::CodeFactors));
                let meaning = CodeMeaning { width: kind.width(), centre, scale: segment.scale };
                Some(CodesView::open(codes, factors, rows, shape.metric, meaning)?)
            }
        };
        let vectors = match (kind, codes) {
            (Codes::Sq8Only, Some(codes)) => codes.as_vectors(),
            _ => {
                let bytes = section(Kind::Vectors);
                if bytes.len() as u64 != u64::from(rows) * shape.stride() as u64 {
                    return Err(corrupt("the size of the vectors"));
                }
                VectorsView::new(bytes, shape)
            }
        };
        let hnsw = segment.hnsw.as_ref().map(|hnsw| {
            let manifest::Hnsw { m, edges, layers, entry } = hnsw;
            let base = BaseSections {
                records: section(Kind::HnswRecords),
                offsets: section(Kind::HnswOffsets),
                ids: section(Kind::HnswBase),
            };
            let size = GraphSize { m: *m, edges: *edges, layers, entry: *entry };
            HnswView::new(base, section(Kind::HnswUpper), section(Kind::Copies), rows, size)
        });
        let ivf = segment.ivf.as_ref().map(|ivf| {
            let (centroids, offsets) = (section(Kind::IvfCentroids), section(Kind::IvfOffsets));
            IvfView::new(centroids, offsets, ivf.lists, rows, shape)
        });
        let keys = KeySections {
            keys: section(Kind::Keys),
            offsets: section(Kind::KeyOffsets),
            order: section(Kind::KeyOrder),
            bits: segment.key_bits,
        };
        let columns = schema.iter().enumerate().map(|(column, schema)| {
            let section = |kind| archive.section(number, column as u32, kind);
            let sections = ColumnSections {
                validity: section(Kind::ColumnValidity),
                values: section(Kind::ColumnValues),
                offsets: section(Kind::ColumnOffsets),
                dictionary_offsets: section(Kind::ColumnDictionaryOffsets),
                dictionary: section(Kind::ColumnDictionary),
                zones: section(Kind::ColumnZones),
            };
            ColumnView::new(schema.clone(), sections, rows)
        });
        let ranges = RangeSections {
            top: section(Kind::RangeTop),
            groups: section(Kind::RangeGroups),
            lists: section(Kind::RangeLists),
        };
        let directory = DirectorySections {
            directory: section(Kind::KeyDirectory),
            leaves: section(Kind::KeyLeaves),
        };
        let errors = section(Kind::VectorErrors);
        if !errors.is_empty() && errors.len() as u64 != 2 * u64::from(rows) {
            return Err(corrupt("the size of the errors"));
        }
        let hidden = section(Kind::Hidden);
        if !hidden.is_empty() && hidden.len() != rows.div_ceil(8) as usize {
            return Err(corrupt("the size of the removed rows"));
        }
        let calibrations = segment.calibrations.iter().map(Calibration::from_manifest);
        Ok(Self {
            rows,
            keys: KeysView::new(key_type, keys, rows)?,
            vectors,
            codes,
            stored_codes: kind,
            hnsw: hnsw.transpose()?,
            ivf: ivf.transpose()?,
            columns: try_collect(columns)?,
            calibrations: try_collect(calibrations)?,
            ranges,
            directory,
            errors,
            hidden: Cow::Borrowed(hidden),
            hidden_count: segment.hidden.min(rows),
        })
    }

    /// The structures besides the exact scan.
    pub fn structures(&self) -> Vec<Structure> {
        let hnsw = self.hnsw.map(|_| Structure::Hnsw);
        hnsw.into_iter().chain(self.ivf.map(|_| Structure::Ivf)).collect()
    }

    /// Whether the segment has this structure; every segment has the exact scan.
    pub fn has(&self, structure: Structure) -> bool {
        match structure {
            Structure::Flat => true,
            Structure::Hnsw => self.hnsw.is_some(),
            Structure::Ivf => self.ivf.is_some(),
        }
    }

    /// The greatest distance of a row's vector from the one that was added: infinite if only codes are stored
    /// and their error is unknown.
    pub fn vector_error(&self, row: u32) -> f32 {
        let (errors, _) = self.errors.as_chunks();
        match errors.get(row as usize) {
            Some(bytes) => decode_error(*bytes),
            None if self.stored_codes == Codes::Sq8Only => f32::INFINITY,
            None => 0.0,
        }
    }

    /// A row and its copies; the graph has one node for all of them.
    pub fn with_copies(&self, row: u32) -> Range<u32> {
        self.hnsw.as_ref().map_or(row..row + 1, |hnsw| hnsw.copies(row))
    }

    /// Whether a row was removed or replaced.
    pub fn is_hidden(&self, row: u32) -> bool {
        self.hidden_count > 0 && Bitmap(&self.hidden).contains(row)
    }

    /// Bitmap of the hidden rows; empty if there are none.
    pub fn hidden(&self) -> &[u8] {
        &self.hidden
    }

    /// Hides a row from now on.
    pub fn hide(&mut self, row: u32) {
        let hidden = self.hidden.to_mut();
        hidden.resize(self.rows.div_ceil(8) as usize, 0);
        if let Some(byte) = hidden.get_mut(row as usize / 8)
            && *byte >> (row % 8) & 1 == 0
        {
            *byte |= 1 << (row % 8);
            self.hidden_count += 1;
        }
    }

    /// Checks every id, key, offset and dictionary code.
    pub fn verify(&self) -> Result<()> {
        self.keys.verify()?;
        if let Some(hnsw) = &self.hnsw {
            hnsw.verify()?;
        }
        if let Some(ivf) = &self.ivf {
            ivf.verify()?;
        }
        verify(self.ranges, &self.vectors, &self.keys, self.rows)?;
        directory::verify(self.directory, &self.keys, self.rows)?;
        if Bitmap(&self.hidden).count() != self.hidden_count {
            return Err(corrupt("the number of removed rows"));
        }
        self.columns.iter().try_for_each(ColumnView::verify)
    }
}
