//! What a backend keeps of an index from one search to the next: its open segments, a copy of its growing
//! rows, and which rows are deleted.
//!
//! The metapage shows what has changed since the last search. A search works on a [`Snapshot`] and reads no
//! page of the index after taking it. So recycled pages cannot affect it, and a row that VACUUM removes
//! meanwhile is invisible to the searching transaction anyway.

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

/// A segment whose file is open.
#[derive(Clone)]
pub struct OpenSegment {
    pub entry: SegmentEntry,
    pub shard: Shard,
    pub deleted: Rc<RowSet>,
    /// Rows that scans found dead.
    dead: Rc<RowSet>,
    usual_error: f32,
    places: RowPlaces,
}

/// Maps row ids to places among all rows of a file, which may itself have several segments.
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

    /// Reads its deletion pages; false if they now belong to something else.
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

/// An index as of one moment.
pub struct Snapshot {
    pub meta: Metapage,
    pub segments: Vec<OpenSegment>,
    /// The files of the segments, and after them the growing rows.
    pub shards: Vec<Shard>,
    pub lengths: Lengths,
    dead_growing: Rc<BTreeSet<u64>>,
}

impl Snapshot {
    /// Brings the backend's state up to date and returns it.
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
            // Pages that this metapage refers to are gone, and it has not changed since.
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

    /// An upper bound on the error of nearly all vectors of which only codes are stored.
    pub fn usual_error(&self) -> f64 {
        self.segments.iter().fold(0.0_f32, |most, segment| most.max(segment.usual_error)).into()
    }

    /// Whether a row of a shard is deleted. Deleted growing rows are not in the copy.
    pub fn is_deleted(&self, shard: usize, row: RowId) -> bool {
        self.segments.get(shard).is_some_and(|segment| segment.is_deleted(row))
    }

    /// Whether a scan found a row of a shard dead. This only counts where no WAL is replayed.
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

    /// The hint that a row of a shard is dead.
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

    /// Remembers rows that a scan of this snapshot found dead, so that later scans skip them.
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

    /// Remembers rows that were found dead in a snapshot with this head.
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
                    // A TID can only be reused after VACUUM has deleted its previous row.
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

    /// Writes hints of dead rows, once their WAL is flushed, and reads those of other backends from the
    /// same pages.
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

    /// Brings the state up to date with a metapage; false if something that it refers to is gone.
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
            // Where nobody merges, as on a standby, searching backends remove stale copies.
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
        // Rows are added to a copy that no search is using.
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
            // While the chain was read, a row may have been deleted, in it or in the segment that it
            // became, and its TID may have been reused.
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

/// Nearly the greatest error in a file, from a sample of rows spread over it.
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
