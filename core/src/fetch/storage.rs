//! A remote segment as a search reads it.

use super::Missing;
use super::cache::{Cache, Check, Unit};
use super::filter::Matching;
use super::keys::Keys;
use super::open::{KnownKeys, LazySegment, Opened};
use crate::aligned::AlignedBytes;
use crate::archive::Kind;
use crate::archive::manifest::NO_COLUMN;
use crate::calibration::Structure;
use crate::error::{OrCorrupt, corrupt};
use crate::hnsw::search::{GraphStorage, Halt, Step};
use crate::key::KeyRef;
use crate::metric::Metric;
use crate::neighbor::Candidate;
use crate::ranges::list::ListEntry;
use crate::ranges::rows_measured;
use crate::ranges::search::RangeQuery;
use crate::ranges::view::Top;
use crate::segment::storage::{Selectivity, Storage, vector_ranks};
use crate::sort::sort;
use crate::vectors::{Query, VectorsView};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

/// The state of a search in a segment, kept between its steps.
#[derive(Debug, Default)]
pub(super) struct LazyState {
    query: RangeQuery,
    /// Whether the query of the search is set.
    is_set: bool,
    /// The rows of the list that was opened last.
    members: Vec<u32>,
    ranks: Vec<f32>,
    /// For rows of lists that were read, the hash of the vector, and the key. Sorted up to `sorted`.
    records: Vec<Record>,
    is_sorted: bool,
    centroid: Vec<f32>,
    biases: Vec<f32>,
    values: Vec<f32>,
    /// How many codes were ranked.
    pub visited: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Record {
    row: u32,
    check: u32,
    key: u32,
}

impl LazyState {
    /// Begins another search.
    pub fn start(&mut self) {
        self.is_set = false;
        self.records.clear();
        self.is_sorted = true;
        self.visited = 0;
    }

    fn record(&mut self, row: u32) -> Option<Record> {
        if !self.is_sorted {
            sort(&mut self.records);
            self.records.dedup();
            self.is_sorted = true;
        }
        let found = self.records.binary_search_by_key(&row, |record| record.row);
        found.ok().map(|at| self.records[at])
    }
}

/// The records of a list and of its group.
struct ReadList {
    entry: ListEntry,
    group: Rc<[u8]>,
    bytes: Rc<[u8]>,
}

/// A segment as a search reads it.
pub(super) struct LazyStorage<'s> {
    pub opened: &'s Opened,
    pub segment: &'s LazySegment,
    pub cache: &'s RefCell<Cache>,
    pub state: &'s mut LazyState,
    pub keys: &'s Keys,
    pub known: &'s RefCell<KnownKeys>,
    pub query: &'s Query,
    pub filter: Option<&'s Matching>,
    pub probes: u32,
}

impl LazyStorage<'_> {
    fn top(&self) -> Step<&Top, Missing> {
        Ok(self.segment.top.as_ref().or_corrupt("the lists for ranges")?)
    }

    fn group_unit(&self, group: u32) -> Step<Unit, Missing> {
        let (entry, next) = self.top()?.group(group)?;
        let section = self.opened.section(self.segment.number, NO_COLUMN, Kind::RangeGroups)?;
        let (offset, length) = (section.offset + entry.at, next.at - entry.at);
        Ok(Unit { offset, length, check: Check::Hash(entry.hash), what: Kind::RangeGroups.name() })
    }

    fn list_unit(&self, entry: ListEntry) -> Step<Unit, Missing> {
        let section = self.opened.section(self.segment.number, NO_COLUMN, Kind::RangeLists)?;
        let (offset, length) = (section.offset + entry.at, entry.length);
        Ok(Unit { offset, length, check: Check::Hash(entry.hash), what: Kind::RangeLists.name() })
    }

    fn get(&self, unit: &Unit) -> Step<Rc<[u8]>, Missing> {
        self.cache.borrow_mut().get(unit)
    }

    /// The record of a list; it and the group's are wanted if they are missing.
    fn list(&self, list: u32) -> Step<ReadList, Missing> {
        let top = self.top()?;
        let number = top.group_of(list);
        let group = self.get(&self.group_unit(number)?)?;
        let entry = top.open_group(number, &group)?.list(list)?;
        let bytes = self.get(&self.list_unit(entry)?)?;
        Ok(ReadList { entry, group, bytes })
    }

    /// The hash of a row's vector: from a list that was read, else from the list that the row is a host of.
    fn check(&mut self, row: u32) -> Step<u32, Missing> {
        if let Some(record) = self.state.record(row) {
            return Ok(record.check);
        }
        let top = self.top()?;
        let number = top.group_of_row(row);
        let group = self.get(&self.group_unit(number)?)?;
        let list = top.open_group(number, &group)?.list_of_row(row)?;
        let ReadList { entry, bytes, .. } = self.list(list)?;
        let place = row.checked_sub(entry.first_row).or_corrupt("the lists for ranges")?;
        Ok(top.open_list(entry, &bytes)?.check(place as usize))
    }
}

impl GraphStorage for LazyStorage<'_> {
    type Missing = Missing;

    /// The rows must be of the list that was opened last, in its order.
    fn ranks(&mut self, list: &[u32], out: &mut [f32]) -> Step<(), Missing> {
        let LazyState { members, ranks, .. } = &*self.state;
        let mut place = 0;
        for (row, out) in list.iter().zip(out) {
            let ahead = members.get(place..).unwrap_or(&[]);
            let found = ahead.iter().position(|member| member == row).or_corrupt("a list")?;
            *out = ranks[place + found];
            place += found + 1;
        }
        Ok(())
    }

    fn is_filtered(&self) -> bool {
        self.filter.is_some() || self.segment.hidden_count > 0
    }
}

impl Storage for LazyStorage<'_> {
    const IN_TWO_LISTS: bool = true;

    fn rows(&self) -> u32 {
        self.segment.rows
    }

    fn metric(&self) -> Metric {
        self.opened.options.metric
    }

    fn has(&self, structure: Structure) -> bool {
        structure != Structure::Hnsw
    }

    /// None: scanning a row means fetching its vector, and the list with the vector's hash.
    fn selectivity(&self) -> Option<Selectivity> {
        const VECTOR: u64 = 32;
        self.is_filtered().then(|| {
            let live = self.segment.rows - self.segment.hidden_count;
            let expected = u64::from(self.filter.map_or(live, |matching| matching.count));
            Selectivity { expected, scan_cost: VECTOR * expected }
        })
    }

    fn rows_measured(&self, want: usize) -> Option<usize> {
        Some(rows_measured(want))
    }

    fn lists(&self) -> u32 {
        self.segment.top.as_ref().map_or(0, Top::lists)
    }

    /// Ranks of the lists of the nearest groups; other groups rank last, and are read only when all nearer
    /// lists have been.
    fn list_ranks(&mut self, out: &mut Vec<f32>) -> Step<(), Missing> {
        let segment = self.segment;
        let top = segment.top.as_ref().or_corrupt("the lists for ranges")?;
        if !self.state.is_set {
            self.state.query.set(&self.query.values, top)?;
            self.state.is_set = true;
        }
        out.clear();
        out.resize(top.lists() as usize, f32::INFINITY);
        let mut is_missing = false;
        let mut ranks = Vec::new();
        for number in self.state.query.near_groups(top, self.probes)? {
            let unit = self.group_unit(number)?;
            match self.get(&unit) {
                Ok(bytes) => {
                    let group = top.open_group(number, &bytes)?;
                    self.state.query.rank_lists(&group, &mut ranks)?;
                    let lists = group.lists();
                    out[lists.start as usize..lists.end as usize].copy_from_slice(&ranks);
                }
                Err(Halt::Missing(Missing)) => is_missing = true,
                Err(error) => return Err(error),
            }
        }
        if is_missing { Err(Halt::Missing(Missing)) } else { Ok(()) }
    }

    fn expect_lists(&mut self, lists: &[Candidate]) -> Step<(), Missing> {
        let mut is_missing = false;
        for list in lists {
            match self.list(list.id()) {
                Ok(_) => {}
                Err(Halt::Missing(Missing)) => is_missing = true,
                Err(error) => return Err(error),
            }
        }
        if is_missing { Err(Halt::Missing(Missing)) } else { Ok(()) }
    }

    fn list_rows(&mut self, list: u32, out: &mut Vec<u32>) -> Step<(), Missing> {
        let ReadList { entry, group, bytes } = self.list(list)?;
        let segment = self.segment;
        let top = segment.top.as_ref().or_corrupt("the lists for ranges")?;
        let number = top.group_of(list);
        let LazyState {
            query, members, ranks, records, is_sorted, centroid, biases, visited, ..
        } = &mut *self.state;
        top.open_group(number, &group)?.centroid(list, centroid)?;
        let list = top.open_list(entry, &bytes)?;
        query.rank_rows(&list, centroid, ranks, biases);
        members.clear();
        for place in 0..list.len() {
            let row = list.row(place)?;
            if row >= segment.rows {
                return Err(corrupt("the lists for ranges").into());
            }
            members.push(row);
            let key = if top.key_bits > 0 { list.key(place)? } else { 0 };
            records.push(Record { row, check: list.check(place), key });
        }
        *is_sorted = false;
        *visited += members.len() as u64;
        out.clear();
        out.extend_from_slice(members);
        Ok(())
    }

    /// Vectors are read and checked one by one.
    fn exact_ranks(
        &mut self,
        metric: Metric,
        rows: &[u32],
        out: &mut Vec<f32>,
    ) -> Step<(), Missing> {
        let mut is_missing = false;
        let mut records = AlignedBytes::new();
        for &row in rows {
            let read = self
                .check(row)
                .and_then(|check| self.get(&self.opened.vector_unit(self.segment, row, check)?));
            match read {
                Ok(bytes) => records.extend_from_slice(&bytes),
                Err(Halt::Missing(Missing)) => is_missing = true,
                Err(error) => return Err(error),
            }
        }
        if is_missing {
            return Err(Halt::Missing(Missing));
        }
        if self.segment.top.as_ref().is_some_and(|top| top.key_bits > 0) {
            let mut known = self.known.borrow_mut();
            for &row in rows {
                if let Some(record) = self.state.record(row) {
                    known.insert((self.segment.number, row), record.key);
                }
            }
        }
        let view = VectorsView::new(&records, self.opened.options.shape());
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        Ok(vector_ranks(&view, self.query, metric, &all, out, &mut self.state.values)?)
    }

    fn listed(&mut self, out: &mut Vec<u32>) -> Step<bool, Missing> {
        let Some(matching) = self.filter else { return Ok(false) };
        out.clear();
        out.extend(matching.rows());
        Ok(true)
    }

    fn is_hidden(&self, row: u32) -> bool {
        self.segment.is_hidden(row)
    }

    fn row_matches(&mut self, row: u32) -> Step<bool, Missing> {
        let matches = self.filter.is_none_or(|matching| matching.contains(row));
        Ok(matches && !self.segment.is_hidden(row))
    }

    fn key(&self, row: u32) -> Step<KeyRef<'_>, Missing> {
        self.keys.get((self.segment.number, row), || {
            self.opened.key(self.segment, row, &self.known.borrow(), &mut self.cache.borrow_mut())
        })
    }
}
