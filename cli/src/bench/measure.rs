//! Measures searches: recall against the truth, and the time of each query.

use crate::failure::Failure;
use hither::{
    ErrorKind, IndexFilter, KeyRef, KeyType, Neighbor, RowId, SearchParams, Searcher, Shards,
    Structure,
};
use hither_rows::read_matrix_i64;
use serde::{Serialize, Serializer};
use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

/// One setting to measure.
#[derive(Clone, Copy)]
pub enum Setting {
    EfSearch(usize),
    Probes(usize),
    Recall(f32),
    Exact,
}

impl Setting {
    pub fn params(self, k: usize) -> SearchParams<'static> {
        let params = SearchParams::new(k);
        match self {
            Self::EfSearch(ef) => params.ef_search(ef).structure(Structure::Hnsw),
            Self::Probes(probes) => params.probes(probes).structure(Structure::Ivf),
            Self::Recall(recall) => params.recall(recall),
            Self::Exact => params.structure(Structure::Flat),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::EfSearch(_) => "ef_search",
            Self::Probes(_) => "probes",
            Self::Recall(_) => "wanted_recall",
            Self::Exact => "exact",
        }
    }

    pub fn value(self) -> serde_json::Value {
        match self {
            Self::EfSearch(value) | Self::Probes(value) => value.into(),
            // By way of text, so that 0.95 is printed, not the f64 closest to its f32.
            Self::Recall(value) => value.to_string().parse::<f64>().unwrap_or_default().into(),
            Self::Exact => true.into(),
        }
    }
}

impl Serialize for Setting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(self.name(), self.value())])
    }
}

/// The results at one setting.
#[derive(Serialize)]
pub struct Measurement {
    pub recall: f64,
    pub qps: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    /// The mean number of ranks that a query computed to steer by, and of vectors that it measured.
    pub ranks: f64,
    pub vectors: f64,
    /// The fewest rows that any query found.
    #[serde(rename = "fewest_rows")]
    pub fewest: usize,
    #[serde(flatten)]
    pub setting: Setting,
}

/// The minimum time in seconds for which each setting is measured.
const MEASURED_SECONDS: f64 = 0.25;

/// The true neighbours of a query.
pub struct Truth {
    keys: Vec<i64>,
    /// The distance of the last of them: rows at the same distance are equally right.
    pub last: f32,
}

pub struct Bench<'a> {
    pub shards: &'a Shards<'a, 'a>,
    pub queries: &'a [f32],
    pub rows: usize,
    pub k: usize,
    /// One for each index, or none.
    pub filters: &'a [&'a IndexFilter<'a>],
    /// The rows that match the filter, if it is applied after the search.
    pub kept: Option<HashSet<RowId>>,
}

impl Bench<'_> {
    pub fn query(&self, number: usize) -> &[f32] {
        let dimensions = self.shards.indexes()[0].dimensions();
        &self.queries[number * dimensions..][..dimensions]
    }

    /// How many rows there are.
    fn row_count(&self) -> u64 {
        self.shards.indexes().iter().map(|index| index.len()).sum()
    }

    /// Applies the filter to the results of searches without it.
    pub fn filter_afterwards(&mut self) -> Result<(), Failure> {
        let all = self.row_count().clamp(1, 1 << 24) as usize;
        let params = Setting::Exact.params(all);
        let mut searcher = Searcher::new();
        let matching = self.shards.search(self.query(0), &params, self.filters, &mut searcher)?;
        self.kept = Some(matching.iter().map(|row| row.row).collect());
        Ok(())
    }

    /// Reads the first k true keys of every query.
    pub fn read_truth(&self, path: &Path) -> Result<Vec<Truth>, Failure> {
        let (values, rows, columns) = read_matrix_i64(path)?;
        if !matches!(
            self.shards.indexes()[0].options().key_type,
            KeyType::RowNumber | KeyType::Int64
        ) {
            let reason = "the keys of the index are no numbers; leave --truth out to compute it";
            return Err(Failure::at(path, reason));
        }
        if rows < self.rows || columns < self.k {
            let (wanted, k) = (self.rows, self.k);
            return Err(Failure::at(
                path,
                format!("it holds {rows} × {columns} neighbours, and {wanted} × {k} are needed"),
            ));
        }
        let mut searcher = Searcher::new();
        let mut truth = Vec::with_capacity(self.rows);
        for (number, row) in values.chunks(columns).take(self.rows).enumerate() {
            let (mut keys, mut last) = (Vec::with_capacity(self.k), f32::NEG_INFINITY);
            for &key in &row[..self.k] {
                match self.shards.find(KeyRef::Int64(key)) {
                    Ok(Some(row)) => {
                        let (index, row) = self.shards.place(row)?;
                        let index = self.shards.indexes()[index];
                        last = index.distance(self.query(number), row, &mut searcher)?;
                        keys.push(key);
                    }
                    // With --output, a search pads its rows with -1 if it finds fewer than k.
                    _ if key == -1 => break,
                    Err(error) if !matches!(error.kind(), ErrorKind::KeyType { .. }) => {
                        return Err(error.into());
                    }
                    Ok(None) | Err(_) => {
                        let reason = format!(
                            "no row of the index has the key {key}; is this the truth of other rows? leave --truth out to compute it"
                        );
                        return Err(hither_rows::Error::at_row(path, number as u64, reason).into());
                    }
                }
            }
            truth.push(Truth { keys, last });
        }
        Ok(truth)
    }

    /// Computes the truth by an exact scan; `path` is the file of the queries.
    pub fn compute_truth(&self, path: &Path) -> Result<Vec<Truth>, Failure> {
        let mut searcher = Searcher::new();
        let params = Setting::Exact.params(self.k);
        let truth = (0..self.rows).map(|number| {
            let query = self.query(number);
            let found = self.shards.search(query, &params, self.filters, &mut searcher);
            let found = found.map_err(|error| Failure::at_query(path, number, error))?;
            let keys =
                found.iter().map(|row| self.number(row.row)).collect::<hither::Result<_>>()?;
            let last = found.last().map_or(f32::NEG_INFINITY, |row| row.distance);
            Ok(Truth { keys, last })
        });
        truth.collect()
    }

    /// A number that identifies a row: its key, or its position if keys are not numbers.
    fn number(&self, row: RowId) -> hither::Result<i64> {
        Ok(match self.shards.key(row)? {
            KeyRef::Int64(number) => number,
            _ => i64::from(row.segment) << 32 | i64::from(row.row),
        })
    }

    pub fn measure(
        &self,
        setting: Setting,
        truth: &[Truth],
        threads: usize,
    ) -> Result<Measurement, Failure> {
        let params = setting.params(self.k);
        // The first pass is not timed: it warms caches and scratch, and measures the recall.
        let (mut searcher, mut found) = (Searcher::new(), Vec::new());
        let (mut hits, mut wanted, mut fewest) = (0, 0, usize::MAX);
        let (mut ranks, mut vectors) = (0, 0);
        for (number, truth) in truth.iter().enumerate() {
            self.search(number, &params, &mut searcher, &mut found)?;
            fewest = fewest.min(found.len());
            ranks += searcher.stats().visited;
            vectors += searcher.stats().compared;
            for row in found.iter().take(truth.keys.len()) {
                let hit = row.distance == truth.last || truth.keys.contains(&self.number(row.row)?);
                hits += usize::from(hit);
            }
            wanted += truth.keys.len();
        }
        let share = self.rows.div_ceil(threads);
        let mut passes = Vec::new();
        let begin = Instant::now();
        while begin.elapsed().as_secs_f64() < MEASURED_SECONDS {
            passes.push(self.pass(&params, &searcher, share, threads)?);
        }
        // Other programs on the machine disturb some passes, so the median pass is reported.
        passes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (seconds, mut times) = passes.swap_remove(passes.len() / 2);
        times.sort_by(f64::total_cmp);
        let percentile = |part: f64| times[((times.len() - 1) as f64 * part).round() as usize];
        Ok(Measurement {
            setting,
            recall: if wanted == 0 { 1.0 } else { hits as f64 / wanted as f64 },
            qps: self.rows as f64 / seconds,
            p50_us: percentile(0.5),
            p99_us: percentile(0.99),
            ranks: ranks as f64 / self.rows as f64,
            vectors: vectors as f64 / self.rows as f64,
            fewest,
        })
    }

    /// Searches for query number `number`; the answer goes to `found`.
    fn search(
        &self,
        number: usize,
        params: &SearchParams<'_>,
        searcher: &mut Searcher,
        found: &mut Vec<Neighbor>,
    ) -> hither::Result<()> {
        found.clear();
        let (shards, query) = (self.shards, self.query(number));
        let Some(kept) = &self.kept else {
            found.extend_from_slice(shards.search(query, params, self.filters, searcher)?);
            return Ok(());
        };
        shards.start_search(query, params, &[], searcher)?;
        while found.len() < self.k {
            let batch = shards.next_batch(params, &[], searcher, self.k)?;
            if batch.is_empty() {
                break;
            }
            found.extend(batch.iter().filter(|row| kept.contains(&row.row)));
        }
        found.truncate(self.k);
        Ok(())
    }

    /// Searches for every query once; returns the total time in seconds, and the time of each in
    /// microseconds.
    fn pass(
        &self,
        params: &SearchParams<'_>,
        searcher: &Searcher,
        share: usize,
        threads: usize,
    ) -> Result<(f64, Vec<f64>), Failure> {
        let start = Instant::now();
        let runs: Vec<hither::Result<Vec<f64>>> = std::thread::scope(|scope| {
            let run = move |thread: usize| {
                let (mut searcher, mut found) = (searcher.clone(), Vec::new());
                let numbers = thread * share..self.rows.min((thread + 1) * share);
                numbers
                    .map(|number| {
                        let start = Instant::now();
                        self.search(number, params, &mut searcher, &mut found)?;
                        Ok(start.elapsed().as_secs_f64() * 1e6)
                    })
                    .collect()
            };
            if threads == 1 {
                return vec![run(0)];
            }
            let running: Vec<_> =
                (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
            let joined = running.into_iter().map(|thread| thread.join());
            joined.map(|result| result.unwrap_or(Err(ErrorKind::Cancelled.into()))).collect()
        });
        let seconds = start.elapsed().as_secs_f64();
        let times = runs.into_iter().collect::<hither::Result<Vec<_>>>()?.concat();
        Ok((seconds, times))
    }
}
