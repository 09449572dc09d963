//! What a backend keeps of an index from one search to the next: its segments, open, a copy of its growing
//! rows, and which rows are deleted.
//!
//! The metapage says what has changed since. A search works on a [`Snapshot`] of that, and reads nothing of
//! the index any more: no page can be recycled under it, and a row that VACUUM removes meanwhile is invisible
//! to whoever searches already.

use crate::access::column::Column;
use crate::access::dead_rows::{DeadRow, UnwrittenHints};
use crate::access::growing::{self, ChainEnd};
use crate::access::growing_copy::GrowingCopy;
use crate::access::metapage::{Head, Metapage, SegmentEntry};
use crate::access::near_copy;
use crate::access::relation::{IndexRelation, RelationFile};
use crate::access::segment::{RowMarks, RowSet};
use crate::access::tid::tid_at;
use crate::search::lengths::Lengths;
use crate::search::recent::RecentValues;
use crate::search::shards::Shard;
use crate::sql::failure::Result;
use hither_core::{Codes, Index, RowId};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;

/// A segment that is open.
#[derive(Clone)]
pub struct OpenSegment {
    pub entry: SegmentEntry,
    pub shard: Shard,
    pub deleted: Rc<RowSet>,
    /// Those that scans found dead.
    dead: Rc<RowSet>,
    usual_error: f32,
    places: RowPlaces,
}

/// Numbers of rows among all rows of a file, which may itself have several segments.
#[derive(Clone)]
pub struct RowPlaces(Rc<[u64]>);

impl RowPlaces {
    pub fn new(file: &Index<'_>) -> Self {
        let firsts = file.info().segments.into_iter().scan(0, |first, segment| {
            let own = *first;
            *first += u64::from(segment.rows);
            Some(own)
        });
        Self(firsts.collect())
    }

    pub fn of(&self, row: RowId) -> u64 {
        self.0[row.segment as usize] + u64::from(row.row)
    }
}

impl OpenSegment {
    /// The place of a row among all rows of the file.
    pub fn place(&self, row: RowId) -> u64 {
        self.places.of(row)
    }

    pub fn is_deleted(&self, row: RowId) -> bool {
        self.deleted.count > 0 && self.deleted.contains(self.place(row))
    }

    /// Takes what its deletion pages say; false if they are no longer its own.
    fn read_marks(&mut self, index: IndexRelation, entry: &SegmentEntry) -> Result<bool> {
        let Some(marks) = RowMarks::read(index, entry)? else { return Ok(false) };
        self.deleted = Rc::new(marks.deleted);
        Rc::make_mut(&mut self.dead).add(&marks.dead);
        Ok(true)
    }
}

/// What a backend keeps of an index.
struct OpenIndex {
    identity: u64,
    segments: Vec<OpenSegment>,
    growing: Option<GrowingCopy>,
    hints: UnwrittenHints,
}

thread_local! {
    static OPEN: RefCell<RecentValues<RelationFile, OpenIndex>> = RefCell::default();
}

/// An index as it was at a moment.
pub struct Snapshot {
    pub meta: Metapage,
    pub segments: Vec<OpenSegment>,
    /// The files of the segments, and after them the growing rows.
    pub shards: Vec<Shard>,
    pub lengths: Lengths,
    dead_growing: Rc<BTreeSet<u64>>,
}

impl Snapshot {
    /// Reads what has changed since this backend looked last.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn new(index: IndexRelation, column: &Column) -> Result<Self> {
        let file = index.file();
        let kept = OPEN.with_borrow_mut(|open| open.remove(&file));
        let mut open = kept.unwrap_or_else(|| OpenIndex::new(0));
        let mut before = None;
        loop {
            pgrx::check_for_interrupts!();
            let meta = Metapage::read(index)?;
            // What it names is gone, and it names it still.
            if before.as_ref() == Some(&meta) {
                return Err(index.damaged("its metapage names pages that are none of it"));
            }
            if open.identity != meta.head.identity {
                open = OpenIndex::new(meta.head.identity);
            }
            if open.refresh(index, column, &meta)? {
                open.write_hints(index)?;
                let snapshot = open.snapshot(meta);
                OPEN.with_borrow_mut(|kept| kept.insert(file, open));
                return Ok(snapshot);
            }
            before = Some(meta);
        }
    }

    /// How far vectors are off where only codes are stored, nearly all of them.
    pub fn usual_error(&self) -> f64 {
        self.segments.iter().fold(0.0_f32, |most, segment| most.max(segment.usual_error)).into()
    }

    /// Whether a row of a shard is deleted. Of growing ones those that are were never read.
    pub fn is_deleted(&self, shard: usize, row: RowId) -> bool {
        self.segments.get(shard).is_some_and(|segment| segment.is_deleted(row))
    }

    /// Whether a scan found a row of a shard dead. That counts where no log is replayed.
    ///
    /// # Errors
    /// If the shard is damaged.
    pub fn is_dead(&self, shard: usize, row: RowId) -> Result<bool> {
        match self.segments.get(shard) {
            Some(segment) if segment.dead.count == 0 => Ok(false),
            Some(segment) => Ok(segment.dead.contains(segment.place(row))),
            None if self.dead_growing.is_empty() => Ok(false),
            None => Ok(self.dead_growing.contains(&tid_at(&self.shards[shard], row)?)),
        }
    }

    /// A row of a shard that was found dead.
    ///
    /// # Errors
    /// If the shard is damaged.
    pub fn dead_row(&self, shard: usize, row: RowId) -> Result<DeadRow> {
        match self.segments.get(shard) {
            Some(segment) => {
                Ok(DeadRow::Stored { segment: segment.entry.number, place: segment.place(row) })
            }
            None => Ok(DeadRow::Growing { tid: tid_at(&self.shards[shard], row)? }),
        }
    }

    /// Keeps which rows a scan of this found dead, so that later ones pass over them.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn note_dead(self, index: IndexRelation, dead: &[DeadRow]) -> Result<()> {
        let (file, head) = (index.file(), self.meta.head);
        drop(self);
        let Some(mut open) = OPEN.with_borrow_mut(|open| open.remove(&file)) else { return Ok(()) };
        if open.identity == head.identity {
            open.note_dead(&head, dead);
            open.write_hints(index)?;
        }
        OPEN.with_borrow_mut(|kept| kept.insert(file, open));
        Ok(())
    }
}

impl OpenIndex {
    fn new(identity: u64) -> Self {
        let hints = UnwrittenHints::default();
        Self { identity, segments: Vec::new(), growing: None, hints }
    }

    /// Keeps which rows were found dead in the index as it was at a moment.
    fn note_dead(&mut self, head: &Head, dead: &[DeadRow]) {
        for row in dead {
            match *row {
                DeadRow::Stored { segment: number, place } => {
                    let mut segments = self.segments.iter_mut();
                    let segment = segments.find(|segment| segment.entry.number == number);
                    if segment.is_some_and(|segment| Rc::make_mut(&mut segment.dead).insert(place))
                    {
                        self.hints.push(number, place);
                    }
                }
                DeadRow::Growing { tid } => {
                    // A place has another row only after VACUUM deleted the one that it had.
                    let now = self.growing.as_mut().filter(|copy| {
                        (copy.first, copy.deletions) == (head.growing_place, head.growing_deletions)
                    });
                    if let Some(copy) = now {
                        Rc::make_mut(&mut copy.dead).insert(tid);
                    }
                }
            }
        }
    }

    /// Writes which rows of segments were found dead, if it is time, and takes what others wrote there.
    fn write_hints(&mut self, index: IndexRelation) -> Result<()> {
        let entries: Vec<_> = self.segments.iter().map(|segment| segment.entry).collect();
        for number in self.hints.write(index, &entries)? {
            let mut segments = self.segments.iter_mut();
            if let Some(segment) = segments.find(|segment| segment.entry.number == number)
                && let Some(marks) = RowMarks::read(index, &segment.entry)?
            {
                Rc::make_mut(&mut segment.dead).add(&marks.dead);
            }
        }
        Ok(())
    }

    /// Whether all that the metapage names was there.
    fn refresh(&mut self, index: IndexRelation, column: &Column, meta: &Metapage) -> Result<bool> {
        let mut before = std::mem::take(&mut self.segments);
        let mut brought = false;
        for entry in &meta.segments {
            let known = before.iter().position(|known| {
                known.entry.number == entry.number && known.entry.content == entry.content
            });
            let mut segment = match known {
                Some(known) => before.swap_remove(known),
                None => match open_segment(index, entry)? {
                    Some(segment) => segment,
                    None => return Ok(false),
                },
            };
            brought |= known.is_none();
            if segment.entry.deletions != entry.deletions && !segment.read_marks(index, entry)? {
                return Ok(false);
            }
            segment.entry = *entry;
            self.segments.push(segment);
        }
        if brought {
            // Where nobody merges, as on a standby, those who look see what is left over.
            near_copy::sweep(index, &meta.segments);
        }
        self.refresh_growing(index, column, meta)
    }

    fn refresh_growing(
        &mut self,
        index: IndexRelation,
        column: &Column,
        meta: &Metapage,
    ) -> Result<bool> {
        let (first, deletions) = (meta.head.growing_place, meta.head.growing_deletions);
        let kept = self.growing.take();
        // Rows are added to a copy that no search has.
        let kept = kept.filter(|kept| kept.first == first && kept.deletions == deletions);
        let mut copy = match kept {
            Some(copy) => copy,
            None => GrowingCopy::new(index, column, meta)?,
        };
        let (mut position, mut rows) = (copy.position, Vec::new());
        let end = growing::read(index, column, &mut position, None, &mut |row| {
            if !row.deleted {
                rows.push((row.tid, row.keys, row.vector.to_vec()));
            }
            Ok(())
        })?;
        if end == ChainEnd::Recycled {
            return Ok(false);
        }
        copy.position = position;
        if !rows.is_empty() {
            // A row may have been deleted while the chain was read, in it or in the segment that it became, and
            // its place have another by now.
            let now = Metapage::read(index)?.head;
            if (now.growing_place, now.growing_deletions) != (first, deletions) {
                return Ok(false);
            }
            copy.add(index, column, rows)?;
        }
        self.growing = Some(copy);
        Ok(true)
    }

    fn snapshot(&self, meta: Metapage) -> Snapshot {
        let growing = self.growing.as_ref().expect("read");
        let mut shards: Vec<_> =
            self.segments.iter().map(|segment| segment.shard.clone()).collect();
        shards.push(growing.shard.clone());
        let mut lengths = growing.lengths;
        for SegmentEntry { least_length, greatest_length, .. } in &meta.segments {
            let (least, greatest) = ((*least_length).into(), (*greatest_length).into());
            lengths = lengths.and(Lengths { least, greatest });
        }
        let (segments, dead_growing) = (self.segments.clone(), growing.dead.clone());
        Snapshot { meta, segments, shards, lengths, dead_growing }
    }
}

fn open_segment(index: IndexRelation, entry: &SegmentEntry) -> Result<Option<OpenSegment>> {
    let Some(file) = near_copy::open(index, entry)? else { return Ok(None) };
    let places = RowPlaces::new(file.index());
    let path = PathBuf::from(format!("segment {} of {}", entry.number, index.name()));
    crate::search::stats::note_open();
    let shard = Shard { path, file };
    let usual_error = usual_error(shard.file.index())?;
    let (deleted, dead) = (Rc::default(), Rc::default());
    let mut segment = OpenSegment { entry: *entry, shard, deleted, dead, usual_error, places };
    Ok(segment.read_marks(index, entry)?.then_some(segment))
}

/// The greatest error of rows spread over a file.
fn usual_error(file: &Index<'_>) -> Result<f32> {
    const SAMPLE: u32 = 4096;
    let mut most = 0.0_f32;
    for (segment, info) in file.info().segments.iter().enumerate() {
        if info.codes != Codes::Sq8Only {
            continue;
        }
        for row in (0..info.rows).step_by(info.rows.div_ceil(SAMPLE).max(1) as usize) {
            most = most.max(file.vector_error(RowId { segment: segment as u32, row })?);
        }
    }
    Ok(most)
}
