//! The rows of a table's files that pass a filter, in no particular order.

use crate::search::shards::Shard;
use crate::sql::failure::{Failure, Result};
use hither_core::{Filter, IndexFile, IndexFilter, RowId};
use std::rc::Rc;

self_cell::self_cell!(
    /// A filter with the file that it is bound to.
    pub struct ShardFilter {
        owner: Rc<IndexFile>,
        #[covariant]
        dependent: IndexFilter,
    }
);

/// Binds a filter to a file.
pub fn bind(shard: &Shard, filter: &Filter) -> Result<ShardFilter> {
    let bound = ShardFilter::try_new(Rc::clone(&shard.file), |file| file.index().filter(filter));
    bound.map_err(|error| Failure::from(error).about(&shard.path))
}

/// The rows of a file that match the filter, or all.
pub fn rows_of(shard: &Shard, filter: Option<&Filter>) -> Result<Vec<RowId>> {
    pgrx::check_for_interrupts!();
    let index = shard.file.index();
    let Some(filter) = filter else { return Ok(index.rows().collect()) };
    let rows = index.matching(bind(shard, filter)?.borrow_dependent());
    rows.map_err(|error| Failure::from(error).about(&shard.path))
}

/// The rows of all files, one after another.
#[derive(Default)]
pub struct Rows {
    filter: Option<Filter>,
    /// The number of files whose rows were already found.
    found: usize,
    rows: std::vec::IntoIter<RowId>,
}

impl Rows {
    pub fn new(filter: Option<Filter>) -> Self {
        Self { filter, ..Self::default() }
    }

    /// The next row and the number of its shard.
    pub fn next(&mut self, shards: &[Shard]) -> Result<Option<(usize, RowId)>> {
        loop {
            if let Some(row) = self.rows.next() {
                return Ok(Some((self.found - 1, row)));
            }
            let Some(shard) = shards.get(self.found) else { return Ok(None) };
            self.rows = rows_of(shard, self.filter.as_ref())?.into_iter();
            self.found += 1;
        }
    }
}
