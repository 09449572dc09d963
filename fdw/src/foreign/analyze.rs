//! ANALYZE: takes a sample of rows, from which Postgres computes its statistics.

use crate::foreign::table::Table;
use crate::sql::failure::Result;
use pgrx::pg_sys::{self, Datum};

/// The approximate size of a table in pages, for ANALYZE. `None` for a table that is read by ranges,
/// because a sample would fetch most of its files.
pub fn pages(relation: pg_sys::Oid) -> Result<Option<pg_sys::BlockNumber>> {
    let table = Table::open(relation, pg_sys::InvalidOid)?;
    if table.contents.is_ranges() {
        return Ok(None);
    }
    let row = 4 * table.options().dimensions as u64 + 32;
    let pages = table.rows().saturating_mul(row) / u64::from(pg_sys::BLCKSZ);
    Ok(Some(pages.clamp(1, u64::from(u32::MAX - 1)) as pg_sys::BlockNumber))
}

/// Fills `rows` with randomly drawn rows, in the order of the files; returns how many it drew and how many
/// there are.
///
/// # Safety
/// `relation` is an open foreign table of ours.
pub unsafe fn sample(
    relation: pg_sys::Relation,
    rows: &mut [pg_sys::HeapTuple],
) -> Result<(usize, u64)> {
    // SAFETY: the caller's promise.
    let (oid, descriptor) = unsafe { ((*relation).rd_id, (*relation).rd_att) };
    let table = Table::open(oid, pg_sys::InvalidOid)?;
    let columns = table.attributes.len();
    let wanted: Vec<usize> = (0..columns).collect();
    let mut vector = vec![0.0; table.options().dimensions];
    let (mut values, mut nulls) = (vec![Datum::null(); columns], vec![true; columns]);
    let all = table.rows();
    let (mut taken, mut left) = (0, all);
    for (number, shard) in table.contents.whole("a sample is of all rows")?.iter().enumerate() {
        for row in shard.file.index().rows() {
            // Knuth's algorithm S: every set of rows is equally likely.
            let missing = (rows.len() - taken) as f64;
            // SAFETY: a random number between 0 and 1, from Postgres's own generator.
            let drawn = left as f64 * unsafe { pg_sys::anl_random_fract() } < missing;
            left = left.saturating_sub(1);
            if !drawn {
                continue;
            }
            pgrx::check_for_interrupts!();
            table.read(number, row, &wanted, &mut vector, &mut values, &mut nulls)?;
            // SAFETY: there is a value or null for every attribute; the tuple copies them.
            rows[taken] = unsafe {
                pg_sys::heap_form_tuple(descriptor, values.as_mut_ptr(), nulls.as_mut_ptr())
            };
            taken += 1;
            if taken == rows.len() {
                return Ok((taken, all));
            }
        }
    }
    Ok((taken, all))
}
