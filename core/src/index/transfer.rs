//! Transfers the structures of an index to the same rows under other keys.

use super::Index;
use crate::archive::Kind;
use crate::archive::manifest::{NO_COLUMN, Section};
use crate::archive::spill::Spill;
use crate::archive::write::{self, NewSection, Sink, Source};
use crate::builder::IndexOptions;
use crate::column::{ColumnBuilder, ColumnSchema, ValueRef};
use crate::error::{ErrorKind, Result};
use crate::growing::check_values;
use crate::key::{Key, KeyRef, KeyType};
use crate::segment::Codes;
use crate::segment::build::add_row_sections;
use crate::sort::sort;
use crate::vectors::Vectors;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;

/// Makes a file of an index's rows with other keys and other columns. What was built over the rows stays as it
/// is: graph, lists, codes, and the calibration. So an index that has the keys of one system becomes an index
/// for another, in the time that writing takes.
///
/// Rows are given in the order in which [`Index::rows`] returns them. Their vectors are those of the index, or,
/// where the index has only codes, [given as well](Self::replace_vectors).
///
/// ```
/// use hither::raw::{AlignedBytes, Transfer};
/// use hither::{ColumnSchema, ColumnType, Index, IndexBuilder, IndexOptions, KeyType, Metric};
///
/// let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// for x in 0..5 {
///     builder.push(None, &[x as f32, 0.0], &[])?;
/// }
/// let bytes = builder.finish()?;
/// let index = Index::open(&bytes)?;
///
/// let title = ColumnSchema { name: "title".into(), column_type: ColumnType::Text };
/// let mut transfer = Transfer::new(&index, KeyType::Text, vec![title])?;
/// for row in index.rows() {
///     let key = format!("row {}", index.key(row)?);
///     transfer.push(key.as_str().into(), None, &["a title".into()])?;
/// }
/// let mut named = AlignedBytes::new();
/// transfer.write_to(&mut named)?;
///
/// let named = Index::open(&named)?;
/// assert!(named.find("row 3".into())?.is_some());
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Debug)]
pub struct Transfer<'i> {
    index: &'i Index<'i>,
    options: IndexOptions,
    keys: Vec<Key>,
    /// The new columns of each segment.
    columns: Vec<Vec<ColumnBuilder>>,
    vectors: Option<NewVectors>,
    /// The range of each segment's rows among all rows.
    places: Vec<Range<usize>>,
}

/// Vectors in place of the index's, put aside as they are given.
#[derive(Debug)]
struct NewVectors {
    row: Vectors,
    spill: Box<dyn Spill>,
}

impl<'i> Transfer<'i> {
    /// Begins a transfer to keys of this type and these columns.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if rows of the index were inserted or removed: compact it first.
    /// [`ErrorKind::InvalidParameter`] or [`ErrorKind::TooMany`] if an index cannot have these columns.
    pub fn new(
        index: &'i Index<'i>,
        key_type: KeyType,
        columns: Vec<ColumnSchema>,
    ) -> Result<Self> {
        let changed = index.growing.is_some() || index.segments.iter().any(|s| s.hidden_count > 0);
        if changed || index.archive.is_none() {
            let reason = "rows of the index were inserted or removed; compact it first".into();
            return Err(ErrorKind::Unsupported { reason }.into());
        }
        let options = IndexOptions { key_type, columns, ..index.options.clone() };
        options.check()?;
        let mut end = 0;
        let places = index.segments.iter().map(|segment| {
            let first = end;
            end += segment.rows as usize;
            first..end
        });
        let places = places.collect();
        let of_segment = |_| options.columns.iter().cloned().map(ColumnBuilder::new).collect();
        let columns = index.segments.iter().map(of_segment).collect();
        Ok(Self { index, options, keys: Vec::new(), columns, vectors: None, places })
    }

    /// Makes [`push`](Self::push) take the vectors of all rows, and puts them aside in `spill`, which is empty.
    /// They are the vectors over which the structures were built, of which the index may have kept only codes.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] after the first row.
    pub fn replace_vectors(&mut self, spill: Box<dyn Spill>) -> Result<()> {
        if !self.keys.is_empty() {
            let reason = "vectors are replaced of all rows or of none".into();
            return Err(ErrorKind::Unsupported { reason }.into());
        }
        self.vectors = Some(NewVectors { row: Vectors::new(self.options.shape())?, spill });
        Ok(())
    }

    /// Takes the next row: its key, its vector if vectors are [replaced](Self::replace_vectors), and a value
    /// for every column, in the order of the schema.
    ///
    /// # Errors
    /// Whatever is wrong with the row, which is then ignored; and those of the spill. Keys that are given twice
    /// are found by [`write_to`](Self::write_to).
    pub fn push(
        &mut self,
        key: KeyRef<'_>,
        vector: Option<&[f32]>,
        values: &[ValueRef<'_>],
    ) -> Result<()> {
        let at = self.keys.len();
        let Some(segment) = self.places.iter().position(|rows| rows.contains(&at)) else {
            let reason = format!("the index has {at} rows, and this would be one more");
            return Err(ErrorKind::Unsupported { reason }.into());
        };
        let expected = self.options.key_type;
        if !key.fits(expected) {
            let (expected, got) = (expected.name(), key.type_name());
            return Err(ErrorKind::KeyType { expected, got }.into());
        }
        let columns = &mut self.columns[segment];
        check_values(columns, values)?;
        match (&mut self.vectors, vector) {
            (None, None) => {}
            (Some(vectors), Some(vector)) => {
                vectors.row.push(vector)?;
                vectors.spill.append(vectors.row.bytes())?;
                vectors.row.clear();
            }
            (replaced, _) => {
                let reason = match replaced {
                    Some(_) => "the vectors of all rows are replaced, and this has none",
                    None => "the vectors are those of the index, and this has another",
                };
                return Err(ErrorKind::Unsupported { reason: reason.into() }.into());
            }
        }
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(*value)?;
        }
        self.keys.push(key.to_owned());
        Ok(())
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`ErrorKind::DuplicateKey`] if a key was given twice, [`ErrorKind::Unsupported`] if rows are missing,
    /// [`ErrorKind::VectorUnderflow`] or [`ErrorKind::HalfUnderflow`] if all vectors are too small to be told apart, and those of the
    /// sink and of the spill.
    pub fn write_to(&self, sink: &mut dyn Sink) -> Result<()> {
        let (expected, got) = (self.places.last().map_or(0, |last| last.end), self.keys.len());
        let Some(archive) = self.index.archive.as_ref().filter(|_| expected == got) else {
            let reason = format!("the index has {expected} rows, and {got} were given");
            return Err(ErrorKind::Unsupported { reason }.into());
        };
        self.check_keys()?;
        let mut unit_length = self.index.is_unit_length();
        if let Some(vectors) = &self.vectors {
            vectors.row.check_size()?;
            unit_length = vectors.row.unit_length();
        }
        let mut manifest = self.options.manifest(unit_length);
        manifest.build = archive.manifest.build.clone();
        manifest.segments = archive.manifest.segments.clone();
        let mut sections = Vec::new();
        for section in &archive.manifest.sections {
            let Some(kind) = Kind::from_number(section.kind) else { continue };
            let replaced = match kind {
                Kind::Keys | Kind::KeyOffsets | Kind::KeyOrder | Kind::Hidden => true,
                // They contain keys, and checks of the vectors.
                _ if kind.is_for_ranges() => true,
                // Vectors that are given have no error.
                Kind::Vectors | Kind::VectorErrors => self.vectors.is_some(),
                _ => section.column != NO_COLUMN,
            };
            if !replaced {
                let bytes = archive.section(section.segment, section.column, kind);
                let section = Section::new(section.segment, section.column, kind);
                sections.push(NewSection { section, source: Source::Bytes(bytes.into()) });
            }
        }
        for (number, rows) in self.places.iter().enumerate() {
            let segment = &mut manifest.segments[number];
            let order: Vec<u32> = (0..segment.rows).collect();
            let (keys, columns) = (&self.keys[rows.clone()], &self.columns[number]);
            let key_type = self.options.key_type;
            segment.key_bits =
                add_row_sections(number as u32, key_type, keys, columns, &order, &mut sections)?;
        }
        if let Some(vectors) = &self.vectors {
            let stride = self.options.shape().stride() as u64;
            for (number, rows) in self.places.iter().enumerate() {
                let segment = &mut manifest.segments[number];
                // From now on the codes are stored beside vectors.
                if segment.codes == Codes::Sq8Only as u8 {
                    segment.codes = Codes::Sq8 as u8;
                }
                let (at, length) = (rows.start as u64 * stride, rows.len() as u64 * stride);
                let source = Source::Spilled { spill: &*vectors.spill, at, length };
                let section = Section::new(number as u32, NO_COLUMN, Kind::Vectors);
                sections.push(NewSection { section, source });
            }
            if manifest.build.codes == Codes::Sq8Only as u8 {
                manifest.build.codes = Codes::Sq8 as u8;
            }
        }
        write::write(manifest, sections, sink)
    }

    /// Refuses a key that rows of two segments have. Encoding finds keys that occur twice within a segment.
    fn check_keys(&self) -> Result<()> {
        if self.places.len() < 2 {
            return Ok(());
        }
        let mut keys: Vec<KeyRef<'_>> = self.keys.iter().map(Key::as_ref).collect();
        sort(&mut keys);
        match keys.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(ErrorKind::DuplicateKey { key: format!("{}", pair[0]) }.into()),
            None => Ok(()),
        }
    }
}
