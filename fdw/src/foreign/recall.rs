//! How many of the nearest rows the searches of a table find, measured on a sample of its own rows.

use crate::foreign::table::Table;
use crate::search::iterative::{Request, Search};
use crate::search::rounding::Rounding;
use crate::sql::encoding;
use crate::sql::failure::{Failure, Result};
use hither_core::RowId;
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys::{self, Datum};
use pgrx::prelude::*;

/// The recall of a table's searches: `hither.recall(table, k, queries)`.
#[unsafe(no_mangle)]
#[pg_guard]
pub extern "C-unwind" fn hither_recall(call: pg_sys::FunctionCallInfo) -> Datum {
    // SAFETY: Postgres calls it with a regclass and two integers, none null.
    let [table, k, queries] = unsafe {
        let arguments = (*call).args.as_slice(3);
        [0, 1, 2].map(|at| arguments[at].value)
    };
    let relation = pg_sys::Oid::from(table.value() as u32);
    let measured = recall(relation, k.value() as i32, queries.value() as i32);
    let measured = measured.unwrap_or_else(|failure| failure.raise());
    // SAFETY: the place for the result.
    measured.into_datum().unwrap_or_else(|| unsafe {
        (*call).isnull = true;
        Datum::null()
    })
}

/// Mean recall@k of searches under the current settings against exact ones. Rows spread over the
/// files are the queries, each left out of its own answer. A row counts as found if it is no
/// farther than the exact answer's last: of rows at one distance any will do. None for a table
/// with fewer than two rows.
fn recall(relation: pg_sys::Oid, k: i32, queries: i32) -> Result<Option<f64>> {
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
        let exact = others(&table, &query, k, (number, row), true)?;
        let last = exact.last().copied().unwrap_or(f32::NEG_INFINITY);
        let distances = others(&table, &query, k, (number, row), false)?;
        found += distances.iter().filter(|distance| **distance <= last).count();
        wanted += k;
    }
    Ok(Some(found as f64 / wanted as f64))
}

/// The distances of the `k` rows that a search finds nearest, its own left out.
fn others(
    table: &Table,
    query: &[f32],
    k: usize,
    own: (usize, RowId),
    exact: bool,
) -> Result<Vec<f32>> {
    let wanted = Request {
        query: query.to_vec(),
        metric: table.index().metric(),
        k: Some(k + 1),
        exact,
        open: false,
        radius: None,
        rounding: Some(Rounding::NONE),
        effort: table.effort,
        filter: None,
    };
    let mut search = Search::new(&table.shards, wanted)?;
    let mut distances = Vec::with_capacity(k);
    while distances.len() < k
        && let Some((shard, found)) = search.next(&table.shards)?
    {
        if (shard, found.row) != own {
            distances.push(found.distance);
        }
    }
    Ok(distances)
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
