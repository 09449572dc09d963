//! Searching all files, and finding rows by key.

use super::{File, Opened};
use crate::failure::{Failure, Outcome};
use crate::token::Tokens;
use crate::value::{to_json, to_key};
use alloc::vec;
use alloc::vec::Vec;
use hither::{Filter, IndexFilter, Key, SearchParams, SearchStats, ShardNeighbor, Shards};

impl Opened {
    /// Searches for the rows nearest to the vector that was written; a `k` of 0 is for all within the
    /// radius. `like`: the vector is of the row that [`get`](Self::get) found, which is left out.
    /// `filtered`: by the filter of [`filter`](Self::filter). Gives what it took, and the recall that the
    /// calibration reached where that is less than was asked for.
    ///
    /// # Errors
    /// Whatever is wrong with what is asked for, or `corrupt` where a file is damaged.
    pub fn search(
        &mut self,
        like: bool,
        mut params: SearchParams,
        filtered: bool,
    ) -> Outcome<(SearchStats, Option<f32>)> {
        let except = if like { self.found.pop().map(|found| found.key) } else { None };
        let k = params.k;
        // The row that others are to be like is nearest to itself, and left out.
        params.k += usize::from(except.is_some());
        let files = self.files.iter().map(File::borrow_dependent);
        let shards = Shards::new(files.clone().map(|file| &file.index).collect())?;
        let filters: Vec<&IndexFilter<'_>> = match filtered {
            true => files.filter_map(|file| file.filter.as_ref()).collect(),
            false => Vec::new(),
        };
        if filtered && filters.len() < self.files.len() {
            return Err(Failure::new("invalid_filter", "no filter is bound".into()));
        }
        let (searcher, found) = (&mut self.searcher, &mut self.found);
        let stats = match params.radius {
            Some(radius) if k == 0 => {
                shards.within(&self.vector, radius, &params, &filters, searcher, found)?
            }
            _ => shards.search(&self.vector, &params, &filters, searcher, found)?,
        };
        let unreached = if k > 0 { shards.unreached_recall(&params) } else { None };
        let reached = unreached.map(|calibration| calibration.best().1);
        self.found.retain(|found| Some(&found.key) != except.as_ref());
        if k > 0 {
            self.found.truncate(k);
        }
        self.distances.clear();
        self.distances.extend(self.found.iter().map(|found| found.distance));
        self.numbers.clear();
        self.numbers.extend(self.found.iter().map(|found| match found.key {
            Key::Int64(number) => number,
            Key::Uuid(_) | Key::Text(_) => 0,
        }));
        Ok((stats, reached))
    }

    /// The distances of the last answer, and its keys where they are integers.
    pub fn answer(&self) -> (&[f32], &[i64]) {
        (&self.distances, &self.numbers)
    }

    /// Binds a filter, as tokens of JSON, for the searches until the index changes.
    ///
    /// # Errors
    /// `invalid_filter`, or what in it does not go with the columns.
    pub fn filter(&mut self, tokens: &[u8]) -> Outcome<()> {
        let filter = Filter::from_parsed_json(&to_json(&mut Tokens(tokens)))?;
        for file in &mut self.files {
            file.with_dependent_mut(|_, file| {
                file.filter = Some(file.index.filter(&filter)?);
                Ok::<_, Failure>(())
            })?;
        }
        Ok(())
    }

    /// Makes the row with this key the last answer, and gives its vector, if there is one.
    ///
    /// # Errors
    /// `key_type`, or `corrupt` where a file is damaged.
    pub fn get(&mut self, key: &[u8]) -> Outcome<Option<&[f32]>> {
        let Some(found) = self.find(key)? else { return Ok(None) };
        let dimensions = self.first(|index| index.dimensions())?;
        self.vector.resize(dimensions, 0.0);
        self.files[found.shard].read(|index| index.vector(found.row, &mut self.vector))?;
        self.found = vec![found];
        Ok(Some(&self.vector))
    }

    /// Whether there is a row with this key.
    ///
    /// # Errors
    /// As of [`get`](Self::get).
    pub fn has(&self, key: &[u8]) -> Outcome<bool> {
        Ok(self.find(key)?.is_some())
    }

    /// The row with a key.
    fn find(&self, key: &[u8]) -> Outcome<Option<ShardNeighbor>> {
        let key = to_key(Tokens(key).read(), self.first(|index| index.options().key_type)?)?;
        let found = self.shards()?.find(key)?;
        let key = key.to_owned();
        Ok(found.map(|(shard, row)| ShardNeighbor { shard, row, distance: 0.0, key }))
    }

    pub(super) fn shards(&self) -> Outcome<Shards<'_, '_>> {
        let files = self.files.iter().map(|file| &file.borrow_dependent().index);
        Ok(Shards::new(files.collect())?)
    }
}
