//! Fuzzes filters in their JSON form, bound to an index that has a column of every type.
#![no_main]

use hither::{Filter, Index, SearchParams, Searcher};
use hither_fuzz::exercise::query;
use hither_fuzz::fixtures::{Fixture, fixture};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| fixture("flat_f16_cosine_int64_every_column"));

fuzz_target!(|text: &str| {
    let Ok(filter) = Filter::from_json(text) else { return };
    let index = Index::open(&FIXTURE.bytes).expect("a sound file");
    let Ok(bound) = index.filter(&filter) else { return };
    let query = query(index.dimensions());
    let mut searcher = Searcher::new();
    let count = |k: usize, searcher: &mut Searcher| {
        let params = SearchParams::new(k).filter(&bound);
        index.search(&query, &params, searcher).expect("a sound file").len()
    };
    let all = count(1000, &mut searcher);
    assert_eq!(count(3, &mut searcher), all.min(3), "a filtered search that starves");
});
