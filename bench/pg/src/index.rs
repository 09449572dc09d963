//! `CREATE INDEX … USING hither` against pgvector's HNSW: on two tables of the same rows.

use crate::data::{Data, Result, Rows};
use crate::measure::{Candidate, Point, alternate, at_recall, sweep};
use crate::server::{Server, Side};
use serde_json::json;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Rows that an index has before others are inserted, and how many those are, where there are so many.
const BEFORE: usize = 50_000;
const INSERTED: usize = 20_000;

/// One side's index.
#[derive(Clone, Copy)]
struct Method {
    /// The table that it is on.
    table: &'static str,
    name: &'static str,
    side: Side,
}

const METHODS: [Method; 2] = [
    Method { table: "heap", name: "hnsw", side: Side::Pgvector },
    Method { table: "indexed", name: "hither", side: Side::Hither },
];

/// A figure of both sides, and the greatest ratio of ours to theirs that is wanted.
struct Figure {
    what: String,
    values: [f64; 2],
    most: f64,
}

/// Measures everything and writes `index.md` and `index.json`.
pub fn run(
    server: &mut Server,
    data: &Data,
    grid: &[usize],
    rounds: usize,
    results: &Path,
) -> Result<()> {
    server.load(data)?;
    server.client.batch_execute(
        "CREATE TABLE indexed (LIKE heap); INSERT INTO indexed SELECT * FROM heap ORDER BY id;
         SET maintenance_work_mem = '2GB'; SET max_parallel_maintenance_workers = 0",
    )?;
    // In a transaction of its own.
    server.client.batch_execute("VACUUM (FREEZE, ANALYZE) indexed")?;
    let mut figures = Vec::new();
    let mut pair = |what: &str, most: f64, values: [f64; 2]| {
        eprintln!("bench-pg: {what}: {:.3} and {:.3}", values[0], values[1]);
        figures.push(Figure { what: what.into(), values, most });
    };
    pair(
        "build at one thread, s",
        0.3,
        both(|method| create(server, method, "embedding halfvec_cosine_ops"))?,
    );
    let size = |server: &mut Server, method: Method| -> Result<f64> {
        let sql = format!("SELECT pg_relation_size('{}_embedding')", method.table);
        Ok(server.client.query_one(&sql, &[])?.get::<_, i64>(0) as f64 / 1e6)
    };
    pair("size, MB", 0.42, both(|method| size(server, method))?);

    let sides = METHODS.map(|method| (method.side, method.table));
    let curves = sweep(server, data, sides, grid, rounds)?;
    for (recall, most) in [(0.95, 0.35), (0.99, 0.3)] {
        let values = [0, 1].map(|at| at_recall(&curves[at], recall).unwrap_or(f64::NAN));
        pair(&format!("median latency at recall@10 {recall}, µs"), most, values);
    }

    create(server, METHODS[1], "embedding halfvec_cosine_ops, spread, near")?;
    for rows in [Rows::Spread, Rows::Near] {
        let points = filtered(server, data, rows, rounds)?;
        let what = if rows == Rows::Spread { "scattered" } else { "near one row" };
        pair(
            &format!("1 % passes, {what}: recall@10"),
            f64::INFINITY,
            points.each_ref().map(|point| point.recall),
        );
        pair(&format!("1 % passes, {what}: µs"), 0.1, points.each_ref().map(|point| point.micros));
    }

    let before = BEFORE.min(data.row_count() / 2);
    let inserted = INSERTED.min(data.row_count() - before);
    let changes = METHODS.map(|method| change(server, method, before, inserted));
    let [theirs, ours] = changes;
    let (theirs, ours) = (theirs?, ours?);
    pair(
        &format!("INSERT … SELECT of {inserted} rows into {before}, s"),
        0.1,
        [theirs[0], ours[0]],
    );
    pair("the same to the end of merging, s", f64::INFINITY, [theirs[1], ours[1]]);
    pair("WAL of an inserted row, bytes", 1.0, [theirs[2], ours[2]]);
    pair("VACUUM after a tenth was deleted, s", 0.03, [theirs[3], ours[3]]);
    write(&figures, &curves, data, rounds, results)
}

/// The same of both methods.
fn both(mut of: impl FnMut(Method) -> Result<f64>) -> Result<[f64; 2]> {
    Ok([of(METHODS[0])?, of(METHODS[1])?])
}

/// Seconds of CREATE INDEX.
fn create(server: &mut Server, method: Method, columns: &str) -> Result<f64> {
    let Method { table, name, .. } = method;
    server.client.batch_execute(&format!("DROP INDEX IF EXISTS {table}_embedding"))?;
    let begin = Instant::now();
    server.client.batch_execute(&format!(
        "CREATE INDEX {table}_embedding ON {table} USING {name} ({columns}) WITH (m = 16, ef_construction = 128)"
    ))?;
    Ok(begin.elapsed().as_secs_f64())
}

/// Searches among a hundredth of the rows; pgvector's goes on, in relaxed order, until it has ten.
fn filtered(server: &mut Server, data: &Data, rows: Rows, rounds: usize) -> Result<[Point; 2]> {
    let settings = [
        "SET enable_seqscan = off; SET hnsw.ef_search = 40; SET hnsw.iterative_scan = relaxed_order",
        "SET enable_seqscan = off; SET hither.ef_search = 40",
    ];
    let mut candidates = Vec::new();
    for (Method { table, .. }, before) in METHODS.into_iter().zip(settings) {
        server.client.batch_execute(before)?;
        let statement = server.prepare(table, rows)?;
        candidates.push(Candidate { before: before.into(), statement, rows });
    }
    let points = alternate(server, data, &candidates, rounds)?;
    server.client.batch_execute("RESET enable_seqscan; RESET hnsw.iterative_scan")?;
    points.try_into().map_err(|_| "two points".into())
}

/// What changes of a table cost: seconds of an INSERT, seconds to the end of merging, bytes of WAL a
/// row, seconds of VACUUM after a tenth was deleted.
fn change(server: &mut Server, method: Method, first: usize, count: usize) -> Result<[f64; 4]> {
    let Method { name, .. } = method;
    let table = format!("changed_{name}");
    server.client.batch_execute(&format!(
        "CREATE TABLE {table} (LIKE heap) WITH (autovacuum_enabled = off);
         INSERT INTO {table} SELECT * FROM heap WHERE id < {first};
         CREATE INDEX ON {table} USING {name} (embedding halfvec_cosine_ops) WITH (m = 16, ef_construction = 128)"
    ))?;
    server.client.batch_execute("CHECKPOINT")?;
    let position = |server: &mut Server| -> Result<f64> {
        let sql = "SELECT (pg_current_wal_insert_lsn() - '0/0')::float8";
        Ok(server.client.query_one(sql, &[])?.get(0))
    };
    let (before, begin) = (position(server)?, Instant::now());
    server.client.batch_execute(&format!(
        "INSERT INTO {table} SELECT * FROM heap WHERE id >= {first} AND id < {}",
        first + count
    ))?;
    let inserted = begin.elapsed().as_secs_f64();
    while server
        .client
        .query_one(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'hither merge'",
            &[],
        )?
        .get::<_, i64>(0)
        > 0
    {
        std::thread::sleep(Duration::from_millis(20));
    }
    let merged = begin.elapsed().as_secs_f64();
    let wal = (position(server)? - before) / count as f64;
    server.client.batch_execute(&format!("DELETE FROM {table} WHERE id % 10 = 3"))?;
    let begin = Instant::now();
    server.client.batch_execute(&format!("VACUUM {table}"))?;
    Ok([inserted, merged, wal, begin.elapsed().as_secs_f64()])
}

fn write(
    figures: &[Figure],
    curves: &[Vec<Point>; 2],
    data: &Data,
    rounds: usize,
    results: &Path,
) -> Result<()> {
    let mut out = String::new();
    writeln!(
        out,
        "{} rows of {} dimensions as halfvec, cosine, m 16, ef_construction 128, k 10; {} queries, medians of {rounds} alternating rounds.\n",
        data.row_count(),
        data.dimensions,
        data.query_count()
    )?;
    writeln!(out, "| | pgvector | hither | ratio | target |\n|---|---|---|---|---|")?;
    for Figure { what, values: [theirs, ours], most } in figures {
        let most = if most.is_finite() { format!("≤ {most}") } else { String::new() };
        writeln!(out, "| {what} | {theirs:.3} | {ours:.3} | {:.3} | {most} |", ours / theirs)?;
    }
    writeln!(
        out,
        "\n| ef_search | pgvector recall | µs | hither recall | µs |\n|---|---|---|---|---|"
    )?;
    for (theirs, ours) in curves[0].iter().zip(&curves[1]) {
        let Point { ef_search, recall, micros, .. } = theirs;
        writeln!(
            out,
            "| {ef_search} | {recall:.3} | {micros:.0} | {:.3} | {:.0} |",
            ours.recall, ours.micros
        )?;
    }
    fs::create_dir_all(results)?;
    fs::write(results.join("index.md"), &out)?;
    let figures = figures.iter().map(|figure| {
        json!({"what": figure.what, "pgvector": figure.values[0], "hither": figure.values[1]})
    });
    let all = json!({"rows": data.row_count(), "figures": figures.collect::<Vec<_>>()});
    fs::write(results.join("index.json"), format!("{all:#}\n"))?;
    println!("{out}");
    Ok(())
}
