//! The parameters of a search: what to search for, and with which effort.

use super::IndexFilter;
use crate::builder::IndexOptions;
use crate::calibration::Structure;
use crate::error::{ErrorKind, Result};
use crate::key::KeyRef;
use crate::limits::MAX_EFFORT;
use crate::metric::Metric;
use alloc::format;

/// The order in which a search that can go on returns rows.
///
/// ```
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// # let bytes = builder.finish()?;
/// use hither::{Index, Order, SearchParams, Searcher};
///
/// let index = Index::open(&bytes)?;
/// let params = SearchParams::new(2).order(Order::Relaxed);
/// let mut searcher = Searcher::new();
/// index.start_search(&[0.0, 0.0], &params, &mut searcher)?;
/// while !index.next_batch(&params, &mut searcher, 2)?.is_empty() {}
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By distance, always rising: a nearer row that is found late is dropped, and counted.
    #[default]
    Strict,
    /// By distance within each batch; nothing is dropped.
    Relaxed,
}

/// The parameters of a search: what to search for, and with which effort.
///
/// ```
/// use hither::SearchParams;
///
/// let quick = SearchParams::new(10).ef_search(20);
/// let wanted = SearchParams::new(10).recall(0.95);
/// assert_eq!((quick.k, wanted.recall), (10, Some(0.95)));
/// ```
#[derive(Clone, Copy)]
pub struct SearchParams<'p> {
    /// The number of neighbours, at least 1; [`usize::MAX`] for all [`within`](Self::within) the radius.
    pub k: usize,
    /// The greatest distance of a row in the answer, which may then have fewer than `k` rows.
    pub radius: Option<f32>,
    /// HNSW: the capacity of the pool of candidates, at least `k`, with codes at least `1.5 k`. Default 40.
    /// Nearly equal rows are not counted, up to three times as many.
    pub ef_search: Option<usize>,
    /// IVF: how many lists are probed. Default 16.
    pub probes: Option<usize>,
    /// The recall that is wanted, above 0 and at most 1, in place of `ef_search` and `probes`: the search takes
    /// the effort that this recall took in the file's calibration.
    pub recall: Option<f32>,
    /// The structure to use. Default: HNSW if there is one, else IVF, else an exact scan.
    pub structure: Option<Structure>,
    /// The metric of the distances. Default the index's own; for rows of unit length L2, cosine and inner
    /// product may replace each other. An exact scan (`structure` is [`Structure::Flat`]) measures by any
    /// metric: under cosine, the distance of a row of zeros is NaN, which comes last; a row that was stored
    /// multiplied by a factor ([`IndexBuilder::push`](crate::IndexBuilder::push)) is measured as it is stored.
    pub metric: Option<Metric>,
    /// Only rows that match this filter are in the answer.
    pub filter: Option<&'p IndexFilter<'p>>,
    /// The key of a row to leave out: in a search for rows like it, it is the nearest. For
    /// [`Shards`](super::Shards), the key that the row has there.
    pub except: Option<KeyRef<'p>>,
    /// The order of a search that can go on.
    pub order: Order,
    /// Called each time that some thousand more rows were measured: true pauses the search, whose call then
    /// returns [`ErrorKind::Interrupted`](crate::ErrorKind::Interrupted). So a long scan can be given up, or
    /// continued after something urgent is done: [`Index::next_batch`] and [`Shards::next_batch`] go on where
    /// they were. [`Index::search`] begins anew each time.
    ///
    /// [`Index::next_batch`]: super::Index::next_batch
    /// [`Shards::next_batch`]: super::Shards::next_batch
    /// [`Index::search`]: super::Index::search
    pub interrupt: Option<&'p (dyn Fn() -> bool + Sync)>,
}

impl<'p> SearchParams<'p> {
    /// The `k` nearest rows, with defaults for everything else.
    pub fn new(k: usize) -> Self {
        Self {
            k,
            radius: None,
            ef_search: None,
            probes: None,
            recall: None,
            structure: None,
            metric: None,
            filter: None,
            except: None,
            order: Order::Strict,
            interrupt: None,
        }
    }

    /// All rows within `radius`, however many there are, by an exact scan of those that match: nearest first,
    /// ties by key. Structure, effort and order are ignored.
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
    /// let params = SearchParams::within(2.5);
    /// assert_eq!(index.search(&[0.0, 0.0], &params, &mut searcher)?.len(), 3);
    /// // The nearest row alone, if it is within the radius: a structure finds it sooner.
    /// let params = SearchParams::new(1).radius(2.5);
    /// assert_eq!(index.search(&[0.0, 0.0], &params, &mut searcher)?.len(), 1);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn within(radius: f32) -> Self {
        Self::new(usize::MAX).radius(radius)
    }

    /// Only those of the `k` nearest rows that are within `radius`.
    pub fn radius(self, radius: f32) -> Self {
        Self { radius: Some(radius), ..self }
    }

    /// With this `ef_search`.
    pub fn ef_search(self, ef_search: usize) -> Self {
        Self { ef_search: Some(ef_search), ..self }
    }

    /// With this number of `probes`.
    pub fn probes(self, probes: usize) -> Self {
        Self { probes: Some(probes), ..self }
    }

    /// With this `recall`.
    pub fn recall(self, recall: f32) -> Self {
        Self { recall: Some(recall), ..self }
    }

    /// With this structure.
    pub fn structure(self, structure: Structure) -> Self {
        Self { structure: Some(structure), ..self }
    }

    /// With distances by this metric.
    pub fn metric(self, metric: Metric) -> Self {
        Self { metric: Some(metric), ..self }
    }

    /// Only rows that match `filter`.
    pub fn filter(self, filter: &'p IndexFilter<'p>) -> Self {
        Self { filter: Some(filter), ..self }
    }

    /// Without the row with this key.
    ///
    /// ```
    /// # use hither::{IndexBuilder, IndexOptions, Metric};
    /// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
    /// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
    /// # let bytes = builder.finish()?;
    /// use hither::{Index, KeyRef, SearchParams, Searcher};
    ///
    /// // The two rows that are most like row 4.
    /// let (index, key) = (Index::open(&bytes)?, KeyRef::Int64(4));
    /// let params = SearchParams::new(2).except(key);
    /// let mut query = [0.0; 2];
    /// index.vector(index.find(key)?.expect("a row"), &mut query)?;
    /// let mut searcher = Searcher::new();
    /// let found = index.search(&query, &params, &mut searcher)?;
    /// assert_eq!(index.key(found[0].row)?, KeyRef::Int64(3));
    /// assert_eq!(index.key(found[1].row)?, KeyRef::Int64(2));
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn except(self, key: KeyRef<'p>) -> Self {
        Self { except: Some(key), ..self }
    }

    /// Checks a search by `metric` for an index with these options, given whether all its rows have unit
    /// length.
    pub(crate) fn check(
        &self,
        options: &IndexOptions,
        metric: Metric,
        is_unit_length: bool,
    ) -> Result<()> {
        let invalid = |name, reason| Err(ErrorKind::InvalidParameter { name, reason }.into());
        if !self.wants_all() && !(1..=MAX_EFFORT).contains(&self.k) {
            return invalid("k", format!("{} is not within 1 and {MAX_EFFORT}", self.k));
        }
        if let Some(ef) = self.ef_search.filter(|ef| !(1..=MAX_EFFORT).contains(ef)) {
            return invalid("ef_search", format!("{ef} is not within 1 and {MAX_EFFORT}"));
        }
        if self.radius.is_some_and(f32::is_nan) {
            return invalid("radius", "it is not a number".into());
        }
        if self.probes == Some(0) {
            return invalid("probes", "0 lists give no answer; probe at least 1".into());
        }
        if self.recall.is_some_and(|recall| !(recall > 0.0 && recall <= 1.0)) {
            return invalid("recall", "it must be above 0 and at most 1".into());
        }
        if self.recall.is_some() && (self.ef_search.is_some() || self.probes.is_some()) {
            let reason = "give a recall, or ef_search and probes, not both".into();
            return invalid("recall", reason);
        }
        if let Some(key) = self.except {
            options.check_key(key)?;
        }
        if self.structure != Some(Structure::Flat) && !options.orders_by(metric, is_unit_length) {
            let reason = format!(
                "the index is ordered by {} and its rows are not all of unit length, so it cannot answer by {}",
                options.metric.name(),
                metric.name()
            );
            return Err(ErrorKind::Unsupported { reason }.into());
        }
        Ok(())
    }

    /// Whether all rows within the radius are wanted.
    pub(crate) fn wants_all(&self) -> bool {
        self.k == usize::MAX && self.radius.is_some()
    }

    /// The parameters that the search uses: all rows within a radius are found by an exact scan.
    pub(super) fn planned(&self) -> Self {
        if !self.wants_all() {
            return *self;
        }
        Self {
            radius: self.radius,
            structure: Some(Structure::Flat),
            metric: self.metric,
            filter: self.filter,
            except: self.except,
            order: Order::Relaxed,
            interrupt: self.interrupt,
            ..Self::new(self.k)
        }
    }

    /// With this order.
    pub fn order(self, order: Order) -> Self {
        Self { order, ..self }
    }

    /// Pauses when `interrupt` returns true.
    ///
    /// ```
    /// # use hither::{IndexBuilder, IndexOptions, Metric};
    /// # let options = IndexOptions { hnsw: None, ..IndexOptions::new(2, Metric::L2) };
    /// # let mut builder = IndexBuilder::new(options)?;
    /// # for x in 0..9000 { builder.push(None, &[x as f32, 0.0], &[])?; }
    /// # let bytes = builder.finish()?;
    /// use hither::{ErrorKind, Index, SearchParams, Searcher, Structure};
    ///
    /// let index = Index::open(&bytes)?;
    /// let mut searcher = Searcher::new();
    /// let always = || true;
    /// let params = SearchParams::new(2).structure(Structure::Flat).interrupt(&always);
    /// index.start_search(&[0.0, 0.0], &params, &mut searcher)?;
    /// let mut pauses = 0;
    /// let found = loop {
    ///     match index.next_batch(&params, &mut searcher, 2) {
    ///         Err(error) if *error.kind() == ErrorKind::Interrupted => pauses += 1,
    ///         found => break found?.len(),
    ///     }
    /// };
    /// assert_eq!((found, pauses), (2, 2));
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn interrupt(self, interrupt: &'p (dyn Fn() -> bool + Sync)) -> Self {
        Self { interrupt: Some(interrupt), ..self }
    }
}

/// What a search did.
///
/// ```
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// # let bytes = builder.finish()?;
/// use hither::{Index, SearchParams, Searcher};
///
/// let mut searcher = Searcher::new();
/// Index::open(&bytes)?.search(&[0.0, 0.0], &SearchParams::new(2), &mut searcher)?;
/// assert!(searcher.stats().compared > 0);
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchStats {
    /// Ranks computed to steer the search, of codes or vectors.
    pub visited: u64,
    /// Stored vectors measured besides these; in a scan, also those that codes ruled out.
    pub compared: u64,
    /// Rows that were nearer, but found too late for strict order.
    pub dropped: u64,
}
