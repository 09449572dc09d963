//! Calibration: measures, at build, the recall of every setting.
//!
//! `ef_search` 40 finds 0.99 of one set of rows and 0.6 of another, and a user cannot know which. So a build
//! measures what its own structure finds, and the file has a table of the recall at each effort. A search that
//! names a recall gets the effort that reached it, with a margin.
//!
//! The queries are held-out rows, and the truth is their exact nearest rows (`truth.rs`). Efforts rise until
//! recall is 0.9995, or is high and twice the effort finds no more. What is measured is the search that users
//! have, over what the build has made so far (`built.rs`), for 10 and for 100 neighbours, before the held-out
//! rows are inserted.

use super::Codes;
use super::built::{Built, BuiltStructure};
use super::coded::{CodedRows, Coding};
use super::plan::Plan;
use super::search::SegmentSearch;
use super::storage;
use super::truth::{CALIBRATION_K, Truth};
use crate::calibration::{Calibration, EFFORTS, Structure};
use crate::error::Result;
use crate::hnsw::build::Graph;
use crate::hnsw::search::{Walk, present};
use crate::ivf::kmeans::Clustering;
use crate::parallel::Threads;
use crate::vectors::{Query, Vectors};
use alloc::vec;
use alloc::vec::Vec;

#[derive(Default)]
struct Scratch {
    query: Query,
    ranks: Vec<f32>,
    search: SegmentSearch,
    storage: storage::Scratch,
    walk: Walk,
}

/// What the structures are measured with.
pub(super) struct Context<'a> {
    vectors: &'a Vectors,
    /// The codes that a search will have.
    stored: Option<&'a CodedRows>,
    /// Whether these replace the vectors.
    alone: bool,
    truth: &'a Truth,
    threads: &'a Threads,
}

impl<'a> Context<'a> {
    pub fn new(coding: &'a mut Coding<'_>, truth: &'a Truth) -> Result<Self> {
        let (vectors, threads) = (coding.vectors, coding.threads);
        let alone = coding.stored == Codes::Sq8Only;
        Ok(Self { vectors, stored: coding.hold_stored()?, alone, truth, threads })
    }

    pub fn calibrate_graph(&self, graph: &Graph) -> Result<Vec<Calibration>> {
        self.calibrate(Structure::Hnsw, BuiltStructure::Graph(graph))
    }

    pub fn calibrate_ivf(&self, clustering: &Clustering) -> Result<Vec<Calibration>> {
        let lists = clustering.centroids.rows();
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); lists as usize];
        for (row, &list) in clustering.lists.iter().enumerate() {
            if !self.truth.held_out[row] {
                members[list as usize].push(row as u32);
            }
        }
        let lists = BuiltStructure::Lists(clustering.centroids.view(), &members);
        self.calibrate(Structure::Ivf, lists)
    }

    /// Measures recall at rising efforts until nothing is left to gain.
    fn calibrate(
        &self,
        structure: Structure,
        structured: BuiltStructure<'_>,
    ) -> Result<Vec<Calibration>> {
        let metric = self.vectors.shape().metric;
        let mut calibrations = Vec::new();
        for (k, most) in CALIBRATION_K {
            let queries = self.truth.queries.len().min(most);
            if queries == 0 || self.truth.nearest.iter().any(|nearest| nearest.len() < k) {
                continue;
            }
            let efforts = match structured {
                BuiltStructure::Graph(_) => k as u32..=u32::MAX,
                BuiltStructure::Lists(_, lists) => 0..=lists.len() as u32,
            };
            let mut points = Vec::new();
            let mut scratch = self.threads.scratch::<Scratch>();
            for effort in EFFORTS.into_iter().filter(|effort| efforts.contains(effort)) {
                let coded = self.stored.is_some();
                let plan = Plan::new(structure, k, effort as usize, coded, metric);
                let hits = self.threads.map(queries, &mut scratch, |at, scratch| {
                    let found = self.find(at, structured, plan, scratch)?;
                    let Scratch { query, ranks, .. } = scratch;
                    self.truth.hits(at, k, &found, self.vectors.view(), query, ranks)
                })?;
                let recall = hits.iter().sum::<usize>() as f32 / (queries * k) as f32;
                let half = points.iter().rfind(|point: &&(u32, f32)| point.0 <= effort / 2);
                let gained = half.is_none_or(|point| recall > point.1);
                points.push((effort, recall));
                // Some rows are never found: those that are equal to others, or that no edge leads to.
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
        structured: BuiltStructure<'_>,
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
                BuiltStructure::Graph(graph) => graph.row(row),
                BuiltStructure::Lists(..) => row,
            });
            search.take();
        }
        Ok(found)
    }
}
