//! Rows that no transaction can see any more, as scans found before VACUUM came: later scans skip them.
//!
//! They are hints. A backend remembers the rows that it found, and writes those of segments beside VACUUM's
//! bits, where other backends find them; a hint that is lost is found again. Only VACUUM's bits say that a
//! row is dead everywhere: a row that is dead here may still be visible on a standby, which receives the
//! pages unchanged. So a standby ignores hints, and a merge keeps such rows.
//!
//! A crash may undo a commit that did not wait for the WAL, and make the row live again. So a hint is only
//! written once the WAL is flushed up to where it ended when the row was found.

use crate::access::metapage::SegmentEntry;
use crate::access::relation::IndexRelation;
use crate::access::segment;
use crate::sql::failure::Result;
use pgrx::pg_sys;
use std::collections::BTreeMap;

/// A row that a scan found dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadRow {
    /// Its place among all rows of a segment.
    Stored { segment: u32, place: u64 },
    /// Its TID.
    Growing { tid: u64 },
}

/// Hints that are not written yet, by segment.
#[derive(Debug, Default)]
pub struct UnwrittenHints {
    places: BTreeMap<u32, Vec<u64>>,
    /// The end of the WAL when the last of them was found.
    since: pg_sys::XLogRecPtr,
}

impl UnwrittenHints {
    pub fn push(&mut self, segment: u32, place: u64) {
        self.places.entry(segment).or_default().push(place);
        // SAFETY: reads a number in shared memory.
        self.since = unsafe { pg_sys::GetXLogInsertRecPtr() };
    }

    /// Writes the hints of segments that still exist, once the WAL is flushed far enough; returns the
    /// numbers of these segments.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn write(&mut self, index: IndexRelation, segments: &[SegmentEntry]) -> Result<Vec<u32>> {
        // SAFETY: reads numbers in shared memory. Hints exist only where no WAL is replayed.
        if self.places.is_empty() || unsafe { pg_sys::XLogNeedsFlush(self.since) } {
            return Ok(Vec::new());
        }
        let mut written = Vec::new();
        for (number, mut places) in std::mem::take(&mut self.places) {
            let Some(entry) = segments.iter().find(|entry| entry.number == number) else {
                continue;
            };
            places.sort_unstable();
            segment::hint_dead(index, entry, &places)?;
            written.push(number);
        }
        Ok(written)
    }
}
