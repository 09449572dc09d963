//! Searching an index: its segments and growing rows, merged in order.

use super::{Index, Order, SearchParams, SearchStats};
use crate::calibration::Structure;
use crate::error::{ErrorKind, Result};
use crate::growing::{Growing, GrowingSearch};
use crate::metric::Metric;
use crate::neighbor::{Neighbor, RowId};
use crate::segment::filter::RowFilter;
use crate::segment::search::{Plan, SegmentSearch};
use crate::sort::sort_by;
use crate::vectors::Query;
use alloc::format;
use alloc::vec::Vec;
use core::cmp::Ordering;

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
    segments: Vec<SegmentSearch>,
    plans: Vec<Plan>,
    growing: GrowingSearch,
    found: Vec<Neighbor>,
    last: Option<f32>,
    dropped: u64,
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
            visited: self.segments.iter().map(SegmentSearch::visited).sum(),
            compared: self.segments.iter().map(|s| s.compared).sum::<u64>() + self.growing.compared,
            dropped: self.dropped,
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
        Ok(&searcher.found)
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
        Ok(&searcher.found)
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
        Ok(&searcher.found)
    }

    fn begin(
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
        searcher.found.clear();
        searcher.last = None;
        searcher.dropped = 0;
        searcher.begun = Some(self.state());
        searcher.segments.resize_with(self.segments.len(), SegmentSearch::default);
        searcher.plans.clear();
        for (number, segment) in self.segments.iter().enumerate() {
            let plan = segment.plan(params, metric, resumable);
            searcher.plans.push(plan);
            let filter = self.row_filter(params, number);
            searcher.segments[number].start(&searcher.query, plan, filter)?;
        }
        let filter = params.filter.map(|filter| (&filter.filter, self.columns()));
        searcher.growing.start(self.growing.as_ref(), &searcher.query, metric, filter)
    }

    fn row_filter<'s>(&'s self, params: &SearchParams<'s>, number: usize) -> RowFilter<'s, 's> {
        let filter = params.filter.and_then(|filter| filter.segments.get(number));
        RowFilter { segment: &self.segments[number], filter }
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

    /// Moves up to `want` next rows of all segments to `searcher.found`.
    fn advance(
        &self,
        params: &SearchParams<'_>,
        searcher: &mut Searcher,
        want: usize,
    ) -> Result<()> {
        searcher.found.clear();
        let metric = params.metric.unwrap_or(self.metric());
        while searcher.found.len() < want {
            let mut best: Option<(f32, RowId)> = None;
            for number in 0..self.segments.len() {
                let search = &mut searcher.segments[number];
                if search.head().is_none() {
                    let filter = self.row_filter(params, number);
                    let plan = searcher.plans[number];
                    if !search.next_batch(&searcher.query, plan, filter, want)? {
                        continue;
                    }
                }
                if let Some((rank, row)) = search.head() {
                    let head = (rank, RowId { segment: number as u32, row });
                    if self.is_nearer(head, best)? {
                        best = Some(head);
                    }
                }
            }
            if let Some(growing) = &self.growing
                && let Some((rank, row)) = searcher.growing.head(growing)
            {
                let head = (rank, RowId { segment: self.segments.len() as u32, row });
                if self.is_nearer(head, best)? {
                    best = Some(head);
                }
            }
            let Some((rank, row)) = best else { break };
            let distance = metric.distance(rank);
            if params.radius.is_some_and(|radius| distance > radius) {
                break;
            }
            match searcher.segments.get_mut(row.segment as usize) {
                Some(search) => search.take(),
                None => searcher.growing.take(),
            }
            if params.order == Order::Strict {
                if searcher.last.is_some_and(|last| rank.total_cmp(&last).is_lt()) {
                    searcher.dropped += 1;
                    continue;
                }
                searcher.last = Some(rank);
            }
            searcher.found.push(Neighbor { row, distance });
        }
        if params.order == Order::Relaxed {
            // A batch may be of several that segments gave, of which each begins anew.
            self.sort(&mut searcher.found)?;
        }
        Ok(())
    }

    /// Sorts by distance, ties by key.
    fn sort(&self, found: &mut [Neighbor]) -> Result<()> {
        let by_distance = |a: &Neighbor, b: &Neighbor| a.distance.total_cmp(&b.distance);
        sort_by(found, by_distance);
        for tied in found.chunk_by_mut(|a, b| by_distance(a, b).is_eq()) {
            if tied.len() < 2 {
                continue;
            }
            // Before sorting, which may panic over an order that is none: damage is told.
            for row in tied.iter() {
                self.key(row.row)?;
            }
            sort_by(tied, |a, b| self.key(a.row).ok().cmp(&self.key(b.row).ok()));
        }
        Ok(())
    }

    fn is_nearer(&self, a: (f32, RowId), b: Option<(f32, RowId)>) -> Result<bool> {
        let Some(b) = b else { return Ok(true) };
        Ok(match a.0.total_cmp(&b.0) {
            Ordering::Less => true,
            Ordering::Greater => false,
            Ordering::Equal => self.key(a.1)? < self.key(b.1)?,
        })
    }
}
