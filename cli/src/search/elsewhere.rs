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
use hither_remote::{Opened, RangeOptions, RangeReader, RemoteFile};
use std::path::Path;

/// The greatest gap in bytes between two ranges that one request reads together.
const GAP: u64 = 4096;

/// The most bytes of a file that are kept in memory.
const CACHE: u64 = 256 << 20;

/// A file on a server.
pub struct Elsewhere<'a> {
    arguments: &'a Arguments,
    url: &'a Path,
    reader: RangeReader,
    file: RemoteFile,
    index: LazyIndex,
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
    let reader = RangeReader::new(RangeOptions::default())?;
    let at = |error: hither::Error| Failure::at(url, error);
    let mut index = LazyIndex::new(CACHE);
    // The index has no bytes yet: opening it makes it ask for some.
    let _ = index.open().map_err(at)?;
    let wanted = index.requests(GAP).into_iter().next().unwrap_or_default();
    let start = wanted.start;
    let (file, first) = match reader.open(&access, &location, wanted, &mut interrupted)? {
        Opened::Parts { file, first } => (file, first),
        Opened::Whole(_) => {
            let reason = "the server sends no parts of files; leave --ranges out";
            return Err(Failure::at(url, reason));
        }
    };
    index.supply(start, &first).map_err(at)?;
    while index.open().map_err(at)?.is_pending() {
        bring(&reader, &file, &index, url)?;
    }
    let options = index.options()?.clone();
    let columns = vec![Columns::new(arguments.columns.as_deref(), &options)?];
    let except = arguments.except(options.key_type)?;
    let searcher = LazySearcher::new();
    let mut opened = Elsewhere {
        arguments,
        url,
        reader,
        file,
        index,
        options,
        filter: None,
        columns,
        except,
        searcher,
    };
    if let Some(json) = &arguments.filter {
        let filter = Filter::from_json(json)?;
        opened.filter = Some(opened.ready(|index| index.filter(&filter))?);
    }
    Ok(opened)
}

/// Fetches the missing ranges.
fn bring(
    reader: &RangeReader,
    file: &RemoteFile,
    index: &LazyIndex,
    url: &Path,
) -> Result<(), Failure> {
    let parts: Vec<_> = index
        .requests(GAP)
        .into_iter()
        .map(|range| (file, range.start..range.end.min(file.length()).max(range.start)))
        .collect();
    let read = reader.read(&parts, &mut interrupted)?;
    for ((_, range), bytes) in parts.iter().zip(read) {
        if bytes.is_empty() {
            return Err(Failure::at(url, "it is shorter than it says: a copy that was broken off"));
        }
        index.supply(range.start, &bytes).map_err(|error| Failure::at(url, error))?;
    }
    Ok(())
}

impl Elsewhere<'_> {
    /// Repeats a question and fetches the missing ranges until there is an answer.
    fn ready<T>(
        &self,
        mut ask: impl FnMut(&LazyIndex) -> hither::Result<Poll<T>>,
    ) -> Result<T, Failure> {
        loop {
            match ask(&self.index)? {
                Poll::Ready(value) => return Ok(value),
                Poll::Pending => bring(&self.reader, &self.file, &self.index, self.url)?,
            }
        }
    }

    /// The key and the values of a row; `None` if some are missing. All missing ranges are requested.
    fn row(&self, near: &Neighbor) -> hither::Result<Option<Row>> {
        let key = self.index.key(near.row)?;
        let mut values = Vec::new();
        let mut is_missing = false;
        for &column in &self.columns[0].numbers {
            match self.index.value(near.row, column)? {
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
        self.index.unreached_recall(&self.arguments.params(None)).ok().flatten()
    }

    fn search(&mut self, query: &[f32], number: usize) -> Result<Vec<Row>, Failure> {
        let arguments = self.arguments;
        let params: SearchParams<'_> = arguments.params(self.except.as_ref());
        let mut searcher = core::mem::take(&mut self.searcher);
        self.index
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
            bring(&self.reader, &self.file, &self.index, self.url)?;
        };
        self.searcher = searcher;
        Ok(found)
    }
}
