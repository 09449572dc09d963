//! Searches for one query or many, with one thread or several.

use crate::failure::{Failure, Outcome};
use crate::vectors::Vectors;
use crate::watch::Watch;
use hither::{
    ErrorKind, Filter, Index, IndexFilter, Key, KeyRef, Metric, RowId, SearchParams, Searcher,
    Structure,
};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Queries that a thread takes at a time: starting a thread hardly pays for fewer.
const QUERIES_A_TURN: usize = 8;

/// The default number of rows.
const DEFAULT_K: usize = 10;

/// The parameters of a search.
#[derive(Default)]
pub struct Search {
    pub k: Option<usize>,
    pub radius: Option<f32>,
    pub ef_search: Option<usize>,
    pub probes: Option<usize>,
    pub recall: Option<f32>,
    pub exact: bool,
    pub metric: Option<Metric>,
    pub filter: Option<Filter>,
    pub except: Option<Key>,
}

impl Search {
    /// The maximum number of rows in an answer, if it is limited.
    pub fn most(&self) -> Option<usize> {
        match (self.k, self.radius) {
            (None, Some(_)) => None,
            (k, _) => Some(k.unwrap_or(DEFAULT_K)),
        }
    }

    /// As core has it.
    pub fn params<'p>(
        &'p self,
        filter: Option<&'p IndexFilter<'p>>,
        interrupt: &'p (dyn Fn() -> bool + Sync),
    ) -> SearchParams<'p> {
        SearchParams {
            radius: self.radius,
            ef_search: self.ef_search,
            probes: self.probes,
            recall: self.recall,
            metric: self.metric,
            structure: self.exact.then_some(Structure::Flat),
            filter,
            except: self.except.as_ref().map(Key::as_ref),
            interrupt: Some(interrupt),
            ..SearchParams::new(self.most().unwrap_or(usize::MAX))
        }
    }
}

/// Idle searchers, which later searches reuse, so that these allocate little.
#[derive(Default)]
pub struct Searchers(Mutex<Vec<Searcher>>);

impl Searchers {
    fn take(&self) -> Searcher {
        self.0.lock().ok().and_then(|mut waiting| waiting.pop()).unwrap_or_default()
    }

    fn give_back(&self, searcher: Searcher) {
        if let Ok(mut waiting) = self.0.lock() {
            waiting.push(searcher);
        }
    }
}

/// The answers of several queries, concatenated.
#[derive(Default)]
pub struct Found {
    /// The number of rows found for each query.
    pub counts: Vec<usize>,
    pub rows: Vec<RowId>,
    pub distances: Vec<f32>,
    pub keys: Keys,
    /// The recall that the calibration reached, if more was wanted.
    pub reached_recall: Option<f32>,
}

/// Keys of one type.
pub enum Keys {
    Numbers(Vec<i64>),
    Others(Vec<Key>),
}

impl Default for Keys {
    fn default() -> Self {
        Self::Numbers(Vec::new())
    }
}

impl Keys {
    /// The key at an index.
    pub fn get(&self, at: usize) -> KeyRef<'_> {
        match self {
            Self::Numbers(numbers) => KeyRef::Int64(numbers[at]),
            Self::Others(keys) => keys[at].as_ref(),
        }
    }

    /// The keys of all rows, or of those that match.
    ///
    /// # Errors
    /// If the filter does not fit the columns, or the file is damaged.
    pub fn of(index: &Index<'_>, filter: Option<&Filter>) -> Outcome<Self> {
        let mut keys = Self::default();
        match filter {
            Some(filter) => {
                for row in index.matching(&index.filter(filter)?)? {
                    keys.push(index.key(row)?);
                }
            }
            None => {
                for row in index.rows() {
                    keys.push(index.key(row)?);
                }
            }
        }
        Ok(keys)
    }

    /// Appends a key.
    pub fn push(&mut self, key: KeyRef<'_>) {
        match (self, key) {
            (Self::Numbers(numbers), KeyRef::Int64(number)) => numbers.push(number),
            (Self::Others(keys), key) => keys.push(key.to_owned()),
            (this, key) => *this = Self::Others(vec![key.to_owned()]),
        }
    }
}

/// Searches with up to `threads` threads, 0 for as many as the machine has.
///
/// # Errors
/// As for [`Index::search`]; with several queries, the number of the first failing one is added.
pub fn search(
    index: &Index<'_>,
    queries: &Vectors,
    wanted: &Search,
    threads: usize,
    searchers: &Searchers,
    watch: &Watch,
) -> Outcome<Found> {
    let filter = wanted.filter.as_ref().map(|filter| index.filter(filter)).transpose()?;
    let interrupt = || watch.stopped();
    let params = wanted.params(filter.as_ref(), &interrupt);
    let reached_recall = index.unreached_recall(&params).map(|calibration| calibration.best().1);
    let threads = match (queries.rows, threads) {
        (..=QUERIES_A_TURN, _) => 1,
        (_, 0) => thread::available_parallelism().map_or(1, usize::from),
        (_, threads) => threads,
    };
    let threads = threads.min(queries.rows.div_ceil(QUERIES_A_TURN)).max(1);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut searcher = searchers.take();
        let done = turns(index, queries, &params, &next, &mut searcher);
        searchers.give_back(searcher);
        done
    };
    let mut done = if threads == 1 {
        vec![work()]
    } else {
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let own = work();
            let joined = others
                .into_iter()
                .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            std::iter::once(own).chain(joined).collect()
        })
    };
    let failed = done.iter_mut().filter_map(|done| done.as_mut().err());
    if let Some(Failed { query, error }) = failed.min_by_key(|failed| failed.query) {
        let error = std::mem::replace(error, ErrorKind::Interrupted.into());
        let failure = Failure::from(error);
        return Err(if queries.single {
            failure
        } else {
            failure.behind(&format!("query {query}"))
        });
    }
    let mut turns: Vec<Turn> = done.into_iter().flatten().flatten().collect();
    turns.sort_unstable_by_key(|turn| turn.first);
    join(index, turns, reached_recall)
}

/// The answers of a few consecutive queries.
struct Turn {
    first: usize,
    counts: Vec<usize>,
    rows: Vec<RowId>,
    distances: Vec<f32>,
}

struct Failed {
    query: usize,
    error: hither::Error,
}

fn turns(
    index: &Index<'_>,
    queries: &Vectors,
    params: &SearchParams<'_>,
    next: &AtomicUsize,
    searcher: &mut Searcher,
) -> Result<Vec<Turn>, Failed> {
    let mut turns = Vec::new();
    loop {
        let first = next.fetch_add(QUERIES_A_TURN, Ordering::Relaxed);
        if first >= queries.rows {
            return Ok(turns);
        }
        let mut turn = Turn { first, counts: Vec::new(), rows: Vec::new(), distances: Vec::new() };
        for query in first..queries.rows.min(first + QUERIES_A_TURN) {
            let failed = |error| Failed { query, error };
            if params.interrupt.is_some_and(|interrupt| interrupt()) {
                return Err(failed(ErrorKind::Interrupted.into()));
            }
            let found = index.search(queries.row(query), params, searcher).map_err(failed)?;
            turn.counts.push(found.len());
            turn.rows.extend(found.iter().map(|found| found.row));
            turn.distances.extend(found.iter().map(|found| found.distance));
        }
        turns.push(turn);
    }
}

fn join(index: &Index<'_>, turns: Vec<Turn>, reached_recall: Option<f32>) -> Outcome<Found> {
    let mut found = Found { reached_recall, ..Found::default() };
    for turn in turns {
        for &row in &turn.rows {
            found.keys.push(index.key(row)?);
        }
        found.counts.extend(turn.counts);
        found.rows.extend(turn.rows);
        found.distances.extend(turn.distances);
    }
    Ok(found)
}
