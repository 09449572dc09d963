//! Filters of an index: bound for many rows, or evaluated for one.

use super::Index;
use crate::column::ValueRef;
use crate::error::{ErrorKind, Result, try_collect};
use crate::filter::Filter;
use crate::neighbor::RowId;
use crate::segment::Segment;
use crate::segment::filter::SegmentFilter;
use alloc::vec::Vec;
use core::cell::Cell;

/// A filter bound to an index: columns are looked up, and values have the types of their columns.
///
/// Binding estimates how many rows match, and lists them if they are so few that searches scan them, so a
/// filter for many queries is worth keeping. Searching with it allocates nothing. It belongs to the index that
/// it was bound to.
///
/// ```
/// use hither::{ColumnSchema, ColumnType, Filter, Index, IndexBuilder, IndexOptions};
/// use hither::{Metric, SearchParams, Searcher, ValueRef};
///
/// let year = ColumnSchema { name: "year".into(), column_type: ColumnType::Int64 };
/// let options = IndexOptions { columns: vec![year], ..IndexOptions::new(1, Metric::L2) };
/// let mut builder = IndexBuilder::new(options)?;
/// for year in 2000..2030 {
///     builder.push(None, &[year as f32], &[ValueRef::Int64(year)])?;
/// }
/// let bytes = builder.finish()?;
/// let index = Index::open(&bytes)?;
/// let early = index.filter(&Filter::from_json(r#"{"year": {"$lt": 2003}}"#)?)?;
/// let params = SearchParams::new(10).filter(&early);
/// assert_eq!(index.search(&[2029.0], &params, &mut Searcher::new())?.len(), 3);
/// # Ok::<(), hither::Error>(())
/// ```
pub struct IndexFilter<'a> {
    pub(super) filter: Filter,
    pub(super) segments: Vec<SegmentFilter<'a>>,
}

impl<'a> Index<'a> {
    /// Binds a filter to this index.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownColumn`], [`ErrorKind::ColumnType`] for a value that does not fit,
    /// [`ErrorKind::Corrupt`] if the columns are damaged.
    pub fn filter(&self, filter: &Filter) -> Result<IndexFilter<'a>> {
        filter.check(&self.options.columns)?;
        let bind = |segment: &Segment<'a>| {
            SegmentFilter::new(filter.bind(&segment.columns, segment.rows)?, segment)
        };
        let segments = try_collect(self.segments.iter().map(bind))?;
        Ok(IndexFilter { filter: filter.clone(), segments })
    }

    /// All rows that match a filter that is bound to this index, segment by segment.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] for a filter that was bound to another index,
    /// [`ErrorKind::Corrupt`] if the columns are damaged.
    pub fn matching(&self, filter: &IndexFilter<'_>) -> Result<Vec<RowId>> {
        if filter.segments.len() != self.segments.len() {
            let reason = "it was bound to another index".into();
            return Err(ErrorKind::InvalidParameter { name: "filter", reason }.into());
        }
        let (mut found, mut rows) = (Vec::new(), Vec::new());
        for (number, (segment, filter)) in self.segments.iter().zip(&filter.segments).enumerate() {
            rows.clear();
            filter.collect_into(&mut rows)?;
            let live = rows.iter().filter(|&&row| !segment.is_hidden(row));
            found.extend(live.map(|&row| RowId { segment: number as u32, row }));
        }
        if let Some(growing) = &self.growing {
            let segment = self.segments.len() as u32;
            for row in growing.live_rows() {
                let get = |column| growing.value(column, row);
                if filter.filter.matches_values(&self.options.columns, get)? {
                    found.push(RowId { segment, row });
                }
            }
        }
        Ok(found)
    }

    /// Whether one row matches a filter. Binding the filter ([`filter`](Self::filter)) pays off for many rows.
    ///
    /// # Errors
    /// Those of [`filter`](Self::filter), those of [`key`](Self::key) for the row.
    pub fn matches(&self, filter: &Filter, row: RowId) -> Result<bool> {
        let damage = Cell::new(None);
        let get = |column| {
            self.value(row, column).unwrap_or_else(|error| {
                damage.set(Some(error));
                ValueRef::Null
            })
        };
        let matches = filter.matches_values(&self.options.columns, get)?;
        damage.take().map_or(Ok(matches), Err)
    }
}
