//! Searching an index: its segments and growing rows, merged in order.

use super::memory::{Joined, Memory};
use super::merge::Merge;
use super::{Index, IndexFilter, SearchParams, SearchStats};
use crate::calibration::Structure;
use crate::error::{ErrorKind, Result, try_collect};
use crate::growing::Growing;
use crate::hnsw::search::present;
use crate::key::Key;
use crate::metric::Metric;
use crate::neighbor::Neighbor;
use crate::segment::plan::Plan;
use crate::vectors::Query;
use alloc::vec::Vec;

/// Tells states of indexes apart: their contents, how many rows they have, and how many of these grow.
type State = (u128, u64, u32);

/// The memory of searches: once it is warm, a search allocates nothing. Use one for each thread; any index may
/// use it.
///
/// ```
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// # let bytes = builder.finish()?;
/// use hither::{Index, SearchParams, Searcher};
///
/// let index = Index::open(&bytes)?;
/// let mut searcher = Searcher::new();
/// for query in [[0.0, 0.0], [4.0, 0.0]] {
///     let found = index.search(&query, &SearchParams::new(1), &mut searcher)?;
///     assert_eq!(found[0].distance, 0.0);
/// }
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Searcher {
    pub(super) query: Query,
    pub(super) merge: Merge,
    /// The state of the indexes when the search began.
    begun: Option<State>,
}

impl Searcher {
    /// A searcher that has allocated nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the last search did.
    pub fn stats(&self) -> SearchStats {
        SearchStats {
            visited: self.merge.parts.iter().map(|part| part.search.visited()).sum(),
            compared: self.merge.parts.iter().map(|part| part.search.compared()).sum(),
            dropped: self.merge.dropped,
        }
    }

    /// A lower bound, as far as is known, of the distances of the rows that the last search has yet to return:
    /// the distance of the next row; after a batch of an exact scan, that of its last row; infinity after all
    /// rows; minus infinity if a structure may find a nearer row late. `metric` is that of the search.
    ///
    /// ```
    /// # use hither::{IndexBuilder, IndexOptions};
    /// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
    /// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
    /// # let bytes = builder.finish()?;
    /// use hither::{Index, Metric, SearchParams, Searcher, Structure};
    ///
    /// let index = Index::open(&bytes)?;
    /// let params = SearchParams::new(3).structure(Structure::Flat);
    /// let mut searcher = Searcher::new();
    /// index.start_search(&[0.0, 0.0], &params, &mut searcher)?;
    /// assert_eq!(index.next_batch(&params, &mut searcher, 2)?[1].distance, 1.0);
    /// assert_eq!(searcher.floor(Metric::L2), 2.0);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn floor(&self, metric: Metric) -> f32 {
        self.merge.floor(metric)
    }
}

impl Index<'_> {
    /// The `k` nearest rows, nearest first, ties by key; fewer only if fewer rows match. Or all rows
    /// [within](SearchParams::within) a radius.
    ///
    /// `query` has one finite value for each dimension.
    ///
    /// # Errors
    /// [`ErrorKind::DimensionMismatch`], [`ErrorKind::NonFinite`], [`ErrorKind::ZeroVector`] under
    /// cosine, [`ErrorKind::VectorOverflow`] under another metric, [`ErrorKind::InvalidParameter`],
    /// [`ErrorKind::Unsupported`] for a metric that this index does not order by,
    /// [`ErrorKind::Interrupted`] if [`SearchParams::interrupt`] says so, [`ErrorKind::Corrupt`] if the
    /// file is damaged where the search reads.
    pub fn search<'s>(
        &self,
        query: &[f32],
        params: &SearchParams<'_>,
        searcher: &'s mut Searcher,
    ) -> Result<&'s [Neighbor]> {
        Memory::new(Joined::one(&self), params, &[]).search(query, searcher)
    }

    /// The keys and distances of the `k` nearest rows, nearest first: the simplest form of
    /// [`search`](Self::search). A program that searches often keeps a [`Searcher`], which saves allocations,
    /// and reads only the keys that it needs.
    ///
    /// # Errors
    /// Those of [`search`](Self::search).
    ///
    /// ```
    /// # use hither::{IndexBuilder, IndexOptions, Metric};
    /// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
    /// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
    /// # let bytes = builder.finish()?;
    /// let index = hither::Index::open(&bytes)?;
    /// assert_eq!(index.nearest(&[4.0, 0.0], 2)?, [(4.into(), 0.0), (3.into(), 1.0)]);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn nearest(&self, query: &[f32], k: usize) -> Result<Vec<(Key, f32)>> {
        let mut searcher = Searcher::new();
        let found = self.search(query, &SearchParams::new(k), &mut searcher)?;
        try_collect(found.iter().map(|found| Ok((self.key(found.row)?.to_owned(), found.distance))))
    }

    /// Begins a search that can go on past `k`: each call of [`next_batch`](Self::next_batch) returns the next
    /// rows. Its whole state is in `searcher`, which may be kept between batches.
    ///
    /// The first `k` rows are those of [`search`](Self::search), and found as quickly. If the first batch is
    /// larger than `k`, the search is one that can go on from its beginning.
    ///
    /// # Errors
    /// Those of [`search`](Self::search).
    ///
    /// ```
    /// # use hither::{IndexBuilder, IndexOptions, Metric};
    /// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
    /// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
    /// # let bytes = builder.finish()?;
    /// use hither::{Index, SearchParams, Searcher};
    ///
    /// let index = Index::open(&bytes)?;
    /// let (params, mut searcher) = (SearchParams::new(2), Searcher::new());
    /// index.start_search(&[0.0, 0.0], &params, &mut searcher)?;
    /// assert_eq!(index.next_batch(&params, &mut searcher, 2)?.len(), 2);
    /// assert_eq!(index.next_batch(&params, &mut searcher, 10)?.len(), 3);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn start_search(
        &self,
        query: &[f32],
        params: &SearchParams<'_>,
        searcher: &mut Searcher,
    ) -> Result<()> {
        Memory::new(Joined::one(&self), params, &[]).begin(query, searcher)
    }

    /// The next rows of the search that [`start_search`](Self::start_search) began with this
    /// searcher and the same `params`: at most `count`, nearest first, fewer only when there are no
    /// more.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`] if [`SearchParams::interrupt`] says so: the same call then goes on;
    /// [`ErrorKind::InvalidParameter`] if the searcher's last search was of another index or of an earlier
    /// state of this one; [`ErrorKind::Corrupt`] if the file is damaged where the search reads.
    pub fn next_batch<'s>(
        &self,
        params: &SearchParams<'_>,
        searcher: &'s mut Searcher,
        count: usize,
    ) -> Result<&'s [Neighbor]> {
        Memory::new(Joined::one(&self), params, &[]).next_batch(searcher, count)
    }

    /// Checks the parameters of a search by `metric` and with `filter`.
    fn check(
        &self,
        params: &SearchParams<'_>,
        filter: Option<&IndexFilter<'_>>,
        metric: Metric,
    ) -> Result<()> {
        params.check(&self.options, metric, self.is_unit_length())?;
        if let Some(filter) = filter
            && filter.segments.len() != self.segments.len()
        {
            let reason = "it was bound to another index".into();
            return Err(ErrorKind::InvalidParameter { name: "filter", reason }.into());
        }
        if let Some(structure) = params.structure
            && !self.segments.is_empty()
            && !self.segments.iter().any(|segment| segment.has(structure))
        {
            return Err(ErrorKind::MissingStructure { name: structure.name() }.into());
        }
        Ok(())
    }
}

impl<'a> Memory<'_, 'a, '_> {
    /// The metric of the distances.
    fn metric(&self) -> Metric {
        self.params.metric.unwrap_or(self.joined.indexes[0].metric())
    }

    fn state(&self) -> State {
        self.joined.indexes.iter().fold((0, 0, 0), |(id, rows, growing), index| {
            let own = index.growing.as_ref().map_or(0, Growing::rows);
            let id = id.rotate_left(1) ^ index.content_id().unwrap_or(0);
            (id, rows + index.len(), growing.wrapping_add(own))
        })
    }

    fn check(&self) -> Result<()> {
        let mut indexes = self.joined.indexes.iter().enumerate();
        indexes.try_for_each(|(number, index)| {
            index.check(&self.params, self.filter(number), self.metric())
        })
    }

    /// Begins a search of all parts.
    pub(super) fn begin(&self, query: &[f32], searcher: &mut Searcher) -> Result<()> {
        let (indexes, metric) = (self.joined.indexes, self.metric());
        // A search for all rows within a radius has no fixed number of rows.
        let k = if self.params.wants_all() { 1 } else { self.params.k };
        let params = &SearchParams { k: self.reach(k), ..self.params };
        searcher.merge.reading = 0;
        self.check()?;
        searcher.query.set(query, indexes[0].dimensions(), metric)?;
        let by_cosine = |index: &&Index<'a>| index.metric() == Metric::Cosine;
        let steered = params.structure != Some(Structure::Flat);
        if steered && metric != Metric::Cosine && indexes.iter().any(by_cosine) {
            searcher.query.measure_length()?;
        }
        searcher.begun = Some(self.state());
        let count = indexes.iter().map(|index| index.parts() as usize).sum();
        let mut parts = searcher.merge.start(count).iter_mut();
        for index in indexes {
            let segments = index.segments.iter().map(|segment| segment.plan(params, metric));
            let growing = index.growing.iter().map(|_| {
                let plan = Plan::new(Structure::Flat, params.k, params.k, false, metric);
                Plan { radius: params.radius, ..plan }
            });
            segments
                .chain(growing)
                .zip(&mut parts)
                .for_each(|(plan, part)| part.search.start(plan));
        }
        // Else the ranks that steer are not of one kind.
        if indexes.iter().all(|index| index.metric() == metric) {
            searcher.merge.join(params.k);
        }
        Ok(())
    }

    /// Searches from the beginning.
    pub(super) fn search<'s>(
        &self,
        query: &[f32],
        searcher: &'s mut Searcher,
    ) -> Result<&'s [Neighbor]> {
        self.begin(query, searcher)?;
        if self.params.wants_all() {
            searcher.begun = None;
        }
        self.advance(searcher, self.params.k)
    }

    /// Finds up to `want` of the next rows.
    fn advance<'s>(&self, searcher: &'s mut Searcher, want: usize) -> Result<&'s [Neighbor]> {
        let Searcher { query, merge, .. } = searcher;
        present(merge.advance(self, query, &self.params, self.metric(), want))?;
        Ok(&merge.found)
    }

    /// The same for a search that was begun earlier.
    pub(super) fn next_batch<'s>(
        &self,
        searcher: &'s mut Searcher,
        want: usize,
    ) -> Result<&'s [Neighbor]> {
        self.check()?;
        if searcher.begun != Some(self.state()) {
            let reason = "its search was begun on another index, or the index changed since".into();
            return Err(ErrorKind::InvalidParameter { name: "searcher", reason }.into());
        }
        self.advance(searcher, want)
    }
}
