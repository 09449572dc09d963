//! The same exercise for a file that is read by ranges.

use super::exercise::query;
use core::task::Poll;
use hither::fetch::{LazyIndex, LazySearcher};
use hither::{Filter, Result, RowId, SearchParams, Structure};

/// Exercises a file by ranges; gives up at the first error, or where repeated requests bring nothing new.
pub fn exercise(bytes: &[u8], filters: &[Filter]) -> Result<()> {
    let mut index = LazyIndex::new(u64::MAX);
    while index.open()?.is_pending() {
        bring(&index, bytes)?;
    }
    let Ok(options) = index.options() else { return Ok(()) };
    let (query, columns) = (query(options.dimensions), options.columns.len());
    let mut searcher = LazySearcher::new();
    let five = SearchParams::new(5);
    let mut bound = vec![None];
    for filter in filters {
        bound.push(Some(ready(&index, bytes, |index| index.filter(filter))?));
    }
    let mut rows = Vec::new();
    for filter in &bound {
        for params in [five.probes(1), five.structure(Structure::Flat)] {
            index.start_search(&query, &params, filter.as_ref(), &mut searcher)?;
            for count in [5, 20] {
                ready(&index, bytes, |index| index.next_batch(&mut searcher, count))?;
                assert!(searcher.found().len() <= count, "more rows than were asked for");
                rows.extend(searcher.found().iter().map(|found| found.row));
            }
        }
    }
    for row in [RowId { segment: 9, row: 0 }, RowId { segment: 0, row: u32::MAX }] {
        assert!(index.key(row).is_err(), "a key of a row that is not there");
    }
    // A row that perhaps no search found, so that its key did not come with a list. It need not exist.
    let _ = ready(&index, bytes, |index| index.key(RowId { segment: 0, row: 1 }));
    for (prefix, limit) in [("", 3), ("r", usize::MAX)] {
        // An error where keys are no text.
        let _ = ready(&index, bytes, |index| index.keys_with_prefix(prefix, limit));
    }
    rows.sort_unstable();
    rows.dedup();
    for row in rows.into_iter().take(6) {
        let key = ready(&index, bytes, |index| index.key(row))?;
        ready(&index, bytes, |index| index.find(key.as_ref()))?;
        ready(&index, bytes, |index| index.vector(row))?;
        for column in 0..columns {
            ready(&index, bytes, |index| index.value(row, column))?;
        }
    }
    Ok(())
}

fn ready<T>(
    index: &LazyIndex,
    bytes: &[u8],
    mut ask: impl FnMut(&LazyIndex) -> Result<Poll<T>>,
) -> Result<T> {
    // A file of a few KB has fewer pieces than that.
    for _ in 0..10_000 {
        match ask(index)? {
            Poll::Ready(value) => return Ok(value),
            Poll::Pending => bring(index, bytes)?,
        }
    }
    panic!("asked without an end");
}

fn bring(index: &LazyIndex, bytes: &[u8]) -> Result<()> {
    let requests = index.requests(0);
    assert!(!requests.is_empty(), "something is missing, and nothing is asked for");
    for range in requests {
        let within = |at: u64| bytes.len().min(usize::try_from(at).unwrap_or(usize::MAX));
        let before = index.traffic().1;
        index.supply(range.start, &bytes[within(range.start)..within(range.end)])?;
        if range.end > bytes.len() as u64 && range.start > 0 && index.traffic().1 == before {
            // Beyond the file's end: whoever reads says so.
            return Err(hither::ErrorKind::Truncated {
                expected: range.end,
                got: bytes.len() as u64,
            }
            .into());
        }
    }
    Ok(())
}
