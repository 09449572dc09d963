//! Writes the table, the verdicts, and the JSON.

use crate::data::{Result, Rows};
use crate::measure::{Point, at_recall};
use serde_json::{Value, json};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The results of searches with a filter.
pub struct Filtered {
    pub rows: Rows,
    pub way: &'static str,
    pub plan: String,
    pub point: Point,
}

/// All results; pairs are pgvector's and ours.
pub struct Report {
    pub rows: usize,
    pub dimensions: usize,
    pub queries: usize,
    pub rounds: usize,
    pub curves: [Vec<Point>; 2],
    /// Microseconds of `hither bench`, for each setting.
    pub without_sql: Vec<f64>,
    /// With libraries that are loaded on demand, and with preloaded ones.
    pub cold: [[f64; 2]; 2],
    pub bytes: [u64; 2],
    /// Seconds; NaN if builds were skipped.
    pub build: [f64; 2],
    pub filtered: Vec<Filtered>,
    /// One file, one table of many files, many partitions.
    pub sharded: Vec<(&'static str, Point)>,
}

/// A target: its name, pgvector's figure, ours, and the greatest acceptable ratio of ours to theirs.
struct Target {
    what: String,
    unit: &'static str,
    values: [f64; 2],
    most: f64,
}

impl Target {
    fn ratio(&self) -> f64 {
        self.values[1] / self.values[0]
    }

    fn met(&self) -> bool {
        self.ratio() <= self.most
    }
}

impl Report {
    fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for recall in [0.95, 0.99] {
            let values = [0, 1].map(|at| at_recall(&self.curves[at], recall).unwrap_or(f64::NAN));
            let what = format!("median latency at recall@10 {recall}");
            targets.push(Target { what, unit: "µs", values, most: 0.5 });
        }
        let what = "first query of a new backend".into();
        targets.push(Target { what, unit: "µs", values: self.cold[0], most: 0.5 });
        let values = self.bytes.map(|bytes| bytes as f64 / 1e6);
        targets.push(Target { what: "size on disk".into(), unit: "MB", values, most: 0.65 });
        let what = "build at one thread".into();
        targets.push(Target { what, unit: "s", values: self.build, most: 0.5 });
        targets
    }

    /// Writes `table.md` and `results.json`, and prints the table.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let table = self.table()?;
        fs::create_dir_all(folder)?;
        fs::write(folder.join("table.md"), &table)?;
        fs::write(folder.join("results.json"), format!("{:#}\n", self.json()))?;
        println!("{table}");
        Ok(())
    }

    fn table(&self) -> Result<String> {
        let mut out = String::new();
        writeln!(
            out,
            "{} rows of {} dimensions as halfvec, cosine, m 16, ef_construction 128, k 10; {} queries, medians of {} alternating rounds.\n",
            self.rows, self.dimensions, self.queries, self.rounds
        )?;
        writeln!(out, "| | pgvector | hither | ratio | target | |\n|---|---|---|---|---|---|")?;
        for target in self.targets() {
            let ([theirs, ours], unit) = (target.values, target.unit);
            let verdict = if target.met() { "met" } else { "**missed**" };
            let (what, ratio, most) = (&target.what, target.ratio(), target.most);
            writeln!(
                out,
                "| {what} | {theirs:.0} {unit} | {ours:.0} {unit} | {ratio:.2} | ≤ {most} | {verdict} |"
            )?;
        }
        let [theirs, ours] = self.cold[1];
        writeln!(
            out,
            "| the same, both libraries preloaded | {theirs:.0} µs | {ours:.0} µs | {:.2} | | |",
            ours / theirs
        )?;
        let micros = |at: usize| self.sharded[at].1.micros;
        let ratio = micros(2) / micros(1);
        let verdict = if ratio <= 3.0 { "met" } else { "**missed**" };
        writeln!(
            out,
            "| 32 partitions to 32 files of one table | | {:.0} to {:.0} µs | {ratio:.2} | ≤ 3 | {verdict} |",
            micros(2),
            micros(1)
        )?;

        writeln!(
            out,
            "\n| a hundredth of the rows passes | plan | fewest rows | recall@10 | median µs |\n|---|---|---|---|---|"
        )?;
        for filtered in &self.filtered {
            let (Point { recall, micros, fewest, .. }, Filtered { rows, way, plan, .. }) =
                (&filtered.point, filtered);
            let rows = if *rows == Rows::Spread { "scattered" } else { "near one row" };
            writeln!(out, "| {rows}: {way} | {plan} | {fewest} | {recall:.3} | {micros:.0} |")?;
        }

        writeln!(out, "\n| ef_search 40 | recall@10 | median µs |\n|---|---|---|")?;
        for (table, Point { recall, micros, .. }) in &self.sharded {
            writeln!(out, "| {table} | {recall:.3} | {micros:.0} |")?;
        }

        writeln!(
            out,
            "\n| ef_search | pgvector recall | µs | hither recall | µs | without SQL |\n|---|---|---|---|---|---|"
        )?;
        let [theirs, ours] = &self.curves;
        for ((theirs, ours), bare) in theirs.iter().zip(ours).zip(&self.without_sql) {
            writeln!(
                out,
                "| {} | {:.3} | {:.0} | {:.3} | {:.0} | {bare:.0} |",
                theirs.ef_search, theirs.recall, theirs.micros, ours.recall, ours.micros
            )?;
        }
        Ok(out)
    }

    fn json(&self) -> Value {
        let point = |point: &Point| json!({"ef_search": point.ef_search, "recall": point.recall, "micros": point.micros, "fewest": point.fewest});
        let targets = self.targets().into_iter().map(|target| {
            let (ratio, met) = (target.ratio(), target.met());
            json!({"what": target.what, "unit": target.unit, "pgvector": target.values[0],
                "hither": target.values[1], "ratio": ratio, "target": target.most, "met": met})
        });
        let filtered = self.filtered.iter().map(|filtered| {
            json!({"rows": format!("{:?}", filtered.rows), "way": filtered.way,
                "plan": filtered.plan, "measured": point(&filtered.point)})
        });
        json!({
            "rows": self.rows, "dimensions": self.dimensions, "queries": self.queries, "rounds": self.rounds,
            "targets": targets.collect::<Vec<_>>(),
            "first_query_preloaded_micros": self.cold[1],
            "pgvector": self.curves[0].iter().map(point).collect::<Vec<_>>(),
            "hither": self.curves[1].iter().map(point).collect::<Vec<_>>(),
            "without_sql_micros": self.without_sql,
            "filtered": filtered.collect::<Vec<_>>(),
            "sharded": self.sharded.iter().map(|(table, measured)| json!({"table": table, "measured": point(measured)})).collect::<Vec<_>>(),
        })
    }
}
