//! A file that is read by ranges, for tests.

use core::task::Poll;
use hither::fetch::{LazyFilter, LazyIndex, LazySearcher};
use hither::{Filter, Key, Result, SearchParams};
use hither_tests::Random;

/// A file on a server, as a test reads it.
pub struct Elsewhere<'f> {
    file: &'f [u8],
    pub index: LazyIndex,
    /// The most bytes between two ranges that are joined.
    gap: u64,
    /// If given, ranges arrive in another order, and in pieces.
    random: Option<Random>,
    /// How many round trips there were.
    pub trips: usize,
}

impl<'f> Elsewhere<'f> {
    pub fn new(file: &'f [u8], cache: u64) -> Self {
        Self { file, index: LazyIndex::new(cache), gap: 0, random: None, trips: 0 }
    }

    fn bring(&mut self) {
        self.trips += 1;
        let mut requests = self.index.requests(self.gap);
        assert!(!requests.is_empty(), "something is missing, and nothing is asked for");
        if let Some(random) = &mut self.random {
            // Some of the requests, from a random one on.
            let first = random.below(requests.len());
            requests.rotate_left(first);
            requests.truncate(1 + random.below(requests.len()));
        }
        for range in requests {
            let end = range.end.min(self.file.len() as u64);
            let bytes = &self.file[range.start as usize..end as usize];
            self.index.supply(range.start, bytes).unwrap();
        }
    }

    /// Repeats a question until it has an answer.
    pub fn poll<T>(&mut self, mut ask: impl FnMut(&mut LazyIndex) -> Result<Poll<T>>) -> T {
        loop {
            match ask(&mut self.index).unwrap() {
                Poll::Ready(value) => return value,
                Poll::Pending => self.bring(),
            }
        }
    }

    /// Opens the file.
    pub fn open(file: &'f [u8], cache: u64, gap: u64, seed: Option<u64>) -> Self {
        let mut elsewhere = Self { gap, random: seed.map(Random::new), ..Self::new(file, cache) };
        elsewhere.poll(LazyIndex::open);
        elsewhere
    }

    pub fn filter(&mut self, json: &str) -> LazyFilter {
        let filter = Filter::from_json(json).unwrap();
        self.poll(|index| index.filter(&filter))
    }

    /// Keys and distances, in batches of these sizes.
    pub fn search(
        &mut self,
        query: &[f32],
        params: &SearchParams<'_>,
        filter: Option<&LazyFilter>,
        batches: &[usize],
    ) -> Vec<(Key, f32)> {
        let mut searcher = LazySearcher::new();
        self.index.start_search(query, params, filter, &mut searcher).unwrap();
        let mut found = Vec::new();
        for &count in batches {
            self.poll(|index| index.next_batch(&mut searcher, count));
            let rows = searcher.found().to_vec();
            assert!(rows.len() <= count);
            found.extend(rows);
        }
        found.iter().map(|row| (self.poll(|index| index.key(row.row)), row.distance)).collect()
    }
}
