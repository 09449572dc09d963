//! Searching an index: its segments and growing rows, merged in order.

use super::memory::Memory;
use super::merge::{Merge, Part};
use super::{Index, Order, SearchParams, SearchStats};
use crate::calibration::Structure;
use crate::error::{ErrorKind, Result};
use crate::growing::Growing;
use crate::hnsw::search::present;
use crate::metric::Metric;
use crate::neighbor::Neighbor;
use crate::segment::search::Plan;
use crate::vectors::Query;
use alloc::format;

/// Greatest ef_search and k.
pub(super) const MAX_EF: usize = 1 << 24;

/// Scratch of searches: a warm one allocates nothing. One a thread; any index may use it.
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
    /// The state of the index that the search was begun on.
    begun: Option<(Option<u128>, u64, u32)>,
}

impl Searcher {
    /// A searcher that has no memory yet.
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
}

impl Index<'_> {
    /// The `k` nearest rows, nearest first, ties by key; fewer only if fewer rows match.
    ///
    /// `query` has one finite value a dimension.
    ///
    /// # Errors
    /// [`ErrorKind::DimensionMismatch`], [`ErrorKind::NonFinite`], [`ErrorKind::ZeroVector`] under
    /// cosine, [`ErrorKind::VectorOverflow`] under another metric, [`ErrorKind::InvalidParameter`],
    /// [`ErrorKind::Unsupported`] for a metric that this index does not order by,
    /// [`ErrorKind::Corrupt`] if the file is damaged where the search reads.
    pub fn search<'s>(
        &self,
        query: &[f32],
        params: &SearchParams<'_>,
        searcher: &'s mut Searcher,
    ) -> Result<&'s [Neighbor]> {
        self.begin(query, params, searcher, false)?;
        self.advance(params, searcher, params.k)?;
        Ok(&searcher.merge.found)
    }

    /// Begins the same search as [`cursor`](Self::cursor) without borrowing anything for its
    /// length: all its state is in `searcher`, which may be put away between batches.
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
        self.begin(query, params, searcher, true)
    }

    /// The next rows of the search that [`start_search`](Self::start_search) began with this
    /// searcher and the same `params`: at most `count`, nearest first; none when there are no more.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] if the searcher's last search was of another index or of an
    /// earlier state of this one, [`ErrorKind::Corrupt`] if the file is damaged where the search
    /// reads.
    pub fn next_batch<'s>(
        &self,
        params: &SearchParams<'_>,
        searcher: &'s mut Searcher,
        count: usize,
    ) -> Result<&'s [Neighbor]> {
        self.check(params, params.metric.unwrap_or(self.metric()))?;
        if searcher.begun != Some(self.state()) {
            let reason = "its search was begun on another index, or the index changed since".into();
            return Err(ErrorKind::InvalidParameter { name: "searcher", reason }.into());
        }
        self.advance(params, searcher, count)?;
        Ok(&searcher.merge.found)
    }

    /// What tells this index, as it is now, from others.
    fn state(&self) -> (Option<u128>, u64, u32) {
        let growing = self.growing.as_ref().map_or(0, Growing::rows);
        (self.content_id(), self.len(), growing)
    }

    /// All rows within `radius` of the query, nearest first, ties by key, by an exact scan of those
    /// that match. Of `params` the metric and the filter count, however many rows there are; for
    /// the nearest `k` of them, which a structure finds sooner, search with
    /// [`SearchParams::radius`].
    ///
    /// # Errors
    /// Those of [`search`](Self::search), and [`ErrorKind::InvalidParameter`] for a radius of NaN.
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
    /// let params = SearchParams::new(1).radius(2.5);
    /// assert_eq!(index.search(&[0.0, 0.0], &params, &mut searcher)?.len(), 1);
    /// assert_eq!(index.within(&[0.0, 0.0], 2.5, &params, &mut searcher)?.len(), 3);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn within<'s>(
        &self,
        query: &[f32],
        radius: f32,
        params: &SearchParams<'_>,
        searcher: &'s mut Searcher,
    ) -> Result<&'s [Neighbor]> {
        let params = SearchParams {
            radius: Some(radius),
            structure: Some(Structure::Flat),
            metric: params.metric,
            filter: params.filter,
            order: Order::Relaxed,
            ..SearchParams::new(1)
        };
        self.begin(query, &params, searcher, false)?;
        self.advance(&params, searcher, usize::MAX)?;
        searcher.begun = None;
        Ok(&searcher.merge.found)
    }

    pub(super) fn begin(
        &self,
        query: &[f32],
        params: &SearchParams<'_>,
        searcher: &mut Searcher,
        resumable: bool,
    ) -> Result<()> {
        let metric = params.metric.unwrap_or(self.metric());
        self.check(params, metric)?;
        searcher.query.set(query, self.dimensions(), metric)?;
        if self.metric() == Metric::Cosine && metric != Metric::Cosine {
            searcher.query.measure_length()?;
        }
        searcher.begun = Some(self.state());
        let count = self.segments.len() + usize::from(self.growing.is_some());
        let (memory, query) = (Memory { index: self, params }, &searcher.query);
        for (number, Part { search, scratch }) in searcher.merge.start(count).iter_mut().enumerate()
        {
            match memory.growing(number, query, scratch) {
                None => {
                    let plan = self.segments[number].plan(params, metric, resumable);
                    search.start(&memory.segment(number, query, scratch), plan);
                }
                Some(rows) => {
                    let plan = Plan::new(Structure::Flat, params.k, params.k, false, metric);
                    search.start(&rows, Plan { radius: params.radius, resumable, ..plan });
                }
            }
        }
        Ok(())
    }

    /// Moves up to `want` next rows to what the searcher found.
    fn advance(
        &self,
        params: &SearchParams<'_>,
        searcher: &mut Searcher,
        want: usize,
    ) -> Result<()> {
        let metric = params.metric.unwrap_or(self.metric());
        let Searcher { query, merge, .. } = searcher;
        present(merge.advance(&Memory { index: self, params }, query, params, metric, want))
    }

    fn check(&self, params: &SearchParams<'_>, metric: Metric) -> Result<()> {
        let invalid = |name, reason| Err(ErrorKind::InvalidParameter { name, reason }.into());
        if params.k == 0 || params.k > MAX_EF {
            return invalid("k", format!("{} is not within 1 and {MAX_EF}", params.k));
        }
        if let Some(ef) = params.ef_search.filter(|ef| !(1..=MAX_EF).contains(ef)) {
            return invalid("ef_search", format!("{ef} is not within 1 and {MAX_EF}"));
        }
        if params.radius.is_some_and(f32::is_nan) {
            return invalid("radius", "it is not a number".into());
        }
        if params.probes == Some(0) {
            return invalid("probes", "0 lists give no answer; probe at least 1".into());
        }
        if let Some(recall) = params.recall
            && !(recall > 0.0 && recall <= 1.0)
        {
            return invalid("recall", "it must be above 0 and at most 1".into());
        }
        if params.recall.is_some() && (params.ef_search.is_some() || params.probes.is_some()) {
            let reason = "give a recall, or ef_search and probes, not both".into();
            return invalid("recall", reason);
        }
        if let Some(filter) = params.filter
            && filter.segments.len() != self.segments.len()
        {
            return invalid("filter", "it was bound to another index".into());
        }
        if let Some(structure) = params.structure
            && !self.segments.is_empty()
            && !self.segments.iter().any(|segment| segment.has(structure))
        {
            let reason = format!(
                "the index has no {name} structure; build it with --kind {name}",
                name = structure.name()
            );
            return Err(ErrorKind::Unsupported { reason }.into());
        }
        if metric != self.metric() && !(metric.orders_like(self.metric()) && self.is_unit_length())
        {
            let reason = format!(
                "the index is ordered by {} and its rows are not all of unit length, so it cannot answer by {}",
                self.metric().name(),
                metric.name()
            );
            return Err(ErrorKind::Unsupported { reason }.into());
        }
        Ok(())
    }
}
