//! Measuring at build: the exact neighbours of rows held out, whether codes tell rows apart, and
//! the recall of every setting.

use super::built::{Built, Structured};
use super::coded::Coded;
use super::progress::{OnProgress, Progress};
use super::search::{Plan, SegmentSearch, least_measured};
use super::storage;
use crate::calibration::{Calibration, EFFORTS, Structure};
use crate::error::Result;
use crate::hnsw::build::Graph;
use crate::hnsw::search::{Walk, present};
use crate::ivf::kmeans::Clustering;
use crate::neighbor::{Candidate, Pool};
use crate::parallel::Threads;
use crate::quantize::CodedQuery;
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

/// Codes are fit if the ten nearest rows are among so many nearest by codes, in this share: a
/// search measures so many at least, so it loses no more. Held to be among 40 in 0.9, inner
/// products of rows of unequal lengths lost a tenth of their recall.
const FIT_K: usize = 10;
const FIT_SHARE: f32 = 0.997;

/// How many of the held-out rows tell whether codes are fit.
const FIT_QUERIES: usize = 100;

/// How many queries are measured against a piece of the rows before the next piece, and how many
/// rows that has: a scan for one query after another waits for memory, which made it the twentieth
/// part of a build.
const TOGETHER: usize = 8;
const PIECE: u32 = 64;

/// Rows held out as queries, and the exact nearest of the other rows.
#[derive(Default)]
pub(super) struct Truth {
    pub queries: Vec<u32>,
    /// Whether a row is one of the queries: none is an answer, for the graph that is measured has
    /// none of them.
    pub held_out: Vec<bool>,
    pub nearest: Vec<Vec<Candidate>>,
}

/// Ranks the listed rows for a query, or the query in codes.
type RankRows<'a> = &'a mut dyn FnMut(&Query, &mut CodedQuery, &[u32], &mut [f32]) -> Result<()>;

#[derive(Default)]
struct Scratch {
    query: Query,
    coded: CodedQuery,
    values: Vec<f32>,
    ranks: Vec<f32>,
    pool: Pool,
    search: SegmentSearch,
    storage: storage::Scratch,
    walk: Walk,
}

impl Scratch {
    /// Makes a row the query.
    fn set_query(&mut self, vectors: &Vectors, row: u32) -> Result<()> {
        let shape = vectors.shape();
        self.values.resize(shape.dimensions, 0.0);
        vectors.view().get(row, &mut self.values)?;
        self.query.set(&self.values, shape.dimensions, shape.metric)
    }
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

/// Makes the rows queries, one for each of as many scratches.
fn set_queries<'s>(
    scratch: &'s mut Vec<Scratch>,
    vectors: &Vectors,
    rows: &[u32],
) -> Result<&'s mut [Scratch]> {
    scratch.resize_with(rows.len(), Scratch::default);
    for (scratch, &row) in scratch.iter_mut().zip(rows) {
        scratch.set_query(vectors, row)?;
    }
    Ok(scratch)
}

/// Picks rows at random and finds their exact neighbours.
pub(super) fn measure_truth(
    vectors: &Vectors,
    seed: u64,
    threads: &Threads,
    progress: OnProgress<'_>,
) -> Result<Truth> {
    let rows = vectors.rows();
    let count = CALIBRATION_QUERIES.min(rows as usize / CALIBRATION_FRACTION);
    let mut queries: Vec<u32> = (0..rows).collect();
    Random::new(seed ^ 0x63_616c_6962).shuffle(&mut queries);
    queries.truncate(count);
    let mut held_out = vec![false; rows as usize];
    queries.iter().for_each(|&row| held_out[row as usize] = true);
    let k = CALIBRATION_K[CALIBRATION_K.len() - 1].0.min(rows as usize - count);
    let view = vectors.view();
    let groups: Vec<&[u32]> = queries.chunks(TOGETHER).collect();
    let nearest = threads.map(groups.len(), &mut threads.scratch(), |at, scratch| {
        let scratch = set_queries(scratch, vectors, groups[at])?;
        scan_together(scratch, rows, &held_out, k, &mut |query, _, list, out| {
            view.ranks(query, list, out)
        })?;
        Ok(scratch.iter().map(|scratch| scratch.pool.entries().to_vec()).collect::<Vec<_>>())
    })?;
    let nearest = nearest.into_iter().flatten().collect();
    progress(Progress { stage: "measuring", done: count as u64, total: count as u64 })?;
    Ok(Truth { queries, held_out, nearest })
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
    let groups: Vec<&[u32]> = truth.queries[..count].chunks(TOGETHER).collect();
    let found = threads.map(groups.len(), &mut threads.scratch(), |group, scratch| {
        let scratch = set_queries(scratch, vectors, groups[group])?;
        scratch.iter_mut().for_each(|scratch| scratch.coded.set(&scratch.query, &codes));
        let within = least_measured(FIT_K);
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
    Ok(hits as f32 >= FIT_SHARE * wanted as f32)
}

impl Truth {
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
        scratch.set_query(self.vectors, self.truth.queries[at])?;
        let Scratch { query, storage, search, walk, .. } = scratch;
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
