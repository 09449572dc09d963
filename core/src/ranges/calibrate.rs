//! Measures, at build, the recall at each number of lists: with the search that readers of ranges have, over
//! the records that were just written, and with held-out rows as queries.

use super::cluster::RangeLists;
use super::encode::RangeRecords;
use super::search::RangeQuery;
use super::view::Top;
use crate::calibration::{Calibration, EFFORTS, Structure};
use crate::error::Result;
use crate::neighbor::{Candidate, Pool};
use crate::parallel::Threads;
use crate::rows::RowSet;
use crate::sort::sort;
use crate::vectors::Shape;
use alloc::vec::Vec;

/// The number of neighbours to find.
const K: usize = 10;

/// How much more twice as many lists must find: what one-bit codes lose, no number of lists brings back.
const LEAST_GAIN: f32 = 0.004;

type Hits<'t> = dyn Fn(usize, usize, &[u32]) -> Result<usize> + Sync + 't;

/// What recall is measured with.
pub(crate) struct Queries<'t> {
    pub queries: &'t [Vec<f32>],
    /// Whether a row is held out. Rows have the numbers that they had before they were put in order.
    pub is_held_out: &'t (dyn Fn(u32) -> bool + Sync),
    /// How many of the `k` nearest rows of query number `at` are among the given rows.
    pub hits: &'t Hits<'t>,
    /// The row at each place.
    pub order: &'t [u32],
}

#[derive(Default)]
struct Scratch {
    query: RangeQuery,
    seen: RowSet,
    centroid: Vec<f32>,
    ranks: Vec<f32>,
    biases: Vec<f32>,
    found: Pool,
    rows: Vec<u32>,
}

/// Measures recall at rising numbers of lists, until nothing is left to gain; none if there are no queries.
pub(crate) fn calibrate(
    records: &RangeRecords,
    lists: &RangeLists,
    shape: Shape,
    queries: &Queries<'_>,
    threads: &Threads,
) -> Result<Option<Calibration>> {
    let count = queries.queries.len();
    if count == 0 || queries.order.len() < 2 * K {
        return Ok(None);
    }
    let lengths = (records.groups.len() as u64, records.lists.len() as u64);
    let rows = queries.order.len() as u32;
    let top = Top::read(&records.top(None), shape.dimensions, shape.metric, rows, lengths)?;
    let mut scratch = threads.scratch::<Scratch>();
    let mut points = Vec::new();
    let most = lists.clustering.centroids.rows();
    for effort in EFFORTS.into_iter().filter(|effort| *effort <= most) {
        let hits = threads.map(count, &mut scratch, |at, scratch| {
            find(&top, records, queries, at, effort, scratch)?;
            (queries.hits)(at, K, &scratch.rows)
        })?;
        let recall = hits.iter().sum::<usize>() as f32 / (count * K) as f32;
        let half = points.iter().rfind(|point: &&(u32, f32)| point.0 <= effort / 2);
        let gained = half.is_none_or(|point| recall - point.1 > LEAST_GAIN);
        points.push((effort, recall));
        if recall >= 0.998 || (recall >= 0.9 && !gained) {
            break;
        }
    }
    let (k, queries) = (K as u32, count as u32);
    Ok(Some(Calibration { structure: Structure::Ivf, k, queries, points }))
}

/// Finds the rows whose vectors a search would measure.
fn find(
    top: &Top,
    records: &RangeRecords,
    queries: &Queries<'_>,
    at: usize,
    probes: u32,
    scratch: &mut Scratch,
) -> Result<()> {
    let Scratch { query, seen, centroid, ranks, biases, found, rows } = scratch;
    query.set(&queries.queries[at], top)?;
    let record = |group: u32| -> Result<&[u8]> {
        let (entry, next) = top.group(group)?;
        Ok(&records.groups[entry.at as usize..next.at as usize])
    };
    let mut near = Vec::new();
    for group in query.near_groups(top, probes)? {
        let group = top.open_group(group, record(group)?)?;
        query.rank_lists(&group, ranks)?;
        let ranked = ranks.iter().zip(group.lists());
        near.extend(ranked.map(|(&rank, list)| Candidate::new(rank, list)));
    }
    sort(&mut near);
    seen.reset(queries.order.len() as u32);
    found.reset(super::rows_measured(K));
    for list in near.iter().take(probes as usize) {
        let list = list.id();
        let number = top.group_of(list);
        let group = top.open_group(number, record(number)?)?;
        let entry = group.list(list)?;
        let bytes = &records.lists[entry.at as usize..(entry.at + entry.length) as usize];
        let members = top.open_list(entry, bytes)?;
        group.centroid(list, centroid)?;
        query.rank_rows(&members, centroid, ranks, biases);
        for (place, &rank) in ranks.iter().enumerate() {
            let row = members.row(place)?;
            if !(queries.is_held_out)(queries.order[row as usize]) && seen.insert(row) {
                found.push(Candidate::new(rank, row));
            }
        }
    }
    rows.clear();
    rows.extend(found.entries().iter().map(|found| queries.order[found.id() as usize]));
    Ok(())
}
