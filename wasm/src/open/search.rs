//! Searching all files, and finding rows by key.

use super::{File, Opened};
use crate::failure::{Failure, Outcome};
use crate::options::METRICS;
use crate::token::Tokens;
use crate::value::{to_json, to_key};
use alloc::vec;
use alloc::vec::Vec;
use hither::{Filter, IndexFilter, Key, SearchParams, ShardNeighbor, Shards, Structure};
use wasm_bindgen::prelude::wasm_bindgen;

/// Rows looked for at a time within a radius.
const RADIUS_BATCH: usize = 10;

#[wasm_bindgen]
impl Opened {
    /// Searches for the rows nearest to `vector`, and gives where five f64 lie: how many were found,
    /// where their distances and where their keys lie (as 64-bit integers, only where keys are
    /// such), the ranks computed, the stored vectors measured. 0 stands for a `k`, `ef_search` or
    /// `probes` that was not given, NaN for a `recall` or `radius`, a number beyond the last for a
    /// `metric`. `like`: `vector` is of the row that [`get`](Self::get) found, which is left out.
    /// `filtered`: by the filter of [`filter`](Self::filter).
    #[allow(clippy::too_many_arguments, reason = "plain numbers cross cheaply")]
    pub fn search(
        &mut self,
        like: bool,
        k: usize,
        ef_search: usize,
        probes: usize,
        recall: f32,
        exact: bool,
        metric: usize,
        filtered: bool,
        radius: f32,
    ) -> Outcome<usize> {
        let except = if like { self.found.pop().map(|found| found.key) } else { None };
        let wanted = if k == 0 { RADIUS_BATCH } else { k };
        let params = SearchParams {
            ef_search: (ef_search > 0).then_some(ef_search),
            probes: (probes > 0).then_some(probes),
            recall: (!recall.is_nan()).then_some(recall),
            structure: exact.then_some(Structure::Flat),
            metric: METRICS.get(metric).copied(),
            // The row that others are to be like is nearest to itself, and left out.
            ..SearchParams::new(wanted + usize::from(except.is_some()))
        };
        let radius = (!radius.is_nan()).then_some(radius);
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
        let stats = shards.search(&self.vector, radius, &params, &filters, searcher, found)?;
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
        self.told = [
            self.found.len() as f64,
            self.distances.as_ptr() as usize as f64,
            self.numbers.as_ptr() as usize as f64,
            stats.visited as f64,
            stats.compared as f64,
        ];
        Ok(self.told.as_ptr() as usize)
    }

    /// Binds a filter, as tokens of JSON, for the searches until the index changes.
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

    /// Makes the row with this key the last answer, and gives where its vector lies; 0 if there is
    /// none.
    pub fn get(&mut self, key: &[u8]) -> Outcome<usize> {
        let Some(found) = self.find(key)? else { return Ok(0) };
        let dimensions = self.first(|index| index.dimensions())?;
        self.vector.resize(dimensions, 0.0);
        self.files[found.shard].read(|index| index.vector(found.row, &mut self.vector))?;
        self.found = vec![found];
        Ok(self.vector.as_ptr() as usize)
    }

    /// Whether there is a row with this key.
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

    fn shards(&self) -> Outcome<Shards<'_, '_>> {
        let files = self.files.iter().map(|file| &file.borrow_dependent().index);
        Ok(Shards::new(files.collect())?)
    }
}
