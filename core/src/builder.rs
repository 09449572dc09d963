//! Building an index from rows.

mod memory;
mod parts;

use crate::aligned::AlignedBytes;
use crate::archive::manifest::{self, Manifest};
use crate::archive::spill::Spill;
use crate::archive::write::{self, Sink};
use crate::column::{ColumnBuilder, ColumnSchema, ColumnType, ValueRef};
use crate::element::Element;
use crate::error::{ErrorKind, OrCorrupt, Result, corrupt, try_collect};
use crate::growing::check_values;
use crate::hnsw::HnswParams;
use crate::ivf::IvfParams;
use crate::key::{Key, KeyRef, KeyType};
use crate::metric::Metric;
use crate::parallel::Threads;
use crate::segment::Codes;
use crate::segment::build::{OnProgress, Progress, SegmentParams, SegmentRows, build};
use crate::vectors::{MAX_DIMENSIONS, Shape, Vectors};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use memory::BYTES_PUT_ASIDE;
use parts::Parts;

/// Most attribute columns of an index, as many as Postgres allows a table.
pub const MAX_COLUMNS: usize = 1600;

/// Up to so many rows a scan takes less than a tenth of a millisecond or so, and is exact: no
/// structure is worth building.
pub const FLAT_ROWS: u64 = 2_000;

/// A segment beside others that has fewer rows gets no structure: a scan is as fast.
pub(crate) const STRUCTURED_ROWS: u32 = 1000;

/// Least rows of a segment that is built because memory holds no more: segments of fewer would be
/// scanned, one after another.
const LEAST_ROWS: u64 = FLAT_ROWS;

/// What an index is to be.
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
    /// Values of a vector: 1 to 65,535.
    pub dimensions: usize,
    /// What "near" means.
    pub metric: Metric,
    /// How values are stored. Default [`Element::F16`].
    pub element: Element,
    /// What rows are called by. Default [`KeyType::RowNumber`].
    pub key_type: KeyType,
    /// The attribute columns. Default none.
    pub columns: Vec<ColumnSchema>,
    /// Whether there is an HNSW graph. Default one with `m` 16, `ef_construction` 128.
    pub hnsw: Option<HnswParams>,
    /// Whether there is an inverted file. Default none.
    pub ivf: Option<IvfParams>,
    /// Whether there are 8-bit codes. The default, `None`, has [`Codes::Sq8`] where a structure
    /// can use them and they tell the rows apart, else none.
    pub codes: Option<Codes>,
    /// Seed of all random choices. Default 42.
    pub seed: u64,
    /// How many threads build; 0, the default, means as many as the machine has.
    pub threads: usize,
    /// How many bytes of memory the build may take, as [`memory_needed`](Self::memory_needed) counts
    /// them. Rows that want more are built in several segments, each of which is put aside in a
    /// [`Spill`] before the next begins ([`IndexBuilder::spill_to`]); a search goes through all of them,
    /// which takes longer than one of all rows. Not kept in the file. Default, `None`: as many as it takes.
    pub memory: Option<u64>,
    /// Name and value of anything worth telling readers: `model`, `source`, `licence`.
    pub properties: Vec<(String, String)>,
}

impl IndexOptions {
    /// The defaults for vectors of so many dimensions.
    pub fn new(dimensions: usize, metric: Metric) -> Self {
        Self {
            dimensions,
            metric,
            element: Element::F16,
            key_type: KeyType::RowNumber,
            columns: Vec::new(),
            hnsw: Some(HnswParams::default()),
            ivf: None,
            codes: None,
            seed: 42,
            threads: 0,
            memory: None,
            properties: Vec::new(),
        }
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
        if self.metric == Metric::L1 && self.codes.is_some_and(|codes| codes != Codes::None) {
            let reason = "the l1 metric takes no codes; use none".into();
            return Err(ErrorKind::InvalidParameter { name: "codes", reason }.into());
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

    pub(crate) fn segment_params(&self) -> SegmentParams {
        let structured = self.hnsw.is_some() || self.ivf.is_some();
        let default = if structured { Codes::Sq8 } else { Codes::None };
        SegmentParams {
            hnsw: self.hnsw,
            ivf: self.ivf,
            codes: self.codes.unwrap_or(default),
            codes_required: self.codes.is_some_and(|codes| codes != Codes::None),
            seed: self.seed,
        }
    }

    /// A manifest that says all but what the segments are.
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

    /// The options that a manifest tells of.
    pub(crate) fn from_manifest(manifest: &Manifest) -> Result<Self> {
        const WHAT: &str = "the manifest";
        let element = [Element::F32, Element::F16].into_iter();
        let metric = [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1].into_iter();
        let key_type =
            [KeyType::RowNumber, KeyType::Int64, KeyType::Uuid, KeyType::Text].into_iter();
        let columns = manifest.columns.iter().map(|column| {
            let column_type = ColumnType::from_number(column.column_type).or_corrupt(WHAT)?;
            Ok(ColumnSchema { name: column.name.clone(), column_type })
        });
        let properties = manifest.properties.iter();
        let options = Self {
            dimensions: manifest.dimensions as usize,
            metric: metric.clone().find(|m| *m as u8 == manifest.metric).or_corrupt(WHAT)?,
            element: element.clone().find(|e| *e as u8 == manifest.element).or_corrupt(WHAT)?,
            key_type: key_type.clone().find(|k| *k as u8 == manifest.key_type).or_corrupt(WHAT)?,
            columns: try_collect(columns)?,
            hnsw: manifest
                .build
                .hnsw
                .as_ref()
                .map(|hnsw| HnswParams { m: hnsw.m, ef_construction: hnsw.ef_construction }),
            ivf: manifest.build.ivf.as_ref().map(|ivf| IvfParams { lists: ivf.lists }),
            codes: Codes::from_number(manifest.build.codes),
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

/// Gathers rows and builds an index file from them.
///
/// ```
/// use hither::{Index, IndexBuilder, IndexOptions, Metric, SearchParams, Searcher};
///
/// let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// builder.push(None, &[0.0, 0.0], &[])?;
/// builder.push(None, &[3.0, 4.0], &[])?;
/// let bytes = builder.finish()?;
///
/// let index = Index::open(&bytes)?;
/// let mut searcher = Searcher::new();
/// let nearest = index.search(&[3.0, 3.0], &SearchParams::new(1), &mut searcher)?;
/// assert_eq!(nearest[0].distance, 1.0);
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Debug)]
pub struct IndexBuilder {
    options: IndexOptions,
    vectors: Vectors,
    keys: Vec<Key>,
    columns: Vec<ColumnBuilder>,
    /// Bytes of the rows' keys and values that have no fixed size.
    texts: u64,
    parts: Parts,
}

impl IndexBuilder {
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] or [`ErrorKind::TooMany`] if the options contradict each
    /// other or are out of their ranges.
    pub fn new(options: IndexOptions) -> Result<Self> {
        options.check()?;
        let vectors = Vectors::new(options.shape())?;
        let columns = new_columns(&options);
        let parts = Parts::default();
        Ok(Self { options, vectors, keys: Vec::new(), columns, texts: 0, parts })
    }

    /// Where segments are put aside that the options' `memory` does not hold, until the file is
    /// written: a `std::fs::File` that can be read and written, or whatever else is a [`Spill`]. It
    /// gets what the index's file will have, but for the last segment.
    ///
    /// ```
    /// use hither::{Index, IndexBuilder, IndexOptions, Metric};
    ///
    /// # let path = std::env::temp_dir().join(format!("hither-example-spill-{}", std::process::id()));
    /// # let mut open = std::fs::OpenOptions::new();
    /// # let spill = open.read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    /// # std::fs::remove_file(&path).ok();
    /// let options = IndexOptions { memory: Some(1_000_000), ..IndexOptions::new(2, Metric::L2) };
    /// let mut builder = IndexBuilder::new(options)?;
    /// builder.spill_to(Box::new(spill));
    /// for x in 0..4_000 {
    ///     builder.push(None, &[x as f32, 1.0], &[])?;
    /// }
    /// let bytes = builder.finish()?;
    /// assert_eq!(Index::open(&bytes)?.info().segments.len(), 2);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn spill_to(&mut self, spill: Box<dyn Spill>) {
        self.parts.spill_to(spill);
    }

    /// Makes room for `rows` rows more, where it is known that they come: room that grows as they
    /// come takes more memory. Where memory is limited, segments become equally large.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`]; [`ErrorKind::InvalidParameter`] if so many rows want a higher limit.
    pub fn reserve(&mut self, rows: usize) -> Result<()> {
        let all = self.rows_here().saturating_add(rows) as u64;
        let rows = self.parts.expect(&self.options, all, 0)?.min(rows as u64) as usize;
        self.vectors.reserve(rows)?;
        let bytes = (rows as u64).saturating_mul(size_of::<Key>() as u64);
        self.keys.try_reserve(rows).map_err(|_| ErrorKind::OutOfMemory { bytes })?;
        Ok(())
    }

    /// Appends a row: its key (`None` where keys are row numbers: the next number), its vector
    /// (one finite value a dimension), and a value for every column, in the order of the schema.
    ///
    /// A vector is at most 2⁶² (4.6·10¹⁸) long. Under cosine, where only its direction counts, any length
    /// goes: a vector that is shorter than 2⁻⁵⁰ (8.9·10⁻¹⁶) or longer than 2⁵⁰ (1.1·10¹⁵) is stored
    /// multiplied by a power of two.
    ///
    /// Where memory is limited this may call [`make_room`](Self::make_room), which takes as long as
    /// the build of a segment does.
    ///
    /// # Errors
    /// Says what is wrong with the row, which is then left out; the builder goes on working.
    /// Keys that are given twice are found by [`finish`](Self::finish). And those of
    /// [`make_room`](Self::make_room).
    pub fn push(
        &mut self,
        key: Option<KeyRef<'_>>,
        vector: &[f32],
        values: &[ValueRef<'_>],
    ) -> Result<()> {
        self.make_room(&mut |_| Ok(()))?;
        let expected = self.options.key_type;
        let key = match key {
            Some(key) if key.fits(expected) => key.to_owned(),
            Some(key) => {
                return Err(
                    ErrorKind::KeyType { expected: expected.name(), got: key.type_name() }.into()
                );
            }
            None if expected == KeyType::RowNumber => Key::Int64(self.rows() as i64),
            None => {
                return Err(ErrorKind::KeyType { expected: expected.name(), got: "missing" }.into());
            }
        };
        check_values(&self.columns, values)?;
        self.vectors.push(vector)?;
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push(*value)?;
            self.texts += value.blob_len() as u64;
        }
        if let Key::Text(text) = &key {
            self.texts += text.len() as u64;
        }
        self.keys.push(key);
        Ok(())
    }

    /// Makes room for another row where memory is limited and the rows that are here fill it: builds
    /// a segment of them and puts it aside. Else it does nothing. [`push`](Self::push) does so itself;
    /// called before it, this tells of progress.
    ///
    /// # Errors
    /// [`ErrorKind::DuplicateKey`] if a key was given twice, [`ErrorKind::InvalidParameter`] if the
    /// limit is too low for these rows, [`ErrorKind::Unsupported`] if there is no
    /// [`Spill`], and those of the spill and of `progress`.
    pub fn make_room(&mut self, progress: OnProgress<'_>) -> Result<()> {
        if !self.parts.is_full(&self.options, self.rows_here() as u64, self.texts) {
            return Ok(());
        }
        self.parts.check_size(&self.options, self.rows_here() as u64, self.texts)?;
        self.parts.check_keys(&self.keys)?;
        let threads = Threads::new(self.options.threads)?;
        let rows = SegmentRows {
            vectors: &self.vectors,
            key_type: self.options.key_type,
            keys: &self.keys,
            columns: &self.columns,
        };
        let params = self.options.segment_params();
        let built = build(self.parts.count(), rows, &params, &threads, progress)?;
        self.parts.put_aside(built, &self.keys, self.texts, &self.options)?;
        self.vectors.clear();
        self.keys.clear();
        self.columns = new_columns(&self.options);
        self.texts = 0;
        Ok(())
    }

    /// Chooses the structures anew, where it takes the number of rows to decide.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn set_structures(
        &mut self,
        hnsw: Option<HnswParams>,
        ivf: Option<IvfParams>,
    ) -> Result<()> {
        let options = IndexOptions { hnsw, ivf, ..self.options.clone() };
        options.check()?;
        self.options = options;
        Ok(())
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.parts.rows() + self.rows_here() as u64
    }

    /// How many segments were put aside, because memory is limited.
    pub fn segments_aside(&self) -> u32 {
        self.parts.count()
    }

    /// What it was made with.
    pub fn options(&self) -> &IndexOptions {
        &self.options
    }

    /// Takes account of memory that is taken meanwhile beside the builder's.
    pub(crate) fn count_beside(&mut self, bytes: u64) -> Result<()> {
        self.options.check_memory(bytes)?;
        self.parts.beside = bytes;
        Ok(())
    }

    fn rows_here(&self) -> usize {
        self.vectors.rows() as usize
    }

    /// Builds the index and gives its file's bytes.
    ///
    /// # Errors
    /// [`ErrorKind::DuplicateKey`] if a key was given twice; [`ErrorKind::VectorUnderflow`], or for
    /// [`Element::F16`] [`ErrorKind::HalfUnderflow`], if all rows are too small to be told apart.
    pub fn finish(self) -> Result<AlignedBytes> {
        let mut bytes = AlignedBytes::new();
        self.write_to(&mut bytes, &mut |_| Ok(()))?;
        Ok(bytes)
    }

    /// Builds the index and writes its file to `sink`.
    ///
    /// # Errors
    /// Those of [`finish`](Self::finish), of the sink, and of `progress`.
    pub fn write_to(&self, sink: &mut dyn Sink, progress: OnProgress<'_>) -> Result<()> {
        self.vectors.check_size()?;
        self.parts.check_keys(&self.keys)?;
        let threads = Threads::new(self.options.threads)?;
        let mut manifest = self.options.manifest(self.vectors.unit_length());
        let mut sections = self.parts.sections(&mut manifest);
        if self.parts.count() == 0 || self.rows_here() > 0 {
            let rows = SegmentRows {
                vectors: &self.vectors,
                key_type: self.options.key_type,
                keys: &self.keys,
                columns: &self.columns,
            };
            let mut params = self.options.segment_params();
            if self.parts.count() > 0 && self.rows_here() < STRUCTURED_ROWS as usize {
                (params.hnsw, params.ivf) = (None, None);
            }
            let built = build(self.parts.count(), rows, &params, &threads, progress)?;
            manifest.segments.push(built.segment);
            sections.extend(built.sections);
        }
        progress(Progress { stage: "writing", done: 0, total: 1 })?;
        write::write(manifest, sections, sink)?;
        progress(Progress { stage: "writing", done: 1, total: 1 })
    }
}

fn new_columns(options: &IndexOptions) -> Vec<ColumnBuilder> {
    options.columns.iter().cloned().map(ColumnBuilder::new).collect()
}
