//! A search over the files of a table: merged by distance, and never at its end while rows match.

use crate::failure::{Failure, Result};
use crate::settings::Effort;
use crate::shards::Shard;
use hither_core::{
    Filter, IndexFile, IndexFilter, Key, Metric, Neighbor, Order, RowId, SearchParams, SearchStats,
    Searcher, Structure,
};
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

thread_local! {
    /// Scratch of searches that ended: a warm search allocates nothing.
    static SEARCHERS: RefCell<Vec<Searcher>> = RefCell::default();
}

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
    /// How many rows are about to be asked for.
    pub k: usize,
    /// Whether the answer must be exact: all rows are wanted, in order.
    pub exact: bool,
    pub effort: Effort,
    pub filter: Option<&'w Filter>,
}

/// Where the search of a shard stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was searched.
    New,
    /// The first answer was given by a plain search, which is quicker than one that may go on.
    Answered,
    /// The search goes on.
    Resumed,
    Done,
}

struct ShardSearch {
    shard: Shard,
    filter: Option<Bound>,
    searcher: Searcher,
    stage: Stage,
    ready: Vec<Neighbor>,
    next: usize,
    /// Rows of the first answer, which a search that goes on finds again.
    given: HashSet<RowId>,
    batch: usize,
}

/// A search of all shards.
pub struct Search {
    query: Vec<f32>,
    params: SearchParams<'static>,
    relaxed: bool,
    shards: Vec<ShardSearch>,
    last: f32,
    /// Rows that came too late for strict order: they come last rather than not at all.
    late: Vec<(usize, Neighbor)>,
    stats: SearchStats,
}

impl Search {
    /// Prepares a search; nothing is searched until the first row is asked for.
    pub fn new(shards: &[Shard], wanted: Wanted<'_>) -> Result<Self> {
        let mut params = SearchParams::new(wanted.k).metric(wanted.metric).order(Order::Relaxed);
        if wanted.exact {
            params = params.structure(Structure::Flat);
        } else {
            params = wanted.effort.apply(params);
        }
        let shards = shards.iter().map(|shard| {
            let searcher = SEARCHERS.with_borrow_mut(Vec::pop).unwrap_or_default();
            Ok(ShardSearch {
                filter: bind(shard, wanted.filter)?,
                shard: shard.clone(),
                searcher,
                stage: Stage::New,
                ready: Vec::new(),
                next: 0,
                given: HashSet::new(),
                batch: wanted.k,
            })
        });
        Ok(Self {
            query: wanted.query,
            params,
            relaxed: wanted.effort.relaxed,
            shards: shards.collect::<Result<_>>()?,
            last: f32::NEG_INFINITY,
            late: Vec::new(),
            stats: SearchStats::default(),
        })
    }

    /// The next row and the number of its shard: by distance, ties by key.
    pub fn next(&mut self) -> Result<Option<(usize, RowId)>> {
        loop {
            let mut best: Option<usize> = None;
            for number in 0..self.shards.len() {
                self.shards[number].fill(&self.query, self.params)?;
                let Some(head) = self.shards[number].head() else { continue };
                let nearer = match best.and_then(|best| Some((best, self.shards[best].head()?))) {
                    None => true,
                    Some((best, other)) => match head.distance.total_cmp(&other.distance) {
                        std::cmp::Ordering::Equal => {
                            self.shards[number].key(head)? < self.shards[best].key(other)?
                        }
                        ordering => ordering.is_lt(),
                    },
                };
                if nearer {
                    best = Some(number);
                }
            }
            let Some(number) = best else {
                // Sorted farthest first, to be taken from the end.
                self.late.sort_by(|a, b| b.1.distance.total_cmp(&a.1.distance));
                return Ok(self.late.pop().map(|(number, neighbor)| (number, neighbor.row)));
            };
            let shard = &mut self.shards[number];
            let Some(neighbor) = shard.head() else { continue };
            shard.next += 1;
            if neighbor.distance < self.last && !self.relaxed {
                self.stats.dropped += 1;
                self.late.push((number, neighbor));
                continue;
            }
            self.last = neighbor.distance;
            return Ok(Some((number, neighbor.row)));
        }
    }

    /// What the search did: of late rows, how many.
    pub fn stats(&self) -> SearchStats {
        let mut stats = self.stats;
        for shard in &self.shards {
            let own = shard.searcher.stats();
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

    fn key(&self, neighbor: Neighbor) -> Result<Key> {
        let key = self.shard.file.index().key(neighbor.row);
        Ok(key.map_err(|error| Failure::from(error).about(&self.shard.path))?.to_owned())
    }

    /// Finds more rows if none is ready.
    fn fill(&mut self, query: &[f32], params: SearchParams<'_>) -> Result<()> {
        while self.next >= self.ready.len() && self.stage != Stage::Done {
            self.ready.clear();
            self.next = 0;
            self.step(query, params).map_err(|error| match error {
                // The query is wrong, not the file.
                error @ (hither_core::Error::DimensionMismatch { .. }
                | hither_core::Error::NonFinite { .. }) => Failure::from(error),
                error => Failure::from(error).about(&self.shard.path),
            })?;
        }
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
                self.given.extend(self.ready.iter().map(|found| found.row));
                let all = self.ready.len() < params.k;
                self.stage = if all { Stage::Done } else { Stage::Answered };
            }
            Stage::Answered => {
                index.start_search(query, &params, &mut self.searcher)?;
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
