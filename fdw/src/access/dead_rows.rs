//! Rows that the table has for nobody any more, as scans found before VACUUM came: later ones pass over them.
//!
//! They are hints. A backend keeps those that it found, and writes those of segments beside the bits of VACUUM,
//! where others find them; one that is lost is found again. Only VACUUM's bits say that a row is gone everywhere:
//! what is dead here may be seen on a standby yet, which gets the pages as they are. So a standby heeds no hint,
//! and a merge takes such rows along.
//!
//! A crash may take back a commit that did not wait for the log, and the row live again. So a hint is written when
//! the log is on disk up to where it ended when the row was found.

use crate::access::metapage::SegmentEntry;
use crate::access::relation::IndexRelation;
use crate::access::segment;
use crate::sql::failure::Result;
use pgrx::pg_sys;
use std::collections::BTreeMap;

/// A row that a scan found dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadRow {
    /// By its place among all rows of a segment.
    Stored { segment: u32, place: u64 },
    /// By its place in the table.
    Growing { tid: u64 },
}

/// Hints that are to be written, by segment.
#[derive(Debug, Default)]
pub struct UnwrittenHints {
    places: BTreeMap<u32, Vec<u64>>,
    /// Where the log ended when the last of them was found.
    since: pg_sys::XLogRecPtr,
}

impl UnwrittenHints {
    pub fn push(&mut self, segment: u32, place: u64) {
        self.places.entry(segment).or_default().push(place);
        // SAFETY: a number in shared memory.
        self.since = unsafe { pg_sys::GetXLogInsertRecPtr() };
    }

    /// Writes those of segments that are still there, if the time has come; gives these segments' numbers.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn write(&mut self, index: IndexRelation, segments: &[SegmentEntry]) -> Result<Vec<u32>> {
        // SAFETY: numbers in shared memory; they are found where no log is replayed, and stay there.
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
