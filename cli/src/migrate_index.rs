//! `hither migrate-index`: from a pgvector index to a hither index beside it.

use crate::failure::Failure;
use crate::interrupt::{interrupted, watch};
use crate::show;
use clap::Args;

/// Create an index USING hither beside one of pgvector's, and compare them.
///
/// The index is created concurrently: the table is read and changed meanwhile. Recall and latency of both
/// are measured on rows of the table, against a scan of it without indexes. Nothing is dropped.
#[derive(Args)]
pub struct Arguments {
    /// The server and its database: postgres://user@host/database, or "host=… dbname=…". PGPASSWORD, PGHOST, PGPORT, PGUSER and
    /// PGDATABASE say what is left out; options=-c hnsw.ef_search=100 in it, what is set.
    #[arg(long, value_name = "URL")]
    postgres: String,
    /// The index USING hnsw or ivfflat, with its schema if that is not in the search path.
    #[arg(long, value_name = "NAME")]
    index: String,
    /// How many rows are searched for.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    queries: u32,
    /// How many nearest rows of each.
    #[arg(short, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    k: u32,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    watch();
    let Arguments { postgres: url, index, queries, k, json } = arguments;
    let migration = hither_rows::PostgresMigration { url, index, queries: *queries, k: *k };
    let report = match migration.run(Some(interrupted), &mut |statement| show::complain(statement))
    {
        Err(_) if interrupted() => return Err(Failure::Interrupted),
        report => report?,
    };
    if *json {
        return show::print_json(&report);
    }
    let rows = show::count(report.queries as u64);
    let mut lines = vec![format!(
        "{}: created in {:.1} s; the {k} nearest of {rows} of its rows:",
        report.table, report.seconds
    )];
    for (who, measured) in [("pgvector", &report.before), ("hither", &report.after)] {
        lines.push(match (&measured.name, measured.recall, measured.median_ms, measured.bytes) {
            (Some(name), Some(recall), Some(time), Some(bytes)) => {
                let size = show::bytes(bytes);
                format!("  {who:8}  recall {recall:.4}  median {time:.3} ms  {size:>9}  {name}")
            }
            _ => format!("  {who:8}  not measured: Postgres searches by another index"),
        });
    }
    lines.push(format!("nothing was dropped: DROP INDEX {index} leaves hither's alone"));
    let lines: Vec<String> =
        lines.iter().map(|line| show::printable(line) + "\n").map(String::from).collect();
    show::print(&lines.concat())
}
