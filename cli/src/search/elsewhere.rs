//! Searches a file on a server by fetching only the ranges that the search reads.

use super::answers::{Columns, Row};
use super::arguments::Arguments;
use super::target::Target;
use crate::failure::Failure;
use crate::fetch;
use crate::interrupt::{interrupted, watch};
use crate::opened::is_url;
use core::task::Poll;
use hither::fetch::{LazyFilter, LazyIndex, LazySearcher};
use hither::{Calibration, Filter, IndexOptions, Key, KeyRef, Neighbor, SearchParams};
use hither_remote::{ErrorKind, LazyFile, RangeOptions};

/// The most bytes of a file that are kept in memory.
const CACHE: u64 = 256 << 20;

/// A file on a server.
pub struct Elsewhere<'a> {
    arguments: &'a Arguments,
    file: LazyFile,
    options: IndexOptions,
    filter: Option<LazyFilter>,
    columns: Vec<Columns>,
    except: Option<Key>,
    searcher: LazySearcher,
}

/// Opens the file to search.
pub fn open(arguments: &Arguments) -> Result<Elsewhere<'_>, Failure> {
    let [url] = &arguments.files[..] else {
        return Err("--ranges searches one file; name one, or leave --ranges out".into());
    };
    if !is_url(url) {
        let reason = "--ranges is for files on servers; leave it out for those of this machine";
        return Err(Failure::at(url, reason));
    }
    watch();
    let (access, location) = fetch::location(&url.to_string_lossy())?;
    // A file that the server sends whole is not searched by ranges.
    let ranges = RangeOptions { most_whole: 0, ..RangeOptions::default() };
    let file = LazyFile::open(ranges, &access, &location, CACHE, &mut interrupted);
    let file = file.map_err(|error| match error.kind() {
        ErrorKind::NoRanges => format!("{error}; leave --ranges out").into(),
        _ => Failure::from(error),
    })?;
    let options = file.index().options()?.clone();
    let columns = vec![Columns::new(arguments.columns.as_deref(), &options)?];
    let except = arguments.except(options.key_type)?;
    let searcher = LazySearcher::new();
    let mut opened =
        Elsewhere { arguments, file, options, filter: None, columns, except, searcher };
    if let Some(json) = &arguments.filter {
        let filter = Filter::from_json(json)?;
        opened.filter = Some(opened.ready(|index| index.filter(&filter))?);
    }
    Ok(opened)
}

impl Elsewhere<'_> {
    /// Repeats a question and fetches the missing ranges until there is an answer.
    fn ready<T>(
        &self,
        ask: impl FnMut(&LazyIndex) -> hither::Result<Poll<T>>,
    ) -> Result<T, Failure> {
        self.file.ready(ask, &mut interrupted)
    }

    /// The key and the values of a row; `None` if some are missing. All missing ranges are requested.
    fn row(&self, near: &Neighbor) -> hither::Result<Option<Row>> {
        let key = self.file.index().key(near.row)?;
        let mut values = Vec::new();
        let mut is_missing = false;
        for &column in &self.columns[0].numbers {
            match self.file.index().value(near.row, column)? {
                Poll::Ready(value) => values.push(value),
                Poll::Pending => is_missing = true,
            }
        }
        Ok(match key {
            Poll::Ready(key) if !is_missing => {
                Some(Row { file: 0, key, distance: near.distance, values })
            }
            _ => None,
        })
    }
}

impl Target for Elsewhere<'_> {
    fn options(&self) -> &IndexOptions {
        &self.options
    }

    fn columns(&self) -> &[Columns] {
        &self.columns
    }

    fn vector(&mut self, key: KeyRef<'_>) -> Result<Option<Vec<f32>>, Failure> {
        match self.ready(|index| index.find(key))? {
            Some(row) => self.ready(|index| index.vector(row)).map(Some),
            None => Ok(None),
        }
    }

    fn unreached_recall(&self) -> Option<&Calibration> {
        self.file.index().unreached_recall(&self.arguments.params(None)).ok().flatten()
    }

    fn search(&mut self, query: &[f32], number: usize) -> Result<Vec<Row>, Failure> {
        let arguments = self.arguments;
        let params: SearchParams<'_> = arguments.params(self.except.as_ref());
        let mut searcher = core::mem::take(&mut self.searcher);
        self.file
            .index()
            .start_search(query, &params, self.filter.as_ref(), &mut searcher)
            .map_err(|error| arguments.of_query(number, error))?;
        let k = arguments.k();
        self.ready(|index| index.next_batch(&mut searcher, k))?;
        let found = loop {
            let rows = searcher.found().iter().map(|near| self.row(near));
            let rows: Vec<Option<Row>> = rows.collect::<hither::Result<_>>()?;
            if rows.iter().all(Option::is_some) {
                break rows.into_iter().flatten().collect();
            }
            self.file.bring(&mut interrupted)?;
        };
        self.searcher = searcher;
        Ok(found)
    }
}
