//! Builds the lists for readers of ranges: they are made before the rows have their order, and written after.

use super::progress::{OnProgress, Progress};
use super::truth::Truth;
use crate::archive::Kind;
use crate::error::Result;
use crate::hnsw::build::Graph;
use crate::parallel::Threads;
use crate::ranges::calibrate::{Queries, calibrate};
use crate::ranges::cluster::{self, RangeLists};
use crate::ranges::encode::{Rows, encode};
use crate::vectors::{Query, Vectors};
use alloc::vec::Vec;

const STAGE: &str = "clustering";

/// Makes the lists of the rows: `lists` of them, or the best number if that is 0. Copies that follow their row
/// in the graph are in its lists.
pub(super) fn make_lists(
    vectors: &Vectors,
    graph: Option<&Graph>,
    (lists, seed): (u32, u64),
    threads: &Threads,
    progress: OnProgress<'_>,
) -> Result<RangeLists> {
    let count = vectors.rows();
    let total = cluster::STEPS as u64;
    let mut report = |step: usize| progress(Progress { stage: STAGE, done: step as u64, total });
    let view = vectors.view();
    let mut made = cluster::cluster(&view, count, lists, seed, threads, &mut report)?;
    if let Some(graph) = graph {
        graph.share_lists(&mut made.clustering.lists);
        graph.share_lists(&mut made.guests);
    }
    Ok(made)
}

/// The sections of the lists, over rows in their final order.
pub(super) fn sections(
    rows: &Rows<'_>,
    lists: &RangeLists,
    truth: &Truth,
    threads: &Threads,
    progress: OnProgress<'_>,
) -> Result<Vec<(Kind, Vec<u8>)>> {
    let shape = rows.vectors.shape();
    let total = cluster::STEPS as u64;
    let mut report = || progress(Progress { stage: STAGE, done: total, total });
    let records = encode(rows, lists, threads, &mut report)?;
    let hits = |at: usize, k: usize, found: &[u32]| {
        let mut query = Query::default();
        query.set(&truth.queries[at], shape.dimensions, shape.metric)?;
        truth.hits(at, k, found, rows.vectors.view(), &query, &mut Vec::new())
    };
    let queries = Queries {
        queries: &truth.queries,
        is_held_out: &|row| truth.held_out.get(row as usize) == Some(&true),
        hits: &hits,
        order: rows.order,
    };
    let measured = calibrate(&records, lists, shape, &queries, threads)?;
    let top = records.top(measured.as_ref());
    Ok([
        (Kind::RangeTop, top),
        (Kind::RangeGroups, records.groups),
        (Kind::RangeLists, records.lists),
    ]
    .into())
}
