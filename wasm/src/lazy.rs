//! An index whose file lies on a server: `js/ranges.js` fetches the ranges that it asks for. A method that is
//! missing some of them has no answer yet, and returns false or undefined.

use crate::answer::{self, Hit};
use crate::failure::{Failure, Outcome};
use crate::filter::to_filter;
use crate::info::{FileInfo, check_model, info, model as made_by};
use crate::memory::ensure;
use crate::tally::Tally;
use crate::value::{from_value, to_key};
use core::task::Poll;
use hither::fetch::{LazyFilter, LazyIndex, LazySearcher};
use hither::{Filter, Key, RowId, SearchParams, Structure};
use js_sys::Array;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

/// The most bytes between two ranges that are fetched as one, to save a request.
const GAP: u64 = 4096;

/// An index whose file lies on a server.
#[wasm_bindgen]
pub struct LazyFile {
    index: LazyIndex,
    searcher: LazySearcher,
    /// The filter that is being bound, and the one that is bound.
    binding: Option<Filter>,
    filter: Option<LazyFilter>,
    /// How many rows the search is for; `None` for all.
    k: Option<usize>,
    reached: Option<f32>,
    found: Vec<Hit>,
    tally: Tally,
}

#[wasm_bindgen]
impl LazyFile {
    /// A file of which nothing is known yet, and of which up to `cache_bytes` bytes will be kept.
    #[wasm_bindgen(constructor)]
    pub fn new(cache_bytes: f64) -> LazyFile {
        Self {
            index: LazyIndex::new(cache_bytes as u64),
            searcher: LazySearcher::new(),
            binding: None,
            filter: None,
            k: None,
            reached: None,
            found: Vec::new(),
            tally: Tally::new(),
        }
    }

    /// Opens the file. If `model` is given, the file's property of that name must equal it.
    ///
    /// # Errors
    /// What is wrong with the file, and `unsupported` where it has no lists for ranges.
    pub fn open(&mut self, model: Option<String>) -> Outcome<bool> {
        if self.index.open()?.is_pending() {
            return Ok(false);
        }
        check_model(made_by(self.index.options()?), model.as_deref())?;
        Ok(true)
    }

    /// The ranges of the file that are missing: the start and the end of each.
    pub fn requests(&self) -> Vec<f64> {
        let requests = self.index.requests(GAP);
        requests.iter().flat_map(|range| [range.start as f64, range.end as f64]).collect()
    }

    /// Takes bytes of the file that begin at `start`.
    ///
    /// # Errors
    /// `corrupt` if they are not those of the file that was opened; `out_of_memory`.
    pub fn supply(&mut self, start: f64, bytes: &[u8]) -> Outcome<()> {
        ensure(2 * bytes.len())?;
        Ok(self.index.supply(start as u64, bytes)?)
    }

    /// Ends a question, whether it was answered or not.
    pub fn settle(&mut self) {
        self.binding = None;
        self.index.settle();
        self.tally.keep(self.index.traffic().1 as usize);
    }

    /// What is in the file, as an object.
    ///
    /// # Errors
    /// `unsupported` before it is open.
    pub fn info(&self) -> Outcome<JsValue> {
        let (content_id, bytes) = self.index.content()?;
        let rows = self.index.len()?;
        let described = FileInfo {
            options: self.index.options()?,
            info: self.index.info()?,
            content_id: Some(content_id),
            unit_length: self.index.is_unit_length()?,
            rows,
            bytes,
        };
        Ok(info(rows as f64, &[described]))
    }

    /// Begins to bind a filter: an object of conditions, which `js/filter.js` has made.
    ///
    /// # Errors
    /// `invalid_filter`.
    #[wasm_bindgen(js_name = startFilter)]
    pub fn start_filter(&mut self, conditions: JsValue) -> Outcome<()> {
        self.filter = None;
        self.binding = Some(to_filter(conditions)?);
        Ok(())
    }

    /// Binds the filter, which searches use until another is bound.
    ///
    /// # Errors
    /// Whatever in it does not fit the columns, or `corrupt` where these are damaged.
    pub fn filter(&mut self) -> Outcome<bool> {
        if let Some(filter) = &self.binding {
            ensure((self.index.len()? as usize).saturating_mul(5))?;
            match self.index.filter(filter)? {
                Poll::Ready(bound) => self.filter = Some(bound),
                Poll::Pending => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Makes the row with this key the answer, and says whether there is one.
    ///
    /// # Errors
    /// `key_type`, or `corrupt` where the file is damaged.
    pub fn find(&mut self, key: &JsValue) -> Outcome<Option<bool>> {
        let key = to_key(key, self.index.options()?.key_type)?;
        self.found.clear();
        let Poll::Ready(row) = self.index.find(key.as_ref())? else { return Ok(None) };
        self.found.extend(row.map(|row| Hit { file: 0, row, key, distance: 0.0 }));
        Ok(Some(!self.found.is_empty()))
    }

    /// The vector of the row that was found.
    ///
    /// # Errors
    /// `corrupt` where the file is damaged, `key_not_found` if none was found.
    pub fn vector(&self) -> Outcome<Option<Vec<f32>>> {
        let Some(found) = self.found.first() else {
            return Err(Failure::new("key_not_found", "no row was found".into()));
        };
        Ok(match self.index.vector(found.row)? {
            Poll::Ready(vector) => Some(vector),
            Poll::Pending => None,
        })
    }

    /// Begins a search, as [`OpenIndex::search`](crate::OpenIndex::search) does. With `like`, the row that was
    /// found is left out.
    ///
    /// # Errors
    /// Whatever is wrong with the arguments.
    #[allow(clippy::too_many_arguments, reason = "as of the search of what is open")]
    pub fn start(
        &mut self,
        query: &[f32],
        k: usize,
        ef_search: Option<usize>,
        probes: Option<usize>,
        recall: Option<f32>,
        exact: bool,
        measure: Option<String>,
        radius: Option<f32>,
        filtered: bool,
        like: bool,
    ) -> Outcome<()> {
        let except: Option<Key> = self.found.pop().filter(|_| like).map(|found| found.key);
        self.found.clear();
        self.k = (k > 0 || radius.is_none()).then_some(k);
        let params = SearchParams {
            ef_search,
            probes,
            recall,
            structure: exact.then_some(Structure::Flat),
            metric: measure.and_then(|name| name.parse().ok()),
            radius,
            except: except.as_ref().map(Key::as_ref),
            ..SearchParams::new(self.k.unwrap_or(usize::MAX))
        };
        let filter = self.filter.as_ref().filter(|_| filtered);
        if filtered && filter.is_none() {
            return Err(Failure::new("invalid_filter", "no filter is bound".into()));
        }
        self.index.start_search(query, &params, filter, &mut self.searcher)?;
        let unreached = self.index.unreached_recall(&params)?;
        self.reached = unreached.map(|calibration| calibration.best().1);
        Ok(())
    }

    /// Goes on with the search; true if it is done.
    ///
    /// # Errors
    /// `corrupt` where the file is damaged.
    pub fn search(&mut self) -> Outcome<bool> {
        let count = self.k.unwrap_or(usize::MAX);
        Ok(self.index.next_batch(&mut self.searcher, count)?.is_ready())
    }

    /// Makes the rows that the search found the answer, with their keys, and returns the values of the columns
    /// with these numbers: an array for each column.
    ///
    /// # Errors
    /// `corrupt` where the file is damaged.
    pub fn answer(&mut self, columns: &[u32]) -> Outcome<Option<Array>> {
        self.found.clear();
        let mut is_missing = false;
        for near in self.searcher.found() {
            match self.index.key(near.row)? {
                Poll::Ready(key) => {
                    let (row, distance) = (near.row, near.distance);
                    self.found.push(Hit { file: 0, row, key, distance });
                }
                Poll::Pending => is_missing = true,
            }
        }
        let rows: Vec<_> = self.searcher.found().iter().map(|near| near.row).collect();
        let values = self.values_of(&rows, columns)?;
        Ok(values.filter(|_| !is_missing))
    }

    /// The values that the row that was found has in the columns with these numbers: an array for each column.
    ///
    /// # Errors
    /// `corrupt` where the file is damaged.
    pub fn values(&self, columns: &[u32]) -> Outcome<Option<Array>> {
        let rows: Vec<_> = self.found.iter().map(|found| found.row).collect();
        self.values_of(&rows, columns)
    }

    /// The keys of the answer.
    pub fn keys(&self) -> Array {
        answer::keys(&self.found)
    }

    /// The distances of the answer.
    pub fn distances(&self) -> Vec<f32> {
        answer::distances(&self.found)
    }

    /// The keys of the answer, where they are int64.
    pub fn integers(&self) -> Vec<i64> {
        answer::integers(&self.found)
    }

    /// The keys of the answer, where they are row numbers, which are below 2⁵³.
    #[wasm_bindgen(js_name = rowNumbers)]
    pub fn row_numbers(&self) -> Vec<f64> {
        answer::row_numbers(&self.found)
    }

    /// How many codes the last search ranked.
    #[wasm_bindgen(getter)]
    pub fn visited(&self) -> f64 {
        self.searcher.stats().visited as f64
    }

    /// How many stored vectors the last search measured.
    #[wasm_bindgen(getter)]
    pub fn compared(&self) -> f64 {
        self.searcher.stats().compared as f64
    }

    /// The recall that the calibration reached, where that is less than the last search wanted.
    #[wasm_bindgen(getter)]
    pub fn reached(&self) -> Option<f32> {
        self.reached
    }
}

impl LazyFile {
    /// The values of these rows. Asks for all that is missing at once.
    fn values_of(&self, rows: &[RowId], columns: &[u32]) -> Outcome<Option<Array>> {
        let all = Array::new();
        let mut is_missing = false;
        for &column in columns {
            let values = Array::new();
            for &row in rows {
                match self.index.value(row, column as usize)? {
                    Poll::Ready(value) => {
                        values.push(&from_value(value.as_ref()));
                    }
                    Poll::Pending => is_missing = true,
                }
            }
            all.push(&values);
        }
        Ok((!is_missing).then_some(all))
    }
}
