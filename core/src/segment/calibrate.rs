//! Measuring at build: the exact neighbours of rows held out, whether codes tell rows apart, and
//! the recall of every setting.

use super::built::{Built, Structured};
use super::coded::Coded;
use super::filter::EF_SEARCH;
use super::progress::{OnProgress, Progress};
use super::search::{Plan, SegmentSearch, least_measured};
use super::storage;
use crate::calibration::{Calibration, EFFORTS, Structure};
use crate::error::Result;
use crate::hnsw::build::Graph;
use crate::hnsw::search::{Walk, present};
use crate::ivf::kmeans::Clustering;
use crate::metric::Metric;
use crate::neighbor::{Candidate, Pool};
use crate::parallel::Threads;
use crate::quantize::{CodedQuery, Width};
use crate::random::Random;
use crate::vectors::{Query, Vectors, VectorsView};
use alloc::vec;
use alloc::vec::Vec;

/// Most rows that are held out as queries of the calibration, and of how many rows at most one.
const CALIBRATION_QUERIES: usize = 200;
const CALIBRATION_FRACTION: usize = 10;

/// Numbers of neighbours that the calibration measures, and for how many queries at most. A hundred
/// neighbours of half of the queries still tell recall more closely than ten of all do, and walks for
/// all were a tenth of a build of 15,000 rows.
const CALIBRATION_K: [(usize, usize); 2] =
    [(10, CALIBRATION_QUERIES), (100, CALIBRATION_QUERIES / 2)];

/// Codes are fit if the ten nearest rows are among so many nearest by codes, in a share that tells of
/// their width.
const FIT_K: usize = 10;

/// Among how many, and in which share. A search measures `least_measured` at least, so by 8 bits, which
/// nobody need have asked for, it loses no more. Held to be among 40 in 0.9, inner products of rows of
/// unequal lengths lost a tenth of their recall. By 4 bits it measures more where they are off by more, up to
/// all that it holds; what they lose beyond that, the calibration tells.
fn fit(width: Width) -> (usize, f32) {
    match width {
        Width::Eight => (least_measured(FIT_K), 0.997),
        Width::Four => (EF_SEARCH / 2, 0.99),
    }
}

/// How many of the held-out rows tell whether codes are fit.
const FIT_QUERIES: usize = 100;

/// How many queries are measured against a piece of the rows before the next piece, and how many
/// rows that has: a scan for one query after another waits for memory, which made it the twentieth
/// part of a build.
const TOGETHER: usize = 8;
const PIECE: u32 = 64;

/// A row lies in a tight group if none of the others is more than `NEAR` and at most `FAR` times as
/// far from it as the tenth nearest, some are farther, and at most one row of so many is nearer. Its
/// neighbours are found wherever the walk of a query that is no such row would have to look for them.
const NEAR: f32 = 3.0;
const FAR: f32 = 8.0;
const MOST_IN_GROUP: usize = 8;

/// How many rows tell, before all are measured, whether any may be so far.
const FAR_SAMPLE: usize = 32;

/// The vectors of rows that are held out, as queries, and the exact nearest of the other rows.
///
/// A row of a tight group says little of what queries meet that are like no row: of 400 groups of 50
/// all held-out rows found all their neighbours, where other queries found half. So those rows are left
/// out or, where there are few others, mixed: two thirds of a row and of the next one less a third of
/// the third have the mean and the covariance of the rows, and lie in no group.
#[derive(Default)]
pub(super) struct Truth {
    pub queries: Vec<Vec<f32>>,
    /// The rows that were held out, and whether each row was: none is an answer, for the graph that is
    /// measured has none of them.
    pub rows: Vec<u32>,
    pub held_out: Vec<bool>,
    pub nearest: Vec<Vec<Candidate>>,
}

/// Ranks the listed rows for a query, or the query in codes.
type RankRows<'a> = &'a mut dyn FnMut(&Query, &mut CodedQuery, &[u32], &mut [f32]) -> Result<()>;

#[derive(Default)]
struct Scratch {
    query: Query,
    coded: CodedQuery,
    ranks: Vec<f32>,
    pool: Pool,
    search: SegmentSearch,
    storage: storage::Scratch,
    walk: Walk,
}

/// Fills the pool of each query with the `k` nearest of all rows but those of `held_out`, by `ranks`.
/// The queries take turns at a piece of the rows while it is near.
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

/// Sets the queries, one for each of as many scratches.
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

/// Picks rows at random and finds the exact neighbours of these queries.
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

/// Whether codes tell rows apart: whether the nearest rows are among the nearest by codes, and
/// no group of different rows with equal codes is larger than an answer.
pub(super) fn codes_fit(
    vectors: &Vectors,
    coded: &Coded,
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
            hits += truth.hits(at, wanted, &among, view, scratch)?;
            all += wanted;
        }
        Ok((hits, all))
    })?;
    let hits: usize = found.iter().map(|found| found.0).sum();
    let wanted: usize = found.iter().map(|found| found.1).sum();
    Ok(hits as f32 >= share * wanted as f32)
}

impl Truth {
    /// Measures all rows that are not held out; says which queries are rows of tight groups.
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

    /// Mixes the queries that lie in tight groups with others.
    fn mix_queries(&mut self, in_group: &[bool], vectors: &Vectors) {
        let (shape, count) = (vectors.shape(), self.queries.len());
        let mut query = Query::default();
        for at in (0..count).filter(|&at| in_group[at]) {
            let mut mixed = self.queries[at].clone();
            let [second, third] = [1, 2].map(|next| &self.queries[(at + next) % count]);
            for ((value, second), third) in mixed.iter_mut().zip(second).zip(third) {
                *value = (2.0 * (*value + second) - third) / 3.0;
            }
            // What is too long, or has no direction, is no query.
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
        let (near, far) = match view.metric() {
            // Ranks grow with the squares of distances.
            Metric::L2 | Metric::Cosine => (tenth * (NEAR * NEAR), tenth * (FAR * FAR)),
            Metric::L1 => (tenth * NEAR, tenth * FAR),
            Metric::InnerProduct => return Ok(false),
        };
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

    /// How many of `found` are among the `k` nearest of held-out row number `at`, the scratch's
    /// query: of rows that are equally far, all are.
    fn hits(
        &self,
        at: usize,
        k: usize,
        found: &[u32],
        view: VectorsView<'_>,
        scratch: &mut Scratch,
    ) -> Result<usize> {
        let Some(last) = k.checked_sub(1).and_then(|last| self.nearest[at].get(last)) else {
            return Ok(0);
        };
        scratch.ranks.resize(found.len(), 0.0);
        view.ranks(&scratch.query, found, &mut scratch.ranks)?;
        Ok(scratch.ranks.iter().filter(|&&rank| rank <= last.rank()).count().min(k))
    }
}

/// What structures are built from, and measured against.
pub(super) struct Context<'a> {
    pub vectors: &'a Vectors,
    pub codes: Option<&'a Coded>,
    /// The codes, if a search will have them too.
    pub stored: Option<&'a Coded>,
    /// Whether they stand in place of the vectors.
    pub alone: bool,
    pub truth: &'a Truth,
    pub threads: &'a Threads,
}

impl Context<'_> {
    pub fn calibrate_graph(&self, graph: &Graph) -> Result<Vec<Calibration>> {
        self.calibrate(Structure::Hnsw, Structured::Graph(graph))
    }

    pub fn calibrate_ivf(&self, clustering: &Clustering) -> Result<Vec<Calibration>> {
        let lists = clustering.centroids.rows();
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); lists as usize];
        for (row, &list) in clustering.lists.iter().enumerate() {
            if !self.truth.held_out[row] {
                members[list as usize].push(row as u32);
            }
        }
        let lists = Structured::Lists(clustering.centroids.view(), &members);
        self.calibrate(Structure::Ivf, lists)
    }

    /// Measures recall at rising efforts until nothing is left to gain.
    fn calibrate(
        &self,
        structure: Structure,
        structured: Structured<'_>,
    ) -> Result<Vec<Calibration>> {
        let metric = self.vectors.shape().metric;
        let mut calibrations = Vec::new();
        for (k, most) in CALIBRATION_K {
            let queries = self.truth.queries.len().min(most);
            if queries == 0 || self.truth.nearest.iter().any(|nearest| nearest.len() < k) {
                continue;
            }
            let efforts = match structured {
                Structured::Graph(_) => k as u32..=u32::MAX,
                Structured::Lists(_, lists) => 0..=lists.len() as u32,
            };
            let mut points = Vec::new();
            let mut scratch = self.threads.scratch::<Scratch>();
            for effort in EFFORTS.into_iter().filter(|effort| efforts.contains(effort)) {
                let coded = self.stored.is_some();
                let plan = Plan::new(structure, k, effort as usize, coded, metric);
                let hits = self.threads.map(queries, &mut scratch, |at, scratch| {
                    let found = self.find(at, structured, plan, scratch)?;
                    self.truth.hits(at, k, &found, self.vectors.view(), scratch)
                })?;
                let recall = hits.iter().sum::<usize>() as f32 / (queries * k) as f32;
                let half = points.iter().rfind(|point: &&(u32, f32)| point.0 <= effort / 2);
                let gained = half.is_none_or(|point| recall > point.1);
                points.push((effort, recall));
                // Of rows that are equal, or that no edge leads to, some are never found.
                if recall >= 0.9995 || (recall >= 0.9 && !gained) {
                    break;
                }
            }
            let (k, queries) = (k as u32, queries as u32);
            if !points.is_empty() {
                calibrations.push(Calibration { structure, k, queries, points });
            }
        }
        Ok(calibrations)
    }

    /// The rows that a search finds for held-out row number `at`.
    fn find(
        &self,
        at: usize,
        structured: Structured<'_>,
        plan: Plan,
        scratch: &mut Scratch,
    ) -> Result<Vec<u32>> {
        let Scratch { query, storage, search, walk, .. } = scratch;
        let shape = self.vectors.shape();
        query.set(&self.truth.queries[at], shape.dimensions, shape.metric)?;
        let view = self.vectors.view();
        let codes = self.stored.map(|codes| codes.view(view.metric()));
        let stored = match codes {
            Some(codes) if self.alone => codes.as_vectors(),
            _ => view,
        };
        let rows = self.vectors.rows();
        let mut built =
            Built { structure: structured, codes, stored, rows, query, scratch: storage, walk };
        search.start(plan);
        present(search.next_batch(&mut built, plan.k))?;
        let mut found = Vec::with_capacity(plan.k);
        while let Some((_, row)) = search.head().filter(|_| found.len() < plan.k) {
            found.push(match structured {
                Structured::Graph(graph) => graph.row(row),
                Structured::Lists(..) => row,
            });
            search.take();
        }
        Ok(found)
    }
}
