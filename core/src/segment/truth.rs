//! The exact neighbours of held-out rows, by which a build measures its structures, and whether codes tell rows
//! apart.
//!
//! Up to 200 rows, at most a tenth, are held out: they are the queries, and never answers. A scan finds their
//! nearest rows, for eight queries at a time over 64 rows, so that rows are read once for all eight.
//!
//! # Queries that say nothing
//!
//! A row of a tight group far from all others is no good query: its neighbours are found at any effort, since
//! it lies in the group, while a query from elsewhere finds half. Such rows are recognised by their distances
//! (none between 3 and 8 times that of the tenth nearest, and some beyond). They are left out or, where nearly
//! all rows are such, replaced by mixtures of three rows, which have the mean and covariance of the rows and
//! lie in no group.
//!
//! # Codes
//!
//! Codes are used only where they lose nothing: of the ten nearest rows of a held-out row, 0.997 must be among
//! the 15 that a search by 8-bit codes measures at least, or 0.99 among 20 by 4-bit codes; and no more than ten
//! different rows may have equal codes.

use super::coded::CodedRows;
use super::plan::least_measured;
use super::progress::{OnProgress, Progress};
use crate::error::Result;
use crate::limits::DEFAULT_EF_SEARCH;
use crate::neighbor::{Candidate, Pool};
use crate::parallel::Threads;
use crate::quantize::{CodedQuery, Width};
use crate::random::Random;
use crate::vectors::{Query, Vectors, VectorsView};
use alloc::vec;
use alloc::vec::Vec;

/// The most rows that are held out as queries of the calibration, and the least rows for each of them.
const CALIBRATION_QUERIES: usize = 200;
const CALIBRATION_FRACTION: usize = 10;

/// The numbers of neighbours that the calibration measures, and the most queries for each. A hundred neighbours
/// of half of the queries still give recall more precisely than ten of all, and walks for all queries were a
/// tenth of a build of 15,000 rows.
pub(super) const CALIBRATION_K: [(usize, usize); 2] =
    [(10, CALIBRATION_QUERIES), (100, CALIBRATION_QUERIES / 2)];

/// Codes fit if enough of this many nearest rows are among the nearest by codes: `fit` says how many are
/// enough, among how many, for each width.
const FIT_K: usize = 10;

/// Among how many rows by codes, and in which share. A search measures at least `least_measured`, so that with
/// 8 bits it loses no more than that. With the weaker test of 0.9 among 40, inner products of rows of unequal
/// lengths lost a tenth of their recall. With 4 bits a search measures more rows where the codes have larger
/// errors, up to all that it holds; the calibration shows what it still loses.
fn fit(width: Width) -> (usize, f32) {
    match width {
        Width::Eight => (least_measured(FIT_K), 0.997),
        Width::Four => (DEFAULT_EF_SEARCH / 2, 0.99),
    }
}

/// How many held-out rows decide whether codes fit.
const FIT_QUERIES: usize = 100;

/// How many queries are measured against a piece of the rows before the next piece, and how many rows a piece
/// has: a scan for one query after another waits for memory, and was a twentieth of a build.
const TOGETHER: usize = 8;
const PIECE: u32 = 64;

/// A row lies in a tight group if no other row is more than `NEAR` and at most `FAR` times as far from it as
/// the tenth nearest, some are farther, and at most one in `MOST_IN_GROUP` rows is nearer. Its neighbours are
/// found wherever the walk of an ordinary query would have to search for them.
const NEAR: f32 = 3.0;
const FAR: f32 = 8.0;
const MOST_IN_GROUP: usize = 8;

/// How many rows decide, before all are measured, whether any may be that far.
const FAR_SAMPLE: usize = 32;

/// The vectors of held-out rows, as queries, and the exact nearest of the other rows.
///
/// A row of a tight group tells little of queries that are unlike any row: with 400 groups of 50 rows, all
/// held-out rows found all their neighbours, where other queries found half. So those rows are left out or,
/// where there are few others, mixed: two thirds of a row and of the next one, less a third of the third, have
/// the mean and the covariance of the rows, and lie in no group.
#[derive(Default)]
pub(super) struct Truth {
    pub queries: Vec<Vec<f32>>,
    /// The held-out rows, and for each row whether it is held out: none is an answer, because the graph that is
    /// measured does not contain them.
    pub rows: Vec<u32>,
    pub held_out: Vec<bool>,
    pub nearest: Vec<Vec<Candidate>>,
}

/// Ranks the listed rows for a query, given as vector and in codes.
type RankRows<'a> = &'a mut dyn FnMut(&Query, &mut CodedQuery, &[u32], &mut [f32]) -> Result<()>;

#[derive(Default)]
struct Scratch {
    query: Query,
    coded: CodedQuery,
    ranks: Vec<f32>,
    pool: Pool,
}

/// Fills the pool of each query with the `k` nearest rows by `ranks`, except those of `held_out`. The queries
/// take turns at a piece of the rows while it is in the cache.
fn scan_together(
    queries: &mut [Scratch],
    rows: u32,
    held_out: &[bool],
    k: usize,
    ranks: RankRows<'_>,
) -> Result<()> {
    queries.iter_mut().for_each(|scratch| scratch.pool.reset(k));
    let is_held_out = |row: &u32| held_out.get(*row as usize) == Some(&true);
    let mut list = Vec::with_capacity(PIECE as usize);
    for first in (0..rows).step_by(PIECE as usize) {
        list.clear();
        list.extend((first..rows.min(first + PIECE)).filter(|row| !is_held_out(row)));
        for scratch in &mut *queries {
            scratch.ranks.resize(list.len(), 0.0);
            ranks(&scratch.query, &mut scratch.coded, &list, &mut scratch.ranks)?;
            for (&rank, &row) in scratch.ranks.iter().zip(&list) {
                scratch.pool.push(Candidate::new(rank, row));
            }
        }
    }
    Ok(())
}

/// Sets the queries, each in a scratch of its own.
fn set_queries<'s>(
    scratch: &'s mut Vec<Scratch>,
    vectors: &Vectors,
    queries: &[Vec<f32>],
) -> Result<&'s mut [Scratch]> {
    let shape = vectors.shape();
    scratch.resize_with(queries.len(), Scratch::default);
    for (scratch, values) in scratch.iter_mut().zip(queries) {
        scratch.query.set(values, shape.dimensions, shape.metric)?;
    }
    Ok(scratch)
}

/// Picks rows at random as queries, and finds their exact neighbours.
pub(super) fn measure_truth(
    vectors: &Vectors,
    seed: u64,
    threads: &Threads,
    progress: OnProgress<'_>,
) -> Result<Truth> {
    let rows = vectors.rows();
    let count = CALIBRATION_QUERIES.min(rows as usize / CALIBRATION_FRACTION);
    let mut order: Vec<u32> = (0..rows).collect();
    Random::new(seed ^ 0x63_616c_6962).shuffle(&mut order);
    order.truncate(count);
    let mut held_out = vec![false; rows as usize];
    order.iter().for_each(|&row| held_out[row as usize] = true);
    let values = |row: u32| {
        let mut values = vec![0.0; vectors.shape().dimensions];
        vectors.view().get(row, &mut values).map(|()| values)
    };
    let queries = order.iter().map(|&row| values(row)).collect::<Result<_>>()?;
    let mut truth = Truth { queries, rows: order, held_out, nearest: Vec::new() };
    let in_group = truth.find_nearest(vectors, threads)?;
    if 4 * in_group.iter().filter(|in_group| **in_group).count() <= 3 * count {
        for at in (0..count).rev().filter(|&at| in_group[at]) {
            truth.queries.remove(at);
            truth.nearest.remove(at);
        }
    } else {
        truth.mix_queries(&in_group, vectors);
        truth.find_nearest(vectors, threads)?;
    }
    progress(Progress { stage: "measuring", done: count as u64, total: count as u64 })?;
    Ok(truth)
}

/// Whether codes tell rows apart: the nearest rows are among the nearest by codes, and no group of different
/// rows with equal codes is larger than an answer.
pub(super) fn codes_fit(
    vectors: &Vectors,
    coded: &CodedRows,
    truth: &Truth,
    threads: &Threads,
) -> Result<bool> {
    if coded.most_alike(vectors) > FIT_K {
        return Ok(false);
    }
    let count = truth.queries.len().min(FIT_QUERIES);
    let (codes, view) = (coded.view(vectors.shape().metric), vectors.view());
    let (within, share) = fit(coded.quantizer.width);
    let groups: Vec<&[Vec<f32>]> = truth.queries[..count].chunks(TOGETHER).collect();
    let found = threads.map(groups.len(), &mut threads.scratch(), |group, scratch| {
        let scratch = set_queries(scratch, vectors, groups[group])?;
        scratch.iter_mut().for_each(|scratch| scratch.coded.set(&scratch.query, &codes));
        scan_together(
            scratch,
            vectors.rows(),
            &truth.held_out,
            within,
            &mut |_, coded, list, out| codes.ranks(coded, list, out),
        )?;
        let (mut hits, mut all) = (0, 0);
        for (at, scratch) in (group * TOGETHER..).zip(scratch) {
            let among: Vec<u32> = scratch.pool.entries().iter().map(|entry| entry.id()).collect();
            let wanted = truth.nearest[at].len().min(FIT_K);
            let Scratch { query, ranks, .. } = scratch;
            hits += truth.hits(at, wanted, &among, view, query, ranks)?;
            all += wanted;
        }
        Ok((hits, all))
    })?;
    let hits: usize = found.iter().map(|found| found.0).sum();
    let wanted: usize = found.iter().map(|found| found.1).sum();
    Ok(hits as f32 >= share * wanted as f32)
}

impl Truth {
    /// Measures all rows that are not held out; returns which queries are rows of tight groups.
    fn find_nearest(&mut self, vectors: &Vectors, threads: &Threads) -> Result<Vec<bool>> {
        let (rows, view) = (vectors.rows(), vectors.view());
        let others = self.held_out.iter().filter(|held_out| !**held_out).count();
        let k = CALIBRATION_K[CALIBRATION_K.len() - 1].0.min(others);
        let groups: Vec<&[Vec<f32>]> = self.queries.chunks(TOGETHER).collect();
        let nearest = threads.map(groups.len(), &mut threads.scratch(), |at, scratch| {
            let scratch = set_queries(scratch, vectors, groups[at])?;
            scan_together(scratch, rows, &self.held_out, k, &mut |query, _, list, out| {
                view.ranks(query, list, out)
            })?;
            let found = scratch.iter_mut().map(|scratch| {
                let in_group = self.is_in_tight_group(vectors, scratch)?;
                Ok((scratch.pool.entries().to_vec(), in_group))
            });
            found.collect::<Result<Vec<_>>>()
        })?;
        let (nearest, in_group) = nearest.into_iter().flatten().unzip();
        self.nearest = nearest;
        Ok(in_group)
    }

    /// Replaces the queries that lie in tight groups by mixtures with others.
    fn mix_queries(&mut self, in_group: &[bool], vectors: &Vectors) {
        let (shape, count) = (vectors.shape(), self.queries.len());
        let mut query = Query::default();
        for at in (0..count).filter(|&at| in_group[at]) {
            let mut mixed = self.queries[at].clone();
            let [second, third] = [1, 2].map(|next| &self.queries[(at + next) % count]);
            for ((value, second), third) in mixed.iter_mut().zip(second).zip(third) {
                *value = (2.0 * (*value + second) - third) / 3.0;
            }
            // A mixture that is too long, or has no direction, cannot be a query.
            if query.set(&mixed, shape.dimensions, shape.metric).is_ok() {
                self.queries[at] = mixed;
            }
        }
    }

    /// Whether the query, whose nearest rows are in its pool, is a row of a tight group.
    fn is_in_tight_group(&self, vectors: &Vectors, scratch: &mut Scratch) -> Result<bool> {
        let view = vectors.view();
        let Some(tenth) = scratch.pool.entries().get(FIT_K - 1) else { return Ok(false) };
        let tenth = if tenth.rank() > 0.0 { tenth.rank() } else { 0.0 };
        let stretch = |factor| view.metric().stretch(factor);
        let (Some(near), Some(far)) = (stretch(NEAR), stretch(FAR)) else { return Ok(false) };
        let (near, far) = (tenth * near, tenth * far);
        let measure = |list: &[u32], ranks: &mut Vec<f32>| {
            ranks.resize(list.len(), 0.0);
            view.ranks(&scratch.query, list, ranks)
        };
        measure(&self.rows[..self.rows.len().min(FAR_SAMPLE)], &mut scratch.ranks)?;
        if !scratch.ranks.iter().any(|&rank| rank > far) {
            return Ok(false);
        }
        let (mut group, mut beyond) = (0, 0);
        let all: Vec<u32> = (0..vectors.rows()).collect();
        for list in all.chunks(PIECE as usize) {
            measure(list, &mut scratch.ranks)?;
            if scratch.ranks.iter().any(|&rank| near < rank && rank <= far) {
                return Ok(false);
            }
            group += scratch.ranks.iter().filter(|&&rank| rank <= near).count();
            beyond += scratch.ranks.iter().filter(|&&rank| rank > far).count();
        }
        Ok(beyond > 0 && group * MOST_IN_GROUP <= all.len())
    }

    /// How many of `found` are among the `k` nearest rows of held-out row number `at`, which is `query`. Rows
    /// at the same distance as the last of these all count.
    pub(super) fn hits(
        &self,
        at: usize,
        k: usize,
        found: &[u32],
        view: VectorsView<'_>,
        query: &Query,
        ranks: &mut Vec<f32>,
    ) -> Result<usize> {
        let Some(last) = k.checked_sub(1).and_then(|last| self.nearest[at].get(last)) else {
            return Ok(0);
        };
        ranks.resize(found.len(), 0.0);
        view.ranks(query, found, ranks)?;
        Ok(ranks.iter().filter(|&&rank| rank <= last.rank()).count().min(k))
    }
}
