//! The tables of both sides, and their queries.

use crate::data::{Data, K, Result, Rows, halfvec, text};
use postgres::types::{IsNull, ToSql, Type, private::BytesMut};
use postgres::{Client, Config, NoTls, Statement};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// The number of files behind one table.
pub const SHARDS: usize = 32;

/// The side that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Pgvector,
    Hither,
}

impl Side {
    /// Its table with all rows.
    pub fn table(self) -> &'static str {
        match self {
            Self::Pgvector => "heap",
            Self::Hither => "file",
        }
    }

    /// The statement that sets the number of candidates in a search.
    pub fn ef_search(self, ef: usize) -> String {
        match self {
            Self::Pgvector => format!("SET hnsw.ef_search = {ef}"),
            Self::Hither => format!("SET hither.ef_search = {ef}"),
        }
    }
}

/// When a backend loads the libraries of the extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Libraries {
    /// When a query first needs them.
    OnDemand,
    /// When the backend starts.
    Preloaded,
}

/// A server with the extension, and the folder for index files.
pub struct Server {
    pub url: String,
    pub hither: PathBuf,
    pub folder: PathBuf,
    pub client: Client,
}

/// A parameter of type halfvec.
#[derive(Debug)]
struct Query(Vec<u8>);

impl ToSql for Query {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    postgres::types::to_sql_checked!();
}

/// The results of a pass over the queries.
pub struct Pass {
    /// Microseconds of each query.
    pub times: Vec<f64>,
    pub found: Vec<Vec<i64>>,
}

/// The columns of all tables.
fn columns(data: &Data) -> String {
    format!("(id bigint, embedding halfvec({}), spread int, near int)", data.dimensions)
}

impl Server {
    pub fn connect(url: &str, hither: PathBuf, folder: PathBuf) -> Result<Self> {
        let client = Client::connect(url, NoTls)?;
        Ok(Self { url: url.into(), hither, folder, client })
    }

    /// Creates the heap that pgvector indexes and hither builds from.
    pub fn load(&mut self, data: &Data) -> Result<()> {
        self.client.batch_execute(&format!(
            "CREATE EXTENSION hither CASCADE;
             CREATE TABLE heap (id bigint, embedding halfvec({}), spread int, near int)",
            data.dimensions
        ))?;
        let mut copy = self.client.copy_in("COPY heap FROM STDIN (FORMAT binary)")?;
        copy.write_all(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0")?;
        for row in 0..data.row_count() {
            let embedding = halfvec(data.row(row));
            copy.write_all(&4_i16.to_be_bytes())?;
            for value in [
                &(row as i64).to_be_bytes()[..],
                &embedding,
                &data.spread[row].to_be_bytes(),
                &data.near[row].to_be_bytes(),
            ] {
                copy.write_all(&(value.len() as i32).to_be_bytes())?;
                copy.write_all(value)?;
            }
        }
        copy.write_all(&(-1_i16).to_be_bytes())?;
        copy.finish()?;
        self.client.batch_execute("VACUUM (FREEZE, ANALYZE) heap")?;
        Ok(())
    }

    /// Seconds of CREATE INDEX, with one thread and enough memory.
    pub fn create_index(&mut self) -> Result<f64> {
        self.client.batch_execute(
            "DROP INDEX IF EXISTS heap_embedding;
             SET maintenance_work_mem = '2GB'; SET max_parallel_maintenance_workers = 0",
        )?;
        let begin = Instant::now();
        self.client.batch_execute(
            "CREATE INDEX heap_embedding ON heap USING hnsw (embedding halfvec_cosine_ops)
             WITH (m = 16, ef_construction = 128)",
        )?;
        Ok(begin.elapsed().as_secs_f64())
    }

    /// Seconds of `hither build --postgres`, from its start until the file is in place.
    pub fn build(&self, name: &str, condition: &str) -> Result<f64> {
        let begin = Instant::now();
        let built = Command::new(&self.hither)
            .args(["build", "--postgres", &self.url, "--kind", "hnsw", "--threads", "1"])
            .args(["--query", &format!("SELECT * FROM heap {condition} ORDER BY id")])
            .arg("-o")
            .arg(self.folder.join(name))
            .output()?;
        if !built.status.success() {
            return Err(String::from_utf8_lossy(&built.stderr).into_owned().into());
        }
        Ok(begin.elapsed().as_secs_f64())
    }

    /// Creates the foreign table of the file with all rows.
    pub fn foreign_table(&mut self, data: &Data) -> Result<()> {
        self.client.batch_execute(&format!(
            "CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location '{}');
             CREATE FOREIGN TABLE file {} SERVER files OPTIONS (location 'all.hither')",
            self.folder.display(),
            columns(data)
        ))?;
        Ok(())
    }

    /// Creates the foreign tables: of one file; of many files; partitions with one file each.
    pub fn foreign_tables(&mut self, data: &Data) -> Result<()> {
        std::fs::create_dir_all(self.folder.join("shards"))?;
        self.foreign_table(data)?;
        let columns = columns(data);
        let mut sql = format!(
            "CREATE FOREIGN TABLE shards {columns} SERVER files OPTIONS (location 'shards');
             CREATE TABLE partitions {columns} PARTITION BY RANGE (id);"
        );
        for shard in 0..SHARDS {
            let [from, to] = [shard, shard + 1].map(|at| at * data.row_count() / SHARDS);
            let name = format!("shards/{shard:02}.hither");
            self.build(&name, &format!("WHERE id >= {from} AND id < {to}"))?;
            sql += &format!(
                "CREATE FOREIGN TABLE partition_{shard} PARTITION OF partitions
                 FOR VALUES FROM ({from}) TO ({to}) SERVER files OPTIONS (location '{name}');"
            );
        }
        self.client.batch_execute(&sql)?;
        Ok(())
    }

    /// The size on disk in bytes.
    pub fn size(&mut self, side: Side) -> Result<u64> {
        match side {
            Side::Hither => Ok(std::fs::metadata(self.folder.join("all.hither"))?.len()),
            Side::Pgvector => {
                let sql = "SELECT pg_total_relation_size('heap')";
                Ok(self.client.query_one(sql, &[])?.get::<_, i64>(0).cast_unsigned())
            }
        }
    }

    /// Prepares a k-NN query.
    pub fn prepare(&mut self, table: &str, rows: Rows) -> Result<Statement> {
        let condition = rows.condition();
        Ok(self.client.prepare(&format!(
            "SELECT id FROM {table} {condition} ORDER BY embedding <=> $1 LIMIT {K}"
        ))?)
    }

    /// Runs `count` queries one after another.
    pub fn pass(&mut self, statement: &Statement, data: &Data, count: usize) -> Result<Pass> {
        let mut pass = Pass { times: Vec::new(), found: Vec::new() };
        for query in 0..count {
            let parameter = Query(halfvec(data.query(query)));
            let begin = Instant::now();
            let rows = self.client.query(statement, &[&parameter])?;
            pass.times.push(begin.elapsed().as_secs_f64() * 1e6);
            pass.found.push(rows.iter().map(|row| row.get(0)).collect());
        }
        Ok(pass)
    }

    /// Microseconds of the first query in a new backend. Connecting is not counted, and neither is loading
    /// libraries that happens then.
    pub fn cold(&self, side: Side, libraries: Libraries, query: &[f32]) -> Result<f64> {
        let table = side.table();
        let vector = text(query);
        let mut config: Config = self.url.parse()?;
        if libraries == Libraries::Preloaded {
            config.options("-c session_preload_libraries=vector,hither");
        }
        let mut client = config.connect(NoTls)?;
        let begin = Instant::now();
        client.simple_query(&format!(
            "SELECT id FROM {table} ORDER BY embedding <=> '{vector}' LIMIT {K}"
        ))?;
        Ok(begin.elapsed().as_secs_f64() * 1e6)
    }

    /// The nodes of a plan.
    pub fn plan(&mut self, table: &str, rows: Rows, query: &[f32]) -> Result<String> {
        let (condition, vector) = (rows.condition(), text(query));
        let plan = self.client.query(
            &format!("EXPLAIN (COSTS off) SELECT id FROM {table} {condition} ORDER BY embedding <=> '{vector}' LIMIT {K}"),
            &[],
        )?;
        let nodes = plan.iter().map(|row| row.get::<_, String>(0));
        let scan = nodes.filter(|line| line.contains("Scan")).map(|line| {
            line.trim()
                .trim_start_matches("->  ")
                .split(" on ")
                .next()
                .unwrap_or_default()
                .to_owned()
        });
        Ok(scan.collect::<Vec<_>>().join(", "))
    }

    /// Runs `hither bench` over the same file: microseconds per search, for each ef_search.
    pub fn without_sql(&self, queries: &Path, grid: &[usize]) -> Result<Vec<f64>> {
        let list: Vec<String> = grid.iter().map(usize::to_string).collect();
        let output = Command::new(&self.hither)
            .arg("bench")
            .arg(self.folder.join("all.hither"))
            .arg("--queries")
            .arg(queries)
            .args(["--json", "--ef-search", &list.join(",")])
            .output()?;
        let result: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let results = result["results"].as_array().ok_or("hither bench printed no results")?;
        Ok(results.iter().filter_map(|result| result["p50_us"].as_f64()).collect())
    }
}
