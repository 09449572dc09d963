//! `hither.recall` for foreign tables and indexes.

use crate::search::recall;
use crate::sql::failure::Result;
use crate::{access, foreign};
use pgrx::pg_sys::{self, Datum};
use pgrx::prelude::*;

/// The SQL function `hither.recall(relation, k, queries)`: the recall of searches.
#[unsafe(no_mangle)]
#[pg_guard]
pub extern "C-unwind" fn hither_recall(call: pg_sys::FunctionCallInfo) -> Datum {
    // SAFETY: Postgres calls it with a regclass and two integers, none of them null.
    let [relation, k, queries] = unsafe {
        let arguments = (*call).args.as_slice(3);
        [0, 1, 2].map(|at| arguments[at].value)
    };
    let relation = pg_sys::Oid::from(relation.value() as u32);
    let measured = measure(relation, k.value() as i32, queries.value() as i32);
    let measured = measured.unwrap_or_else(|failure| failure.raise());
    // SAFETY: `call` has a place for the result.
    measured.into_datum().unwrap_or_else(|| unsafe {
        (*call).isnull = true;
        Datum::null()
    })
}

fn measure(relation: pg_sys::Oid, k: i32, queries: i32) -> Result<Option<f64>> {
    let (k, queries) = recall::check(k, queries)?;
    // SAFETY: a catalog look-up.
    if unsafe { pg_sys::get_rel_relkind(relation) } as u8 == pg_sys::RELKIND_INDEX {
        access::status::recall(relation, k, queries)
    } else {
        foreign::recall::recall(relation, k, queries)
    }
}
