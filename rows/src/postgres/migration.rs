//! Migrates from a pgvector index to one `USING hither` beside it, and compares recall and speed of both.
//!
//! The queries are rows of the table, drawn at random. The ground truth is a scan of the table without
//! indexes; a row that is no farther than the last of the true neighbours counts as found. pgvector's index
//! is measured before hither's exists, and hither's afterwards. Postgres chooses the cheapest index, so the
//! plan is checked.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio_postgres::SimpleQueryMessage;

use super::connection::{Connection, Target};
use super::index::literal;
use crate::{Diagnostic, Error, Setting, source::Interrupted};

/// Creates an index `USING hither` beside a pgvector index. Nothing is dropped.
#[derive(Clone, Copy, Debug)]
pub struct PostgresMigration<'a> {
    /// `postgres://…` or `key=value` pairs; libpq's environment variables set what these leave out.
    /// Settings for measuring both indexes can be given in `options=-c hnsw.ef_search=100`.
    pub url: &'a str,
    /// The index, with its schema if that is not in the search path.
    pub index: &'a str,
    /// The number of queries.
    pub queries: u32,
    /// The number of nearest rows for each query.
    pub k: u32,
}

/// The result of [`PostgresMigration::run`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct MigrationReport {
    /// The table.
    pub table: String,
    /// The number of queries: fewer than wanted if the table has fewer rows.
    pub queries: usize,
    /// The time of all statements, in seconds.
    pub seconds: f64,
    /// The pgvector index.
    pub before: MeasuredIndex,
    /// The hither index.
    pub after: MeasuredIndex,
}

/// Recall and speed of an index. Both are `None` if Postgres used another index, or none.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct MeasuredIndex {
    /// The index that Postgres used.
    pub name: Option<String>,
    /// The share of the true neighbours that were found, 0 to 1.
    pub recall: Option<f64>,
    /// The median time of a query including the round trip to the server, in milliseconds.
    pub median_ms: Option<f64>,
    /// The size on disk, including all partitions.
    pub bytes: Option<u64>,
}

/// The search that an index supports.
struct Search {
    table: String,
    /// The indexed column or expression, and the operator in ORDER BY.
    key: String,
    operator: String,
    condition: String,
}

impl PostgresMigration<'_> {
    /// Measures the old index, creates the new one, and measures that. `tell` is called with each statement
    /// before it is run.
    ///
    /// # Errors
    /// Errors of the server, or if the index is not one of pgvector's, or the hither extension is not
    /// installed.
    pub fn run(
        &self,
        interrupted: Option<Interrupted>,
        tell: &mut dyn FnMut(&str),
    ) -> Result<MigrationReport, Error> {
        let target = Target::parse(self.url).map_err(|reason| {
            Error::new(Path::new("the server"), Diagnostic::with(reason, Setting::Server))
        })?;
        let name = PathBuf::from(target.name());
        self.run_at(&target, interrupted, tell).map_err(|reason| Error::new(&name, reason))
    }

    fn run_at(
        &self,
        target: &Target,
        interrupted: Option<Interrupted>,
        tell: &mut dyn FnMut(&str),
    ) -> Result<MigrationReport, String> {
        let connection = target.connect(interrupted)?;
        let index = literal(self.index);
        let statements = format!("SELECT hither.migrate_statements({index}::regclass)");
        let statements = connection.texts(&statements)?;
        let search = self.search(&connection)?;
        let queries = search.sample(&connection, self.queries)?;
        let truth = search.truth(&connection, &queries, self.k)?;
        let before = search.measure(&connection, &queries, &truth, self.k, "hnsw,ivfflat")?;
        let begun = Instant::now();
        for [statement] in &statements {
            tell(statement);
            // Some statements must be alone in their transaction, and must not wait for others of the same
            // session.
            let connection = target.connect(interrupted)?;
            connection.texts::<0>(statement).map_err(|reason| {
                format!("{reason}; what was created stays, and \\d {} shows what is INVALID, to be dropped", search.table)
            })?;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let connection = target.connect(interrupted)?;
        // pgvector estimates that so thorough a search costs more than hither's, so the old index is not
        // chosen.
        connection.texts::<0>("SET hnsw.ef_search = 1000; SET ivfflat.probes = 32768")?;
        let after = search.measure(&connection, &queries, &truth, self.k, "hither")?;
        Ok(MigrationReport { table: search.table, queries: queries.len(), seconds, before, after })
    }

    /// Reads from the catalog what the index is for.
    fn search(&self, connection: &Connection) -> Result<Search, String> {
        let oid = format!("SELECT {}::regclass::oid", literal(self.index));
        let [oid] = connection.texts(&oid)?.into_iter().next().unwrap_or_default();
        // With this search path, all names are schema-qualified.
        connection.texts::<0>("BEGIN READ ONLY; SET LOCAL search_path = pg_catalog")?;
        let found = connection.texts(&format!(
            "SELECT indrelid::regclass, pg_get_indexdef(indexrelid, 1, false), \
                format('OPERATOR(%I.%s)', nspname, oprname), coalesce(pg_get_expr(indpred, indrelid), 'true') \
             FROM pg_index JOIN pg_opclass AS class ON class.oid = indclass[0] \
                JOIN pg_amop ON amopfamily = opcfamily AND amoppurpose = 'o' AND amoplefttype = opcintype \
                JOIN pg_operator AS operator ON operator.oid = amopopr \
                JOIN pg_namespace AS schema ON schema.oid = oprnamespace \
             WHERE indexrelid = {oid}"
        ))?;
        connection.texts::<0>("COMMIT")?;
        let [table, key, operator, condition] =
            found.into_iter().next().ok_or("the index has no operator to order rows by")?;
        Ok(Search { table, key, operator, condition })
    }
}

impl Search {
    /// Some vectors of the table, as text.
    fn sample(&self, connection: &Connection, count: u32) -> Result<Vec<String>, String> {
        let Self { table, key, condition, .. } = self;
        let query = format!(
            "SELECT {key}::text FROM {table} WHERE {condition} AND {key} IS NOT NULL ORDER BY random() LIMIT {count}"
        );
        let found: Vec<String> = connection.texts(&query)?.into_iter().map(|[text]| text).collect();
        match found.is_empty() {
            true => Err(format!(
                "{table} has no rows that the index is for, so that there is nothing to compare; hither.migrate_statements gives the statements"
            )),
            false => Ok(found),
        }
    }

    /// The query for the `k` smallest distances to a vector, in ascending order.
    fn query(&self, vector: &str, k: u32) -> String {
        let Self { table, key, operator, condition } = self;
        // The type of the literal follows from the column that it is compared with.
        let distance = format!("{key} {operator} {}", literal(vector));
        format!("SELECT {distance} FROM {table} WHERE {condition} ORDER BY {distance} LIMIT {k}")
    }

    /// The distance of the last of the `k` nearest rows to each vector, and how many there are.
    fn truth(
        &self,
        connection: &Connection,
        queries: &[String],
        k: u32,
    ) -> Result<Vec<(f64, usize)>, String> {
        connection.texts::<0>("BEGIN READ ONLY; SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off")?;
        let mut truth = Vec::new();
        for vector in queries {
            let nearest = connection.distances(&self.query(vector, k))?;
            truth.push((nearest.last().copied().unwrap_or(f64::INFINITY), nearest.len()));
        }
        connection.texts::<0>("COMMIT")?;
        Ok(truth)
    }

    /// Measures searches with an index of one of these access methods, if Postgres uses one.
    fn measure(
        &self,
        connection: &Connection,
        queries: &[String],
        truth: &[(f64, usize)],
        k: u32,
        methods: &str,
    ) -> Result<MeasuredIndex, String> {
        connection.texts::<0>("SET enable_seqscan = off")?;
        let plan = format!("EXPLAIN (FORMAT JSON, VERBOSE) {}", self.query(&queries[0], k));
        let plan = connection.texts::<1>(&plan)?.into_iter().flatten().collect::<String>();
        let by = |name: &str| {
            let is_ours = format!(
                "SELECT c.oid::regclass, pg_relation_size(c.oid) FROM pg_class AS c JOIN pg_am ON pg_am.oid = relam \
                 WHERE relname = {} AND amname = ANY ('{{{methods}}}') AND c.oid IN \
                    (SELECT indexrelid FROM pg_index WHERE indrelid = {table}::regclass OR indrelid IN \
                        (SELECT relid FROM pg_partition_tree({table}::regclass)))",
                literal(name),
                table = literal(&self.table)
            );
            connection.texts::<2>(&is_ours)
        };
        let mut indexes = HashMap::new();
        for name in plan.split("\"Index Name\": ").skip(1) {
            let name: String = serde_json::Deserializer::from_str(name)
                .into_iter()
                .next()
                .and_then(Result::ok)
                .unwrap_or_default();
            for [name, bytes] in by(&name)? {
                indexes.insert(name, bytes.parse().unwrap_or(0_u64));
            }
        }
        if indexes.is_empty() {
            return Ok(MeasuredIndex { name: None, recall: None, median_ms: None, bytes: None });
        }
        let (mut found, mut wanted, mut times) = (0, 0, Vec::new());
        for (vector, &(last, count)) in queries.iter().zip(truth) {
            let query = self.query(vector, k);
            // The first run reads the data into memory.
            connection.distances(&query)?;
            let begun = Instant::now();
            let distances = connection.distances(&query)?;
            times.push(begun.elapsed());
            found += distances.iter().filter(|distance| **distance <= last).count().min(count);
            wanted += count;
        }
        times.sort_unstable();
        let names: Vec<&str> = indexes.keys().map(String::as_str).collect();
        Ok(MeasuredIndex {
            name: Some(names.join(", ")),
            recall: (wanted > 0).then(|| found as f64 / wanted as f64),
            median_ms: times.get(times.len() / 2).map(Duration::as_secs_f64).map(|time| time * 1e3),
            bytes: Some(indexes.values().sum()),
        })
    }
}

impl Connection {
    /// The rows of a query with `N` columns, as text; nulls become empty.
    fn texts<const N: usize>(&self, query: &str) -> Result<Vec<[String; N]>, String> {
        let messages = self.wait(self.client.simple_query(query), Some(query))?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some(std::array::from_fn(|at| row.get(at).unwrap_or_default().to_owned()))
            }
            _ => None,
        });
        Ok(rows.collect())
    }

    fn distances(&self, query: &str) -> Result<Vec<f64>, String> {
        let number =
            |[text]: [String; 1]| text.parse().map_err(|_| format!("{text:?} is no distance"));
        self.texts(query)?.into_iter().map(number).collect()
    }
}
