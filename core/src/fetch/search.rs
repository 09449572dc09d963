//! Searching: the same merge as for indexes in memory, over remote segments.

use super::filter::LazyFilter;
use super::keys::Keys;
use super::open::{LazyIndex, Opened};
use super::storage::{LazyState, LazyStorage};
use super::{Missing, poll};
use crate::calibration::{Calibration, Structure};
use crate::error::{ErrorKind, Result, corrupt};
use crate::hnsw::search::{Halt, Step};
use crate::index::merge::Merge;
use crate::index::merge::parts::{Part, Parts, Task};
use crate::index::{Order, SearchParams, SearchStats};
use crate::key::{Key, KeyRef};
use crate::metric::Metric;
use crate::neighbor::{Neighbor, RowId};
use crate::ranges::rows_measured;
use crate::segment::plan::Plan;
use crate::vectors::Query;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::task::Poll;

/// How many lists a search reads unless `probes` or `recall` is given: for 116,659 sentences in 384 dimensions
/// they contain 0.95 of the ten nearest.
pub const DEFAULT_PROBES: u32 = 28;

/// The state of a search of a [`LazyIndex`], reused from search to search.
#[derive(Default)]
pub struct LazySearcher {
    query: Query,
    merge: Merge,
    states: Vec<RefCell<LazyState>>,
    keys: Keys,
    filter: Option<LazyFilter>,
    except: Option<Key>,
    radius: Option<f32>,
    order: Order,
    metric: Option<Metric>,
    probes: u32,
    /// The content id of the searched index.
    begun: Option<u128>,
}

impl LazySearcher {
    /// A searcher without memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The rows that the last call of [`LazyIndex::next_batch`] found, nearest first.
    pub fn found(&self) -> &[Neighbor] {
        &self.merge.found
    }

    /// A lower bound, as far as the search knows, of the distances of rows still to be found: see
    /// [`Searcher::floor`](crate::Searcher::floor). `metric` is that of the search.
    pub fn floor(&self, metric: Metric) -> f32 {
        self.merge.floor(metric)
    }

    /// Statistics of the last search: codes ranked, vectors measured.
    pub fn stats(&self) -> SearchStats {
        SearchStats {
            visited: self.states.iter().map(|state| state.borrow().visited).sum(),
            compared: self.merge.parts.iter().map(|part| part.search.compared()).sum(),
            dropped: self.merge.dropped,
        }
    }
}

/// The segments of a file, and the search in them.
struct LazyParts<'s> {
    index: &'s LazyIndex,
    opened: &'s Opened,
    states: &'s [RefCell<LazyState>],
    keys: &'s Keys,
    filter: Option<&'s LazyFilter>,
    except: Option<KeyRef<'s>>,
    probes: u32,
    query: &'s Query,
}

impl LazyParts<'_> {
    fn storage<'t>(&'t self, number: usize, state: &'t mut LazyState) -> Option<LazyStorage<'t>> {
        let filter = self.filter.and_then(|filter| filter.segments.get(number));
        Some(LazyStorage {
            opened: self.opened,
            segment: self.opened.segments.get(number)?,
            cache: &self.index.cache,
            state,
            keys: self.keys,
            known: &self.index.known,
            query: self.query,
            filter,
            probes: self.probes,
        })
    }
}

impl Parts for LazyParts<'_> {
    type Missing = Missing;

    fn fill(&self, number: usize, part: &mut Part, _: &Query, task: Task) -> Step<(), Missing> {
        let mut state = match self.states.get(number) {
            Some(state) => state.borrow_mut(),
            None => return Ok(()),
        };
        let more = usize::from(self.except.is_some());
        match self.storage(number, &mut state) {
            Some(mut storage) => part.search.run(&mut storage, task, more),
            None => Ok(()),
        }
    }

    fn key(&self, row: RowId) -> Step<KeyRef<'_>, Missing> {
        let segment = self.opened.segment(row)?;
        self.keys.get((row.segment, row.row), || {
            let known = self.index.known.borrow();
            self.opened.key(segment, row.row, &known, &mut self.index.cache.borrow_mut())
        })
    }

    fn is_passed_over(&self, row: RowId) -> Step<bool, Missing> {
        match self.except {
            None => Ok(false),
            Some(except) => Ok(self.key(row)? == except),
        }
    }
}

impl LazyIndex {
    /// Begins a search; reads nothing. It is that of [`Index::start_search`](crate::Index::start_search), by
    /// lists or, with [`Structure::Flat`], by reading every vector; `probes` or `recall` set the effort.
    /// `params.interrupt` is not called: the caller can stop between two calls.
    ///
    /// # Errors
    /// Those of [`Index::search`](crate::Index::search); [`ErrorKind::InvalidParameter`] for a filter in
    /// `params`, which belongs to another kind of index.
    pub fn start_search(
        &self,
        query: &[f32],
        params: &SearchParams<'_>,
        filter: Option<&LazyFilter>,
        searcher: &mut LazySearcher,
    ) -> Result<()> {
        let opened = self.opened()?;
        self.check(params, filter)?;
        let own = opened.options.metric;
        let metric = params.metric.unwrap_or(own);
        searcher.begun = None;
        searcher.query.set(query, opened.options.dimensions, metric)?;
        if metric != Metric::Cosine && own == Metric::Cosine {
            searcher.query.measure_length()?;
        }
        // A search for all rows within a radius has no fixed number of rows.
        let all = params.wants_all();
        let k = if all { 1 } else { params.k } + usize::from(params.except.is_some());
        let flat = all || params.structure == Some(Structure::Flat);
        let structure = if flat { Structure::Flat } else { Structure::Ivf };
        let probes = opened.segments.iter().map(|segment| {
            let calibration = segment.top.as_ref().and_then(|top| top.calibration.as_ref());
            match (params.probes, params.recall, calibration) {
                (Some(probes), ..) => u32::try_from(probes).unwrap_or(u32::MAX),
                (None, Some(recall), Some(calibration)) => calibration.effort(recall),
                (None, Some(_), None) => u32::MAX,
                (None, None, _) => DEFAULT_PROBES,
            }
        });
        searcher.probes = probes.max().unwrap_or(DEFAULT_PROBES);
        searcher.states.resize_with(opened.segments.len(), RefCell::default);
        let parts = searcher.merge.start(opened.segments.len());
        for (part, state) in parts.iter_mut().zip(&searcher.states) {
            state.borrow_mut().start();
            let plan = Plan::new(structure, k, searcher.probes as usize, false, metric);
            // More than needed, so that a resumed search finds candidates.
            let ef_search = 2 * rows_measured(k);
            part.search.start(Plan { radius: params.radius, ef_search, ..plan });
        }
        searcher.keys = Keys::default();
        searcher.filter = filter.cloned();
        searcher.except = params.except.map(KeyRef::to_owned);
        (searcher.radius, searcher.order) = (params.radius, params.order);
        searcher.metric = Some(metric);
        searcher.begun = Some(opened.start.content_id);
        Ok(())
    }

    /// The calibration that did not reach `params.recall`, if there is one: that of the segment with the lowest
    /// recall. See [`Index::unreached_recall`](crate::Index::unreached_recall).
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] before the index is open.
    pub fn unreached_recall(&self, params: &SearchParams<'_>) -> Result<Option<&Calibration>> {
        let wanted = params.recall.filter(|_| !params.wants_all()).unwrap_or(0.0);
        let tops = self.opened()?.segments.iter().filter_map(|segment| segment.top.as_ref());
        let calibrations = tops.filter_map(|top| top.calibration.as_ref());
        let unreached = calibrations.filter(|calibration| calibration.best().1 < wanted);
        Ok(unreached.min_by(|a, b| a.best().1.total_cmp(&b.best().1)))
    }

    fn check(&self, params: &SearchParams<'_>, filter: Option<&LazyFilter>) -> Result<()> {
        let opened = self.opened()?;
        let metric = params.metric.unwrap_or(opened.options.metric);
        params.check(&opened.options, metric, opened.start.manifest.unit_length)?;
        let invalid = |name, reason: &str| {
            Err(ErrorKind::InvalidParameter { name, reason: reason.into() }.into())
        };
        if params.ef_search.is_some() || params.structure == Some(Structure::Hnsw) {
            return invalid("ef_search", "ranges are searched by lists: give probes or a recall");
        }
        if params.filter.is_some()
            || filter.is_some_and(|filter| filter.content_id != opened.start.content_id)
        {
            return invalid("filter", "it was bound to another index");
        }
        Ok(())
    }

    /// Finds the next rows of the search that [`start_search`](Self::start_search) began with this searcher:
    /// `count` rows, nearest first, or fewer if there are no more ([`LazySearcher::found`]).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] if the searcher's search was begun on another index;
    /// [`ErrorKind::Corrupt`] and [`ErrorKind::ChecksumMismatch`] if the file is damaged.
    pub fn next_batch(&self, searcher: &mut LazySearcher, count: usize) -> Result<Poll<()>> {
        let opened = self.opened()?;
        if searcher.begun != Some(opened.start.content_id) {
            let reason = "its search was begun on another index".into();
            return Err(ErrorKind::InvalidParameter { name: "searcher", reason }.into());
        }
        let LazySearcher { query, merge, states, keys, filter, except, probes, .. } = searcher;
        let metric = searcher.metric.ok_or_else(|| corrupt("a search"))?;
        let params =
            SearchParams { radius: searcher.radius, order: searcher.order, ..SearchParams::new(1) };
        let parts = LazyParts {
            index: self,
            opened,
            states,
            keys,
            filter: filter.as_ref(),
            except: except.as_ref().map(Key::as_ref),
            probes: *probes,
            query,
        };
        let done = merge.advance(&parts, query, &params, metric, count);
        if !matches!(done, Err(Halt::Missing(Missing))) {
            self.trim();
        }
        poll(done)
    }
}
