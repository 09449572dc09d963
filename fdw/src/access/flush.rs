//! Flushing: growing rows become a segment.
//!
//! First a new growing page is begun, so that the pages before it take no more rows. Then a segment is
//! written that nothing refers to yet, and published with one WAL record (`publish`).

use crate::access::blocks::FreeBlocks;
use crate::access::build::SegmentBuilder;
use crate::access::build_lock::{BuildLock, BuildTask};
use crate::access::column::Column;
use crate::access::growing::{self, live_records, read_before};
use crate::access::metapage::{MOST_SEGMENTS, Metapage};
use crate::access::publish::{Publication, new_number, publish};
use crate::access::record::GrowingRow;
use crate::access::relation::IndexRelation;
use crate::sql::failure::Result;

/// Makes a segment of the growing rows; false if the metapage has no room for one: segments must be merged
/// first.
///
/// # Errors
/// If the index is damaged, or the new segment does not fit in memory or on disk.
pub fn flush(index: IndexRelation, column: &Column, _lock: BuildLock) -> Result<bool> {
    let before = Metapage::read(index)?;
    if before.segments.len() >= MOST_SEGMENTS {
        return Ok(false);
    }
    let end = growing::seal(index, column)?;
    let mut builder = SegmentBuilder::new(index, column, end.rows, false)?;
    let growing = live_records(index, column, &before, end.place)?;
    read_before(index, column, &before, end.place, &mut |row| match growing.get(&row.tid) {
        Some(live) if *live == row.position => push_growing(&mut builder, index, &row),
        _ => Ok(()),
    })?;
    let alone = BuildLock::try_new(index, BuildTask::Merge);
    let blocks = match alone {
        Some(_) => FreeBlocks::find(index)?,
        None => FreeBlocks::of_reserve(index)?,
    };
    let number = new_number(index)?;
    let (new, blocks) = builder.finish_some(number, blocks)?;
    let publication = Publication { sources: Vec::new(), growing, end: Some(end), new };
    publish(index, column, &publication, blocks)?;
    Ok(true)
}

/// Adds a growing row to a segment.
pub fn push_growing(
    builder: &mut SegmentBuilder,
    index: IndexRelation,
    row: &GrowingRow<'_>,
) -> Result<()> {
    // Inserting checked the row, so an error about its data means damage.
    builder.push(row.tid, &row.keys, row.vector).map_err(|failure| match failure.is_about_data() {
        true => index.damaged(&format!("a growing row: {}", failure.message())),
        false => failure,
    })
}
