//! Candidates of a search: their total order, the sorted pool of a walk, the k best of a scan.

use crate::sort::sort;
use alloc::vec::Vec;

/// A candidate: rank, row (or position within a layer) and two flags in 64 bits, which order by
/// rank, then row. One comparison of integers is a total order, even of NaN from a damaged file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate(u64);

const EXPANDED: u64 = 1;
const MATCHED: u64 = 2;

impl Candidate {
    pub fn new(rank: f32, id: u32) -> Self {
        let bits = rank.to_bits();
        // Negative floats order backwards, so all their bits are flipped; positive ones move above them.
        let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        Self(u64::from(ordered) << 32 | u64::from(id) << 2)
    }

    /// A candidate that needs no expansion and matches the filter.
    pub fn settled(rank: f32, id: u32) -> Self {
        Self(Self::new(rank, id).0 | EXPANDED | MATCHED)
    }

    pub fn rank(self) -> f32 {
        let ordered = (self.0 >> 32) as u32;
        f32::from_bits(if ordered >> 31 == 1 { ordered & !(1 << 31) } else { !ordered })
    }

    pub fn id(self) -> u32 {
        self.0 as u32 >> 2
    }

    pub fn is_expanded(self) -> bool {
        self.0 & EXPANDED != 0
    }

    pub fn is_matched(self) -> bool {
        self.0 & MATCHED != 0
    }
}

/// The nearest candidates found so far, sorted, at most `capacity` of them. Below `cursor` all
/// are expanded. A sorted array beats two heaps: insertion moves a few cache lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {
    entries: Vec<Candidate>,
    capacity: usize,
    cursor: usize,
    /// How many entries below the cursor match the filter.
    matched: usize,
}

impl Pool {
    pub fn reset(&mut self, capacity: usize) {
        self.entries.clear();
        self.entries.reserve(capacity + 1);
        self.capacity = capacity;
        self.cursor = 0;
        self.matched = 0;
    }

    /// Makes room for `count` more candidates.
    pub fn widen(&mut self, count: usize) {
        self.capacity += count;
    }

    /// Whether adding a candidate would displace one.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= self.capacity
    }

    /// Adds a candidate unless the pool is full of nearer ones; returns the candidate that has no place.
    #[inline]
    pub fn push(&mut self, candidate: Candidate) -> Option<Candidate> {
        self.place(candidate).1
    }

    /// Like [`push`](Self::push), and also returns how many places the candidate is behind the one to be
    /// expanded next: 0 if it is that one, none if it has no place.
    #[inline]
    pub fn place(&mut self, candidate: Candidate) -> (Option<usize>, Option<Candidate>) {
        let mut evicted = None;
        if self.entries.len() >= self.capacity {
            match self.entries.last() {
                Some(last) if *last > candidate => evicted = self.entries.pop(),
                _ => return (None, Some(candidate)),
            }
            if self.cursor > self.entries.len() {
                self.cursor = self.entries.len();
                self.matched -= usize::from(evicted.is_some_and(Candidate::is_matched));
            }
        }
        let at = self.entries.partition_point(|entry| *entry < candidate);
        if at < self.cursor {
            if self.matched > 0 {
                let passed = &self.entries[at..self.cursor];
                self.matched -= passed.iter().filter(|entry| entry.is_matched()).count();
            }
            self.cursor = at;
        }
        self.entries.insert(at, candidate);
        (Some(at - self.cursor), evicted)
    }

    /// The nearest unexpanded candidate, without marking it.
    #[inline]
    pub fn next(&mut self) -> Option<Candidate> {
        while let Some(entry) = self.entries.get(self.cursor) {
            if !entry.is_expanded() {
                return Some(*entry);
            }
            self.matched += usize::from(entry.is_matched());
            self.cursor += 1;
        }
        None
    }

    /// The candidate after the one that [`next`](Self::next) gives.
    #[inline]
    pub fn after_next(&self) -> Option<Candidate> {
        let after = self.entries.get(self.cursor + 1..)?;
        after.iter().find(|entry| !entry.is_expanded()).copied()
    }

    /// Marks the candidate that [`next`](Self::next) gave.
    #[inline]
    pub fn mark_expanded(&mut self, matched: bool) {
        if let Some(entry) = self.entries.get_mut(self.cursor) {
            entry.0 |= EXPANDED | if matched { MATCHED } else { 0 };
        }
    }

    /// How many candidates before the first unexpanded one match the filter.
    pub fn matched(&self) -> usize {
        self.matched
    }

    /// All candidates, nearest first.
    pub fn entries(&self) -> &[Candidate] {
        &self.entries
    }

    /// How many candidates come before the first unexpanded one.
    pub fn settled(&self) -> usize {
        self.cursor
    }

    /// Removes the first `count` candidates.
    pub fn remove_first(&mut self, count: usize) {
        self.entries.drain(..count);
        self.cursor = 0;
        self.matched = 0;
    }

    /// Fills the pool with the nearest candidates of `spill`, none of which is nearer than the pool's own, and
    /// leaves the others there.
    pub fn refill(&mut self, spill: &mut Vec<Candidate>) {
        spill.append(&mut self.entries);
        sort(spill);
        let count = spill.len().min(self.capacity);
        self.entries.extend(spill.drain(..count));
        self.cursor = 0;
        self.matched = 0;
    }
}

/// A row of an answer.
///
/// ```
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// # let bytes = builder.finish()?;
/// use hither::{Index, KeyRef, SearchParams, Searcher};
///
/// let index = Index::open(&bytes)?;
/// let mut searcher = Searcher::new();
/// let nearest = index.search(&[3.0, 4.0], &SearchParams::new(1), &mut searcher)?[0];
/// assert_eq!(nearest.distance, 4.0);
/// assert_eq!(index.key(nearest.row)?, KeyRef::Int64(3));
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbor {
    /// Which row; [`Index::key`](crate::Index::key) gives its key.
    pub row: RowId,
    /// The distance to the query, as pgvector's operator for the metric gives it.
    pub distance: f32,
}

/// Identifies a row by its segment and its number within the segment. Valid until the index changes.
///
/// ```
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// # let bytes = builder.finish()?;
/// let index = hither::Index::open(&bytes)?;
/// for row in index.rows() {
///     println!("{}", index.key(row)?);
/// }
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId {
    /// Number of the segment, from 0.
    pub segment: u32,
    /// Number of the row within its segment, from 0.
    pub row: u32,
}
