//! An index: the segments of a file and the rows inserted since, searched as one.

mod change;
mod distances;
mod filter;
pub(crate) mod info;
mod memory;
pub(crate) mod merge;
mod params;
mod plan;
mod prefix;
mod row;
mod save;
mod search;
mod shards;
mod transfer;

pub use filter::IndexFilter;
pub use info::{IndexInfo, SectionInfo, SegmentInfo};
pub use params::{Order, SearchParams, SearchStats};
pub use save::{Save, merge, merge_into};
pub use search::Searcher;
pub use shards::{Difference, Shards};
pub use transfer::Transfer;

use crate::archive::Archive;
use crate::builder::IndexOptions;
use crate::column::ColumnSchema;
use crate::error::{Result, corrupt, try_collect};
use crate::growing::Growing;
use crate::key::{KeyRef, RandomKeys};
use crate::metric::Metric;
use crate::neighbor::RowId;
use crate::segment::Segment;
use alloc::vec::Vec;

/// An index over bytes in memory: a mapped file, a download, the result of a builder.
///
/// Opening reads the manifest and no rows. Rows can be inserted, updated and removed by key; the bytes never
/// change, [`write_to`](Self::write_to) makes new ones.
#[derive(Debug)]
pub struct Index<'a> {
    options: IndexOptions,
    unit_length: bool,
    archive: Option<Archive<'a>>,
    segments: Vec<Segment<'a>>,
    growing: Option<Growing>,
    next_number: Option<i64>,
    random_keys: RandomKeys,
}

impl<'a> Index<'a> {
    /// Opens the bytes of an index file, which start at a multiple of 16.
    ///
    /// # Errors
    /// [`ErrorKind::NotAnIndex`](crate::ErrorKind::NotAnIndex),
    /// [`ErrorKind::UnsupportedVersion`](crate::ErrorKind::UnsupportedVersion),
    /// [`ErrorKind::Truncated`](crate::ErrorKind::Truncated), [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt),
    /// [`ErrorKind::Misaligned`](crate::ErrorKind::Misaligned). Damage within sections is found when they are
    /// read, or by [`verify`](Self::verify).
    pub fn open(bytes: &'a [u8]) -> Result<Self> {
        let archive = Archive::open(bytes)?;
        let options = IndexOptions::from_manifest(&archive.manifest)?;
        let (shape, key_type) = (options.shape(), options.key_type);
        let numbers = 0..archive.manifest.segments.len() as u32;
        let open = |number| Segment::open(&archive, number, shape, key_type, &options.columns);
        let segments = try_collect(numbers.map(open))?;
        let unit_length = archive.manifest.unit_length;
        let archive = Some(archive);
        Ok(Self {
            options,
            unit_length,
            archive,
            segments,
            growing: None,
            next_number: None,
            random_keys: RandomKeys::default(),
        })
    }

    /// An empty index in memory.
    ///
    /// # Errors
    /// Those of [`IndexBuilder::new`](crate::IndexBuilder::new).
    ///
    /// ```
    /// use hither::{Index, IndexOptions, Metric, SearchParams, Searcher};
    ///
    /// let mut index = Index::new(IndexOptions::new(2, Metric::L2))?;
    /// index.insert(None, &[1.0, 0.0], &[])?;
    /// let found = index.search(&[1.0, 0.0], &SearchParams::new(1), &mut Searcher::new())?.to_vec();
    /// assert_eq!(found[0].distance, 0.0);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn new(options: IndexOptions) -> Result<Self> {
        options.check()?;
        Growing::new(options.shape(), &options.columns)?;
        Ok(Self {
            options,
            unit_length: true,
            archive: None,
            segments: Vec::new(),
            growing: None,
            next_number: None,
            random_keys: RandomKeys::default(),
        })
    }

    /// Checks every checksum, id, key and offset: all that opening does not check.
    ///
    /// # Errors
    /// [`ErrorKind::ChecksumMismatch`](crate::ErrorKind::ChecksumMismatch) or
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt), saying where.
    ///
    /// ```
    /// # use hither::{IndexBuilder, IndexOptions, Metric};
    /// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
    /// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
    /// # let bytes = builder.finish()?;
    /// let mut damaged = bytes.clone();
    /// let last = damaged.len() - 1;
    /// damaged.as_mut_slice()[last] ^= 1;
    /// assert!(hither::Index::open(&bytes)?.verify().is_ok());
    /// assert!(hither::Index::open(&damaged)?.verify().is_err());
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn verify(&self) -> Result<()> {
        if let Some(archive) = &self.archive {
            archive.verify()?;
        }
        self.segments.iter().try_for_each(Segment::verify)
    }

    /// How many rows no search of the graph can reach, whatever its `ef_search`. Graphs built by this version
    /// have none; older ones over many equal rows may: the file is intact, and building it again mends it.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the graph is damaged.
    ///
    /// ```
    /// # use hither::{IndexBuilder, IndexOptions, Metric};
    /// use hither::{HnswParams, Index};
    ///
    /// let hnsw = Some(HnswParams::default());
    /// let mut builder = IndexBuilder::new(IndexOptions { hnsw, ..IndexOptions::new(1, Metric::L2) })?;
    /// for _ in 0..1000 { builder.push(None, &[1.0], &[])?; }
    /// assert_eq!(Index::open(&builder.finish()?)?.unreachable()?, 0);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn unreachable(&self) -> Result<u64> {
        let graphs = self.segments.iter().filter_map(|segment| segment.hnsw.as_ref());
        graphs.map(|graph| Ok(u64::from(graph.unreachable()?))).sum()
    }

    /// The options that the index was built with, except [`threads`](IndexOptions::threads).
    pub fn options(&self) -> &IndexOptions {
        &self.options
    }

    /// How many values a vector has.
    pub fn dimensions(&self) -> usize {
        self.options.dimensions
    }

    /// What "near" means.
    pub fn metric(&self) -> Metric {
        self.options.metric
    }

    /// The attribute columns.
    pub fn columns(&self) -> &[ColumnSchema] {
        &self.options.columns
    }

    /// Whether all rows have length 1, up to rounding to binary16. Then L2, cosine and inner product order them
    /// alike, and a search may use any of the three.
    pub fn is_unit_length(&self) -> bool {
        self.unit_length && self.growing.as_ref().is_none_or(|rows| rows.vectors.unit_length())
    }

    /// Whether a search can order rows by `metric`: by the index's own, and where all rows have [unit
    /// length](Self::is_unit_length) by L2, cosine and inner product. An exact scan can use any metric.
    ///
    /// ```
    /// use hither::{Index, IndexOptions, Metric};
    ///
    /// let mut index = Index::new(IndexOptions::new(2, Metric::Cosine))?;
    /// index.insert(None, &[1.0, 0.0], &[])?;
    /// assert!(index.orders_by(Metric::L2) && !index.orders_by(Metric::L1));
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn orders_by(&self, metric: Metric) -> bool {
        self.options.orders_by(metric, self.is_unit_length())
    }

    /// The value of a property, such as `model`.
    ///
    /// ```
    /// use hither::{Index, IndexOptions, Metric};
    ///
    /// let properties = vec![("model".into(), "all-MiniLM-L6-v2".into())];
    /// let index = Index::new(IndexOptions { properties, ..IndexOptions::new(384, Metric::Cosine) })?;
    /// assert_eq!(index.property("model"), Some("all-MiniLM-L6-v2"));
    /// assert_eq!(index.property("licence"), None);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn property(&self, name: &str) -> Option<&str> {
        let mut properties = self.options.properties.iter();
        properties.find(|property| property.0 == name).map(|property| property.1.as_str())
    }

    /// Whether no segment has a search structure, so that every search is an exact scan.
    pub fn is_flat(&self) -> bool {
        self.segments.iter().all(|segment| segment.hnsw.is_none() && segment.ivf.is_none())
    }

    /// How many parts a search has: the segments, and the growing rows.
    fn parts(&self) -> u32 {
        self.segments.len() as u32 + u32::from(self.growing.is_some())
    }

    /// How many rows there are, not counting removed ones.
    pub fn len(&self) -> u64 {
        let stored: u64 = self
            .segments
            .iter()
            .map(|segment| u64::from(segment.rows - segment.hidden_count))
            .sum();
        stored + self.growing.as_ref().map_or(0, |rows| u64::from(rows.live()))
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The content id of the file: a hash that tells any two versions of it apart.
    pub fn content_id(&self) -> Option<u128> {
        self.archive.as_ref().map(|archive| archive.content_id)
    }

    /// The number of the column that has this name.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownColumn`](crate::ErrorKind::UnknownColumn).
    pub fn column(&self, name: &str) -> Result<usize> {
        self.options.column(name)
    }

    /// The row that has this key, if any.
    ///
    /// # Errors
    /// [`ErrorKind::KeyType`](crate::ErrorKind::KeyType), or
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the file is damaged.
    ///
    /// ```
    /// # use hither::{IndexBuilder, IndexOptions, Metric};
    /// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
    /// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
    /// # let bytes = builder.finish()?;
    /// use hither::{Index, KeyRef};
    ///
    /// let index = Index::open(&bytes)?;
    /// assert!(index.find(KeyRef::Int64(4))?.is_some());
    /// assert!(index.find(KeyRef::Int64(5))?.is_none());
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn find(&self, key: KeyRef<'_>) -> Result<Option<RowId>> {
        self.options.check_key(key)?;
        let growing = self.segments.len() as u32;
        if let Some(row) = self.growing.as_ref().and_then(|rows| rows.find(key)) {
            return Ok(Some(RowId { segment: growing, row }));
        }
        // Later segments hide rows of earlier ones, so the first live row found from the end is the only one.
        for (number, segment) in self.segments.iter().enumerate().rev() {
            if let Some(row) = segment.keys.find(key)?
                && !segment.is_hidden(row)
            {
                return Ok(Some(RowId { segment: number as u32, row }));
            }
        }
        Ok(None)
    }

    /// All rows that were not removed, segment by segment.
    ///
    /// ```
    /// # use hither::{IndexBuilder, IndexOptions, Metric};
    /// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
    /// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
    /// # let bytes = builder.finish()?;
    /// let index = hither::Index::open(&bytes)?;
    /// assert_eq!(index.rows().count() as u64, index.len());
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn rows(&self) -> impl Iterator<Item = RowId> {
        let stored = self.segments.iter().enumerate().flat_map(|(number, segment)| {
            let rows = (0..segment.rows).filter(|&row| !segment.is_hidden(row));
            rows.map(move |row| RowId { segment: number as u32, row })
        });
        let segment = self.segments.len() as u32;
        let growing = self.growing.iter().flat_map(Growing::live_rows);
        stored.chain(growing.map(move |row| RowId { segment, row }))
    }

    fn place(&self, row: RowId) -> Result<Place<'_, 'a>> {
        const WHAT: &str = "a row number is of no row of the index";
        if let Some(segment) = self.segments.get(row.segment as usize) {
            return if row.row < segment.rows {
                Ok(Place::Stored(segment))
            } else {
                Err(corrupt(WHAT))
            };
        }
        match &self.growing {
            Some(rows) if row.row < rows.rows() => Ok(Place::Growing(rows)),
            _ => Err(corrupt(WHAT)),
        }
    }
}

enum Place<'s, 'a> {
    Stored(&'s Segment<'a>),
    Growing(&'s Growing),
}
