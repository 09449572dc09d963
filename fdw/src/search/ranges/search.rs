//! Finds the nearest rows of files that are read by ranges, merged by our distances.

use super::{Columns, RangeFiles};
use crate::search::iterative::{FIRST_BATCH, Request};
use crate::search::reorder::Nearest;
use crate::sql::failure::Result;
use hither_core::fetch::{LazyFilter, LazySearcher};
use hither_core::{Key, Metric, Neighbor, Order, SearchParams, SearchStats};
use std::cmp::Ordering;
use std::collections::VecDeque;

/// The greatest number of rows that a search is asked for at once.
const MOST_AT_ONCE: usize = 1 << 16;

/// The search in one file.
#[derive(Default)]
struct Part {
    searcher: LazySearcher,
    /// Rows that were found and not taken yet, nearest first.
    found: VecDeque<Neighbor>,
    /// Whether the file has no more rows.
    is_done: bool,
}

/// A search of a table's files, which are passed to each call. It can go on to the last row.
pub struct RangeSearch {
    metric: Metric,
    parts: Vec<Part>,
    /// The columns that are read for each batch of found rows.
    columns: Columns,
    ready: VecDeque<(usize, Neighbor)>,
    /// How many rows the files are asked for next.
    batch: usize,
    is_begun: bool,
    is_done: bool,
    told: SearchStats,
}

impl RangeSearch {
    /// Starts a search that is not exact. Reads the columns that a filter needs.
    ///
    /// # Errors
    /// If the query or the filter does not fit, or a file cannot be read.
    pub fn new(files: &RangeFiles, request: Request<'_>, columns: Columns) -> Result<Self> {
        let Request { query, metric, k, open, radius, effort, filter, .. } = request;
        let k = k.unwrap_or(FIRST_BATCH);
        let params = SearchParams {
            radius,
            ..effort.apply_to_ranges(SearchParams::new(k)).metric(metric).order(Order::Relaxed)
        };
        let all: Vec<usize> = (0..files.files.len()).collect();
        let filters: Vec<LazyFilter> = match filter {
            Some(filter) => files.answers(&all, |_, index| index.filter(filter))?,
            None => Vec::new(),
        };
        let mut parts = Vec::new();
        for (number, file) in files.files.iter().enumerate() {
            let mut part = Part::default();
            let begun =
                file.index.start_search(&query, &params, filters.get(number), &mut part.searcher);
            begun.map_err(|error| file.search_error(error))?;
            parts.push(part);
        }
        Ok(Self {
            metric,
            parts,
            // Their vectors were just read.
            columns: Columns { vector: true, ..columns },
            ready: VecDeque::new(),
            // More than the first answer, because the search will continue at once.
            batch: MOST_AT_ONCE.min(if open { 2 * k } else { k }),
            is_begun: false,
            is_done: false,
            told: SearchStats::default(),
        })
    }

    /// Finds the next batch.
    fn fill(&mut self, files: &RangeFiles) -> Result<()> {
        self.is_begun = true;
        let mut found = Vec::new();
        while found.len() < self.batch {
            self.fill_parts(files)?;
            let Some(number) = self.nearest(files)? else {
                self.is_done = true;
                break;
            };
            found.extend(self.parts[number].found.pop_front().map(|near| (number, near)));
        }
        // A batch may contain several batches of a file, each of which is sorted by itself.
        found.sort_by(|(_, a), (_, b)| a.distance.total_cmp(&b.distance));
        let rows: Vec<_> = found.iter().map(|(number, near)| (*number, near.row)).collect();
        files.expect(&rows, &self.columns)?;
        self.ready.extend(found);
        self.batch = MOST_AT_ONCE.min(2 * self.batch);
        Ok(())
    }

    /// Asks all files that have no rows left for more, in common rounds.
    fn fill_parts(&mut self, files: &RangeFiles) -> Result<()> {
        let Self { parts, batch, .. } = self;
        let is_empty = |part: &Part| part.found.is_empty() && !part.is_done;
        let empty: Vec<usize> =
            (0..parts.len()).filter(|number| is_empty(&parts[*number])).collect();
        if empty.is_empty() {
            return Ok(());
        }
        files.answers(&empty, |number, index| {
            index.next_batch(&mut parts[number].searcher, *batch)
        })?;
        for number in empty {
            let part = &mut parts[number];
            part.found.extend(part.searcher.found());
            part.is_done = part.found.len() < *batch;
        }
        Ok(())
    }

    /// The file with the nearest next row, ties by key.
    fn nearest(&self, files: &RangeFiles) -> Result<Option<usize>> {
        let mut best: Option<(usize, Neighbor)> = None;
        for (number, part) in self.parts.iter().enumerate() {
            let Some(&next) = part.found.front() else { continue };
            let is_nearer = match best {
                None => true,
                Some((other, least)) => match next.distance.total_cmp(&least.distance) {
                    Ordering::Equal => {
                        let key =
                            |number, near: Neighbor| -> Result<Key> { files.key(number, near.row) };
                        key(number, next)?.as_ref() < key(other, least)?.as_ref()
                    }
                    ordering => ordering.is_lt(),
                },
            };
            if is_nearer {
                best = Some((number, next));
            }
        }
        Ok(best.map(|(number, _)| number))
    }

    fn stats(&self) -> SearchStats {
        let mut sum = SearchStats::default();
        for part in self.parts.iter().filter(|_| self.is_begun) {
            let own = part.searcher.stats();
            sum.visited += own.visited;
            sum.compared += own.compared;
        }
        sum
    }
}

impl Nearest for RangeSearch {
    type Files = RangeFiles;

    fn floor(&self) -> f32 {
        if let Some((_, next)) = self.ready.front() {
            return next.distance;
        }
        if !self.is_begun {
            return f32::NEG_INFINITY;
        }
        let floors = self.parts.iter().map(|part| match part.found.front() {
            Some(next) => next.distance,
            None if part.is_done => f32::INFINITY,
            None => part.searcher.floor(self.metric),
        });
        floors.min_by(f32::total_cmp).unwrap_or(f32::INFINITY)
    }

    fn next(&mut self, files: &RangeFiles) -> Result<Option<(usize, Neighbor)>> {
        if self.ready.is_empty() && !self.is_done {
            self.fill(files)?;
        }
        Ok(self.ready.pop_front())
    }

    fn take_stats(&mut self) -> SearchStats {
        let now = self.stats();
        let told = std::mem::replace(&mut self.told, now);
        SearchStats {
            visited: now.visited - told.visited,
            compared: now.compared - told.compared,
            dropped: 0,
        }
    }
}
