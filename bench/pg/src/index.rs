//! Compares `CREATE INDEX … USING hither` with pgvector's HNSW, on two tables with the same rows.

use crate::changes::{Method, change, checkpoints, parts, singles, vacuum};
use crate::data::{Data, Result, Rows};
use crate::measure::{Candidate, Point, alternate, at_recall, sweep};
use crate::server::{Server, Side};
use serde_json::json;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// The number of rows in an index before others are inserted, and of those that are inserted, if there are
/// that many.
const BEFORE: usize = 50_000;
const INSERTED: usize = 20_000;

/// Rows that are inserted with checkpoints in between, and rows that are inserted one by one under load.
const CHECKED: usize = 10_000;
const SINGLE: usize = 4_000;

const METHODS: [Method; 2] = [
    Method { table: "heap", name: "hnsw", side: Side::Pgvector },
    Method { table: "indexed", name: "hither", side: Side::Hither },
];

/// A figure of both sides, and the greatest acceptable ratio of ours to theirs.
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
    let rest = data.row_count() - before - inserted;
    let (with_checkpoints, single) = (CHECKED.min(rest / 2), SINGLE.min(rest / 4));
    let first = before + inserted;
    let [theirs, ours] = METHODS.map(|method| checkpoints(server, method, first, with_checkpoints));
    pair("WAL of an inserted row, a checkpoint every 1,000, bytes", 0.2, [theirs?, ours?]);
    pair("VACUUM after a tenth was deleted, s", 0.03, both(|method| vacuum(server, method))?);
    let first = first + with_checkpoints;
    let [theirs, ours] = METHODS.map(|method| singles(server, data, method, first, single));
    let (theirs, ours) = (theirs?, ours?);
    pair("a single INSERT beside others, median, µs", f64::INFINITY, [theirs[0], ours[0]]);
    pair("the same, 99th percentile, µs", 1.0, [theirs[1], ours[1]]);

    let growing = parts(server, data)?;
    let sides = [(Side::Pgvector, METHODS[0].table), (Side::Hither, "parted")];
    let parted = sweep(server, data, sides, grid, rounds)?;
    for recall in [0.95, 0.99] {
        let values = [0, 1].map(|at| at_recall(&parted[at], recall).unwrap_or(f64::NAN));
        let what = format!("4 segments and {growing} growing rows, at recall@10 {recall}, µs");
        pair(&what, 0.6, values);
    }

    // An index that stores vectors, against a foreign table of a file with the same rows.
    server.build("all.hither", "")?;
    server.foreign_table(data)?;
    create_with(server, METHODS[1], "embedding halfvec_cosine_ops", ", rerank = 'index'")?;
    let sides = [(Side::Hither, "file"), (Side::Hither, METHODS[1].table)];
    let kept = sweep(server, data, sides, grid, rounds)?;
    for recall in [0.95, 0.99] {
        let values = [0, 1].map(|at| at_recall(&kept[at], recall).unwrap_or(f64::NAN));
        let what = format!("rerank = 'index' against a foreign table, at recall@10 {recall}, µs");
        pair(&what, 1.25, values);
    }
    write(&figures, &curves, data, rounds, results)
}

/// Measures both methods.
fn both(mut of: impl FnMut(Method) -> Result<f64>) -> Result<[f64; 2]> {
    Ok([of(METHODS[0])?, of(METHODS[1])?])
}

/// Seconds of CREATE INDEX.
fn create(server: &mut Server, method: Method, columns: &str) -> Result<f64> {
    create_with(server, method, columns, "")
}

/// Seconds of CREATE INDEX with options.
fn create_with(server: &mut Server, method: Method, columns: &str, options: &str) -> Result<f64> {
    let Method { table, name, .. } = method;
    server.client.batch_execute(&format!("DROP INDEX IF EXISTS {table}_embedding"))?;
    let begin = Instant::now();
    server.client.batch_execute(&format!(
        "CREATE INDEX {table}_embedding ON {table} USING {name} ({columns}) WITH (m = 16, ef_construction = 128{options})"
    ))?;
    Ok(begin.elapsed().as_secs_f64())
}

/// Searches among a hundredth of the rows; pgvector's iterative scan continues, in relaxed order, until it
/// has ten.
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
