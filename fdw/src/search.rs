//! A search over the files of a table: merged by our distances, and never at its end while rows
//! match.

use crate::exact::{self, Nearest};
use crate::failure::{Failure, Result};
use crate::rounding::Rounding;
use crate::settings::Effort;
use crate::shards::Shard;
use hither_core::{
    Filter, IndexFile, IndexFilter, Metric, Neighbor, Order, RowId, SearchParams, SearchStats,
    Searcher,
};
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::rc::Rc;

thread_local! {
    /// Scratch of searches that ended: a warm search allocates nothing.
    static SEARCHERS: RefCell<Vec<Searcher>> = RefCell::default();
}

/// How many rows are looked for first where no LIMIT says it.
pub const FIRST_BATCH: usize = 20;

/// Most searchers that a backend keeps.
const MOST_KEPT: usize = 64;

self_cell::self_cell!(
    /// A filter and the file that it was bound to.
    struct Bound {
        owner: Rc<IndexFile>,
        #[covariant]
        dependent: IndexFilter,
    }
);

fn bind(shard: &Shard, filter: Option<&Filter>) -> Result<Option<Bound>> {
    let Some(filter) = filter else { return Ok(None) };
    let bound = Bound::try_new(Rc::clone(&shard.file), |file| file.index().filter(filter));
    Ok(Some(bound.map_err(|error| Failure::from(error).about(&shard.path))?))
}

/// What is searched for.
pub struct Wanted<'w> {
    pub query: Vec<f32>,
    pub metric: Metric,
    /// How many rows are about to be asked for, if that is known.
    pub k: Option<usize>,
    /// Whether the answer must be exact.
    pub exact: bool,
    /// Whether more rows are likely to be asked for: the search can go on from the beginning.
    pub open: bool,
    /// Only rows that are no farther.
    pub bound: Option<f32>,
    /// How far from ours Postgres's distances may be; none where that is not known.
    pub rounding: Option<Rounding>,
    pub effort: Effort,
    pub filter: Option<&'w Filter>,
}

/// Where the search of a shard stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was searched.
    New,
    /// The first answer was found: by a plain search, which is quicker than one that may go on, or
    /// by an exact one for so many rows.
    Answered,
    /// The search goes on.
    Resumed,
    Done,
}

struct ShardSearch {
    shard: Shard,
    /// Whether all rows are measured, which can be cancelled in between; else the structure is
    /// searched.
    exact: bool,
    stats: SearchStats,
    /// What the searcher said when it was last asked: its counts go on.
    told: SearchStats,
    filter: Option<Bound>,
    searcher: Searcher,
    stage: Stage,
    ready: Vec<Neighbor>,
    next: usize,
    /// What comes after the rows that are ready is no nearer.
    until: f32,
    /// Rows of the first answer, which a search that goes on finds again.
    given: BTreeSet<RowId>,
    batch: usize,
}

/// A search of all shards.
pub struct Search {
    query: Vec<f32>,
    metric: Metric,
    k: Option<usize>,
    bound: Option<f32>,
    rounding: Option<Rounding>,
    params: SearchParams<'static>,
    shards: Vec<ShardSearch>,
}

impl Search {
    /// Prepares a search; nothing is searched until the first row is asked for.
    pub fn new(shards: &[Shard], wanted: Wanted<'_>) -> Result<Self> {
        let batch = wanted.k.unwrap_or(FIRST_BATCH);
        let params = SearchParams::new(batch).metric(wanted.metric).order(Order::Relaxed);
        let shards = shards.iter().map(|shard| {
            let exact = wanted.exact || shard.file.index().is_flat();
            Ok(ShardSearch {
                filter: bind(shard, wanted.filter)?,
                exact,
                shard: shard.clone(),
                stats: SearchStats::default(),
                told: SearchStats::default(),
                searcher: SEARCHERS.with_borrow_mut(Vec::pop).unwrap_or_default(),
                // A first answer of no rows, which the search goes on from.
                stage: if wanted.open && !exact { Stage::Answered } else { Stage::New },
                ready: Vec::new(),
                next: 0,
                until: f32::NEG_INFINITY,
                given: BTreeSet::new(),
                batch,
            })
        });
        Ok(Self {
            query: wanted.query,
            metric: wanted.metric,
            k: wanted.k,
            bound: wanted.bound,
            rounding: wanted.rounding,
            params: wanted.effort.apply(params),
            shards: shards.collect::<Result<_>>()?,
        })
    }

    /// A distance that no row of what is left is nearer than, as far as a first answer tells.
    pub fn floor(&self) -> f32 {
        let floors = self.shards.iter().map(|shard| match shard.head() {
            Some(head) => head.distance,
            None if shard.stage == Stage::Done => f32::INFINITY,
            None => shard.until,
        });
        // None is nearer than NaN either, which comes last.
        floors.min_by(f32::total_cmp).unwrap_or(f32::INFINITY)
    }

    /// The next row and the number of its shard: of a first answer, and of each batch after it, by
    /// distance, ties by key.
    pub fn next(&mut self) -> Result<Option<(usize, Neighbor)>> {
        let best = loop {
            let best = self.best()?;
            let head = best.and_then(|best| self.shards[best].head());
            // One whose next row is not known, and may be nearer.
            let unknown = self.shards.iter_mut().find(|shard| {
                let nearer = |head: Neighbor| shard.until.total_cmp(&head.distance).is_le();
                shard.head().is_none() && shard.stage != Stage::Done && head.is_none_or(nearer)
            });
            let Some(unknown) = unknown else { break best };
            let Self { query, metric, k, bound, rounding, .. } = self;
            let (metric, k, bound, rounding) = (*metric, *k, *bound, *rounding);
            unknown.fill(Nearest { query, metric, k, bound, rounding }, self.params)?;
        };
        // What comes after is farther still, up to what a structure misses.
        let beyond = |head: Neighbor| self.bound.is_some_and(|bound| head.distance > bound);
        let head = best.and_then(|best| self.shards[best].head());
        let Some(number) = best.filter(|_| !head.is_some_and(beyond)) else {
            return Ok(None);
        };
        let shard = &mut self.shards[number];
        shard.next += 1;
        Ok(head.map(|head| (number, head)))
    }

    /// The shard whose next row is the nearest of those that are known.
    fn best(&self) -> Result<Option<usize>> {
        let mut best: Option<(usize, Neighbor)> = None;
        for (number, shard) in self.shards.iter().enumerate() {
            let Some(head) = shard.head() else { continue };
            let nearer = match best {
                None => true,
                Some((best, other)) => match head.distance.total_cmp(&other.distance) {
                    Ordering::Equal => {
                        let other = exact::key(&self.shards[best].shard, other)?;
                        exact::key(&shard.shard, head)? < other
                    }
                    ordering => ordering.is_lt(),
                },
            };
            if nearer {
                best = Some((number, head));
            }
        }
        Ok(best.map(|(number, _)| number))
    }

    /// What the search did since this was asked.
    pub fn take_stats(&mut self) -> SearchStats {
        let mut stats = SearchStats::default();
        for shard in &mut self.shards {
            let own = std::mem::take(&mut shard.stats);
            stats.visited += own.visited;
            stats.compared += own.compared;
        }
        stats
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        SEARCHERS.with_borrow_mut(|kept| {
            for shard in &mut self.shards {
                if kept.len() < MOST_KEPT {
                    kept.push(std::mem::take(&mut shard.searcher));
                }
            }
        });
    }
}

impl ShardSearch {
    fn head(&self) -> Option<Neighbor> {
        self.ready.get(self.next).copied()
    }

    /// Finds more rows if none is ready.
    fn fill(&mut self, wanted: Nearest<'_>, params: SearchParams<'_>) -> Result<()> {
        while self.next >= self.ready.len() && self.stage != Stage::Done {
            pgrx::check_for_interrupts!();
            if self.exact {
                self.scan(wanted)?;
                continue;
            }
            if self.stage == Stage::Answered {
                self.given = self.ready.iter().map(|found| found.row).collect();
            }
            self.ready.clear();
            self.next = 0;
            self.step(wanted.query, params)
                .map_err(|error| Failure::from_search(error, &self.shard.path))?;
        }
        Ok(())
    }

    /// Measures all rows; if more than the first answer is asked for, once more, and keeps all.
    fn scan(&mut self, wanted: Nearest<'_>) -> Result<()> {
        let filter = self.filter.as_ref().map(|bound| bound.borrow_dependent());
        let first = self.stage == Stage::New;
        let k = wanted.k.filter(|_| first);
        let found =
            exact::nearest(&self.shard, filter, Nearest { k, ..wanted }, &mut self.searcher)?;
        self.stats.compared += found.compared;
        self.ready = found.rows;
        self.until = found.until.unwrap_or(f32::INFINITY);
        self.stage = if found.until.is_some() { Stage::Answered } else { Stage::Done };
        Ok(())
    }

    fn step(&mut self, query: &[f32], params: SearchParams<'_>) -> hither_core::Result<()> {
        let index = self.shard.file.index();
        let filter = self.filter.as_ref().map(|bound| bound.borrow_dependent());
        let params = SearchParams { filter, ..params };
        match self.stage {
            Stage::New => {
                let found = index.search(query, &params, &mut self.searcher)?;
                self.ready.extend_from_slice(found);
                self.told = SearchStats::default();
                let all = self.ready.len() < params.k;
                self.stage = if all { Stage::Done } else { Stage::Answered };
            }
            Stage::Answered => {
                index.start_search(query, &params, &mut self.searcher)?;
                self.told = SearchStats::default();
                self.stage = Stage::Resumed;
            }
            Stage::Resumed => {
                // Ever greater batches: an exact search passes over all rows for each.
                self.batch = (2 * self.batch).min(1 << 20);
                let found = index.next_batch(&params, &mut self.searcher, self.batch)?;
                if found.is_empty() {
                    self.stage = Stage::Done;
                }
                self.ready.extend(found.iter().filter(|found| !self.given.contains(&found.row)));
            }
            Stage::Done => {}
        }
        let now = self.searcher.stats();
        self.stats.visited += now.visited - self.told.visited;
        self.stats.compared += now.compared - self.told.compared;
        self.told = now;
        Ok(())
    }
}

/// The rows of a shard that match, or all.
pub fn rows(shard: &Shard, filter: Option<&Filter>) -> Result<Vec<RowId>> {
    match bind(shard, filter)? {
        None => Ok(shard.file.index().rows().collect()),
        Some(bound) => shard
            .file
            .index()
            .matching(bound.borrow_dependent())
            .map_err(|error| Failure::from(error).about(&shard.path)),
    }
}
