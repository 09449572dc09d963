//! Writes new files from indexes: compacted, as a delta, or several merged.

use super::Index;
use crate::archive::Kind;
use crate::archive::manifest::{NO_COLUMN, Section};
use crate::archive::write::{self, NewSection, Sink, Source};
use crate::builder::{IndexBuilder, IndexOptions};
use crate::error::{Error, ErrorKind, Result, try_collect};
use crate::key::{Key, KeyRef, KeyType};
use crate::limits::{MERGE_ROW_BYTES, STRUCTURED_ROWS};
use crate::neighbor::RowId;
use crate::parallel::Threads;
use crate::segment::build::{SegmentRows, build};
use crate::segment::{OnProgress, heard};
use crate::sort::sort_by;
use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;

/// How an index is saved.
///
/// ```
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// # let bytes = builder.finish()?;
/// use hither::raw::AlignedBytes;
/// use hither::{Index, Save};
///
/// let mut index = Index::open(&bytes)?;
/// index.insert(None, &[9.0, 0.0], &[])?;
/// let mut delta = AlignedBytes::new();
/// index.write_to(&mut delta, Save::delta())?;
/// assert_eq!(Index::open(&delta)?.info().segments.len(), 2);
///
/// let mut compact = AlignedBytes::new();
/// let mut tell = |progress: hither::Progress| Ok(println!("{}", progress.stage));
/// index.write_to(&mut compact, Save::compact().threads(1).progress(&mut tell))?;
/// assert_eq!(Index::open(&compact)?.info().segments.len(), 1);
/// # Ok::<(), hither::Error>(())
/// ```
pub struct Save<'p> {
    compact: bool,
    threads: usize,
    progress: Option<OnProgress<'p>>,
}

impl<'p> Save<'p> {
    /// One segment, built anew from the remaining rows, in the order of their keys. For an index that was not
    /// changed, this gives the same bytes again if its rows were in that order.
    pub fn compact() -> Self {
        Self { compact: true, threads: 0, progress: None }
    }

    /// The segments as they are, with removed rows marked, and a new segment of the inserted rows: quick, and
    /// readable by anything that reads the format.
    pub fn delta() -> Self {
        Self { compact: false, ..Self::compact() }
    }

    /// With this many threads; 0, the default, means as many as the machine has.
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Reports progress to `progress`.
    pub fn progress(self, progress: OnProgress<'p>) -> Self {
        Self { progress: Some(progress), ..self }
    }
}

impl Index<'_> {
    /// Writes the index to a new file. The index itself stays as it is.
    ///
    /// # Errors
    /// Those of the sink and of [`Save::progress`]; [`ErrorKind::Corrupt`] if this index's file is
    /// damaged.
    pub fn write_to(&self, sink: &mut dyn Sink, save: Save<'_>) -> Result<()> {
        let Save { compact, threads, progress } = save;
        if compact {
            return merge(&[self], threads)?.write_to(sink, progress);
        }
        let mut unheard = |_| Ok(());
        self.write_delta(threads, sink, heard(progress, &mut unheard))
    }

    fn write_delta(
        &self,
        threads: usize,
        sink: &mut dyn Sink,
        progress: OnProgress<'_>,
    ) -> Result<()> {
        let mut manifest = self.options.manifest(self.is_unit_length());
        let mut sections = Vec::new();
        if let Some(archive) = &self.archive {
            manifest.build = archive.manifest.build.clone();
            manifest.segments = archive.manifest.segments.clone();
            for section in &archive.manifest.sections {
                let Some(kind) = Kind::from_number(section.kind) else { continue };
                if kind != Kind::Hidden {
                    let bytes = archive.section(section.segment, section.column, kind);
                    let section = Section::new(section.segment, section.column, kind);
                    sections.push(NewSection { section, source: Source::Bytes(bytes.into()) });
                }
            }
        }
        for (number, segment) in self.segments.iter().enumerate() {
            let section = Section::new(number as u32, NO_COLUMN, Kind::Hidden);
            let source = Source::Bytes(Cow::Borrowed(segment.hidden()));
            sections.push(NewSection { section, source });
            manifest.segments[number].hidden = segment.hidden_count;
        }
        let compacted;
        if let Some(growing) = self.growing.as_ref().filter(|growing| growing.live() > 0) {
            // Rows that were inserted and then removed are left out.
            compacted = growing.compacted(&self.options.columns)?;
            if self.segments.is_empty() {
                compacted.vectors.check_size()?;
            }
            let mut params = self.options.segment_params();
            if growing.live() < STRUCTURED_ROWS {
                (params.hnsw, params.ivf) = (None, None);
            }
            let rows = SegmentRows {
                vectors: &compacted.vectors,
                key_type: self.options.key_type,
                keys: &compacted.keys,
                errors: &[],
                columns: &compacted.columns,
            };
            let number = manifest.segments.len() as u32;
            let built = build(number, rows, &params, &Threads::new(threads)?, progress)?;
            manifest.segments.push(built.segment);
            sections.extend(built.sections);
        }
        write::write(manifest, sections, sink)
    }
}

/// Gathers the rows of several indexes for a new one, in the order of their keys. Of rows with the same key,
/// that of the last index stays. Row numbers are assigned anew, one index after another, unless there is only
/// one index.
///
/// The options are those of the first index, except `threads`.
///
/// # Errors
/// [`ErrorKind::Unlike`] if the indexes differ in dimensions, metric, type of keys or columns;
/// [`ErrorKind::Corrupt`] if one's file is damaged.
///
/// ```
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// # let bytes = builder.finish()?;
/// use hither::Index;
///
/// let index = Index::open(&bytes)?;
/// let merged = hither::merge(&[&index, &index], 1)?.finish()?;
/// assert_eq!(Index::open(&merged)?.len(), 10);
/// # Ok::<(), hither::Error>(())
/// ```
pub fn merge(indexes: &[&Index<'_>], threads: usize) -> Result<IndexBuilder> {
    let Some(first) = indexes.first() else { return Err(nothing_to_merge()) };
    let mut builder = IndexBuilder::new(IndexOptions { threads, ..first.options().clone() })?;
    merge_into(&mut builder, indexes, None)?;
    Ok(builder)
}

fn nothing_to_merge() -> Error {
    ErrorKind::Unsupported { reason: "there is no index to merge".into() }.into()
}

/// Gathers the rows of several indexes as [`merge`] does, for a builder that was made with the options of the
/// first, and with a limit of memory if needed. Beside the builder's memory this takes
/// [`MERGE_ROW_BYTES`](crate::limits::MERGE_ROW_BYTES) for each row of all indexes, which count towards the
/// limit, and the bytes of text keys and of mapped files, which do not.
///
/// `progress`, if given, is told of segments that are built because memory is limited.
///
/// # Errors
/// Those of [`merge`] and of [`IndexBuilder::make_room`].
///
/// ```
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// # let bytes = builder.finish()?;
/// use hither::{Index, merge_into};
///
/// let index = Index::open(&bytes)?;
/// let options = IndexOptions { memory: Some(1 << 30), ..index.options().clone() };
/// let mut builder = IndexBuilder::new(options)?;
/// merge_into(&mut builder, &[&index, &index], None)?;
/// assert_eq!(builder.rows(), 10);
/// # Ok::<(), hither::Error>(())
/// ```
pub fn merge_into(
    builder: &mut IndexBuilder,
    indexes: &[&Index<'_>],
    progress: Option<OnProgress<'_>>,
) -> Result<()> {
    let mut unheard = |_| Ok(());
    let progress = heard(progress, &mut unheard);
    let Some(first) = indexes.first() else { return Err(nothing_to_merge()) };
    for (number, other) in indexes.iter().enumerate() {
        if let Some(what) = first.difference(other) {
            return Err(ErrorKind::Unlike { index: number, what: what.name() }.into());
        }
    }
    let rows_of = |options: &IndexOptions| {
        (options.dimensions, options.metric, options.key_type, options.columns.clone())
    };
    if rows_of(builder.options()) != rows_of(first.options()) {
        let reason = "the builder was made for other rows than the indexes have: make it with the options of the first".into();
        return Err(ErrorKind::Unsupported { reason }.into());
    }
    let renumbered = first.options().key_type == KeyType::RowNumber && indexes.len() > 1;
    let count = indexes.iter().map(|index| index.len()).sum::<u64>();
    let beside = count.saturating_mul(MERGE_ROW_BYTES);
    builder.count_beside(beside)?;
    let mut rows: Vec<(Key, usize, RowId)> = Vec::new();
    let room = usize::try_from(count).unwrap_or(usize::MAX);
    rows.try_reserve_exact(room).map_err(|_| ErrorKind::OutOfMemory { bytes: beside })?;
    for (number, index) in indexes.iter().enumerate() {
        let start = rows.len();
        for row in index.rows() {
            rows.push((index.key(row)?.to_owned(), number, row));
        }
        if renumbered {
            sort_by(&mut rows[start..], Ord::cmp);
            for (at, row) in rows.iter_mut().enumerate().skip(start) {
                row.0 = Key::Int64(at as i64);
            }
        }
    }
    sort_by(&mut rows, Ord::cmp);
    builder.reserve(rows.len())?;
    let mut vector = vec![0.0; first.dimensions()];
    for (at, (key, number, row)) in rows.iter().enumerate() {
        if rows.get(at + 1).is_some_and(|next| next.0 == *key) {
            continue;
        }
        let index = indexes[*number];
        index.vector(*row, &mut vector)?;
        let columns = 0..index.columns().len();
        let values = try_collect(columns.map(|column| index.value(*row, column)))?;
        let key: KeyRef<'_> = key.as_ref();
        builder.make_room(Some(&mut *progress))?;
        builder.push_near(Some(key), &vector, index.vector_error(*row)?, &values)?;
    }
    Ok(())
}
