//! Measures changes of a table with an index of either side, and searches after them.

use crate::data::{Data, K, Result, text};
use crate::server::{Server, Side};
use postgres::{Client, NoTls};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// One side's index.
#[derive(Clone, Copy)]
pub struct Method {
    /// The table with the index.
    pub table: &'static str,
    pub name: &'static str,
    pub side: Side,
}

/// Rows inserted between two checkpoints.
const BETWEEN: usize = 1_000;

/// Growing rows in addition to segments.
const GROWING: usize = 2_048;

/// The shares of four segments in the rows, chosen so that none is merged with the smaller ones.
const SHARES: [usize; 4] = [27, 9, 3, 1];

/// The end of the WAL.
fn position(server: &mut Server) -> Result<f64> {
    let sql = "SELECT (pg_current_wal_insert_lsn() - '0/0')::float8";
    Ok(server.client.query_one(sql, &[])?.get(0))
}

/// Waits until background merges have ended.
fn settle(server: &mut Server) -> Result<()> {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'hither merge'";
    while server.client.query_one(sql, &[])?.get::<_, i64>(0) > 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The costs of changing a table: seconds of an INSERT, seconds until merging ends, bytes of WAL per row.
pub fn change(server: &mut Server, method: Method, first: usize, count: usize) -> Result<[f64; 3]> {
    let Method { name, .. } = method;
    let table = format!("changed_{name}");
    server.client.batch_execute(&format!(
        "CREATE TABLE {table} (LIKE heap) WITH (autovacuum_enabled = off);
         INSERT INTO {table} SELECT * FROM heap WHERE id < {first};
         CREATE INDEX ON {table} USING {name} (embedding halfvec_cosine_ops) WITH (m = 16, ef_construction = 128)"
    ))?;
    server.client.batch_execute("CHECKPOINT")?;
    let (before, begin) = (position(server)?, Instant::now());
    server.client.batch_execute(&format!(
        "INSERT INTO {table} SELECT * FROM heap WHERE id >= {first} AND id < {}",
        first + count
    ))?;
    let inserted = begin.elapsed().as_secs_f64();
    settle(server)?;
    let merged = begin.elapsed().as_secs_f64();
    let wal = (position(server)? - before) / count as f64;
    Ok([inserted, merged, wal])
}

/// Seconds of VACUUM after deleting a tenth of a changed table.
pub fn vacuum(server: &mut Server, method: Method) -> Result<f64> {
    let table = format!("changed_{}", method.name);
    server.client.batch_execute(&format!("DELETE FROM {table} WHERE id % 10 = 3"))?;
    let begin = Instant::now();
    server.client.batch_execute(&format!("VACUUM {table}"))?;
    Ok(begin.elapsed().as_secs_f64())
}

/// Bytes of WAL per row when inserting into a changed table with a checkpoint before every thousand rows.
/// The table must not have holes yet: filling one after a checkpoint logs the whole page, on both sides.
pub fn checkpoints(server: &mut Server, method: Method, first: usize, count: usize) -> Result<f64> {
    let before = position(server)?;
    for from in (first..first + count).step_by(BETWEEN) {
        server.client.batch_execute("CHECKPOINT")?;
        server.client.batch_execute(&format!(
            "INSERT INTO changed_{} SELECT * FROM heap WHERE id >= {from} AND id < {}",
            method.name,
            (from + BETWEEN).min(first + count)
        ))?;
    }
    settle(server)?;
    Ok((position(server)? - before) / count as f64)
}

/// The median and the 99th percentile of single INSERTs into a changed table, in microseconds, while
/// another connection inserts as well, and a third searches.
pub fn singles(
    server: &mut Server,
    data: &Data,
    method: Method,
    first: usize,
    count: usize,
) -> Result<[f64; 2]> {
    let table = format!("changed_{}", method.name);
    let insert = format!("INSERT INTO {table} SELECT * FROM heap WHERE id = $1");
    server.client.batch_execute("CREATE UNIQUE INDEX IF NOT EXISTS heap_id ON heap (id)")?;
    let (over, url) = (AtomicBool::new(false), server.url.clone());
    let connect =
        || -> std::result::Result<Client, postgres::Error> { Client::connect(&url, NoTls) };
    let search = || -> std::result::Result<(), postgres::Error> {
        let mut client = connect()?;
        for query in (0..data.query_count()).cycle() {
            if over.load(Ordering::Relaxed) {
                break;
            }
            let vector = text(data.query(query));
            client.simple_query(&format!(
                "SELECT id FROM {table} ORDER BY embedding <=> '{vector}' LIMIT {K}"
            ))?;
        }
        Ok(())
    };
    let add = || -> std::result::Result<(), postgres::Error> {
        let mut client = connect()?;
        let statement = client.prepare(&insert)?;
        let mut ids = (first + count..first + 2 * count).cycle();
        while !over.load(Ordering::Relaxed) {
            client.execute(&statement, &[&(ids.next().unwrap_or(first) as i64)])?;
        }
        Ok(())
    };
    let mut times = std::thread::scope(|scope| -> Result<Vec<f64>> {
        let others = [scope.spawn(search), scope.spawn(add)];
        let timed = (|| -> Result<Vec<f64>> {
            let statement = server.client.prepare(&insert)?;
            let mut times = Vec::with_capacity(count);
            for id in first..first + count {
                let begin = Instant::now();
                server.client.execute(&statement, &[&(id as i64)])?;
                times.push(begin.elapsed().as_secs_f64() * 1e6);
            }
            Ok(times)
        })();
        over.store(true, Ordering::Relaxed);
        for other in others {
            other.join().map_err(|_| "a connection ended")??;
        }
        timed
    })?;
    settle(server)?;
    times.sort_by(f64::total_cmp);
    Ok([times[times.len() / 2], times[times.len() * 99 / 100]])
}

/// Creates a table of all rows whose index has four segments and some growing rows; returns the number of
/// growing rows.
pub fn parts(server: &mut Server, data: &Data) -> Result<usize> {
    let growing = GROWING.min(data.row_count() / 8);
    let stored = data.row_count() - growing;
    server
        .client
        .batch_execute("CREATE TABLE parted (LIKE heap) WITH (autovacuum_enabled = off)")?;
    let (mut first, mut shares) = (0, 0);
    for share in SHARES {
        shares += share;
        let end = stored * shares / SHARES.iter().sum::<usize>();
        server.client.batch_execute(&format!(
            "INSERT INTO parted SELECT * FROM heap WHERE id >= {first} AND id < {end} ORDER BY id"
        ))?;
        if first == 0 {
            server.client.batch_execute(
                "CREATE INDEX parted_embedding ON parted USING hither (embedding halfvec_cosine_ops)
                 WITH (m = 16, ef_construction = 128)",
            )?;
        } else {
            server.client.batch_execute("ALTER INDEX parted_embedding SET (growing_rows = 16)")?;
            server.client.batch_execute("VACUUM parted")?;
        }
        server.client.batch_execute("ALTER INDEX parted_embedding SET (growing_rows = 1048576)")?;
        first = end;
    }
    server.client.batch_execute(&format!(
        "INSERT INTO parted SELECT * FROM heap WHERE id >= {first} ORDER BY id"
    ))?;
    server.client.batch_execute("ANALYZE parted")?;
    let sql =
        "SELECT segments, growing FROM hither.indexes WHERE index = 'parted_embedding'::regclass";
    let row = server.client.query_one(sql, &[])?;
    let found = (row.get::<_, i32>(0), row.get::<_, i64>(1));
    if found != (SHARES.len() as i32, growing as i64) {
        return Err(format!("{} segments and {} growing rows", found.0, found.1).into());
    }
    Ok(growing)
}
