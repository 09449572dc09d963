//! A search over the files of a table: merges their rows by our distances, and continues as long as rows
//! match.

use crate::search::reorder::Nearest;
use crate::search::rounding::Rounding;
use crate::search::rows::{Rows, ShardFilter, bind};
use crate::search::shards::Shard;
use crate::sql::failure::{Failure, Result};
use crate::sql::settings::Effort;
use hither_core::{
    ErrorKind, Filter, Metric, Neighbor, Order, SearchParams, SearchStats, Searcher, Shards,
    Structure,
};
use pgrx::pg_sys;
use std::cell::RefCell;

thread_local! {
    /// Scratch of searches that ended, with the number of files of each: a warm search allocates nothing.
    static SEARCHERS: RefCell<Vec<(usize, Searcher)>> = RefCell::default();
}

/// How many rows are searched for first if there is no LIMIT.
pub const FIRST_BATCH: usize = 20;

/// The greatest number of rows that a search with a structure is asked for at once.
const MOST_AT_ONCE: usize = 1 << 20;

/// The number of files for which a backend keeps scratch, at most: the files of one table, or of as many
/// partitions, each of which is searched separately.
const MOST_FILES: usize = 512;

/// The parameters of a search.
pub struct Request<'w> {
    pub query: Vec<f32>,
    pub metric: Metric,
    /// How many rows will be asked for, if that is known.
    pub k: Option<usize>,
    /// Whether the answer must be exact.
    pub exact: bool,
    /// Whether more rows are likely to be asked for; then the search can continue at any time.
    pub open: bool,
    /// Rows beyond this distance are left out.
    pub radius: Option<f32>,
    /// Bounds of the difference between Postgres's distances and ours; `None` if it is not known. An exact
    /// search then returns all rows without computing distances.
    pub rounding: Option<Rounding>,
    pub effort: Effort,
    pub filter: Option<&'w Filter>,
}

/// A search of all shards of a table; the shards are passed to each call.
pub struct Search {
    query: Vec<f32>,
    metric: Metric,
    params: SearchParams<'static>,
    filters: Vec<ShardFilter>,
    /// All rows, for an exact search that computes no distances.
    unmeasured: Option<Rows>,
    searcher: Searcher,
    files: usize,
    stage: Stage,
    ready: Vec<(usize, Neighbor)>,
    next: usize,
    /// How many rows the searcher is asked for next.
    batch: usize,
    /// Whether every batch computes the distances of all rows.
    scans: bool,
    /// The searcher's statistics at the last call of [`take_stats`](Self::take_stats).
    told: SearchStats,
}

/// The state of a search.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Begun,
    Done,
}

/// Whether an interrupt is pending: a cancellation, a timeout, or the termination of the backend.
fn is_interrupted() -> bool {
    // SAFETY: signal handlers of this same thread set it.
    unsafe { (&raw const pg_sys::InterruptPending).read_volatile() != 0 }
}

impl Search {
    /// Prepares a search; nothing is read until the first row is asked for.
    pub fn new(shards: &[Shard], request: Request<'_>) -> Result<Self> {
        let Request { query, metric, k, exact, open, radius, rounding, effort, filter } = request;
        let params = match exact {
            true => SearchParams::new(1).structure(Structure::Flat),
            false => effort.apply(SearchParams::new(k.unwrap_or(FIRST_BATCH))),
        };
        let batch = match k {
            None if exact => usize::MAX,
            _ if exact || !open => k.unwrap_or(FIRST_BATCH),
            // More than the first answer, because the search will continue at once.
            _ => 2 * params.k,
        };
        let unmeasured = exact && rounding.is_none();
        let filters = filter.filter(|_| !unmeasured).into_iter();
        let filters = filters.flat_map(|filter| shards.iter().map(|shard| bind(shard, filter)));
        Ok(Self {
            query,
            metric,
            params: SearchParams {
                radius,
                interrupt: Some(&is_interrupted),
                ..params.metric(metric).order(Order::Relaxed)
            },
            filters: filters.collect::<Result<_>>()?,
            unmeasured: unmeasured.then(|| Rows::new(filter.cloned())),
            searcher: SEARCHERS.with_borrow_mut(Vec::pop).unwrap_or_default().1,
            files: shards.len(),
            stage: Stage::New,
            ready: Vec::new(),
            next: 0,
            batch,
            scans: exact || shards.iter().all(|shard| shard.file.index().is_flat()),
            told: SearchStats::default(),
        })
    }

    /// A lower bound of the distances of all remaining rows, as far as the answer so far tells.
    pub fn floor(&self) -> f32 {
        match (self.ready.get(self.next), self.stage) {
            (Some((_, next)), _) => next.distance,
            (None, Stage::New) => f32::NEG_INFINITY,
            (None, Stage::Begun) => self.searcher.floor(self.metric),
            (None, Stage::Done) => f32::INFINITY,
        }
    }

    /// The next row and the number of its shard. The first answer and each later batch are ordered by
    /// distance, ties by key. A row whose distance was not computed has distance -∞.
    pub fn next(&mut self, shards: &[Shard]) -> Result<Option<(usize, Neighbor)>> {
        if let Some(rows) = &mut self.unmeasured {
            let distance = f32::NEG_INFINITY;
            let row = rows.next(shards)?;
            return Ok(row.map(|(shard, row)| (shard, Neighbor { row, distance })));
        }
        if self.next == self.ready.len() && self.stage != Stage::Done {
            self.fill(shards)?;
        }
        let next = self.ready.get(self.next).copied();
        self.next += usize::from(next.is_some());
        Ok(next)
    }

    /// Finds the next batch.
    fn fill(&mut self, shards: &[Shard]) -> Result<()> {
        let Self { query, params, filters, searcher, ready, batch, .. } = self;
        let indexes = shards.iter().map(|shard| shard.file.index()).collect();
        let filters: Vec<_> = filters.iter().map(ShardFilter::borrow_dependent).collect();
        let joined = Shards::union_all(indexes)?;
        let about = |error, searcher: &_| {
            Failure::from_search(error, &shards[joined.last_read(searcher)].path)
        };
        if self.stage == Stage::New {
            let started = joined.start_search(query, params, &filters, searcher);
            started.map_err(|error| about(error, searcher))?;
            self.stage = Stage::Begun;
        }
        ready.clear();
        self.next = 0;
        loop {
            pgrx::check_for_interrupts!();
            let found = joined.next_batch(params, &filters, searcher, *batch);
            match found {
                Ok(found) => {
                    for &Neighbor { row, distance } in found {
                        let (shard, row) = joined.place(row)?;
                        ready.push((shard, Neighbor { row, distance }));
                    }
                    break;
                }
                Err(error) if *error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(about(error, searcher)),
            }
        }
        if ready.len() < *batch {
            self.stage = Stage::Done;
        }
        // A scan compares all rows each time, so whoever wants more than the first batch gets all.
        *batch = if self.scans { usize::MAX } else { MOST_AT_ONCE.min(2 * *batch) };
        Ok(())
    }

    /// Whether the next row needs a new batch.
    pub fn goes_on(&self) -> bool {
        self.next == self.ready.len() && self.stage == Stage::Begun
    }

    /// The statistics of the search.
    pub fn stats(&self) -> SearchStats {
        match self.stage {
            Stage::New => SearchStats::default(),
            _ => self.searcher.stats(),
        }
    }

    /// The statistics since the last call.
    pub fn take_stats(&mut self) -> SearchStats {
        let now = self.stats();
        let told = std::mem::replace(&mut self.told, now);
        SearchStats {
            visited: now.visited - told.visited,
            compared: now.compared - told.compared,
            dropped: 0,
        }
    }
}

impl Nearest for Search {
    type Files = [Shard];

    fn floor(&self) -> f32 {
        self.floor()
    }

    fn next(&mut self, files: &[Shard]) -> Result<Option<(usize, Neighbor)>> {
        self.next(files)
    }

    fn take_stats(&mut self) -> SearchStats {
        self.take_stats()
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        SEARCHERS.with_borrow_mut(|kept| {
            let files: usize = kept.iter().map(|kept| kept.0).sum();
            if files + self.files <= MOST_FILES {
                kept.push((self.files, std::mem::take(&mut self.searcher)));
            }
        });
    }
}
