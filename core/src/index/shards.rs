//! Several indexes that answer as one: which may, and what they answer.

use super::search::MAX_EF;
use super::{Index, IndexFilter, SearchParams, SearchStats, Searcher};
use crate::error::{ErrorKind, Result, corrupt};
use crate::key::{Key, KeyRef, KeyType};
use crate::neighbor::{Neighbor, RowId};
use crate::sort::sort_by;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;

/// In what two indexes differ.
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

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dimensions => "dimensions",
            Self::KeyType => "type of keys",
            Self::Metric => "metric",
            Self::Columns => "columns",
        })
    }
}

impl Index<'_> {
    /// The first thing, in the order of [`Difference`], in which `other` differs from this index.
    /// Those without a difference can be merged. To be searched as one they may have other
    /// columns.
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
/// Where keys are row numbers, those of each index follow on those before it. Else the row of the
/// last index that has a key is the row with that key, as [`merge`](crate::merge) keeps it, and
/// the others are passed over.
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
/// let mut found = Vec::new();
/// let (params, mut searcher) = (SearchParams::new(9), Searcher::new());
/// shards.search(&[0.0], &params, &[], &mut searcher, &mut found)?;
/// let distances: Vec<f32> = found.iter().map(|found| found.distance).collect();
/// assert_eq!(distances, [1.0, 5.0]);
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Shards<'s, 'a> {
    indexes: Vec<&'s Index<'a>>,
    /// What is added to the row numbers of each.
    offsets: Vec<i64>,
}

/// A row that [`Shards`] found.
///
/// ```
/// use hither::{Index, IndexOptions, Key, KeyRef, Metric, Shards};
///
/// let mut index = Index::new(IndexOptions::new(1, Metric::L2))?;
/// index.insert(None, &[0.5], &[])?;
/// let shards = Shards::new(vec![&index, &index])?;
/// let (shard, row) = shards.find(KeyRef::Int64(1))?.expect("the second index's row");
/// assert_eq!((shard, shards.key(shard, row)?), (1, Key::Int64(1)));
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ShardNeighbor {
    /// Number of the index, from 0.
    pub shard: usize,
    /// Which row of it.
    pub row: RowId,
    /// The distance to the query.
    pub distance: f32,
    /// The key among all indexes.
    pub key: Key,
}

impl<'s, 'a> Shards<'s, 'a> {
    /// Joins indexes. Reads the greatest row number of each, and no other row.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if there is none, or if one differs from the first in dimensions,
    /// type of keys or metric; [`ErrorKind::Corrupt`] if a file is damaged.
    pub fn new(indexes: Vec<&'s Index<'a>>) -> Result<Self> {
        let Some(first) = indexes.first() else {
            return Err(
                ErrorKind::Unsupported { reason: "there is no index to search".into() }.into()
            );
        };
        let mut offsets = Vec::with_capacity(indexes.len());
        let mut offset = 0_i64;
        for (number, index) in indexes.iter().enumerate() {
            match first.difference(index) {
                None | Some(Difference::Columns) => {}
                Some(what) => {
                    let reason = format!(
                        "index {number} has other {what} than the first, so they cannot answer as one"
                    );
                    return Err(ErrorKind::Unsupported { reason }.into());
                }
            }
            offsets.push(offset);
            if index.options.key_type == KeyType::RowNumber {
                offset = offset.saturating_add(index.row_number_end()?);
            }
        }
        Ok(Self { indexes, offsets })
    }

    /// The indexes.
    pub fn indexes(&self) -> &[&'s Index<'a>] {
        &self.indexes
    }

    /// The key, among all indexes, of a row of index number `shard`.
    ///
    /// # Errors
    /// Those of [`Index::key`], also where there is no such index.
    pub fn key(&self, shard: usize, row: RowId) -> Result<Key> {
        let (Some(index), Some(offset)) = (self.indexes.get(shard), self.offsets.get(shard)) else {
            return Err(corrupt("there is no index of this number"));
        };
        Ok(match index.key(row)?.to_owned() {
            Key::Int64(number) => Key::Int64(number.saturating_add(*offset)),
            key => key,
        })
    }

    /// The row that has this key, and the number of its index.
    ///
    /// # Errors
    /// Those of [`Index::find`].
    pub fn find(&self, key: KeyRef<'_>) -> Result<Option<(usize, RowId)>> {
        for (shard, index) in self.indexes.iter().enumerate().rev() {
            let own = match key {
                KeyRef::Int64(number) => KeyRef::Int64(number.saturating_sub(self.offsets[shard])),
                key => key,
            };
            // A number below an index's first is of one before it.
            if !own.fits(index.options.key_type) && key.fits(index.options.key_type) {
                continue;
            }
            if let Some(row) = index.find(own)? {
                return Ok(Some((shard, row)));
            }
        }
        Ok(None)
    }

    /// How many rows the indexes have together: a row that a later index replaces counts once. Where keys
    /// are not row numbers, it looks up every key of all indexes but the last.
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
            if index.options.key_type == KeyType::RowNumber {
                continue;
            }
            for row in index.rows() {
                rows -= u64::from(self.is_replaced(shard, index.key(row)?)?);
            }
        }
        Ok(rows)
    }

    /// The `k` nearest rows of all indexes, nearest first, ties by key, into `found`. Where an index
    /// has rows that a later one replaces, it is searched for more until `k` others are found.
    ///
    /// `filters` has one for each index, bound to it, in place of that of `params`; or none.
    ///
    /// # Errors
    /// Those of [`Index::search`].
    pub fn search(
        &self,
        query: &[f32],
        params: &SearchParams<'_>,
        filters: &[&IndexFilter<'_>],
        searcher: &mut Searcher,
        found: &mut Vec<ShardNeighbor>,
    ) -> Result<SearchStats> {
        found.clear();
        let mut stats = SearchStats::default();
        // The last first: what it finds bounds the search for others in place of replaced rows.
        for (shard, index) in self.indexes.iter().enumerate().rev() {
            let filter = filters.get(shard).copied().or(params.filter);
            let mut params = SearchParams { filter, ..*params };
            let (wanted, start) = (params.k, found.len());
            loop {
                let rows = index.search(query, &params, searcher)?;
                let farthest = rows.last().map(|row| row.distance);
                let all = rows.len() < params.k || params.k == MAX_EF;
                self.keep(shard, rows, found)?;
                stats.add(searcher.stats());
                let nearer = |found: &&ShardNeighbor| Some(found.distance) < farthest;
                if all
                    || found.len() - start >= wanted
                    || found[..start].iter().filter(nearer).count() >= wanted
                {
                    break;
                }
                found.truncate(start);
                params.k = params.k.saturating_mul(2).min(MAX_EF);
            }
        }
        sort(found);
        found.truncate(params.k);
        Ok(stats)
    }

    /// All rows of all indexes within `radius` of the query, as [`Index::within`] finds them, nearest
    /// first, ties by key, into `found`. `filters` as of [`search`](Self::search).
    ///
    /// # Errors
    /// Those of [`Index::within`].
    pub fn within(
        &self,
        query: &[f32],
        radius: f32,
        params: &SearchParams<'_>,
        filters: &[&IndexFilter<'_>],
        searcher: &mut Searcher,
        found: &mut Vec<ShardNeighbor>,
    ) -> Result<SearchStats> {
        found.clear();
        let mut stats = SearchStats::default();
        for (shard, index) in self.indexes.iter().enumerate() {
            let filter = filters.get(shard).copied().or(params.filter);
            let params = SearchParams { filter, ..*params };
            let rows = index.within(query, radius, &params, searcher)?;
            self.keep(shard, rows, found)?;
            stats.add(searcher.stats());
        }
        sort(found);
        Ok(stats)
    }

    /// Adds the rows of index number `shard` that no later index replaces.
    fn keep(&self, shard: usize, rows: &[Neighbor], found: &mut Vec<ShardNeighbor>) -> Result<()> {
        for &Neighbor { row, distance } in rows {
            let key = self.key(shard, row)?;
            if !self.is_replaced(shard, key.as_ref())? {
                found.push(ShardNeighbor { shard, row, distance, key });
            }
        }
        Ok(())
    }

    /// Whether a later index has a row with this key.
    fn is_replaced(&self, shard: usize, key: KeyRef<'_>) -> Result<bool> {
        for index in &self.indexes[shard + 1..] {
            if index.options.key_type != KeyType::RowNumber && index.find(key)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// By distance, ties by key.
fn sort(found: &mut [ShardNeighbor]) {
    sort_by(found, |a, b| a.distance.total_cmp(&b.distance).then_with(|| a.key.cmp(&b.key)));
}
