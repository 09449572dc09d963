//! All answers of an index to a few queries, as one hash: keys, the bits of distances, stored values, and the
//! amount of work, which shows that the search took the same way.

use crate::hash::Hash;
use crate::rows::{Cloud, Random, vector};
use alloc::vec::Vec;
use hither::{
    Codes, Filter, Index, KeyRef, Metric, Neighbor, Order, Result, SearchParams, Searcher,
    Structure, ValueRef,
};

const QUERIES: usize = 20;

pub fn of(index: &Index<'_>, cloud: Cloud, hash: &mut Hash) -> Result<()> {
    let mut random = Random::new(99);
    let mut searcher = Searcher::new();
    let structures: Vec<Structure> =
        index.info().segments.iter().flat_map(|segment| segment.structures.clone()).collect();
    for _ in 0..QUERIES {
        let query = vector(cloud, index.dimensions(), &mut random);
        let flat = SearchParams::new(10).structure(Structure::Flat);
        one(index, &query, flat, &mut searcher, hash)?;
        one(index, &query, SearchParams::new(10).recall(0.95), &mut searcher, hash)?;
        if structures.contains(&Structure::Hnsw) {
            for ef_search in [10, 40, 150] {
                let params = SearchParams::new(10).ef_search(ef_search);
                one(index, &query, params.structure(Structure::Hnsw), &mut searcher, hash)?;
            }
        }
        if structures.contains(&Structure::Ivf) {
            for probes in [1, 4, 16] {
                let params = SearchParams::new(10).probes(probes);
                one(index, &query, params.structure(Structure::Ivf), &mut searcher, hash)?;
            }
        }
        if index.metric() == Metric::Cosine && index.is_unit_length() {
            for metric in [Metric::L2, Metric::InnerProduct] {
                one(index, &query, SearchParams::new(10).metric(metric), &mut searcher, hash)?;
            }
        }
        if !index.columns().is_empty() {
            // Most rows match the first filter: a walk. Few match the second: a scan of these.
            let most = Filter::IsNotNull("number".into());
            let few = Filter::Prefix { column: "words".into(), prefix: "word 7".into() };
            for filter in [most, few] {
                let filter = index.filter(&filter)?;
                one(index, &query, SearchParams::new(10).filter(&filter), &mut searcher, hash)?;
            }
        }
        on(index, &query, &mut searcher, hash)?;
    }
    // With codes alone, vectors are decoded, which is arithmetic too.
    if index.info().segments.iter().any(|segment| segment.codes == Codes::Sq8Only) {
        let mut decoded = alloc::vec![0.0; index.dimensions()];
        for row in index.rows().step_by(50) {
            index.vector(row, &mut decoded)?;
            decoded.iter().for_each(|value| hash.bytes(&value.to_bits().to_le_bytes()));
        }
    }
    Ok(())
}

fn one(
    index: &Index<'_>,
    query: &[f32],
    params: SearchParams<'_>,
    searcher: &mut Searcher,
    hash: &mut Hash,
) -> Result<()> {
    neighbors(index, index.search(query, &params, searcher)?, hash)?;
    let stats = searcher.stats();
    [stats.visited, stats.compared, stats.dropped].into_iter().for_each(|n| hash.number(n));
    Ok(())
}

/// Searches that go on past `k`, in both orders, and searches for all rows within a radius.
fn on(index: &Index<'_>, query: &[f32], searcher: &mut Searcher, hash: &mut Hash) -> Result<()> {
    let mut radius = 0.0;
    for order in [Order::Strict, Order::Relaxed] {
        let params = SearchParams::new(7).order(order);
        index.start_search(query, &params, searcher)?;
        for _ in 0..5 {
            let batch = index.next_batch(&params, searcher, 7)?.to_vec();
            neighbors(index, &batch, hash)?;
            radius = batch.last().map_or(radius, |farthest| farthest.distance);
        }
        hash.number(searcher.stats().dropped);
    }
    neighbors(index, index.search(query, &SearchParams::within(radius), searcher)?, hash)
}

fn neighbors(index: &Index<'_>, found: &[Neighbor], hash: &mut Hash) -> Result<()> {
    hash.number(found.len() as u64);
    for neighbor in found {
        hash.bytes(&neighbor.distance.to_bits().to_le_bytes());
        match index.key(neighbor.row)? {
            KeyRef::Int64(number) => hash.number(number as u64),
            KeyRef::Uuid(bytes) => hash.bytes(&bytes),
            KeyRef::Text(text) => hash.bytes(text.as_bytes()),
        }
        for column in 0..index.columns().len() {
            match index.value(neighbor.row, column)? {
                ValueRef::Int64(number) => hash.number(number as u64),
                ValueRef::Text(text) => hash.bytes(text.as_bytes()),
                _ => hash.bytes(b"null"),
            }
        }
    }
    Ok(())
}
