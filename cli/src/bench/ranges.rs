//! Measures what searching a remote file by ranges would fetch: bytes, requests and round trips.

use crate::failure::Failure;
use crate::show;
use hither::SearchParams;
use hither::fetch::{LazyIndex, LazySearcher};
use serde::Serialize;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// The values of probes to measure by default.
const PROBES: [usize; 7] = [8, 16, 24, 32, 48, 64, 96];

/// Bytes of a file that a reader keeps.
const CACHE: u64 = 64 << 20;

/// How many queries start a new session.
const SESSIONS: usize = 100;

/// The traffic of an answer.
#[derive(Clone, Copy, Default)]
struct Traffic {
    bytes: u64,
    requests: u64,
    trips: u64,
}

/// The median and the 95th percentile.
#[derive(Serialize)]
struct Spread {
    median: u64,
    p95: u64,
}

#[derive(Serialize)]
struct Costs {
    bytes: Spread,
    requests: Spread,
    trips: Spread,
}

/// The results at one setting.
#[derive(Serialize)]
struct Measurement {
    probes: usize,
    recall: f64,
    /// The costs of the first answer including opening, of the second, and of one in a session with all
    /// queries.
    first: Costs,
    second: Costs,
    later: Costs,
}

#[derive(Serialize)]
struct Report<'r> {
    results: &'r [Measurement],
    k: usize,
    queries: usize,
    rows: u64,
    bytes: u64,
    gap: u64,
}

/// The parameters of the measurement.
pub struct Ranges<'a> {
    pub path: &'a Path,
    pub queries: &'a [f32],
    pub dimensions: usize,
    pub k: usize,
    /// The distance of each query's last true neighbour.
    pub last: Vec<f32>,
    pub probes: &'a [usize],
    pub gap: u64,
    pub json: bool,
}

/// A local file that is read like a remote one.
struct Elsewhere {
    file: File,
    index: LazyIndex,
    gap: u64,
    taken: Traffic,
}

impl Elsewhere {
    fn open(path: &Path, gap: u64) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| Failure::at(path, error))?;
        let mut opened =
            Self { file, index: LazyIndex::new(CACHE), gap, taken: Traffic::default() };
        while opened.index.open()?.is_pending() {
            opened.bring(path)?;
        }
        Ok(opened)
    }

    fn bring(&mut self, path: &Path) -> Result<(), Failure> {
        self.taken.trips += 1;
        for range in self.index.requests(self.gap) {
            let mut bytes = Vec::new();
            let mut read = || {
                self.file.seek(SeekFrom::Start(range.start))?;
                (&self.file).take(range.end - range.start).read_to_end(&mut bytes)
            };
            read().map_err(|error| Failure::at(path, error))?;
            self.taken.bytes += bytes.len() as u64;
            self.taken.requests += 1;
            self.index.supply(range.start, &bytes)?;
        }
        Ok(())
    }

    /// Searches, and returns how many true neighbours were found and the traffic since the last answer.
    fn search(
        &mut self,
        run: &Ranges<'_>,
        number: usize,
        probes: usize,
        searcher: &mut LazySearcher,
    ) -> Result<(usize, Traffic), Failure> {
        let query = &run.queries[number * run.dimensions..][..run.dimensions];
        let params = SearchParams::new(run.k).probes(probes);
        self.index.start_search(query, &params, None, searcher)?;
        while self.index.next_batch(searcher, run.k)?.is_pending() {
            self.bring(run.path)?;
        }
        // An answer includes the keys.
        for found in searcher.found() {
            while self.index.key(found.row)?.is_pending() {
                self.bring(run.path)?;
            }
        }
        let last = run.last[number];
        let hits = searcher.found().iter().filter(|found| found.distance <= last).count();
        Ok((hits, std::mem::take(&mut self.taken)))
    }
}

/// Measures and prints the results.
pub fn run(run: &Ranges<'_>) -> Result<(), Failure> {
    let queries = run.last.len();
    let mut searcher = LazySearcher::new();
    let mut results = Vec::new();
    let (mut rows, mut bytes) = (0, 0);
    let probes = if run.probes.is_empty() { &PROBES } else { run.probes };
    for &probes in probes {
        let (mut first, mut second, mut later) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..queries.min(SESSIONS) {
            let mut session = Elsewhere::open(run.path, run.gap)?;
            first.push(session.search(run, number, probes, &mut searcher)?.1);
            let next = (number + 1) % queries;
            second.push(session.search(run, next, probes, &mut searcher)?.1);
        }
        let mut session = Elsewhere::open(run.path, run.gap)?;
        (rows, bytes) = (session.index.len()?, session.index.content()?.1);
        let mut hits = 0;
        for number in 0..queries {
            let (found, taken) = session.search(run, number, probes, &mut searcher)?;
            hits += found.min(run.k);
            later.push(taken);
        }
        let recall = hits as f64 / (queries * run.k) as f64;
        let costs = [first, second, later].map(|taken| costs(&taken));
        let [first, second, later] = costs;
        results.push(Measurement { probes, recall, first, second, later });
    }
    if run.json {
        let (k, gap) = (run.k, run.gap);
        return show::print_json(&Report { results: &results, k, queries, rows, bytes, gap });
    }
    let mut text = format!(
        "{} rows, {} queries, k {}, a file of {}; gaps of up to {} bytes are read over\n\n{:>6} {:>9}   {:>26}   {:>26}   {:>26}\n{:>6} {:>9}",
        show::count(rows),
        show::count(queries as u64),
        run.k,
        show::bytes(bytes),
        show::count(run.gap),
        "",
        "",
        "a first answer",
        "the second",
        "of all in a session",
        "probes",
        format!("recall@{}", run.k),
    );
    for _ in 0..3 {
        text.push_str(&format!("   {:>10} {:>9} {:>5}", "KB", "requests", "trips"));
    }
    text.push('\n');
    for Measurement { probes, recall, first, second, later } in &results {
        text.push_str(&format!("{probes:>6} {recall:>9.4}"));
        for Costs { bytes, requests, trips } in [first, second, later] {
            let pair = |spread: &Spread, unit: u64| {
                format!("{}/{}", spread.median / unit, spread.p95 / unit)
            };
            text.push_str(&format!(
                "   {:>10} {:>9} {:>5}",
                pair(bytes, 1000),
                pair(requests, 1),
                pair(trips, 1)
            ));
        }
        text.push('\n');
    }
    text.push_str("\nmedian/95th of a hundred; a first answer opens the file\n");
    show::print(&text)
}

fn costs(taken: &[Traffic]) -> Costs {
    let spread = |of: fn(&Traffic) -> u64| {
        let mut all: Vec<u64> = taken.iter().map(of).collect();
        all.sort_unstable();
        let at = |part: usize| all.get((all.len() * part / 100).min(all.len() - 1)).copied();
        Spread { median: at(50).unwrap_or(0), p95: at(95).unwrap_or(0) }
    };
    Costs {
        bytes: spread(|taken| taken.bytes),
        requests: spread(|taken| taken.requests),
        trips: spread(|taken| taken.trips),
    }
}
