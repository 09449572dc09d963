//! The options of an index.

use crate::archive::Kind;
use crate::archive::manifest::{self, Manifest};
use crate::column::{ColumnSchema, ColumnType, unknown_column};
use crate::element::Element;
use crate::error::{ErrorKind, Result, corrupt, try_collect};
use crate::hnsw::HnswParams;
use crate::ivf::IvfParams;
use crate::key::{KeyRef, KeyType};
use crate::limits::{DEFAULT_SEED, FOUR_BIT_DIMENSIONS, MAX_COLUMNS, MAX_DIMENSIONS};
use crate::metric::Metric;
use crate::segment::Codes;
use crate::segment::build::SegmentParams;
use crate::vectors::Shape;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The options of an index: dimensions, metric, columns, structures.
///
/// The same rows and options give the same file, byte for byte, on every platform, whatever
/// [`threads`](Self::threads) is.
///
/// ```
/// use hither::{Element, IndexOptions, IvfParams, KeyType, Metric};
///
/// let options = IndexOptions {
///     element: Element::F32,
///     key_type: KeyType::Int64,
///     ivf: Some(IvfParams::default()), // beside the graph
///     properties: vec![("model".into(), "all-MiniLM-L6-v2".into())],
///     ..IndexOptions::new(384, Metric::Cosine)
/// };
/// # assert!(hither::IndexBuilder::new(options).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct IndexOptions {
    /// The number of values of a vector: 1 to 65,535.
    pub dimensions: usize,
    /// What "near" means.
    pub metric: Metric,
    /// How values are stored. Default [`Element::F16`].
    pub element: Element,
    /// The type of the rows' keys. Default [`KeyType::RowNumber`].
    pub key_type: KeyType,
    /// The attribute columns. Default none.
    pub columns: Vec<ColumnSchema>,
    /// The HNSW graph, if there is one. Default: one with `m` 16, `ef_construction` 128.
    pub hnsw: Option<HnswParams>,
    /// The inverted file, if there is one. Default none.
    pub ivf: Option<IvfParams>,
    /// Whether there are lists for readers that fetch ranges of the file ([`fetch`](crate::fetch)), besides the
    /// other structures: about a ninth more bytes. Not available under L1, nor with codes in place of vectors.
    /// Default no.
    pub ranges: bool,
    /// The codes. The default, `None`, chooses them where a structure can use them: from 256 dimensions on
    /// [`Codes::Sq4`] if 4 bits tell the rows apart, else [`Codes::Sq8`] if 8 bits do, else none.
    pub codes: Option<Codes>,
    /// Seed of all random choices. Default 42.
    pub seed: u64,
    /// How many threads build; 0, the default, means one for each core.
    pub threads: usize,
    /// How many bytes of memory the build may take, as [`memory_needed`](Self::memory_needed) counts them. Rows
    /// that need more are built in several segments, each of which is moved to a [`Spill`](crate::raw::Spill)
    /// before the next begins ([`IndexBuilder::spill_to`](crate::IndexBuilder::spill_to)); searching several
    /// segments takes longer than searching one. Not stored in the file. Default, `None`: no limit.
    pub memory: Option<u64>,
    /// Names and values of anything that readers should know: `model`, `source`, `licence`.
    pub properties: Vec<(String, String)>,
}

impl IndexOptions {
    /// The defaults for vectors of this many dimensions.
    pub fn new(dimensions: usize, metric: Metric) -> Self {
        Self {
            dimensions,
            metric,
            element: Element::F16,
            key_type: KeyType::RowNumber,
            columns: Vec::new(),
            hnsw: Some(HnswParams::default()),
            ivf: None,
            ranges: false,
            codes: None,
            seed: DEFAULT_SEED,
            threads: 0,
            memory: None,
            properties: Vec::new(),
        }
    }

    /// The number of the column that has this name.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownColumn`].
    pub fn column(&self, name: &str) -> Result<usize> {
        let found = self.columns.iter().position(|column| column.name == name);
        found.ok_or_else(|| unknown_column(&self.columns, name.into()))
    }

    pub(crate) fn check_key(&self, key: KeyRef<'_>) -> Result<()> {
        let expected = self.key_type;
        if key.fits(expected) {
            return Ok(());
        }
        Err(ErrorKind::KeyType { expected: expected.name(), got: key.type_name() }.into())
    }

    /// Whether a search can order rows by `metric`, given whether all have unit length.
    pub(crate) fn orders_by(&self, metric: Metric, is_unit_length: bool) -> bool {
        metric == self.metric || (metric.orders_like(self.metric) && is_unit_length)
    }

    pub(crate) fn shape(&self) -> Shape {
        Shape { dimensions: self.dimensions, element: self.element, metric: self.metric }
    }

    pub(crate) fn check(&self) -> Result<()> {
        if let Some(hnsw) = self.hnsw {
            hnsw.check()?;
        }
        if let Some(ivf) = self.ivf {
            ivf.check()?;
        }
        self.check_memory(0)?;
        if !self.metric.takes_codes() && self.codes.is_some_and(|codes| codes != Codes::None) {
            let reason = format!("the {} metric takes no codes; use none", self.metric.name());
            return Err(ErrorKind::InvalidParameter { name: "codes", reason }.into());
        }
        if self.ranges && (!self.metric.takes_codes() || self.codes == Some(Codes::Sq8Only)) {
            let reason = match self.metric.takes_codes() {
                true => "they are not for codes in place of the vectors, which they measure; use other codes".into(),
                false => format!("the {} metric takes no codes, of which they are made", self.metric.name()),
            };
            return Err(ErrorKind::InvalidParameter { name: "ranges", reason }.into());
        }
        if self.columns.len() > MAX_COLUMNS {
            return Err(ErrorKind::TooMany { what: "columns", limit: MAX_COLUMNS as u64 }.into());
        }
        for (number, column) in self.columns.iter().enumerate() {
            let named_alike = |other: &ColumnSchema| other.name == column.name;
            if column.name.is_empty() || self.columns[..number].iter().any(named_alike) {
                let reason = format!("the name \"{}\" is empty or used twice", column.name);
                return Err(ErrorKind::InvalidParameter { name: "columns", reason }.into());
            }
        }
        Ok(())
    }

    /// The codes that a build tries first: those of the options, or the default. A segment whose rows they do
    /// not tell apart gets others, or none.
    pub fn codes_or_default(&self) -> Codes {
        let structured = self.hnsw.is_some() || self.ivf.is_some();
        self.codes.unwrap_or(match structured && self.metric.takes_codes() {
            false => Codes::None,
            true if self.dimensions >= FOUR_BIT_DIMENSIONS => Codes::Sq4,
            true => Codes::Sq8,
        })
    }

    pub(crate) fn segment_params(&self) -> SegmentParams {
        SegmentParams {
            hnsw: self.hnsw,
            ivf: self.ivf,
            ranges: self.ranges,
            codes: self.codes_or_default(),
            codes_required: matches!(self.codes, Some(Codes::Sq8 | Codes::Sq8Only)),
            seed: self.seed,
        }
    }

    /// A manifest with everything but the segments.
    pub(crate) fn manifest(&self, unit_length: bool) -> Manifest {
        let columns = self.columns.iter().map(|column| manifest::Column {
            name: column.name.clone(),
            column_type: column.column_type as u8,
        });
        let properties = self
            .properties
            .iter()
            .map(|(name, value)| manifest::Property { name: name.clone(), value: value.clone() });
        Manifest {
            dimensions: self.dimensions as u32,
            element: self.element as u8,
            metric: self.metric as u8,
            key_type: self.key_type as u8,
            unit_length,
            columns: columns.collect(),
            build: manifest::Build {
                seed: self.seed,
                hnsw: self.hnsw.map(|hnsw| manifest::HnswBuild {
                    m: hnsw.m,
                    ef_construction: hnsw.ef_construction,
                }),
                ivf: self.ivf.map(|ivf| manifest::IvfBuild { lists: ivf.lists }),
                codes: self.codes.map_or(u8::MAX, |codes| codes as u8),
            },
            properties: properties.collect(),
            segments: Vec::new(),
            sections: Vec::new(),
        }
    }

    /// The options that a manifest stores.
    pub(crate) fn from_manifest(manifest: &Manifest) -> Result<Self> {
        const WHAT: &str = "the manifest";
        let columns = manifest.columns.iter().map(|column| {
            let column_type = ColumnType::try_from(column.column_type)?;
            Ok(ColumnSchema { name: column.name.clone(), column_type })
        });
        let properties = manifest.properties.iter();
        let options = Self {
            dimensions: manifest.dimensions as usize,
            metric: Metric::try_from(manifest.metric)?,
            element: Element::try_from(manifest.element)?,
            key_type: KeyType::try_from(manifest.key_type)?,
            columns: try_collect(columns)?,
            hnsw: manifest
                .build
                .hnsw
                .as_ref()
                .map(|hnsw| HnswParams { m: hnsw.m, ef_construction: hnsw.ef_construction }),
            ivf: manifest.build.ivf.as_ref().map(|ivf| IvfParams { lists: ivf.lists }),
            ranges: manifest.sections.iter().any(|section| section.kind == Kind::RangeTop as u32),
            codes: Codes::try_from(manifest.build.codes).ok(),
            seed: manifest.build.seed,
            threads: 0,
            memory: None,
            properties: properties.map(|p| (p.name.clone(), p.value.clone())).collect(),
        };
        if options.dimensions == 0 || options.dimensions > MAX_DIMENSIONS {
            return Err(corrupt(WHAT));
        }
        options.check().map_err(|_| corrupt(WHAT))?;
        Ok(options)
    }
}
