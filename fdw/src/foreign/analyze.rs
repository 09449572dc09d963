//! ANALYZE: a sample of rows, from which Postgres makes its statistics.

use crate::foreign::table::Table;
use crate::sql::failure::Result;
use pgrx::pg_sys::{self, Datum};

/// The size of a table in pages, about, as ANALYZE wants it. None of one that is read by ranges: a sample would
/// take most of its files.
pub fn pages(relation: pg_sys::Oid) -> Result<Option<pg_sys::BlockNumber>> {
    let table = Table::open(relation, pg_sys::InvalidOid)?;
    if table.contents.is_ranges() {
        return Ok(None);
    }
    let row = 4 * table.options().dimensions as u64 + 32;
    let pages = table.rows().saturating_mul(row) / u64::from(pg_sys::BLCKSZ);
    Ok(Some(pages.clamp(1, u64::from(u32::MAX - 1)) as pg_sys::BlockNumber))
}

/// Fills `rows` with rows drawn at random, in the order of the files; says how many it took and
/// how many there are.
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
            // Knuth's algorithm S: each set of rows is as likely as any other.
            let missing = (rows.len() - taken) as f64;
            // SAFETY: a random number within 0 and 1, of Postgres's own generator.
            let drawn = left as f64 * unsafe { pg_sys::anl_random_fract() } < missing;
            left = left.saturating_sub(1);
            if !drawn {
                continue;
            }
            pgrx::check_for_interrupts!();
            table.read(number, row, &wanted, &mut vector, &mut values, &mut nulls)?;
            // SAFETY: a value or null for every attribute; the tuple copies them.
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
