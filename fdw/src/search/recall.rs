//! Recall: the share of the nearest rows that searches find, measured on a sample of the rows themselves.

use crate::search::iterative::{Request, Search};
use crate::search::rounding::Rounding;
use crate::search::shards::Shard;
use crate::sql::failure::{Failure, Result};
use crate::sql::settings::Effort;
use hither_core::RowId;
use pgrx::PgSqlErrorCode as Code;

/// The parameters of a measurement.
pub struct Sample<'s> {
    pub shards: &'s [Shard],
    pub effort: Effort,
    /// Whether a row is deleted and therefore ignored.
    pub is_deleted: &'s dyn Fn(usize, RowId) -> bool,
    pub k: usize,
    pub queries: usize,
}

/// Checks the numbers of neighbours and queries.
///
/// # Errors
/// If one is out of range.
pub fn check(k: i32, queries: i32) -> Result<(usize, usize)> {
    for (name, value) in [("k", k), ("queries", queries)] {
        if !(1..=1 << 16).contains(&value) {
            let message = format!("{name} is {value} and must be within 1 and 65536");
            return Err(Failure::new(Code::ERRCODE_INVALID_PARAMETER_VALUE, message));
        }
    }
    Ok((k as usize, queries as usize))
}

impl Sample<'_> {
    /// Mean recall@k of searches compared with exact ones. The queries are rows spread over the files, each
    /// left out of its own answer. A row counts as found if it is no farther than the last row of the exact
    /// answer, so rows at equal distances are interchangeable. `None` if there are fewer than two rows.
    ///
    /// # Errors
    /// If a file is damaged.
    pub fn recall(&self) -> Result<Option<f64>> {
        let all = self.rows().count();
        if all < 2 {
            return Ok(None);
        }
        let k = self.k.min(all - 1);
        let (mut found, mut wanted) = (0, 0);
        let mut query = vec![0.0; self.shards[0].file.index().dimensions()];
        for (number, row) in self.rows().step_by(all.div_ceil(self.queries)) {
            let shard = &self.shards[number];
            let read = shard.file.index().vector(row, &mut query);
            read.map_err(|error| Failure::from(error).about(&shard.path))?;
            let exact = self.others(&query, k, (number, row), true)?;
            let last = exact.last().copied().unwrap_or(f32::NEG_INFINITY);
            let distances = self.others(&query, k, (number, row), false)?;
            found += distances.iter().filter(|distance| **distance <= last).count();
            wanted += k;
        }
        Ok(Some(found as f64 / wanted as f64))
    }

    fn rows(&self) -> impl Iterator<Item = (usize, RowId)> {
        self.shards.iter().enumerate().flat_map(|(number, shard)| {
            let rows = shard.file.index().rows().map(move |row| (number, row));
            rows.filter(|(number, row)| !(self.is_deleted)(*number, *row))
        })
    }

    /// The distances of the `k` nearest rows that a search finds, without the query's own row.
    fn others(
        &self,
        query: &[f32],
        k: usize,
        own: (usize, RowId),
        exact: bool,
    ) -> Result<Vec<f32>> {
        let request = Request {
            query: query.to_vec(),
            metric: self.shards[0].file.index().metric(),
            k: Some(k + 1),
            exact,
            open: false,
            radius: None,
            rounding: Some(Rounding::NONE),
            effort: self.effort,
            filter: None,
        };
        let mut search = Search::new(self.shards, request)?;
        let mut distances = Vec::with_capacity(k);
        while distances.len() < k
            && let Some((shard, found)) = search.next(self.shards)?
        {
            if (shard, found.row) != own && !(self.is_deleted)(shard, found.row) {
                distances.push(found.distance);
            }
        }
        Ok(distances)
    }
}
