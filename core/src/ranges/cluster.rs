//! Makes groups, their lists, and chooses the two lists of each row.

use super::sizes;
use crate::distance::{Measure, measure_pair};
use crate::error::{OrCorrupt, Result};
use crate::ivf::kmeans::{self, Clustering};
use crate::metric::Metric;
use crate::neighbor::{Candidate, Pool};
use crate::parallel::Threads;
use crate::quantize::coded_values;
use crate::vectors::{Query, Vectors, VectorsView};
use alloc::vec;
use alloc::vec::Vec;

/// The lists of a segment's rows.
pub(crate) struct RangeLists {
    /// The list that each row is a host of, and the centroids of all, group after group.
    pub clustering: Clustering,
    /// The list that each row is a guest of, or [`NO_LIST`].
    pub guests: Vec<u32>,
    /// The first list of each group, and how many lists there are.
    pub groups: Vec<u32>,
    pub group_centroids: Vectors,
}

/// Of a row that is a guest of none, where there is one list alone.
pub(crate) const NO_LIST: u32 = u32::MAX;

/// How many groups' lists a row may be in: its own and those whose centroids are next.
const NEAR_GROUPS: usize = 8;

/// Among how many of the nearest lists a row's second one is chosen.
const NEAR_LISTS: usize = 32;

/// SOAR's λ: how much more the part of the second residual counts that lies along the first.
const PARALLEL: f32 = 1.0;

/// Steps that are told of: the groups, the lists of each, and the choice for each row.
pub(crate) const STEPS: usize = 3;

#[derive(Default)]
struct Scratch {
    query: Query,
    values: Vec<f32>,
    ranks: Vec<f32>,
    near: Pool,
    first: Vec<f32>,
    second: Vec<f32>,
}

/// Makes about `wanted` lists, or as many as are best. `progress` hears how many of [`STEPS`] are done.
pub(crate) fn cluster(
    vectors: &VectorsView<'_>,
    rows: u32,
    wanted: u32,
    seed: u64,
    threads: &Threads,
    progress: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<RangeLists> {
    let (lists, groups) = sizes(rows, wanted);
    let all: Vec<u32> = (0..rows).collect();
    let centroids = kmeans::train(vectors, &all, groups, seed, threads, &mut |_| progress(0))?;
    let mut members = vec![Vec::new(); groups as usize];
    let nearest = kmeans::assign(vectors, &centroids, &all, threads, &mut || progress(0))?;
    for (row, group) in (0..).zip(nearest) {
        members[group as usize].push(row);
    }
    members.retain(|rows| !rows.is_empty());

    let mut made = Vectors::new(centroids.shape())?;
    let mut group_centroids = Vectors::new(centroids.shape())?;
    let mut firsts = vec![0];
    let mut values = vec![0.0; vectors.dimensions()];
    for (number, members) in members.iter().enumerate() {
        let share = u64::from(lists) * members.len() as u64 + u64::from(rows) / 2;
        let lists = ((share / u64::from(rows.max(1))) as u32).clamp(1, members.len() as u32);
        let seed = seed ^ (number as u64 + 1);
        let own = kmeans::train(vectors, members, lists, seed, threads, &mut |_| progress(1))?;
        let mut mean = vec![0.0_f32; vectors.dimensions()];
        for list in 0..lists {
            own.view().get(list, &mut values)?;
            made.push(&values)?;
            mean.iter_mut().zip(&values).for_each(|(mean, value)| *mean += value / lists as f32);
        }
        kmeans::push_centroid(&mut group_centroids, &mut mean, vectors.metric())?;
        firsts.push(made.rows());
    }

    let chosen = choose(vectors, rows, &made, &group_centroids, &firsts, threads, progress)?;
    let (hosts, guests) = chosen.into_iter().unzip();
    progress(STEPS)?;
    let clustering = Clustering { centroids: made, lists: hosts };
    Ok(RangeLists { clustering, guests, groups: firsts, group_centroids })
}

/// The two lists of each row.
fn choose(
    vectors: &VectorsView<'_>,
    rows: u32,
    centroids: &Vectors,
    groups: &Vectors,
    firsts: &[u32],
    threads: &Threads,
    progress: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<Vec<(u32, u32)>> {
    /// Rows between which `progress` hears.
    const PIECE: usize = 4096;
    let dimensions = vectors.dimensions();
    let all_groups: Vec<u32> = (0..groups.rows()).collect();
    let mut scratch = threads.scratch::<Scratch>();
    let mut chosen = Vec::with_capacity(rows as usize);
    while chosen.len() < rows as usize {
        progress(2)?;
        let first = chosen.len();
        let count = PIECE.min(rows as usize - first);
        chosen.extend(threads.map(count, &mut scratch, |at, scratch| {
            let Scratch { query, values, ranks, near, first: own, second } = scratch;
            values.resize(dimensions, 0.0);
            coded_values(vectors, (first + at) as u32, values)?;
            query.set(values, dimensions, Metric::L2)?;
            ranks.resize(all_groups.len(), 0.0);
            groups.view().ranks_as(Metric::L2, query, &all_groups, ranks, &mut Vec::new())?;
            near.reset(NEAR_GROUPS);
            for (&group, &rank) in all_groups.iter().zip(&*ranks) {
                near.push(Candidate::new(rank, group));
            }
            let mut lists = Vec::new();
            for group in near.entries() {
                let group = group.id() as usize;
                lists.extend(firsts[group]..firsts[group + 1]);
            }
            ranks.resize(lists.len(), 0.0);
            centroids.view().ranks_as(Metric::L2, query, &lists, ranks, &mut Vec::new())?;
            near.reset(NEAR_LISTS);
            for (place, &rank) in (0..).zip(&*ranks) {
                near.push(Candidate::new(rank, place));
            }
            let places = near.entries();
            let host = lists[places.first().or_corrupt("lists")?.id() as usize];
            residual(values, centroids, host, own)?;
            let square = measure_pair(Measure::Dot, own, own);
            let mut best = (f32::INFINITY, NO_LIST);
            for place in &places[1..] {
                let list = lists[place.id() as usize];
                residual(values, centroids, list, second)?;
                let along = measure_pair(Measure::Dot, second, own);
                let part = if square > 0.0 { along * along / square } else { 0.0 };
                let cost = place.rank() + PARALLEL * part;
                if cost < best.0 {
                    best = (cost, list);
                }
            }
            Ok((host, best.1))
        })?);
    }
    Ok(chosen)
}

/// `values` less the centroid of a list.
fn residual(values: &[f32], centroids: &Vectors, list: u32, out: &mut Vec<f32>) -> Result<()> {
    out.resize(values.len(), 0.0);
    centroids.view().get(list, out)?;
    out.iter_mut().zip(values).for_each(|(centroid, value)| *centroid = value - *centroid);
    Ok(())
}
