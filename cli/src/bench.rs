//! `hither bench`: recall and speed of an index file on real queries.

mod plot;

use crate::failure::Failure;
use crate::input::{read_matrix_f32, read_matrix_i64};
use crate::show;
use clap::Args;
use hither::{
    Filter, Index, IndexFile, IndexFilter, KeyRef, KeyType, Neighbor, RowId, SearchParams,
    Searcher, Structure,
};
use serde_json::json;
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Instant;

/// Measure recall and speed of an index file: one query at a time, per setting.
#[derive(Args)]
pub struct Arguments {
    /// The index file.
    file: PathBuf,
    /// Query vectors: .npy, .fvecs or .bvecs.
    #[arg(long, value_name = "Q.npy")]
    queries: PathBuf,
    /// The true neighbours: row numbers or int64 keys, nearest first, .npy or .ivecs. Computed by
    /// an exact scan of the index when left out.
    #[arg(long, value_name = "T.npy")]
    truth: Option<PathBuf>,
    /// How many neighbours.
    #[arg(short, default_value_t = 10)]
    k: usize,
    /// HNSW: settings of ef_search to measure.
    #[arg(long, value_name = "N,N,…", value_delimiter = ',')]
    ef_search: Vec<usize>,
    /// IVF: settings of probes to measure.
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', conflicts_with = "ef_search")]
    probes: Vec<usize>,
    /// Settings of a wanted recall to measure.
    #[arg(long, value_name = "R,R,…", value_delimiter = ',', conflicts_with_all = ["ef_search", "probes"])]
    recall: Vec<f32>,
    /// Measure filtered queries; the truth is then computed.
    #[arg(long, value_name = "JSON", conflicts_with = "truth")]
    filter: Option<String>,
    /// For comparison, search without the filter and drop rows until k match it.
    #[arg(long, requires = "filter")]
    post_filter: bool,
    /// Threads that search at once.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
    /// Draw recall against queries per second as an SVG.
    #[arg(long, value_name = "curve.svg")]
    plot: Option<PathBuf>,
}

/// One setting to measure.
#[derive(Clone, Copy)]
enum Setting {
    EfSearch(usize),
    Probes(usize),
    Recall(f32),
    Exact,
}

impl Setting {
    fn params<'p>(self, k: usize, filter: Option<&'p IndexFilter<'p>>) -> SearchParams<'p> {
        let params = SearchParams { filter, ..SearchParams::new(k) };
        match self {
            Self::EfSearch(ef) => params.ef_search(ef).structure(Structure::Hnsw),
            Self::Probes(probes) => params.probes(probes).structure(Structure::Ivf),
            Self::Recall(recall) => params.recall(recall),
            Self::Exact => params.structure(Structure::Flat),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::EfSearch(_) => "ef_search",
            Self::Probes(_) => "probes",
            Self::Recall(_) => "wanted_recall",
            Self::Exact => "exact",
        }
    }

    fn value(self) -> serde_json::Value {
        match self {
            Self::EfSearch(value) | Self::Probes(value) => value.into(),
            // Through text: 0.95 and not the f64 nearest to the f32 nearest to it.
            Self::Recall(value) => value.to_string().parse::<f64>().unwrap_or_default().into(),
            Self::Exact => true.into(),
        }
    }
}

/// What was measured at one setting.
struct Measured {
    setting: Setting,
    recall: f64,
    qps: f64,
    p50_us: f64,
    p99_us: f64,
    /// Fewest rows that any query got.
    fewest: usize,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (queries, rows, dimensions) = read_matrix_f32(&arguments.queries)?;
    let resident_before = resident_bytes();
    let start = Instant::now();
    let file = IndexFile::open(&arguments.file).map_err(|e| Failure::at(&arguments.file, e))?;
    let index = file.index();
    let open_us = start.elapsed().as_secs_f64() * 1e6;
    if dimensions != index.dimensions() {
        let expected = index.dimensions();
        return Err(Failure::at(
            &arguments.queries,
            format!("its vectors have {dimensions} dimensions, the index has {expected}"),
        ));
    }
    if rows == 0 {
        return Err(Failure::at(&arguments.queries, "there are no queries in it"));
    }
    let settings = settings(arguments, index);
    let filter = match &arguments.filter {
        Some(json) => Some(index.filter(&Filter::from_json(json)?)?),
        None => None,
    };
    let mut bench = Bench {
        index,
        queries: &queries,
        rows,
        k: arguments.k,
        filter: filter.as_ref(),
        kept: None,
    };
    let params = SearchParams { filter: filter.as_ref(), ..SearchParams::new(arguments.k) };
    index.search(bench.query(0), &params, &mut Searcher::new())?;
    let first_query_us = start.elapsed().as_secs_f64() * 1e6 - open_us;

    let truth = match &arguments.truth {
        Some(path) => bench.read_truth(path)?,
        None => bench.compute_truth()?,
    };
    if arguments.post_filter {
        let all = SearchParams::new(index.len().max(1) as usize).structure(Structure::Flat);
        let all = SearchParams { filter: filter.as_ref(), ..all };
        let mut searcher = Searcher::new();
        let matching = index.search(bench.query(0), &all, &mut searcher)?;
        bench.kept = Some(matching.iter().map(|row| row.row).collect());
    }
    let mut results = Vec::new();
    for setting in settings {
        results.push(bench.measure(setting, &truth, arguments.threads.max(1))?);
    }
    if let Some(path) = &arguments.plot {
        let points: Vec<(f64, f64)> = results.iter().map(|r| (r.recall, r.qps)).collect();
        let svg = plot::curve(&points, arguments.k);
        std::fs::write(path, svg).map_err(|error| Failure::at(path, error))?;
    }
    let resident =
        resident_bytes().zip(resident_before).map(|(now, before)| now.saturating_sub(before));
    if arguments.json {
        let results = results.iter().map(|measured| {
            let mut object = json!({
                "recall": measured.recall,
                "qps": measured.qps,
                "p50_us": measured.p50_us,
                "p99_us": measured.p99_us,
                "fewest_rows": measured.fewest,
            });
            object[measured.setting.name()] = measured.setting.value();
            object
        });
        let result = json!({
            "results": results.collect::<Vec<_>>(),
            "k": arguments.k,
            "queries": rows,
            "threads": arguments.threads,
            "rows": index.len(),
            "bytes": file.len(),
            "open_us": open_us,
            "first_query_us": first_query_us,
            "resident_bytes": resident,
            "simd": hither::simd_level(),
        });
        return show::print(&format!("{result}\n"));
    }
    let mut text = format!(
        "{} rows, {} queries, k {}, {} thread{}, {}\nopened in {:.0} µs, first query {:.0} µs\n\n{:>13} {:>9} {:>10} {:>9} {:>9}\n",
        show::count(index.len()),
        show::count(rows as u64),
        arguments.k,
        arguments.threads,
        if arguments.threads == 1 { "" } else { "s" },
        hither::simd_level(),
        open_us,
        first_query_us,
        results[0].setting.name(),
        format!("recall@{}", arguments.k),
        "QPS",
        "p50 µs",
        "p99 µs",
    );
    for measured in &results {
        text.push_str(&format!(
            "{:>13} {:>9.4} {:>10} {:>9.1} {:>9.1}\n",
            measured.setting.value().to_string(),
            measured.recall,
            show::count(measured.qps as u64),
            measured.p50_us,
            measured.p99_us
        ));
    }
    show::print(&text)
}

fn settings(arguments: &Arguments, index: &Index<'_>) -> Vec<Setting> {
    if !arguments.recall.is_empty() {
        return arguments.recall.iter().copied().map(Setting::Recall).collect();
    }
    if !arguments.ef_search.is_empty() {
        return arguments.ef_search.iter().copied().map(Setting::EfSearch).collect();
    }
    if !arguments.probes.is_empty() {
        return arguments.probes.iter().copied().map(Setting::Probes).collect();
    }
    match show::structures(index)[0] {
        "hnsw" => [10, 20, 40, 80, 160, 320].map(Setting::EfSearch).to_vec(),
        "ivf" => [1, 2, 4, 8, 16, 32, 64].map(Setting::Probes).to_vec(),
        _ => vec![Setting::Exact],
    }
}

/// Each setting is measured for at least so long.
const MEASURED_SECONDS: f64 = 0.25;

/// The true neighbours of a query.
struct Truth {
    keys: Vec<i64>,
    /// Distance of the last of them: rows that tie with it are as true.
    last: f32,
}

struct Bench<'a> {
    index: &'a Index<'a>,
    queries: &'a [f32],
    rows: usize,
    k: usize,
    filter: Option<&'a IndexFilter<'a>>,
    /// The rows that match the filter, if it is to be applied after the search.
    kept: Option<HashSet<RowId>>,
}

impl Bench<'_> {
    fn query(&self, number: usize) -> &[f32] {
        &self.queries[number * self.index.dimensions()..][..self.index.dimensions()]
    }

    /// The first k true keys of every query.
    fn read_truth(&self, path: &std::path::Path) -> Result<Vec<Truth>, Failure> {
        let (values, rows, columns) = read_matrix_i64(path)?;
        if !matches!(self.index.options().key_type, KeyType::RowNumber | KeyType::Int64) {
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
        let truth = values.chunks(columns).take(self.rows).enumerate().map(|(number, row)| {
            let keys = row[..self.k].to_vec();
            let last = match self.index.find(KeyRef::Int64(keys[self.k - 1]))? {
                Some(row) => self.index.distance(self.query(number), row, &mut searcher)?,
                None => f32::NEG_INFINITY,
            };
            Ok(Truth { keys, last })
        });
        Ok(truth.collect::<hither::Result<_>>()?)
    }

    fn compute_truth(&self) -> Result<Vec<Truth>, Failure> {
        let mut searcher = Searcher::new();
        let params = Setting::Exact.params(self.k, self.filter);
        let truth = (0..self.rows).map(|number| {
            let found = self.index.search(self.query(number), &params, &mut searcher)?;
            let keys =
                found.iter().map(|row| self.number(row.row)).collect::<hither::Result<_>>()?;
            let last = found.last().map_or(f32::NEG_INFINITY, |row| row.distance);
            Ok(Truth { keys, last })
        });
        Ok(truth.collect::<hither::Result<_>>()?)
    }

    /// A number that stands for a row: its key, or its place where keys are no numbers.
    fn number(&self, row: RowId) -> hither::Result<i64> {
        Ok(match self.index.key(row)? {
            KeyRef::Int64(number) => number,
            _ => i64::from(row.segment) << 32 | i64::from(row.row),
        })
    }

    fn measure(
        &self,
        setting: Setting,
        truth: &[Truth],
        threads: usize,
    ) -> Result<Measured, Failure> {
        let params = setting.params(self.k, self.filter.filter(|_| self.kept.is_none()));
        // The first pass warms caches and scratch up and is not timed; it gives the recall.
        let mut searcher = Searcher::new();
        let (mut hits, mut wanted, mut fewest) = (0, 0, usize::MAX);
        for (number, truth) in truth.iter().enumerate() {
            let found = self.search(number, &params, &mut searcher)?;
            fewest = fewest.min(found.len());
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
        // The median pass: other programs of the machine disturb some.
        passes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (seconds, mut times) = passes.swap_remove(passes.len() / 2);
        times.sort_by(f64::total_cmp);
        let percentile = |part: f64| times[((times.len() - 1) as f64 * part).round() as usize];
        Ok(Measured {
            setting,
            recall: if wanted == 0 { 1.0 } else { hits as f64 / wanted as f64 },
            qps: self.rows as f64 / seconds,
            p50_us: percentile(0.5),
            p99_us: percentile(0.99),
            fewest,
        })
    }

    /// The answer to query number `number`.
    fn search(
        &self,
        number: usize,
        params: &SearchParams<'_>,
        searcher: &mut Searcher,
    ) -> hither::Result<Vec<Neighbor>> {
        let Some(kept) = &self.kept else {
            return Ok(self.index.search(self.query(number), params, searcher)?.to_vec());
        };
        let mut cursor = self.index.cursor(self.query(number), *params, searcher)?;
        let mut found = Vec::with_capacity(self.k);
        while found.len() < self.k {
            let batch = cursor.next_batch(self.k)?;
            if batch.is_empty() {
                break;
            }
            found.extend(batch.iter().filter(|row| kept.contains(&row.row)));
        }
        found.truncate(self.k);
        Ok(found)
    }

    /// Searches for every query once: the seconds that all took, and the microseconds of each.
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
                let mut searcher = searcher.clone();
                let numbers = thread * share..self.rows.min((thread + 1) * share);
                numbers
                    .map(|number| {
                        let start = Instant::now();
                        self.search(number, params, &mut searcher)?;
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
            joined.map(|result| result.unwrap_or(Err(hither::Error::Cancelled))).collect()
        });
        let seconds = start.elapsed().as_secs_f64();
        let times = runs.into_iter().collect::<hither::Result<Vec<_>>>()?.concat();
        Ok((seconds, times))
    }
}

/// Resident memory of this process in bytes, mapped pages among it, where the system tells.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
