//! Building an index from rows.

mod memory;
mod options;
mod parts;

use crate::aligned::AlignedBytes;
use crate::archive::spill::Spill;
use crate::archive::write::{self, Sink};
use crate::column::{ColumnBuilder, ValueRef};
use crate::error::{ErrorKind, Result};
use crate::growing::check_values;
use crate::hnsw::HnswParams;
use crate::ivf::IvfParams;
use crate::key::{Key, KeyRef, KeyType, RandomKeys};
use crate::limits::STRUCTURED_ROWS;
use crate::parallel::Threads;
use crate::segment::build::{SegmentParams, SegmentRows, build};
use crate::segment::{OnProgress, Progress, heard};
use crate::vectors::Vectors;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
pub use options::IndexOptions;
use parts::Parts;

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
    /// The distance of each stored vector from the row's true one; rows beyond the end of the list have none.
    errors: Vec<f32>,
    random_keys: RandomKeys,
    columns: Vec<ColumnBuilder>,
    /// Bytes of the rows' keys and values that have no fixed size.
    texts: u64,
    parts: Parts,
    codes_preferred: bool,
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
        Ok(Self {
            options,
            vectors,
            keys: Vec::new(),
            errors: Vec::new(),
            random_keys: RandomKeys::default(),
            columns,
            texts: 0,
            parts,
            codes_preferred: false,
        })
    }

    /// Puts segments aside in `spill` until the file is written, where the options' `memory` cannot hold them:
    /// in a `std::fs::File` that can be read and written, or in any other [`Spill`]. It takes as many bytes as
    /// the index's file without the last segment.
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

    /// Draws the keys of rows without one from this seed, not from the system: for tests, which want the same
    /// file again. Two indexes with the same seed have the same keys.
    ///
    /// ```
    /// use hither::{IndexBuilder, IndexOptions, KeyType, Metric};
    ///
    /// let build = || {
    ///     let options = IndexOptions { key_type: KeyType::Uuid, ..IndexOptions::new(1, Metric::L2) };
    ///     let mut builder = IndexBuilder::new(options)?;
    ///     builder.seed_keys(7);
    ///     builder.push(None, &[0.5], &[])?;
    ///     builder.finish()
    /// };
    /// assert_eq!(*build()?, *build()?);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn seed_keys(&mut self, seed: u64) {
        self.random_keys = RandomKeys::seeded(seed);
    }

    /// Uses the codes of the options only where they tell the rows apart, as the default does: a segment whose
    /// rows they do not tell apart keeps its vectors, even under [`Codes::Sq8Only`](crate::Codes::Sq8Only).
    ///
    /// ```
    /// use hither::{Codes, Index, IndexBuilder, IndexOptions, Metric};
    ///
    /// let options = IndexOptions { codes: Some(Codes::Sq8Only), ..IndexOptions::new(1, Metric::L2) };
    /// let mut builder = IndexBuilder::new(options)?;
    /// builder.prefer_codes();
    /// for x in 0..100 { builder.push(None, &[x as f32], &[])?; }
    /// builder.push(None, &[60_000.0], &[])?;
    /// let bytes = builder.finish()?;
    /// assert_eq!(Index::open(&bytes)?.info().segments[0].codes, Codes::None);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn prefer_codes(&mut self) {
        self.codes_preferred = true;
    }

    /// Reserves room for `rows` more rows, where their number is known: room that grows row by row takes more
    /// memory. Where memory is limited, segments become equally large.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`]; [`ErrorKind::InvalidParameter`] if so many rows need a higher limit.
    pub fn reserve(&mut self, rows: usize) -> Result<()> {
        let all = self.rows_here().saturating_add(rows) as u64;
        let rows = self.parts.expect(&self.options, all, 0)?.min(rows as u64) as usize;
        self.vectors.reserve(rows)?;
        let bytes = (rows as u64).saturating_mul(size_of::<Key>() as u64);
        self.keys.try_reserve(rows).map_err(|_| ErrorKind::OutOfMemory { bytes })?;
        Ok(())
    }

    /// Appends a row: its key, its vector (one finite value a dimension), and a value for every column,
    /// in the order of the schema. Where keys are row numbers, `None` takes the next number; where they
    /// are UUIDs and there is the feature `getrandom`, a random one of version 4.
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
        self.make_room(None)?;
        let expected = self.options.key_type;
        let key = match key {
            Some(key) if key.fits(expected) => key.to_owned(),
            Some(key) => {
                return Err(
                    ErrorKind::KeyType { expected: expected.name(), got: key.type_name() }.into()
                );
            }
            None if expected == KeyType::RowNumber => Key::Int64(self.rows() as i64),
            None if expected == KeyType::Uuid => self.random_keys.next()?,
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

    /// Appends a row as [`push`](Self::push) does where its exact vector is not at hand, only one that is at
    /// most `error` away from it (0 or more; under cosine, of both at unit length).
    /// [`Index::vector_error`](crate::Index::vector_error) takes account of it.
    ///
    /// # Errors
    /// Those of `push`, and [`ErrorKind::InvalidParameter`] if `error` is negative or no number.
    ///
    /// ```
    /// use hither::{Index, IndexBuilder, IndexOptions, KeyRef, Metric};
    ///
    /// let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
    /// builder.push_near(None, &[3.0, 4.0], 0.25, &[])?;
    /// let bytes = builder.finish()?;
    /// let index = Index::open(&bytes)?;
    /// let row = index.find(KeyRef::Int64(0))?.expect("the row");
    /// assert_eq!(index.vector_error(row)?, 0.25);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn push_near(
        &mut self,
        key: Option<KeyRef<'_>>,
        vector: &[f32],
        error: f32,
        values: &[ValueRef<'_>],
    ) -> Result<()> {
        if error.is_nan() || error < 0.0 {
            let reason = format!("{error} is no distance");
            return Err(ErrorKind::InvalidParameter { name: "error", reason }.into());
        }
        self.push(key, vector, values)?;
        if error > 0.0 {
            self.errors.resize(self.rows_here() - 1, 0.0);
            self.errors.push(error);
        }
        Ok(())
    }

    /// If memory is limited and full, builds a segment of the rows so far and puts it aside, which makes room
    /// for another row. Otherwise it does nothing. [`push`](Self::push) calls it without `progress`; call it
    /// first to be told of progress.
    ///
    /// # Errors
    /// [`ErrorKind::DuplicateKey`] if a key was given twice, [`ErrorKind::InvalidParameter`] if the
    /// limit is too low for these rows, [`ErrorKind::Unsupported`] if there is no
    /// [`Spill`], and those of the spill and of `progress`.
    pub fn make_room(&mut self, progress: Option<OnProgress<'_>>) -> Result<()> {
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
            errors: &self.errors,
            columns: &self.columns,
        };
        let params = self.segment_params();
        let mut unheard = |_| Ok(());
        let progress = heard(progress, &mut unheard);
        let built = build(self.parts.count(), rows, &params, &threads, progress)?;
        self.parts.put_aside(built, &self.keys, self.texts, &self.options)?;
        self.vectors.clear();
        self.keys.clear();
        self.errors.clear();
        self.columns = new_columns(&self.options);
        self.texts = 0;
        Ok(())
    }

    /// Chooses other structures, for callers that decide by the number of rows.
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

    /// The options of this builder.
    pub fn options(&self) -> &IndexOptions {
        &self.options
    }

    /// Counts memory that others take during the build as part of the limit.
    pub(crate) fn count_beside(&mut self, bytes: u64) -> Result<()> {
        self.options.check_memory(bytes)?;
        self.parts.beside = bytes;
        Ok(())
    }

    fn segment_params(&self) -> SegmentParams {
        let params = self.options.segment_params();
        let codes_required = params.codes_required && !self.codes_preferred;
        SegmentParams { codes_required, ..params }
    }

    fn rows_here(&self) -> usize {
        self.vectors.rows() as usize
    }

    /// Builds the index and returns the bytes of its file.
    ///
    /// # Errors
    /// [`ErrorKind::DuplicateKey`] if a key was given twice; [`ErrorKind::VectorUnderflow`], or for
    /// [`Element::F16`](crate::Element::F16) [`ErrorKind::HalfUnderflow`], if all rows are too small to
    /// be told apart.
    pub fn finish(self) -> Result<AlignedBytes> {
        let mut bytes = AlignedBytes::new();
        self.write_to(&mut bytes, None)?;
        Ok(bytes)
    }

    /// Builds the index and writes its file to `sink`, reporting `progress` if wanted.
    ///
    /// # Errors
    /// Those of [`finish`](Self::finish), of the sink, and of `progress`.
    pub fn write_to(&self, sink: &mut dyn Sink, progress: Option<OnProgress<'_>>) -> Result<()> {
        let mut unheard = |_| Ok(());
        let progress = heard(progress, &mut unheard);
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
                errors: &self.errors,
                columns: &self.columns,
            };
            let mut params = self.segment_params();
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
