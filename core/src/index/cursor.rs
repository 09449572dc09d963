//! A search that goes on, and holds its index and searcher until it ends.

use super::{Index, SearchParams, SearchStats, Searcher};
use crate::error::Result;
use crate::neighbor::Neighbor;

impl<'a> Index<'a> {
    /// Begins a search that goes on past `k`: every call of [`Cursor::next_batch`] gives the next
    /// rows. The first `k` are those of [`search`](Self::search).
    ///
    /// # Errors
    /// Those of [`search`](Self::search).
    pub fn cursor<'s>(
        &'s self,
        query: &[f32],
        params: SearchParams<'s>,
        searcher: &'s mut Searcher,
    ) -> Result<Cursor<'s, 'a>> {
        self.start_search(query, &params, searcher)?;
        Ok(Cursor { index: self, params, searcher })
    }
}

/// A search that goes on.
///
/// ```
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// # let bytes = builder.finish()?;
/// use hither::{Index, SearchParams, Searcher};
///
/// let index = Index::open(&bytes)?;
/// let mut searcher = Searcher::new();
/// let mut cursor = index.cursor(&[0.0, 0.0], SearchParams::new(2), &mut searcher)?;
/// assert_eq!(cursor.next_batch(2)?[1].distance, 1.0);
/// assert_eq!(cursor.next_batch(2)?[0].distance, 2.0); // past the first two
/// # Ok::<(), hither::Error>(())
/// ```
pub struct Cursor<'s, 'a> {
    index: &'s Index<'a>,
    params: SearchParams<'s>,
    searcher: &'s mut Searcher,
}

impl Cursor<'_, '_> {
    /// The next rows, at most `count`, nearest first, fewer only when there are no more.
    ///
    /// # Errors
    /// Those of [`Index::next_batch`].
    pub fn next_batch(&mut self, count: usize) -> Result<&[Neighbor]> {
        self.index.next_batch(&self.params, self.searcher, count)
    }

    /// What the search did so far.
    pub fn stats(&self) -> SearchStats {
        self.searcher.stats()
    }
}
