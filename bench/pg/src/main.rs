//! Compares index files behind foreign tables (the part `files`), and indexes USING hither (the part
//! `index`), with pgvector's HNSW in the same server.
//!
//! Settings come from `bench/pg/run.sh`: `hither-bench-pg PART URL HITHER FOLDER ROWS QUERIES RESULTS
//! ROUNDS BUILD_ROUNDS`.

mod changes;
mod data;
mod index;
mod measure;
mod report;
mod server;

use data::{Data, Result, Rows};
use measure::{Candidate, Point, alternate, median, sweep};
use report::{Filtered, Report};
use server::{Libraries, Server, Side};
use std::path::Path;

/// The values of ef_search, for both sides.
const GRID: [usize; 11] = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384];

/// The ef_search for measurements at a single setting: the default of both.
const EF: usize = 40;

/// The number of first queries in new backends, for each side.
const COLD: usize = 100;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Err(error) = run(&arguments) {
        eprintln!("error: {error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            eprintln!("  {error}");
            cause = error.source();
        }
        std::process::exit(1);
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let [part, url, hither, folder, rows, queries, results, rounds, build_rounds] = arguments
    else {
        return Err("this is started by bench/pg/run.sh".into());
    };
    let (rounds, build_rounds): (usize, usize) = (rounds.parse()?, build_rounds.parse()?);
    say("rows, queries, exact answers");
    let data = Data::read(Path::new(rows), Path::new(queries))?;
    let mut server = Server::connect(url, hither.into(), folder.into())?;
    if part == "index" {
        return index::run(&mut server, &data, &GRID, rounds, Path::new(results));
    }
    server.load(&data)?;

    let (mut built, mut created) = (Vec::new(), Vec::new());
    for round in 0..build_rounds {
        say(&format!("building, round {} of {build_rounds}", round + 1));
        built.push(server.build("all.hither", "")?);
        created.push(server.create_index()?);
        say(&format!("{:.1} s, CREATE INDEX {:.1} s", built[round], created[round]));
    }
    say("32 shards");
    server.foreign_tables(&data)?;

    say("sweep");
    let sides = [Side::Pgvector, Side::Hither].map(|side| (side, side.table()));
    let curves = sweep(&mut server, &data, sides, &GRID, rounds)?;
    let without_sql = server.without_sql(Path::new(queries), &GRID)?;

    say("first queries of new backends");
    let cold = [
        first_queries(&server, &data, Libraries::OnDemand)?,
        first_queries(&server, &data, Libraries::Preloaded)?,
    ];

    say("filters");
    let filtered = filtered(&mut server, &data, rounds)?;

    say("shards and partitions");
    let tables = ["file", "shards", "partitions"];
    let mut candidates = Vec::new();
    for table in tables {
        let statement = server.prepare(table, Rows::All)?;
        candidates.push(Candidate {
            before: Side::Hither.ef_search(EF),
            statement,
            rows: Rows::All,
        });
    }
    let points = alternate(&mut server, &data, &candidates, rounds)?;
    let sharded = tables.into_iter().zip(points).collect();

    let report = Report {
        rows: data.row_count(),
        dimensions: data.dimensions,
        queries: data.query_count(),
        rounds,
        curves,
        without_sql,
        cold,
        bytes: [server.size(Side::Pgvector)?, server.size(Side::Hither)?],
        build: [median(created), median(built)],
        filtered,
        sharded,
    };
    report.write(Path::new(results))
}

/// Microseconds of the first query in a new backend, for each side.
fn first_queries(server: &Server, data: &Data, libraries: Libraries) -> Result<[f64; 2]> {
    let mut times = [Vec::new(), Vec::new()];
    for number in 0..COLD {
        let query = data.query(number % data.query_count());
        // The backend of the first side is still ending while the second side is measured.
        let first = number % 2;
        for at in [first, 1 - first] {
            let side = [Side::Pgvector, Side::Hither][at];
            times[at].push(server.cold(side, libraries, query)?);
        }
    }
    Ok(times.map(median))
}

/// Measures all kinds of searches among a hundredth of the rows.
fn filtered(server: &mut Server, data: &Data, rounds: usize) -> Result<Vec<Filtered>> {
    let ways = [
        (Side::Pgvector, "pgvector, iterative_scan off", "SET hnsw.iterative_scan = off"),
        (Side::Pgvector, "pgvector, strict_order", "SET hnsw.iterative_scan = strict_order"),
        (Side::Pgvector, "pgvector, relaxed_order", "SET hnsw.iterative_scan = relaxed_order"),
        (Side::Hither, "hither", "SELECT 1"),
    ];
    let mut all = Vec::new();
    for rows in [Rows::Spread, Rows::Near] {
        let mut candidates = Vec::new();
        let mut plans = Vec::new();
        for (side, _, setting) in ways {
            let before = format!("{}; {setting}", side.ef_search(EF));
            let statement = server.prepare(side.table(), rows)?;
            candidates.push(Candidate { before, statement, rows });
            server.client.batch_execute(setting)?;
            plans.push(server.plan(side.table(), rows, data.query(0))?);
        }
        let points: Vec<Point> = alternate(server, data, &candidates, rounds)?;
        for ((way, plan), point) in ways.iter().zip(plans).zip(points) {
            all.push(Filtered { rows, way: way.1, plan, point });
        }
    }
    server.client.batch_execute("RESET hnsw.iterative_scan")?;
    Ok(all)
}

fn say(what: &str) {
    eprintln!("bench-pg: {what}");
}
