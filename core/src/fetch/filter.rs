//! Filters: the columns that they name are read once to find the rows that match.

use super::open::{LazyIndex, LazySegment, Opened, whole};
use super::{Missing, poll};
use crate::archive::Kind;
use crate::column::{ColumnSections, ColumnView, ValueRef};
use crate::error::Result;
use crate::filter::Filter;
use crate::hnsw::search::{Halt, Step};
use crate::neighbor::RowId;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::task::Poll;

/// The rows of a [`LazyIndex`] that match a filter.
#[derive(Clone, Debug)]
pub struct LazyFilter {
    pub(super) content_id: u128,
    pub(super) segments: Rc<Vec<Matching>>,
}

impl LazyFilter {
    /// Whether a row matches; false if there is no such row.
    pub fn contains(&self, row: RowId) -> bool {
        let segment = self.segments.get(row.segment as usize);
        segment.is_some_and(|matching| matching.contains(row.row))
    }

    /// How many rows match.
    pub fn len(&self) -> u64 {
        self.segments.iter().map(|matching| u64::from(matching.count)).sum()
    }

    /// Whether no row matches.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The matching rows of a segment, without removed ones.
#[derive(Debug)]
pub(super) struct Matching {
    bitmap: Vec<u64>,
    pub count: u32,
}

impl Matching {
    pub fn contains(&self, row: u32) -> bool {
        self.bitmap.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// The rows, ascending.
    pub fn rows(&self) -> impl Iterator<Item = u32> {
        (0..self.bitmap.len() as u32 * 64).filter(|&row| self.contains(row))
    }
}

impl LazyIndex {
    /// Binds a filter to this index: reads the columns that it names.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownColumn`](crate::ErrorKind::UnknownColumn),
    /// [`ErrorKind::ColumnType`](crate::ErrorKind::ColumnType) for a value that does not fit,
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the columns are damaged.
    pub fn filter(&self, filter: &Filter) -> Result<Poll<LazyFilter>> {
        let opened = self.opened()?;
        filter.check(&opened.options.columns)?;
        let named = RefCell::new(vec![false; opened.options.columns.len()]);
        filter.matches_values(&opened.options.columns, |column| {
            named.borrow_mut()[column] = true;
            ValueRef::Null
        })?;
        let named = named.into_inner();
        let mut segments = Vec::new();
        let mut is_missing = false;
        for segment in &opened.segments {
            match self.matching(opened, segment, filter, &named) {
                Ok(matching) => segments.push(matching),
                Err(Halt::Missing(Missing)) => is_missing = true,
                Err(Halt::Error(error)) => return Err(error),
            }
        }
        if is_missing {
            return poll(Err(Halt::Missing(Missing)));
        }
        let content_id = opened.start.content_id;
        Ok(Poll::Ready(LazyFilter { content_id, segments: Rc::new(segments) }))
    }

    fn matching(
        &self,
        opened: &Opened,
        segment: &LazySegment,
        filter: &Filter,
        named: &[bool],
    ) -> Step<Matching, Missing> {
        const KINDS: [Kind; 6] = [
            Kind::ColumnValidity,
            Kind::ColumnValues,
            Kind::ColumnOffsets,
            Kind::ColumnDictionaryOffsets,
            Kind::ColumnDictionary,
            Kind::ColumnZones,
        ];
        let mut cache = self.cache.borrow_mut();
        let mut read = Vec::new();
        let mut is_missing = false;
        for column in (0..opened.options.columns.len()).filter(|&column| named[column]) {
            let mut sections: [Option<Rc<[u8]>>; 6] = Default::default();
            for (kind, bytes) in KINDS.into_iter().zip(&mut sections) {
                let Some(section) = opened.start.section(segment.number, column as u32, kind)
                else {
                    continue;
                };
                match cache.get(&whole(section)) {
                    Ok(found) => *bytes = Some(found),
                    Err(Halt::Missing(Missing)) => is_missing = true,
                    Err(error) => return Err(error),
                }
            }
            read.push((column, sections));
        }
        drop(cache);
        if is_missing {
            return Err(Halt::Missing(Missing));
        }
        let mut columns = Vec::new();
        for (column, sections) in &read {
            let [validity, values, offsets, dictionary_offsets, dictionary, zones] =
                sections.each_ref().map(|bytes| bytes.as_deref().unwrap_or(&[]));
            let sections =
                ColumnSections { validity, values, offsets, dictionary_offsets, dictionary, zones };
            let schema = opened.options.columns[*column].clone();
            columns.push(ColumnView::new(schema, sections, segment.rows)?);
        }
        let mut rows = Vec::new();
        filter.bind(&columns, segment.rows)?.collect_into(&mut rows)?;
        let mut bitmap = vec![0_u64; segment.rows.div_ceil(64) as usize];
        let mut count = 0;
        for row in rows.into_iter().filter(|&row| !segment.is_hidden(row)) {
            bitmap[row as usize / 64] |= 1 << (row % 64);
            count += 1;
        }
        Ok(Matching { bitmap, count })
    }
}
