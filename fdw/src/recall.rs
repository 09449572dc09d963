//! How many of the nearest rows the searches of a table find, measured on a sample of its own rows.

use crate::encoding;
use crate::exact::{self, Nearest};
use crate::failure::{Failure, Result};
use crate::rounding::Rounding;
use crate::search::{Search, Wanted};
use crate::table::Table;
use hither_core::{RowId, Searcher};
use pgrx::{PgSqlErrorCode as Code, pg_sys};

/// Mean recall@k of searches under the current settings against exact ones. Rows spread over the
/// files are the queries, each left out of its own answer. A row counts as found if it is no
/// farther than the exact answer's last: of rows at one distance any will do. None for a table
/// with fewer than two rows.
pub fn recall(relation: pg_sys::Oid, k: i32, queries: i32) -> Result<Option<f64>> {
    for (name, value) in [("k", k), ("queries", queries)] {
        if !(1..=1 << 16).contains(&value) {
            let message = format!("{name} is {value} and must be within 1 and 65536");
            return Err(Failure::new(Code::ERRCODE_INVALID_PARAMETER_VALUE, message));
        }
    }
    check(relation)?;
    let table = Table::open(relation, pg_sys::InvalidOid)?;
    let all = table.rows();
    if all < 2 {
        return Ok(None);
    }
    let metric = table.index().metric();
    let k = (k as usize).min(all as usize - 1);
    let step = all.div_ceil(queries as u64) as usize;
    let rows = table
        .shards
        .iter()
        .enumerate()
        .flat_map(|(number, shard)| shard.file.index().rows().map(move |row| (number, row)));
    let (mut found, mut wanted) = (0, 0);
    let mut query = vec![0.0; table.index().dimensions()];
    for (number, row) in rows.step_by(step) {
        let shard = &table.shards[number];
        let read = shard.file.index().vector(row, &mut query);
        read.map_err(|error| Failure::from(error).about(&shard.path))?;
        let last = exact_distance(&table, &query, k, (number, row))?;
        let effort = table.effort;
        let (query, k, bound, filter) = (query.clone(), Some(k + 1), None, None);
        let (exact, open, rounding) = (false, false, Some(Rounding::NONE));
        let search = Wanted { query, metric, k, exact, open, bound, rounding, effort, filter };
        let mut search = Search::new(&table.shards, search)?;
        let mut others = k.unwrap_or(1) - 1;
        wanted += others;
        while others > 0
            && let Some((place, neighbor)) = search.next()?
        {
            if (place, neighbor.row) != (number, row) {
                others -= 1;
                found += usize::from(neighbor.distance <= last);
            }
        }
    }
    Ok(Some(found as f64 / wanted as f64))
}

/// The distance of the k-th nearest row, itself left out.
fn exact_distance(table: &Table, query: &[f32], k: usize, own: (usize, RowId)) -> Result<f32> {
    let mut searcher = Searcher::new();
    let metric = table.index().metric();
    let mut distances = Vec::new();
    for (number, shard) in table.shards.iter().enumerate() {
        let (k, rounding) = (Some(k + 1), Some(Rounding::NONE));
        let wanted = Nearest { query, metric, k, bound: None, rounding };
        let found = exact::nearest(shard, None, wanted, &mut searcher)?;
        let others = found.rows.iter().filter(|found| (number, found.row) != own);
        distances.extend(others.map(|found| found.distance));
    }
    distances.sort_unstable_by(f32::total_cmp);
    Ok(distances[k - 1])
}

/// Whether the relation is a table of ours that the user may read.
fn check(relation: pg_sys::Oid) -> Result<()> {
    // SAFETY: look-ups in the catalogs; get_rel_name gives a palloc'ed string or null.
    unsafe {
        let name = pg_sys::get_rel_name(relation);
        let name =
            if name.is_null() { relation.to_u32().to_string() } else { encoding::name(name) };
        let foreign = pg_sys::get_rel_relkind(relation) as u8 == pg_sys::RELKIND_FOREIGN_TABLE;
        let ours = foreign && {
            let own = pg_sys::get_foreign_data_wrapper_oid(c"hither".as_ptr(), true);
            let server = (*pg_sys::GetForeignTable(relation)).serverid;
            (*pg_sys::GetForeignServer(server)).fdwid == own
        };
        if !ours {
            let message = format!("\"{name}\" is not a foreign table of hither");
            return Err(Failure::new(Code::ERRCODE_WRONG_OBJECT_TYPE, message));
        }
        let user = pg_sys::GetUserId();
        let allowed = pg_sys::pg_class_aclcheck(relation, user, pg_sys::ACL_SELECT as _);
        if allowed != pg_sys::AclResult::ACLCHECK_OK {
            let message = format!("permission denied for foreign table {name}");
            return Err(Failure::new(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, message));
        }
    }
    Ok(())
}
