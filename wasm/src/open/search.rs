//! Searching all files, and finding rows by key.

use super::{File, OpenIndex};
use crate::answer::{self, Hit};
use crate::failure::{Failure, Outcome};
use crate::filter::to_filter;
use crate::value::to_key;
use hither::{IndexFilter, Key, SearchParams, Shards, Structure};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

#[wasm_bindgen]
impl OpenIndex {
    /// Searches for the rows nearest to `query`. Without one, searches for the rows nearest to the one that
    /// [`get`](Self::get) found, which is left out. A `k` of 0 means all rows within the radius; `filtered`
    /// applies the filter that [`filter`](Self::filter) bound.
    ///
    /// # Errors
    /// Whatever is wrong with the arguments, or `corrupt` where a file is damaged.
    #[allow(clippy::too_many_arguments, reason = "an object of them would take each search longer")]
    pub fn search(
        &mut self,
        query: Option<Vec<f32>>,
        k: usize,
        ef_search: Option<usize>,
        probes: Option<usize>,
        recall: Option<f32>,
        exact: bool,
        measure: Option<String>,
        radius: Option<f32>,
        filtered: bool,
    ) -> Outcome<()> {
        let except = match query {
            Some(query) => {
                self.vector = query;
                None
            }
            None => self.found.pop().map(|found| found.key),
        };
        let params = SearchParams {
            ef_search,
            probes,
            recall,
            structure: exact.then_some(Structure::Flat),
            metric: measure.and_then(|name| name.parse().ok()),
            radius,
            // A row is nearest to itself.
            except: except.as_ref().map(Key::as_ref),
            ..SearchParams::new(if k == 0 && radius.is_some() { usize::MAX } else { k })
        };
        let files = self.files.iter().map(File::borrow_dependent);
        let shards = Shards::new(files.clone().map(|file| &file.index).collect())?;
        let filters: Vec<&IndexFilter<'_>> = match filtered {
            true => files.filter_map(|file| file.filter.as_ref()).collect(),
            false => Vec::new(),
        };
        if filtered && filters.len() < self.files.len() {
            return Err(Failure::new("invalid_filter", "no filter is bound".into()));
        }
        self.found.clear();
        for near in shards.search(&self.vector, &params, &filters, &mut self.searcher)? {
            let (file, row) = shards.place(near.row)?;
            let key = shards.key(near.row)?.to_owned();
            self.found.push(Hit { file, row, key, distance: near.distance });
        }
        let unreached = shards.unreached_recall(&params);
        self.reached = unreached.map(|calibration| calibration.best().1);
        self.stats = self.searcher.stats();
        Ok(())
    }

    /// The distances of the last answer.
    pub fn distances(&self) -> Vec<f32> {
        answer::distances(&self.found)
    }

    /// The keys of the last answer, where they are int64.
    pub fn integers(&self) -> Vec<i64> {
        answer::integers(&self.found)
    }

    /// The keys of the last answer, where they are row numbers, which are below 2⁵³.
    #[wasm_bindgen(js_name = rowNumbers)]
    pub fn row_numbers(&self) -> Vec<f64> {
        answer::row_numbers(&self.found)
    }

    /// How many ranks the last search computed.
    #[wasm_bindgen(getter)]
    pub fn visited(&self) -> f64 {
        self.stats.visited as f64
    }

    /// How many stored vectors the last search measured beside these.
    #[wasm_bindgen(getter)]
    pub fn compared(&self) -> f64 {
        self.stats.compared as f64
    }

    /// The recall that the calibration reached, where that is less than the last search wanted.
    #[wasm_bindgen(getter)]
    pub fn reached(&self) -> Option<f32> {
        self.reached
    }

    /// Binds a filter, an object of conditions, which `js/filter.js` has made. Searches use it until the index
    /// changes.
    ///
    /// # Errors
    /// `invalid_filter`, or whatever in it does not fit the columns.
    pub fn filter(&mut self, conditions: JsValue) -> Outcome<()> {
        let filter = to_filter(conditions)?;
        for file in &mut self.files {
            file.with_dependent_mut(|_, file| {
                file.filter = Some(file.index.filter(&filter)?);
                Ok::<_, Failure>(())
            })?;
        }
        Ok(())
    }

    /// Makes the row with this key the last answer and returns its vector; `None` if there is no such row.
    ///
    /// # Errors
    /// `key_type`, or `corrupt` where a file is damaged.
    pub fn get(&mut self, key: &JsValue) -> Outcome<Option<Vec<f32>>> {
        let Some(found) = self.find(key)? else { return Ok(None) };
        let dimensions = self.first(|index| index.dimensions())?;
        self.vector.resize(dimensions, 0.0);
        self.files[found.file].read(|index| index.vector(found.row, &mut self.vector))?;
        self.found = vec![found];
        Ok(Some(self.vector.clone()))
    }

    /// Whether there is a row with this key.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub fn has(&self, key: &JsValue) -> Outcome<bool> {
        Ok(self.find(key)?.is_some())
    }
}

impl OpenIndex {
    /// The row with this key.
    fn find(&self, key: &JsValue) -> Outcome<Option<Hit>> {
        let key = to_key(key, self.first(|index| index.options().key_type)?)?;
        let shards = self.shards()?;
        let Some(found) = shards.find(key.as_ref())? else { return Ok(None) };
        let (file, row) = shards.place(found)?;
        Ok(Some(Hit { file, row, key, distance: 0.0 }))
    }

    pub(super) fn shards(&self) -> Outcome<Shards<'_, '_>> {
        let files = self.files.iter().map(|file| &file.borrow_dependent().index);
        Ok(Shards::new(files.collect())?)
    }
}
