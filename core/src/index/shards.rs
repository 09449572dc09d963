//! Several indexes that answer as one: which indexes may, and how they do.

use super::memory::{Joined, Memory};
use super::{Index, IndexFilter, Order, SearchParams, Searcher};
use crate::error::{ErrorKind, Result, corrupt};
use crate::key::{KeyRef, KeyType};
use crate::neighbor::{Neighbor, RowId};
use alloc::vec::Vec;
use core::fmt;

/// A property in which two indexes differ.
///
/// ```
/// use hither::{Difference, Index, IndexOptions, Metric};
///
/// let a = Index::new(IndexOptions::new(2, Metric::L2))?;
/// let b = Index::new(IndexOptions::new(2, Metric::Cosine))?;
/// assert_eq!(a.difference(&b), Some(Difference::Metric));
/// assert_eq!(a.difference(&a), None);
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Difference {
    /// The number of dimensions.
    Dimensions,
    /// The type of keys.
    KeyType,
    /// The metric.
    Metric,
    /// The attribute columns: their names, types or order.
    Columns,
}

impl Difference {
    /// The property, as messages name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dimensions => "dimensions",
            Self::KeyType => "type of keys",
            Self::Metric => "metric",
            Self::Columns => "columns",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Index<'_> {
    /// The first property, in the order of [`Difference`], in which `other` differs from this index. Indexes
    /// without a difference can be merged. To be searched as one, they may differ in their columns.
    pub fn difference(&self, other: &Index<'_>) -> Option<Difference> {
        if self.dimensions() != other.dimensions() {
            Some(Difference::Dimensions)
        } else if self.options.key_type != other.options.key_type {
            Some(Difference::KeyType)
        } else if self.metric() != other.metric() {
            Some(Difference::Metric)
        } else if self.columns() != other.columns() {
            Some(Difference::Columns)
        } else {
            None
        }
    }
}

/// Several indexes that answer as one, such as the files of a folder.
///
/// Where keys are row numbers, the numbers of each index follow on those before it. Otherwise the row of the
/// last index that has a key is the row with that key, as [`merge`](crate::merge) keeps it, and the others are
/// skipped.
///
/// A [`RowId`] of several indexes has the number of a part among the parts of all indexes;
/// [`place`](Self::place) returns the index of the row, and its id there.
///
/// ```
/// use hither::{Index, IndexOptions, KeyRef, KeyType, Metric, SearchParams, Searcher, Shards};
///
/// let options = IndexOptions { key_type: KeyType::Int64, ..IndexOptions::new(1, Metric::L2) };
/// let (mut old, mut new) = (Index::new(options.clone())?, Index::new(options)?);
/// old.insert(Some(KeyRef::Int64(7)), &[0.0], &[])?;
/// old.insert(Some(KeyRef::Int64(8)), &[1.0], &[])?;
/// new.insert(Some(KeyRef::Int64(7)), &[5.0], &[])?;
///
/// let shards = Shards::new(vec![&old, &new])?;
/// let (params, mut searcher) = (SearchParams::new(9), Searcher::new());
/// let found = shards.search(&[0.0], &params, &[], &mut searcher)?;
/// assert_eq!((found[0].distance, found[1].distance), (1.0, 5.0));
/// assert_eq!(shards.key(found[1].row)?, KeyRef::Int64(7));
/// let (number, row) = shards.place(found[1].row)?;
/// assert_eq!(shards.indexes()[number].key(row)?, KeyRef::Int64(7));
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Shards<'s, 'a> {
    indexes: Vec<&'s Index<'a>>,
    /// The number of the first part of each index among all parts.
    firsts: Vec<u32>,
    /// What is added to the row numbers of each index; empty if they stay as they are.
    offsets: Vec<i64>,
}

impl<'s, 'a> Shards<'s, 'a> {
    /// Joins indexes. Reads the greatest row number of each, and no other row.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if there is no index, [`ErrorKind::Unlike`] if one differs from the first in
    /// dimensions, type of keys or metric, [`ErrorKind::Corrupt`] if a file is damaged.
    pub fn new(indexes: Vec<&'s Index<'a>>) -> Result<Self> {
        let mut shards = Self::join(indexes, &[Difference::Columns])?;
        let mut offset = 0_i64;
        for index in &shards.indexes {
            shards.offsets.push(offset);
            if index.options.key_type == KeyType::RowNumber {
                offset = offset.saturating_add(index.row_number_end()?);
            }
        }
        Ok(shards)
    }

    /// Joins indexes as SQL's `UNION ALL` does: all rows count, keys stay as they are, and several rows may
    /// have the same key. Reads no row.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if there is no index, [`ErrorKind::Unlike`] if one differs from the first in
    /// dimensions or type of keys.
    ///
    /// ```
    /// use hither::{Index, IndexOptions, KeyRef, Metric, SearchParams, Searcher, Shards};
    ///
    /// let mut index = Index::new(IndexOptions::new(1, Metric::L2))?;
    /// index.insert(None, &[0.5], &[])?;
    /// index.insert(None, &[1.5], &[])?;
    /// let shards = Shards::union_all(vec![&index, &index])?;
    /// let (params, mut searcher) = (SearchParams::new(3), Searcher::new());
    /// shards.start_search(&[0.0], &params, &[], &mut searcher)?;
    /// let found = shards.next_batch(&params, &[], &mut searcher, 3)?;
    /// let found = found.iter().map(|found| Ok((shards.place(found.row)?.0, found.distance)));
    /// assert_eq!(found.collect::<hither::Result<Vec<_>>>()?, [(0, 0.5), (1, 0.5), (0, 1.5)]);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn union_all(indexes: Vec<&'s Index<'a>>) -> Result<Self> {
        Self::join(indexes, &[Difference::Metric, Difference::Columns])
    }

    /// Joins indexes that differ only in what is `allowed`.
    fn join(indexes: Vec<&'s Index<'a>>, allowed: &[Difference]) -> Result<Self> {
        let Some(first) = indexes.first() else {
            let reason = "there is no index to search".into();
            return Err(ErrorKind::Unsupported { reason }.into());
        };
        let mut firsts = Vec::with_capacity(indexes.len());
        let mut parts = 0;
        for (number, index) in indexes.iter().enumerate() {
            if let Some(what) = first.difference(index).filter(|what| !allowed.contains(what)) {
                return Err(ErrorKind::Unlike { index: number, what: what.name() }.into());
            }
            firsts.push(parts);
            parts += index.parts();
        }
        Ok(Self { indexes, firsts, offsets: Vec::new() })
    }

    pub(super) fn joined(&self) -> Joined<'_, 'a> {
        let Self { indexes, firsts, offsets } = self;
        Joined { indexes, firsts, offsets, replaces: !offsets.is_empty() }
    }

    /// The indexes.
    pub fn indexes(&self) -> &[&'s Index<'a>] {
        &self.indexes
    }

    /// The index that a row is in, and the row's id there.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if there is no such part.
    pub fn place(&self, row: RowId) -> Result<(usize, RowId)> {
        let (shard, place) = self.joined().place(row);
        if place.segment >= self.indexes[shard].parts() {
            return Err(corrupt("there is no part of this number"));
        }
        Ok((shard, place))
    }

    /// The key of a row among all indexes.
    ///
    /// # Errors
    /// Those of [`Index::key`].
    pub fn key(&self, row: RowId) -> Result<KeyRef<'_>> {
        let (shard, row) = self.place(row)?;
        self.joined().key(shard, row)
    }

    /// The row with this key.
    ///
    /// # Errors
    /// Those of [`Index::find`].
    ///
    /// ```
    /// use hither::{Index, IndexOptions, KeyRef, Metric, Shards};
    ///
    /// let mut index = Index::new(IndexOptions::new(1, Metric::L2))?;
    /// index.insert(None, &[0.5], &[])?;
    /// let shards = Shards::new(vec![&index, &index])?;
    /// let row = shards.find(KeyRef::Int64(1))?.expect("the second index's row");
    /// assert_eq!((shards.place(row)?.0, shards.key(row)?), (1, KeyRef::Int64(1)));
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn find(&self, key: KeyRef<'_>) -> Result<Option<RowId>> {
        for (shard, index) in self.indexes.iter().enumerate().rev() {
            let own = match key {
                KeyRef::Int64(number) => {
                    let offset = self.offsets.get(shard).copied().unwrap_or(0);
                    KeyRef::Int64(number.saturating_sub(offset))
                }
                key => key,
            };
            // A number below the first of an index belongs to an earlier index.
            if !own.fits(index.options.key_type) && key.fits(index.options.key_type) {
                continue;
            }
            if let Some(RowId { segment, row }) = index.find(own)? {
                return Ok(Some(RowId { segment: self.firsts[shard] + segment, row }));
            }
        }
        Ok(None)
    }

    /// How many rows the indexes have together: a row that a later index replaces counts once. Where keys are
    /// not row numbers, this looks up every key of all indexes but the last.
    ///
    /// # Errors
    /// Those of [`Index::find`].
    ///
    /// ```
    /// use hither::{Index, IndexOptions, KeyRef, KeyType, Metric, Shards};
    ///
    /// let options = IndexOptions { key_type: KeyType::Int64, ..IndexOptions::new(1, Metric::L2) };
    /// let (mut old, mut new) = (Index::new(options.clone())?, Index::new(options)?);
    /// old.insert(Some(KeyRef::Int64(7)), &[0.0], &[])?;
    /// old.insert(Some(KeyRef::Int64(8)), &[1.0], &[])?;
    /// new.insert(Some(KeyRef::Int64(7)), &[5.0], &[])?;
    /// assert_eq!(Shards::new(vec![&old, &new])?.rows()?, 2);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn rows(&self) -> Result<u64> {
        let mut rows = 0;
        for (shard, index) in self.indexes.iter().enumerate() {
            rows += index.len();
            if self.offsets.is_empty() || index.options.key_type == KeyType::RowNumber {
                continue;
            }
            for row in index.rows() {
                rows -= u64::from(self.joined().is_replaced(shard, index.key(row)?)?);
            }
        }
        Ok(rows)
    }

    /// Searches all indexes as [`Index::search`] searches one. Rows that a later index replaces are skipped as
    /// they are found, and the search goes on for others in their place.
    ///
    /// `filters` has one filter for each index, bound to it, in place of that of `params`; or none.
    ///
    /// # Errors
    /// Those of [`Index::search`].
    pub fn search<'f>(
        &self,
        query: &[f32],
        params: &SearchParams<'_>,
        filters: &[&IndexFilter<'_>],
        searcher: &'f mut Searcher,
    ) -> Result<&'f [Neighbor]> {
        // In this order, rows that are found late are not dropped.
        let params = params.order(Order::Relaxed);
        Memory::new(self.joined(), &params, filters).search(query, searcher)
    }

    /// Begins a search that can go on, as [`Index::start_search`] does for one index. `filters` are as for
    /// [`search`](Self::search).
    ///
    /// # Errors
    /// Those of [`Index::search`].
    pub fn start_search(
        &self,
        query: &[f32],
        params: &SearchParams<'_>,
        filters: &[&IndexFilter<'_>],
        searcher: &mut Searcher,
    ) -> Result<()> {
        Memory::new(self.joined(), params, filters).begin(query, searcher)
    }

    /// The next rows of a search that was begun with the same `params` and `filters`, as [`Index::next_batch`]
    /// returns them.
    ///
    /// # Errors
    /// Those of [`Index::next_batch`]; [`last_read`](Self::last_read) returns the index that they are about.
    pub fn next_batch<'f>(
        &self,
        params: &SearchParams<'_>,
        filters: &[&IndexFilter<'_>],
        searcher: &'f mut Searcher,
        count: usize,
    ) -> Result<&'f [Neighbor]> {
        Memory::new(self.joined(), params, filters).next_batch(searcher, count)
    }

    /// The number of the index that the last search of this searcher read last. If the search failed, its error
    /// is about that index, or about the query.
    pub fn last_read(&self, searcher: &Searcher) -> usize {
        let row = RowId { segment: searcher.merge.reading as u32, row: 0 };
        self.joined().place(row).0
    }
}
