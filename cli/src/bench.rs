//! `hither bench`: measures recall and speed of index files on real queries.

mod measure;
mod plot;
mod ranges;

use crate::failure::Failure;
use crate::opened;
use crate::output;
use crate::replace::{Force, Kind};
use crate::search::require_extension;
use crate::settings;
use crate::show;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use hither::{Filter, Index, IndexFile, IndexFilter, SearchParams, Searcher, Shards};
use hither_rows::{Format, read_matrix_f32};
use measure::{Bench, Measurement, Setting};
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

/// Measure recall and speed of an index file, or of several as one: one query at a time, per setting.
#[derive(Args)]
pub struct Arguments {
    /// The index file; several are searched as one.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Query vectors, in a format that build reads; - for standard input.
    #[arg(long, value_name = "Q.npy")]
    queries: PathBuf,
    /// The format of the queries, where their name does not say it.
    #[arg(long, value_parser = settings::format())]
    format: Option<Format>,
    /// The true neighbours: row numbers or int64 keys, nearest first, .npy, .ivecs or .ibin. Computed
    /// by an exact scan of the index when left out.
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
    /// Count bytes, requests and round trips of searching by ranges, had the file lain elsewhere; with
    /// --probes the settings. The file is one that was built with --ranges.
    #[arg(long, conflicts_with_all = ["ef_search", "recall", "filter", "threads", "plot"])]
    ranges: bool,
    /// Bytes between two ranges that are read over, to save a request.
    #[arg(long, value_name = "BYTES", default_value_t = 4096, requires = "ranges")]
    gap: u64,
    /// Threads that search at once.
    #[arg(long, default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..=hither::limits::MAX_THREADS as u64))]
    threads: usize,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
    /// Draw recall against queries per second as an SVG.
    #[arg(long, value_name = "curve.svg")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    force: Force,
}

/// The results, for `--json`.
#[derive(Serialize)]
struct Report<'r> {
    results: &'r [Measurement],
    k: usize,
    queries: usize,
    threads: usize,
    rows: u64,
    bytes: u64,
    open_us: f64,
    first_query_us: f64,
    resident_bytes: Option<u64>,
    simd: &'static str,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(plot) = &arguments.plot {
        let inputs = arguments.files.iter().chain([&arguments.queries]).chain(&arguments.truth);
        arguments.force.check(plot, Kind::Other, inputs.map(PathBuf::as_path))?;
        require_extension(plot, "svg", "curves are drawn as .svg")?;
    }
    let (queries, rows, dimensions) = read_matrix_f32(&arguments.queries, arguments.format)?;
    let resident_before = resident_bytes();
    let start = Instant::now();
    let files = arguments.files.iter().map(|path| opened::open(path));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    let indexes = files.iter().map(IndexFile::index).collect();
    let shards = Shards::new(indexes).map_err(|error| opened::unlike(&arguments.files, error))?;
    let indexes = shards.indexes();
    let index = indexes[0];
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
    let settings = if arguments.ranges { Vec::new() } else { settings(arguments, index) };
    let filters = match &arguments.filter {
        Some(json) => {
            let filter = Filter::from_json(json)?;
            indexes.iter().map(|index| index.filter(&filter)).collect::<Result<_, _>>()?
        }
        None => Vec::new(),
    };
    let filters: Vec<&IndexFilter<'_>> = filters.iter().collect();
    let mut bench = Bench {
        shards: &shards,
        queries: &queries,
        rows,
        k: arguments.k,
        filters: &filters,
        kept: None,
    };
    let params = SearchParams::new(arguments.k);
    shards
        .search(bench.query(0), &params, &filters, &mut Searcher::new())
        .map_err(|error| Failure::at_query(&arguments.queries, 0, error))?;
    let first_query_us = start.elapsed().as_secs_f64() * 1e6 - open_us;

    let truth = match &arguments.truth {
        Some(path) => bench.read_truth(path)?,
        None => bench.compute_truth(&arguments.queries)?,
    };
    if arguments.ranges {
        let [path] = &arguments.files[..] else {
            return Err("searching by ranges is measured of one file: leave the others out".into());
        };
        return ranges::run(&ranges::Ranges {
            path,
            queries: &queries,
            dimensions,
            k: arguments.k,
            last: truth.iter().map(|truth| truth.last).collect(),
            probes: &arguments.probes,
            gap: arguments.gap,
            json: arguments.json,
        });
    }
    if arguments.post_filter {
        bench.filter_afterwards()?;
    }
    let mut results = Vec::new();
    for setting in settings {
        results.push(bench.measure(setting, &truth, arguments.threads)?);
    }
    if let Some(path) = &arguments.plot {
        let points: Vec<(f64, f64)> = results.iter().map(|r| (r.recall, r.qps)).collect();
        let svg = plot::curve(&points, arguments.k);
        let mut file = output::create(path)?;
        file.write_all(svg.as_bytes()).map_err(|error| Failure::at(path, error))?;
        file.finish()?;
    }
    let resident =
        resident_bytes().zip(resident_before).map(|(now, before)| now.saturating_sub(before));
    let row_count = indexes.iter().map(|index| index.len()).sum();
    if arguments.json {
        return show::print_json(&Report {
            results: &results,
            k: arguments.k,
            queries: rows,
            threads: arguments.threads,
            rows: row_count,
            bytes: files.iter().map(IndexFile::len).sum(),
            open_us,
            first_query_us,
            resident_bytes: resident,
            simd: hither::raw::simd_level(),
        });
    }
    let mut text = format!(
        "{} rows, {} queries, k {}, {} thread{}, {}\nopened in {:.0} µs, first query {:.0} µs\n\n{:>13} {:>9} {:>10} {:>9} {:>9} {:>9} {:>9}\n",
        show::count(row_count),
        show::count(rows as u64),
        arguments.k,
        arguments.threads,
        if arguments.threads == 1 { "" } else { "s" },
        hither::raw::simd_level(),
        open_us,
        first_query_us,
        results[0].setting.name(),
        format!("recall@{}", arguments.k),
        "QPS",
        "p50 µs",
        "p99 µs",
        "ranks",
        "vectors",
    );
    for measured in &results {
        text.push_str(&format!(
            "{:>13} {:>9.4} {:>10} {:>9.1} {:>9.1} {:>9.0} {:>9.0}\n",
            measured.setting.value().to_string(),
            measured.recall,
            show::count(measured.qps as u64),
            measured.p50_us,
            measured.p99_us,
            measured.ranks,
            measured.vectors
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

/// The resident memory of this process in bytes, including mapped pages; `None` if the system does not
/// report it.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
