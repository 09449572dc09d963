//! Searches of a file of a server, and what is looked up there.

use super::worker::{Remote, Stop};
use crate::failure::{Failure, Outcome};
use crate::search::{Found, Keys, Search};
use crate::vectors::Vectors;
use hither::fetch::{LazyFilter, LazyIndex};
use hither::{Key, RowId, Value};
use std::sync::atomic::Ordering;
use std::task::Poll;

/// A row with all that is stored of it.
pub type Whole = (Vec<f32>, Vec<Value>);

impl Remote {
    /// The nearest rows to each query, one query after another; to the row with the key `except`, without it, where
    /// there are no queries.
    ///
    /// # Errors
    /// Those of [`LazyIndex::start_search`]; of the server and of the file.
    pub fn search(
        &mut self,
        queries: Option<&Vectors>,
        wanted: &Search,
        stop: &Stop,
    ) -> Outcome<Found> {
        let interrupt = || stop.load(Ordering::Relaxed);
        let own;
        let queries = match (queries, &wanted.except) {
            (Some(queries), _) => queries,
            (None, key) => {
                own = self.vector_of(key.as_ref(), stop)?;
                &own
            }
        };
        let filter: Option<LazyFilter> = match &wanted.filter {
            Some(filter) => Some(self.ready(|index| index.filter(filter), stop)?),
            None => None,
        };
        let params = wanted.params(None, &interrupt);
        let reached = self.file.index().unreached_recall(&params)?;
        let reached_recall = reached.map(|calibration| calibration.best().1);
        let mut found = Found { reached_recall, ..Found::default() };
        let mut searcher = core::mem::take(&mut self.searcher);
        for query in 0..queries.rows {
            let of_query = |failure: Failure| match queries.single {
                true => failure,
                false => failure.behind(&format!("query {query}")),
            };
            let index = self.file.index();
            let begun =
                index.start_search(queries.row(query), &params, filter.as_ref(), &mut searcher);
            begun.map_err(|error| of_query(error.into()))?;
            self.ready(|index| index.next_batch(&mut searcher, params.k), stop)
                .map_err(of_query)?;
            found.counts.push(searcher.found().len());
            found.rows.extend(searcher.found().iter().map(|near| near.row));
            found.distances.extend(searcher.found().iter().map(|near| near.distance));
        }
        self.searcher = searcher;
        let keys = self.ready(|index| all(found.rows.iter().map(|&row| index.key(row))), stop)?;
        found.keys = Keys::default();
        keys.iter().for_each(|key| found.keys.push(key.as_ref()));
        Ok(found)
    }

    /// The values of rows in all columns.
    ///
    /// # Errors
    /// Of the server and of the file.
    pub fn values(&self, rows: &[RowId], stop: &Stop) -> Outcome<Vec<Vec<Value>>> {
        let columns = self.file.index().options()?.columns.len();
        let row = |index: &LazyIndex, row| all((0..columns).map(|column| index.value(row, column)));
        self.ready(|index| all(rows.iter().map(|&at| row(index, at))), stop)
    }

    /// The row that has this key.
    ///
    /// # Errors
    /// Of the server and of the file.
    pub fn find(&self, key: &Key, stop: &Stop) -> Outcome<Option<RowId>> {
        self.ready(|index| index.find(key.as_ref()), stop)
    }

    /// What is stored of the row that has this key.
    ///
    /// # Errors
    /// Of the server and of the file.
    pub fn row(&self, key: &Key, stop: &Stop) -> Outcome<Option<Whole>> {
        let Some(row) = self.find(key, stop)? else { return Ok(None) };
        let vector = self.ready(|index| index.vector(row), stop)?;
        let values = self.values(&[row], stop)?.pop().unwrap_or_default();
        Ok(Some((vector, values)))
    }

    fn vector_of(&self, key: Option<&Key>, stop: &Stop) -> Outcome<Vectors> {
        let found = key.map(|key| self.find(key, stop)).transpose()?.flatten();
        let Some(row) = found else {
            let key = key.map_or(String::new(), ToString::to_string);
            return Err(Failure::new("key_not_found", format!("no row has the key {key}")));
        };
        let values = self.ready(|index| index.vector(row), stop)?;
        Ok(Vectors { rows: 1, dimensions: values.len(), values, single: true })
    }

    fn ready<T>(
        &self,
        ask: impl FnMut(&LazyIndex) -> hither::Result<Poll<T>>,
        stop: &Stop,
    ) -> Outcome<T> {
        self.file.ready(ask, &mut || stop.load(Ordering::Relaxed))
    }
}

/// All answers, or none while one is missing: then all that is missing is known.
fn all<T>(answers: impl Iterator<Item = hither::Result<Poll<T>>>) -> hither::Result<Poll<Vec<T>>> {
    let (mut came, mut is_missing) = (Vec::new(), false);
    for answer in answers {
        match answer? {
            Poll::Ready(answer) => came.push(answer),
            Poll::Pending => is_missing = true,
        }
    }
    Ok(if is_missing { Poll::Pending } else { Poll::Ready(came) })
}
