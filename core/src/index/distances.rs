//! Distances of given rows, without a search.

use super::{Index, Place, Searcher};
use crate::error::Result;
use crate::metric::Metric;
use crate::neighbor::RowId;
use alloc::vec::Vec;

impl Index<'_> {
    /// The distance of one row, as a search would give it.
    ///
    /// # Errors
    /// Those of [`search`](Self::search) for the query, those of [`key`](Self::key) for the row.
    pub fn distance(&self, query: &[f32], row: RowId, searcher: &mut Searcher) -> Result<f32> {
        let mut distances = Vec::new();
        self.distances(query, self.metric(), &[row], searcher, &mut distances)?;
        Ok(distances[0])
    }

    /// The distances of `rows` by any metric, in their order, into `out`, for callers that write an exact scan
    /// of their own. NaN for a row of zeros under cosine. Where a row was stored multiplied by a factor
    /// ([`IndexBuilder::push`](crate::IndexBuilder::push)), metrics other than cosine measure what is stored.
    ///
    /// # Errors
    /// Those of [`search`](Self::search) for the query, those of [`key`](Self::key) for the rows.
    ///
    /// ```
    /// # use hither::{IndexBuilder, IndexOptions, Metric};
    /// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
    /// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
    /// # let bytes = builder.finish()?;
    /// use hither::{Index, KeyRef, Searcher};
    ///
    /// let index = Index::open(&bytes)?;
    /// let row = index.find(KeyRef::Int64(3))?.expect("row 3");
    /// let mut out = Vec::new();
    /// index.distances(&[1.0, 1.0], Metric::L1, &[row], &mut Searcher::new(), &mut out)?;
    /// assert_eq!(out, [3.0]);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn distances(
        &self,
        query: &[f32],
        metric: Metric,
        rows: &[RowId],
        searcher: &mut Searcher,
        out: &mut Vec<f32>,
    ) -> Result<()> {
        searcher.query.set(query, self.dimensions(), metric)?;
        out.clear();
        out.resize(rows.len(), 0.0);
        let (mut numbers, mut values, mut first) = (Vec::new(), Vec::new(), 0);
        for rows in rows.chunk_by(|a, b| a.segment == b.segment) {
            let view = match self.place(rows[0])? {
                Place::Stored(segment) => segment.vectors,
                Place::Growing(growing) => growing.vectors.view(),
            };
            numbers.clear();
            numbers.extend(rows.iter().map(|row| row.row));
            let ranks = &mut out[first..first + rows.len()];
            view.ranks_as(metric, &searcher.query, &numbers, ranks, &mut values)?;
            first += rows.len();
        }
        out.iter_mut().for_each(|rank| *rank = metric.distance(*rank));
        Ok(())
    }
}
