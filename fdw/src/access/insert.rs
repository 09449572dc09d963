//! Inserting: a record on the last growing page.

use crate::access::build_lock::{BuildLock, BuildTask};
use crate::access::column::Column;
use crate::access::flush::flush;
use crate::access::growing;
use crate::access::keys;
use crate::access::merge::{self, MergeScope, OutOfLine};
use crate::access::metapage::{MOST_SEGMENTS, Metapage};
use crate::access::relation::IndexRelation;
use crate::access::worker;
use crate::sql::failure::Result;
use crate::sql::vector::VectorValue;
use pgrx::pg_sys;
use std::cell::RefCell;

/// An insert that finds so many times `growing_rows` rows flushes them itself, because nobody else did.
const LAST_RESORT: u64 = 4;

thread_local! {
    static VECTOR: RefCell<Vec<f32>> = RefCell::default();
}

/// Adds a row.
///
/// # Safety
/// The values of all attributes of the index; the vector is not null.
pub unsafe fn insert(
    index: IndexRelation,
    values: *const pg_sys::Datum,
    nulls: *const bool,
    tid: u64,
) -> Result<()> {
    let column = Column::of(index)?;
    // SAFETY: the caller's promise.
    let (value, keys) = unsafe {
        let keys = keys::of_row(&column.keys, values, nulls);
        (VectorValue::new(*values, column.vector_type), keys)
    };
    column.check(&value)?;
    let indexed = VECTOR.with_borrow_mut(|vector| {
        vector.resize(column.dimensions, 0.0);
        column.element().decode(value.bytes(), vector);
        column.takes(vector)
    });
    if !indexed? {
        return Ok(());
    }
    let Some(meta) = growing::append(index, &column, tid, &keys, value.bytes())? else {
        return Ok(());
    };
    let enough = index.options().growing_rows;
    if meta.head.growing_rows >= LAST_RESORT * enough {
        flush_overdue(index, &column, LAST_RESORT * enough)?;
    } else if meta.head.growing_rows >= enough {
        worker::request(index);
    }
    Ok(())
}

/// Flushes the growing rows unless another process has done so meanwhile. Merging is left to others as long
/// as there are few segments.
fn flush_overdue(index: IndexRelation, column: &Column, most: u64) -> Result<()> {
    let lock = BuildLock::wait(index, BuildTask::Flush);
    let meta = Metapage::read(index)?;
    if meta.head.growing_rows >= most {
        flush(index, column, lock)?;
        worker::start(index);
    }
    if meta.segments.len() >= MOST_SEGMENTS / 2 {
        merge::merge(index, column, MergeScope::Small, OutOfLine::ByCodes)?;
    }
    Ok(())
}
